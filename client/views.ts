import type { Budget, Failure, JobStatus, Lane } from "../core/protocol/job.ts";
import type { Json, JsonObject } from "../core/protocol/json.ts";
import type { JobView } from "../core/protocol/wire.ts";

/** A job in a list: without its input and result. */
export type JobSummary = Omit<JobView, "input_data" | "input_ref" | "result_data" | "result_ref" | "eta">;

/** A moment: ISO 8601 with an offset or `Z`, or a Date. */
export type Moment = string | Date;

/** What may be said of any request that makes a job. */
type Making = {
  /** Two requests with one key are one job. Without it every call is a job of its own, however often it is sent. */
  idempotencyKey?: string;
  signal?: AbortSignal;
};

/** What may be said of any new job. */
type Manner = Making & {
  title?: string;
  priority?: Lane;
  tags?: string[];
  budget?: Budget;
};

export type SubmitOptions = Manner & {
  /** It does not begin before this moment, or not before so many seconds from now. */
  run_at?: Moment;
  delay_seconds?: number;
  /** It fails with `expired_before_start` if it has not begun by then, or within so many seconds. */
  start_by?: Moment;
  start_within_seconds?: number;
  /** Jobs that have to end before this one begins. */
  depends_on?: string[];
  /** What becomes of it when one of those does not complete: it fails too (the default), is cancelled, or begins. */
  on_dependency_failure?: "fail" | "skip" | "continue";
  /** A job with the same input that completed within so many seconds, or is at work, is the answer. */
  cache?: { ttl_seconds: number } | { bypass: true };
  /** A job with the same input that is at work is the answer. */
  single_flight?: boolean;
  conversation_id?: string;
  on_busy?: OnBusy;
  /** Is told when the job has ended. */
  notify?: { url: string };
};

export type ForkOptions = Manner & {
  /** The last event that the fork looks back on. Without it all of them. */
  after_seq?: number;
  /** What is different, as a JSON merge patch: `null` takes a field away. */
  input?: Json;
};

export type RetryOptions = Making;
export type BatchOptions = Manner;

/** One job of a batch. */
export type BatchEntry = { type: string; input: Json; title?: string };

/** Which jobs: those that are named, or those that a filter finds, so many in one call. */
export type Selection<S extends JobStatus> =
  | { ids: string[] }
  | { status?: S; type?: string; tag?: string; created_before?: Moment; limit?: number; cursor?: string };

export type Bulk = {
  count: number;
  /** Those for which it could not be done, and why. */
  skipped: { job_id: string; code: string; message: string }[];
  /** There may be more: ask again with it as `cursor`. */
  next_cursor: string | null;
};

/** What a second message does while a job is still at work. */
export type OnBusy = "enqueue" | "reject" | "interrupt";

export type Accepted = {
  job_id: string;
  status: JobStatus;
  /** The job is that of an earlier request. */
  deduplicated?: boolean;
  /** The job has completed before: its result is there. */
  cached?: boolean;
  conversation_id?: string;
  message_number?: number;
  queued_behind?: string[];
};

/** What a moment does while the job of the one before has not ended. */
export type Overlap = "skip" | "queue" | "cancel_previous" | "parallel";

export type ScheduleOptions = {
  name: string;
  type: string;
  input: Json;
  /** Five fields, or six with seconds first. */
  cron: string;
  /** A name of the IANA database; without it UTC. */
  timezone?: string;
  /** ISO 8601. */
  end_at?: string;
  overlap?: Overlap;
  priority?: Lane;
  tags?: string[];
  budget?: Budget;
};

/** `null` takes away. */
export type ScheduleChange = Partial<Omit<ScheduleOptions, "end_at" | "budget">> & {
  end_at?: string | null;
  budget?: Budget | null;
};

export type Schedule = Required<Omit<ScheduleOptions, "end_at" | "budget">> & {
  id: string;
  end_at: string | null;
  budget: Budget | null;
  paused: boolean;
  next_at: string | null;
  last_at: string | null;
  last_job_id: string | null;
  last_error: Failure | null;
  created_at: string;
  updated_at: string;
};

