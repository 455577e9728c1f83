import type { Budget, JobStatus, Lane } from "../core/protocol/job.ts";
import type { Json } from "../core/protocol/json.ts";
import type { JobView } from "../core/protocol/wire.ts";
import type { Api, Schemas } from "./api.ts";

/** A moment: ISO 8601 with an offset or `Z`, or a Date. */
export type Moment = string | Date;

/** What may be said of any request. */
export type Patient = { signal?: AbortSignal };

/** What may be said of any request that makes something. */
export type Making = Patient & {
  /** Two requests with one key make one thing. Without it every call makes its own, however often it is sent. */
  idempotencyKey?: string;
};

/** What may be said of any request that makes a job. */
export type Starting = Making & {
  /** Seconds, 25 at most: a job that ends by then comes along in the answer. */
  wait?: number;
};

/** What may be said of any new job. */
type Manner = Starting & {
  title?: string;
  priority?: Lane;
  tags?: string[];
  budget?: Budget;
};

type SubmitBody = Api["POST /api/jobs"]["body"];

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
  on_dependency_failure?: SubmitBody["on_dependency_failure"];
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

export type RetryOptions = Starting;
export type BatchOptions = Manner;

/** One job of a batch. */
export type BatchEntry = { type: string; input: Json; title?: string };

/** Which jobs: those that are named, or those that a filter finds, so many in one call. */
export type Selection<S extends JobStatus> =
  | { ids: string[] }
  | { status?: S; type?: string; tag?: string; created_before?: Moment; limit?: number; cursor?: string };

/** What a second message does while a job is still at work. */
export type OnBusy = NonNullable<SubmitBody["on_busy"]>;

export type Accepted = Partial<Omit<Schemas["AcceptedJob"], "job_id" | "status">> & {
  job_id: string;
  status: JobStatus;
  /** The job, if it was waited for and has ended in time. */
  job?: JobView;
};

export type ScheduleOptions = Api["POST /api/schedules"]["body"];
/** `null` takes away. */
export type ScheduleChange = Api["PATCH /api/schedules/{id}"]["body"];
export type Schedule = Schemas["Schedule"];
/** What a moment does while the job of the one before has not ended. */
export type Overlap = Schedule["overlap"];

export type ConversationSummary = Schemas["ConversationSummary"];
export type Conversation = Schemas["Conversation"];
/** An assistant's message also has the fields of its job's result. */
export type ConversationMessage = Schemas["Message"];

export type SendOptions = Starting & Omit<Api["POST /api/conversations/{id}/messages"]["body"], "content">;

/** A question that a job asks of a person. */
export type Question = Schemas["Question"];

/** What a job is told, or why it will not be told anything. */
export type Answer = { result: Json } | { error: { code?: string; message: string } };
/** The decision on a callback. The first one stands. */
export type Decision = Schemas["CallbackDecision"];

/** Something that is generated, as it is at this moment. */
export type Project = Schemas["Project"];
/** An entry of a project's manifest. */
export type ProjectFile = Schemas["ProjectFiles"]["files"][number];

/** An audit as it is at this moment, with what a page needs to show it at work. */
export type Workflow = Schemas["LiveWorkflow"];
export type WorkflowStatus = Schemas["WorkflowStatus"];
/** The decision on an audit's plan. The first one stands. */
export type PlanDecision = Schemas["PlanDecision"];

export type JobType = Schemas["JobType"];
export type Video = Schemas["Video"];
export type Projection = Schemas["Projection"];
export type MaieuticSession = Schemas["MaieuticSession"];
export type ConfigurationAttribute = Schemas["ConfigurationAttribute"];
export type Metrics = Schemas["Metrics"];
export type SystemStatus = Schemas["SystemStatus"];
