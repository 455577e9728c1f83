import { textOf } from "./error-catalogue.ts";
import type { Recorded } from "./event.ts";
import type {
  Ask,
  Budget,
  Failure,
  JobRecord,
  JobStatus,
  Lane,
  OpenCallback,
  PayloadRef,
  Progress,
  Stored,
  Usage,
} from "./job.ts";
import type { Json, JsonObject, Millis } from "./json.ts";

/** An event as clients see it: snake_case, moments as ISO 8601, a large value as `..._ref`. */
export type EventView = JsonObject & {
  seq: number;
  at: string;
  kind: Recorded["kind"];
};

/** A job as clients see it. */
export type JobView = {
  id: string;
  type: string;
  version: number;
  status: JobStatus;
  title: string;
  description: string;
  priority: Lane;
  tags: string[];
  input_data: Json;
  /** Instead of an input that is too large for an answer: the value of event 1. */
  input_ref?: PayloadRef;
  result_data: Json;
  /** Instead of a result that is too large for an answer. */
  result_ref?: PayloadRef;
  error_message: string | null;
  error: FailureView | null;
  progress: (Progress & { timestamp: string }) | null;
  /** Known where one job is read, of a job at work whose like have completed before. */
  eta: Eta | null;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  seq: number;
  usage: Usage;
  degraded: boolean;
  mock: boolean;
  cancel_requested: boolean;
  blocked: { step: string; message: string } | null;
  conversation_id: string | null;
  /** It does not begin before this moment. */
  run_at: string | null;
  depends_on: string[];
  parent_job_id: string | null;
  fork_of: { job_id: string; seq: number } | null;
  /** The job that carries this one on with a fresh journal. */
  continued_as: string | null;
  schedule_id: string | null;
  budget: Budget | null;
  budget_exceeded: { limit: string; message: string } | null;
  paused: boolean;
  /** What it waits for from outside. */
  callbacks: CallbackView[];
};

/** A failure with what its code means: for the person in front of it, and for whoever has to do something about it. */
export type FailureView = Failure & { for_user: string; for_developer: string };

/** About how long a job goes on, as others of its type have. One in ten was faster than `seconds_low`, one in ten slower than `seconds_high`. */
export type Eta = {
  seconds_low: number;
  seconds: number;
  seconds_high: number;
  completes_at: string;
  /** So many jobs were examples; whether only such as have the same models. */
  learned_from: { jobs: number; same_models: boolean };
};

/** A job in a list: without what must be fetched for each. */
export type JobSummary = Omit<JobView, "input_data" | "input_ref" | "result_data" | "result_ref" | "eta">;

export type CallbackView = {
  id: string;
  step: string;
  created_at: string;
  timeout_at: string | null;
  ask: Ask | null;
  child_job_id: string | null;
  outcome: "succeeded" | "failed" | "expired" | null;
};

export function iso(at: Millis): string {
  return new Date(at).toISOString();
}

function isoOrNull(at: Millis | undefined): string | null {
  return at === undefined ? null : iso(at);
}

const moments = new Set(["at", "retryAt", "until", "wakeAt", "runAt", "startBy", "timeoutAt", "remindAt"]);
/** Values that may be kept by reference. */
const stored = new Set(["input", "result", "state"]);
/** Who may be named to a client, and what is plumbing. */
const hidden = new Set(["by"]);

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Only an event's own fields are renamed: what users and models wrote stays as it is. */
export function toWire(event: Recorded): EventView {
  const view: JsonObject = {};
  for (const [name, value] of Object.entries(event)) {
    if (value === undefined || (hidden.has(name) && event.kind === "job.claimed")) continue;
    if (stored.has(name)) {
      const kept = value as Stored;
      if ("ref" in kept) view[`${name}_ref`] = kept.ref;
      else view[name] = kept.json;
    } else if (name === "inConversation") {
      view.conversation_id = (value as { conversationId: string }).conversationId;
      view.message = (value as { message: number }).message;
      if ((value as { background?: true }).background) view.background = true;
    } else {
      view[snake(name)] = moments.has(name) ? iso(value as Millis) : (value as Json);
    }
  }
  return view as EventView;
}

/** The inverse of `toWire`, for a client that folds events itself. */
export function fromWire(view: EventView): Recorded {
  const event: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(view)) {
    const of = name.replace(/_ref$/, "");
    if (stored.has(of)) event[of] = of === name ? { json: value } : { ref: value };
    else if (name === "conversation_id") {
      const { message, background } = view;
      event.inConversation = { conversationId: value, message, ...(background ? { background } : {}) };
    } else if ((name !== "message" && name !== "background") || view.conversation_id === undefined) {
      const key = camel(name);
      event[key] = moments.has(key) ? Date.parse(value as string) : value;
    }
  }
  if (event.kind === "job.claimed") event.by ??= "";
  return event as Recorded;
}

export function failureView(failure: Failure | undefined): FailureView | null {
  if (!failure) return null;
  const { user, developer } = textOf(failure.code);
  return { ...failure, for_user: user, for_developer: developer };
}

export function progressView(job: JobRecord): JobView["progress"] {
  return job.progress ? { ...job.progress, timestamp: iso(job.progressAt ?? job.createdAt) } : null;
}

export function callbackView(open: OpenCallback): CallbackView {
  return {
    id: open.id,
    step: open.step,
    created_at: iso(open.createdAt),
    timeout_at: isoOrNull(open.timeoutAt),
    ask: open.ask ?? null,
    child_job_id: open.childJobId ?? null,
    outcome: open.decided?.outcome ?? null,
  };
}

/** A question to a person, as the inbox has it. */
export function questionView(job: JobRecord, { id, step, createdAt, timeoutAt, ask }: OpenCallback) {
  return {
    job_id: job.jobId,
    job_type: job.type,
    job_title: job.title,
    callback_id: id,
    step,
    question: ask!.question,
    schema: ask!.schema,
    ...(ask!.default === undefined ? {} : { default: ask!.default }),
    asked_at: iso(createdAt),
    deadline: isoOrNull(timeoutAt),
  };
}

export function jobView(
  job: JobRecord,
  values: { input: Json; inputRef?: PayloadRef; result: Json; resultRef?: PayloadRef },
): JobView {
  return {
    id: job.jobId,
    type: job.type,
    version: job.version,
    status: job.status,
    title: job.title,
    description: job.description,
    priority: job.lane,
    tags: job.tags,
    input_data: values.input,
    ...(values.inputRef ? { input_ref: values.inputRef } : {}),
    result_data: values.result,
    ...(values.resultRef ? { result_ref: values.resultRef } : {}),
    error_message: job.failure?.message ?? null,
    error: failureView(job.failure),
    progress: progressView(job),
    eta: null,
    created_at: iso(job.createdAt),
    started_at: isoOrNull(job.startedAt),
    completed_at: isoOrNull(job.completedAt),
    seq: job.seq,
    usage: job.usage,
    degraded: job.degraded,
    mock: job.mock,
    cancel_requested: job.cancelRequested !== undefined,
    blocked: job.blocked ?? null,
    conversation_id: job.inConversation?.conversationId ?? null,
    run_at: isoOrNull(job.runAt),
    depends_on: job.dependencies?.job_ids ?? [],
    parent_job_id: job.parent?.job_id ?? null,
    fork_of: job.forkOf ?? null,
    continued_as: job.continuedAs ?? null,
    schedule_id: job.scheduleId ?? null,
    budget: job.budget ?? null,
    budget_exceeded: job.budgetExceeded ?? null,
    paused: job.paused !== undefined,
    callbacks: (job.callbacks ?? []).map(callbackView),
  };
}