export type ConversationSummary = {
  id: string;
  title: string;
  created_at: string;
  updated_at: string;
  message_count: number;
  processing_state: "idle" | "active" | "error";
};

export type Conversation = ConversationSummary & {
  active_job_id: string | null;
  waiting_job_ids: string[];
  /** Jobs that the conversation does not wait for, and that will still say something in it. */
  background_job_ids: string[];
  failed_job_id: string | null;
  error: Failure | null;
  messages: ConversationMessage[];
};

/** An assistant's message also has the fields of its job's result. */
export type ConversationMessage = {
  number: number;
  role: "user" | "assistant";
  content: string;
  job_id: string;
  /** The number of the user's message that it answers. */
  answers: number | null;
  created_at: string;
  [field: string]: Json;
};

export type SendOptions = {
  on_busy?: OnBusy;
  priority?: Lane;
  /** Another job type than the deployment's usual one, and what it wants besides the question. */
  type?: string;
  input?: { [name: string]: Json };
  /** Is told when the job has ended. */
  notify?: { url: string };
  idempotencyKey?: string;
  signal?: AbortSignal;
};

/** A question that a job asks of a person. */
export type Question = {
  job_id: string;
  job_type: string;
  job_title: string;
  callback_id: string;
  step: string;
  question: string;
  /** JSON Schema of the answer. */
  schema: JsonObject;
  default?: Json;
  asked_at: string;
  deadline: string | null;
};

/** Something that is generated, as it is at this moment. */
export type Project = {
  id: string;
  name: string;
  description: string;
  user_id: string;
  created_at: string;
  status: "pending" | "in_progress" | "completed" | "failed";
  generations: number;
  /** `null` before its first generation. */
  job_id: string | null;
  progress: JobView["progress"];
  error: JobView["error"];
  degraded: boolean;
  mock: boolean;
  /** What it waits for from its user. */
  questions: JobView["callbacks"];
};

/** An entry of a project's manifest. */
export type ProjectFile = {
  path: string;
  purpose: string;
  bytes: number;
  sha256: string;
  model: string;
  mock?: true;
};

export type WorkflowStatus =
  | "pending"
  | "planning"
  | "awaiting_approval"
  | "analyzing"
  | "writing"
  | "consolidating"
  | "completed"
  | "failed"
  | "cancelled";

/** An audit as it is at this moment, with what a page needs to show it at work. */
export type Workflow = {
  workflow_id: string;
  job_id: string;
  workflow_status: WorkflowStatus;
  status_message: string;
  progress_percentage: number;
  created_at: string;
  updated_at: string;
  awaiting_human: boolean;
  plan_approved: boolean;
  /** `null` while there is none. */
  audit_plan: (JsonObject & { plan_id: string; sections: JsonObject[] }) | null;
  errors: string[];
  messages: string[];
  background_processing: boolean;
  /** While other audits have all slots: 1 is the next to get one. */
  queue_position: number | null;
  report_ready: boolean;
  live_indicators: {
    is_processing: boolean;
    is_completed: boolean;
    is_waiting: boolean;
    is_background_processing: boolean;
    last_update: string;
    processing_stage: WorkflowStatus;
  };
  progress_tracking: {
    total_sections: number;
    completed_sections: number;
    completion_percentage: number;
    current_section_name: string | null;
    section_progress: {
      id: string;
      name: string;
      status: "pending" | "in_progress" | "completed";
      order: number;
    }[];
  };
  progress_info: { estimated_completion: string; recent_messages: string[] };
};

/** The decision on an audit's plan. The first one stands. */
export type PlanDecision = {
  workflow_id: string;
  plan_id: string;
  approved: boolean;
  feedback_provided: boolean;
  background_processing_started: boolean;
  processing_message: string | null;
  workflow_status: WorkflowStatus;
  updated_at: string;
};

/** What a job is told, or why it will not be told anything. */
export type Answer = { result: Json } | { error: { code?: string; message: string } };

/** The decision on a callback. The first one stands. */
export type Decision = {
  job_id: string;
  callback_id: string;
  step: string;
  outcome: "succeeded" | "failed" | "expired";
  decided_by: string;
  decided_at: string;
  seq: number;
};
