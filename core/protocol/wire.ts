import type { Recorded } from "./event.ts";
import type { Failure, JobRecord, JobStatus, Lane, PayloadRef, Progress, Stored, Usage } from "./job.ts";
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
  result_data: Json;
  /** Where to fetch a result that is too large to be inline. */
  result_ref?: PayloadRef;
  error_message: string | null;
  error: Failure | null;
  progress: (Progress & { timestamp: string }) | null;
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
};

export function iso(at: Millis): string {
  return new Date(at).toISOString();
}

const moments = new Set(["at", "retryAt", "until", "wakeAt"]);
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
    if (name === "input" || name === "result") {
      const stored = value as Stored;
      if ("ref" in stored) view[`${name}_ref`] = stored.ref;
      else view[name] = stored.json;
    } else if (name === "inConversation") {
      view.conversation_id = (value as { conversationId: string }).conversationId;
      view.message = (value as { message: number }).message;
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
    if (name === "input" || name === "result") event[name] = { json: value };
    else if (name === "input_ref" || name === "result_ref") event[name.slice(0, -4)] = { ref: value };
    else if (name === "conversation_id") {
      event.inConversation = { conversationId: value, message: view.message };
    } else if (name !== "message" || view.conversation_id === undefined) {
      const key = camel(name);
      event[key] = moments.has(key) ? Date.parse(value as string) : value;
    }
  }
  if (event.kind === "job.claimed") event.by ??= "";
  return event as Recorded;
}

export function progressView(job: JobRecord): JobView["progress"] {
  return job.progress ? { ...job.progress, timestamp: iso(job.progressAt ?? job.createdAt) } : null;
}

export function jobView(
  job: JobRecord,
  values: { input: Json; result: Json; resultRef?: PayloadRef },
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
    result_data: values.result,
    ...(values.resultRef ? { result_ref: values.resultRef } : {}),
    error_message: job.failure?.message ?? null,
    error: job.failure ?? null,
    progress: progressView(job),
    created_at: iso(job.createdAt),
    started_at: job.startedAt === undefined ? null : iso(job.startedAt),
    completed_at: job.completedAt === undefined ? null : iso(job.completedAt),
    seq: job.seq,
    usage: job.usage,
    degraded: job.degraded,
    mock: job.mock,
    cancel_requested: job.cancelRequested !== undefined,
    blocked: job.blocked ?? null,
    conversation_id: job.inConversation?.conversationId ?? null,
  };
}
