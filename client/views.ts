import type { Failure, JobStatus, Lane } from "../core/protocol/job.ts";
import type { Json } from "../core/protocol/json.ts";
import type { JobView } from "../core/protocol/wire.ts";

/** A job in a list: without its input and result. */
export type JobSummary = Omit<JobView, "input_data" | "input_ref" | "result_data" | "result_ref">;

export type SubmitOptions = {
  title?: string;
  priority?: Lane;
  tags?: string[];
  conversation_id?: string;
  on_busy?: OnBusy;
  /** Two submits with one key are one job. Without it every call is a job of its own, however often it is sent. */
  idempotencyKey?: string;
  signal?: AbortSignal;
};

/** What a second message does while a job is still at work. */
export type OnBusy = "enqueue" | "reject" | "interrupt";

export type Accepted = {
  job_id: string;
  status: JobStatus;
  deduplicated?: boolean;
  conversation_id?: string;
  message_number?: number;
  queued_behind?: string[];
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
  created_at: string;
  [field: string]: Json;
};

export type SendOptions = {
  on_busy?: OnBusy;
  priority?: Lane;
  /** Another job type than the deployment's usual one, and what it wants besides the question. */
  type?: string;
  input?: { [name: string]: Json };
  idempotencyKey?: string;
  signal?: AbortSignal;
};
