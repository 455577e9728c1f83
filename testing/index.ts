export type { JobContext, StepContext } from "../core/engine/context.ts";
export { type AnyJobType, defineJob, type JobType } from "../core/engine/job-type.ts";
export type { Model, ModelAnswer, ModelRequest } from "../core/models/model.ts";
export type { JobEvent, Recorded } from "../core/protocol/event.ts";
export type { Failure, JobRecord, JobStatus } from "../core/protocol/job.ts";
export type { Json } from "../core/protocol/json.ts";
export { type ChaosOptions, type ChaosReport, chaos, type Outcome } from "./chaos.ts";
export { type MemoryCloud, type MemoryCloudOptions, type MemoryJob, memoryCloud } from "./memory-cloud.ts";
export { replayed } from "./replayed.ts";
