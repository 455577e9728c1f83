import { accessRoutes } from "./access-routes.ts";
import { callbackRoutes } from "./callback-routes.ts";
import { configurationRoutes } from "./configuration-routes.ts";
import { conversationRoutes } from "./conversation-routes.ts";
import { jobRoutes } from "./job-routes.ts";
import { lifecycleRoutes } from "./lifecycle-routes.ts";
import { maieuticRoutes } from "./maieutic-routes.ts";
import { metricsRoutes } from "./metrics-routes.ts";
import { operationRoutes } from "./operation-routes.ts";
import { payloadRoutes } from "./payload-routes.ts";
import { projectRoutes } from "./project-routes.ts";
import { projectionRoutes } from "./projection-routes.ts";
import type { AnyRoute } from "./route.ts";
import { scheduleRoutes } from "./schedule-routes.ts";
import { sessionRoutes } from "./session-routes.ts";
import { translationRoutes } from "./translation-routes.ts";
import { workflowRoutes } from "./workflow-routes.ts";

/** Everything that the HTTP API can be asked: mounted by app.ts, documented by openapi.ts. */
export const routes: AnyRoute[] = [
  ...accessRoutes,
  ...sessionRoutes,
  ...jobRoutes,
  ...lifecycleRoutes,
  // Before those of callbacks: `signed` is no id.
  ...operationRoutes,
  ...callbackRoutes,
  ...payloadRoutes,
  ...conversationRoutes,
  ...scheduleRoutes,
  ...projectionRoutes,
  ...translationRoutes,
  ...maieuticRoutes,
  ...configurationRoutes,
  ...workflowRoutes,
  ...projectRoutes,
  ...metricsRoutes,
];
