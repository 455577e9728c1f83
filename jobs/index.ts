import { registry } from "../core/engine/registry.ts";
import { audit } from "./audit/audit.ts";
import { generateField } from "./configuration/generate-field.ts";
import { systemPrompt } from "./configuration/system-prompt.ts";
import { council } from "./council/council.ts";
import { generation } from "./generation/generation.ts";
import { maieutic } from "./maieutic/maieutic.ts";
import { notification } from "./notification/notification.ts";
import { callOff } from "./operation/call-off.ts";
import { operation } from "./operation/operation.ts";
import { projection } from "./projection/projection.ts";
import { router } from "./router/router.ts";
import { stability } from "./translation/stability.ts";
import { translation } from "./translation/translation.ts";
import { video } from "./video/video.ts";

/** Every kind of work that this deployment knows. */
export const jobTypes = [
  council,
  projection,
  translation,
  stability,
  maieutic,
  generateField,
  systemPrompt,
  audit,
  generation,
  video,
  operation,
  callOff,
  router,
  notification,
];

export const jobs = registry(jobTypes);
