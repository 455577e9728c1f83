import {
  addUsage,
  type Failure,
  type InConversation,
  type JobKey,
  type JobRecord,
  type Lane,
  noUsage,
  type Progress,
  type Stored,
  type Usage,
} from "./job.ts";
import type { Millis } from "./json.ts";

/** Rides on any event: what a person should see from now on. */
type Shown = { progress?: Progress };

/** What happened, in the past tense. A step is named by its path (`stage1/model-b`), an attempt counts from 1. */
export type JobEvent =
  | ({
      kind: "job.submitted";
      type: string;
      version: number;
      lane: Lane;
      title: string;
      description: string;
      tags: string[];
      input: Stored;
      by: string;
      inConversation?: InConversation;
    } & Shown)
  | ({ kind: "job.claimed"; by: string } & Shown)
  /** The intent, before money is spent: all steps that begin together. */
  | ({ kind: "step.started"; steps: { step: string; attempt: number }[] } & Shown)
  | ({
      kind: "step.completed";
      step: string;
      attempt: number;
      result: Stored;
      usage?: Usage;
      degraded?: boolean;
      mock?: boolean;
    } & Shown)
  /** Without `retryAt` the failure is final and the job function has been given it. */
  | ({
      kind: "step.failed";
      step: string;
      attempt: number;
      failure: Failure;
      retryAt?: Millis;
      usage?: Usage;
    } & Shown)
  | ({ kind: "wait.started"; step: string; until: Millis } & Shown)
  | ({ kind: "wait.ended"; step: string } & Shown)
  | { kind: "progress"; progress: Progress }
  /** The worker let go: `parked` until something is due, `out_of_time` at the limit of its invocation, `blocked` by a replay that did not fit. */
  | ({
      kind: "job.released";
      reason: "parked" | "out_of_time" | "blocked";
      wakeAt: Millis;
      blocked?: { step: string; message: string };
    } & Shown)
  | { kind: "job.cancel_requested"; by: string; reason?: string }
  | ({ kind: "job.completed"; result: Stored; degraded?: boolean } & Shown)
  | ({ kind: "job.failed"; failure: Failure } & Shown)
  | { kind: "job.cancelled"; by: string };

/** An event in its place. `seq` counts from 1 within a job, without gaps. */
export type Recorded = JobEvent & { seq: number; at: Millis };

/** Events that were committed together. The first has number `seq`, the others follow. */
export type Entry = JobKey & {
  seq: number;
  at: Millis;
  /** The worker, API call or sweep that wrote it. */
  by: string;
  /** Random. Tells a writer whose answer got lost that the entry in its place is its own. */
  token: string;
  events: JobEvent[];
};

export function recorded(entry: Entry): Recorded[] {
  return entry.events.map((event, index) => ({ ...event, seq: entry.seq + index, at: entry.at }));
}

/** The last `seq` of an entry. */
export function lastSeq(entry: Entry): number {
  return entry.seq + entry.events.length - 1;
}

export function isTerminalEvent(event: JobEvent): boolean {
  return event.kind === "job.completed" || event.kind === "job.failed" || event.kind === "job.cancelled";
}

/** The state of a job is what its events make of it, wherever they are read: in a worker, the API or a browser. */
export function apply(job: JobRecord | undefined, key: JobKey, event: Recorded): JobRecord {
  if (event.kind === "job.submitted") {
    return {
      ...key,
      type: event.type,
      version: event.version,
      lane: event.lane,
      status: "pending",
      title: event.title,
      description: event.description,
      tags: event.tags,
      createdAt: event.at,
      seq: event.seq,
      ...(event.progress ? { progress: event.progress, progressAt: event.at } : {}),
      usage: noUsage,
      degraded: false,
      mock: false,
      ...(event.inConversation ? { inConversation: event.inConversation } : {}),
      steps: 0,
      hops: 0,
      stalls: 0,
    };
  }
  if (!job)
    throw new Error(`Event ${event.seq} (${event.kind}) of job ${key.jobId} has no job.submitted before it`);
  const next: JobRecord = { ...job, seq: event.seq };
  if ("progress" in event && event.progress) {
    next.progress = event.progress;
    next.progressAt = event.at;
  }
  if ("usage" in event && event.usage) next.usage = addUsage(next.usage, event.usage);
  if ("degraded" in event && event.degraded) next.degraded = true;
  switch (event.kind) {
    case "job.claimed":
      next.status = "running";
      next.startedAt ??= event.at;
      next.hops += 1;
      next.stalls += 1;
      delete next.blocked;
      return next;
    case "step.started":
      next.steps += event.steps.filter((begun) => begun.attempt === 1).length;
      return next;
    case "step.completed":
      if (event.mock) next.mock = true;
      next.stalls = 0;
      return next;
    case "step.failed":
    case "wait.started":
    case "wait.ended":
      next.stalls = 0;
      return next;
    case "progress":
      return next;
    case "job.released":
      next.status = event.reason === "out_of_time" ? "pending" : "waiting";
      if (event.blocked) next.blocked = event.blocked;
      // Running out of time is no progress: a step that never fits into an invocation must not be tried for ever.
      if (event.reason !== "out_of_time") next.stalls = 0;
      return next;
    case "job.cancel_requested":
      next.cancelRequested ??= { by: event.by, at: event.at };
      return next;
    case "job.completed":
      next.resultSeq = event.seq;
      return ended(next, "completed", event.at);
    case "job.failed":
      next.failure = event.failure;
      return ended(next, "failed", event.at);
    case "job.cancelled":
      return ended(next, "cancelled", event.at);
    default:
      event satisfies never;
      // Written by a newer deployment, read by one that has yet to learn it.
      return next;
  }
}

function ended(job: JobRecord, status: "completed" | "failed" | "cancelled", at: Millis): JobRecord {
  const { lease: _lease, due: _due, blocked: _blocked, ...rest } = job;
  return { ...rest, status, completedAt: at };
}

export function applyEntry(job: JobRecord | undefined, entry: Entry): JobRecord {
  let next = job;
  for (const event of recorded(entry)) {
    next = apply(next, { tenant: entry.tenant, jobId: entry.jobId }, event);
  }
  if (!next) throw new Error(`Entry ${entry.seq} of job ${entry.jobId} is empty`);
  return next;
}
