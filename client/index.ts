export type { Failure, JobStatus, Lane, Progress, Usage } from "../core/protocol/job.ts";
export type { EventView, JobView } from "../core/protocol/wire.ts";
export type { Api, Schemas } from "./api.ts";
export { type Convoke, type ConvokeOptions, convoke, type WatchOptions } from "./convoke.ts";
export { ConvokeError, type ErrorCode } from "./error.ts";
export type { DeltaView, EventsPage } from "./feed.ts";
export type { Times } from "./times.ts";
export type * from "./views.ts";
