import type { ComponentType } from "preact";
import { useErrorBoundary } from "preact/hooks";
import type { Json } from "../../core/protocol/json.ts";
import type { LiveJob } from "../live/live-job.ts";
import type { Scene } from "../live/story.ts";
import { Audit } from "./audit.tsx";
import { Batch } from "./batch.tsx";
import { Council } from "./council.tsx";
import { Generation } from "./generation.tsx";
import { Dialogue } from "./maieutic.tsx";
import { CallOff, Operation, Video } from "./operation.tsx";
import { Plain } from "./plain.tsx";
import { Projection } from "./projection.tsx";
import type { Shown } from "./shown.ts";
import { GeneratedField, Notification, Router, SystemPrompt } from "./small.tsx";
import { Stability } from "./stability.tsx";
import { Translation } from "./translation.tsx";
import { useWork } from "./use-work.ts";

const views: Record<string, ComponentType<Shown>> = {
  audit: Audit,
  batch: Batch,
  "call-off": CallOff,
  configuration: GeneratedField,
  council: Council,
  generation: Generation,
  maieutic: Dialogue,
  notification: Notification,
  operation: Operation,
  projection: Projection,
  router: Router,
  "system-prompt": SystemPrompt,
  translation: Translation,
  "translation-stability": Stability,
  video: Video,
};

/** Input, progress and result of a job as its type wants to be looked at, at any moment of its life. */
export function ResultView({
  live,
  scene,
  input,
  result,
}: {
  live: LiveJob;
  scene: Scene;
  input: Json | undefined;
  result: Json | undefined;
}) {
  const work = useWork(live, scene);
  const { type } = scene.job;
  const View = Object.hasOwn(views, type) ? views[type]! : Plain;
  const [fault] = useErrorBoundary();
  const shown = { jobId: live.jobId, input, result, work };
  // A journal may be older or newer than this page.
  return fault ? <Plain {...shown} /> : <View {...shown} />;
}
