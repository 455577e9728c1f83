export type { JobStatus, Lane, Progress, Usage } from "../core/protocol/job.ts";
export type { EventView, JobView } from "../core/protocol/wire.ts";
export { type Convoke, type ConvokeOptions, convoke, type WatchOptions } from "./convoke.ts";
export type { DeltaView, EventsPage } from "./feed.ts";
export { ConvokeError } from "./http.ts";
export type { Times } from "./times.ts";
export type {
  Accepted,
  Answer,
  BatchEntry,
  BatchOptions,
  Bulk,
  Conversation,
  ConversationMessage,
  ConversationSummary,
  Decision,
  ForkOptions,
  JobSummary,
  Moment,
  OnBusy,
  Overlap,
  PlanDecision,
  Project,
  ProjectFile,
  Question,
  RetryOptions,
  Schedule,
  ScheduleChange,
  ScheduleOptions,
  Selection,
  SendOptions,
  SubmitOptions,
  Workflow,
  WorkflowStatus,
} from "./views.ts";
