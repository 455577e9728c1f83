import { isHeldBack, type Recorded } from "./event.ts";
import type { JobStatus, Progress } from "./job.ts";
import type { Json } from "./json.ts";
import { type EventView, type JobView, toWire } from "./wire.ts";

/** Client to server, over the WebSocket. */
export type ClientMessage =
  /** `after`: replay from the event that follows it, then live. `deltas`: also tokens as they arrive. `batch`: what was committed together as one frame. */
  | { type: "watch"; job_id: string; after?: number; deltas?: boolean; batch?: boolean }
  /** Live status and progress of all of one's own jobs; no replay. */
  | { type: "watch"; scope: "mine"; batch?: boolean }
  | { type: "unwatch"; job_id: string }
  /** Many at once: a message is an invocation. */
  | { type: "unwatch"; job_ids: string[] }
  | { type: "unwatch"; scope: "mine" }
  /** With `job_id` the pong carries that job's `head`, so that a lost last event is noticed. */
  | { type: "ping"; job_id?: string };

/** Server to client. Frames stay under the frame limit: what is larger carries a `ref` to fetch over HTTP. */
export type ServerMessage =
  | BatchedMessage
  | { type: "batch"; messages: BatchedMessage[] }
  | { type: "watching"; scope: "mine" }
  | { type: "pong"; job_id?: string; head?: number }
  | { type: "error"; code: string; message: string; job_id?: string };

/** What a watcher may be sent several of in one frame. */
export type BatchedMessage = WatchingMessage | LiveMessage;

/** The answer to a `watch`, before anything that is replayed. */
export type WatchingMessage = {
  type: "watching";
  job_id: string;
  head: number;
  status: JobStatus;
  progress: JobView["progress"];
};

/** What a watcher is sent without asking for each. */
export type LiveMessage = JobMessage | DeltaMessage;

/** Text of a model as it arrives: numbered within step and attempt, outside the journal, so some may be missing. */
export type DeltaMessage = {
  type: "delta";
  job_id: string;
  step: string;
  attempt: number;
  index: number;
  text: string;
};

/** One event of the journal as a message. With `ref` its values are missing, and there is where to fetch it whole. */
export type JobMessage =
  | {
      type: "progress";
      job_id: string;
      seq: number;
      at: string;
      data: Progress & { timestamp: string };
      event: EventView;
      ref?: string;
    }
  | {
      type: "status";
      job_id: string;
      seq: number;
      at: string;
      status: JobStatus;
      result_data?: Json;
      error_message?: string;
      event: EventView;
      ref?: string;
    }
  | { type: "event"; job_id: string; seq: number; at: string; event: EventView; ref?: string };

export const subprotocol = "convoke.v1";
/** A browser cannot set headers on a WebSocket, so it offers its ticket as a second subprotocol. */
export const ticketPrefix = "ticket.";

const statusOf: Partial<Record<Recorded["kind"], JobStatus>> = {
  "job.claimed": "running",
  "job.completed": "completed",
  "job.failed": "failed",
  "job.cancelled": "cancelled",
};

/** The status that an event puts its job into, if it does. */
export function statusAfter(event: Recorded): JobStatus | undefined {
  if (event.kind === "job.submitted") return isHeldBack(event, event.at) ? "scheduled" : "pending";
  if (event.kind === "job.released") return event.reason === "out_of_time" ? "pending" : "waiting";
  return statusOf[event.kind];
}

/** The message that tells a watcher of one event. A change of status outranks progress. */
export function toMessage(jobId: string, event: Recorded): JobMessage {
  const view = toWire(event);
  const base = { job_id: jobId, seq: event.seq, at: view.at, event: view };
  const status = statusAfter(event);
  if (status) {
    const { result, ...rest } = view;
    return {
      type: "status",
      ...base,
      status,
      ...(result === undefined ? {} : { result_data: result, event: rest as EventView }),
      ...(event.kind === "job.failed" ? { error_message: event.failure.message } : {}),
    };
  }
  if ("progress" in event && event.progress) {
    return { type: "progress", ...base, data: { ...event.progress, timestamp: view.at } };
  }
  return { type: "event", ...base };
}
