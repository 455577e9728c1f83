import {
  type Ask,
  addUsage,
  type Budget,
  type BudgetLimit,
  type Dependencies,
  type Failure,
  type InConversation,
  type JobKey,
  type JobRecord,
  type Lane,
  noUsage,
  type OpenCallback,
  type Parent,
  type Progress,
  type Stored,
  type Usage,
} from "./job.ts";
import type { Millis } from "./json.ts";

/** Rides on any event. */
type Shown = {
  /** What a person should see from now on. */
  progress?: Progress;
  /** Taken over from the job that this one is a fork of: it happened there and was paid for there. */
  inherited?: true;
};

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
      runAt?: Millis;
      startBy?: Millis;
      dependencies?: Dependencies;
      forkOf?: { job_id: string; seq: number };
      parent?: Parent;
      continues?: string;
      scheduleId?: string;
      budget?: Budget;
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
  /** The condition of `waitForCondition` does not hold yet: `state` is what the next check begins with. */
  | ({ kind: "condition.checked"; step: string; attempt: number; state: Stored; retryAt: Millis } & Shown)
  | ({ kind: "wait.started"; step: string; until: Millis } & Shown)
  /** The job function has been given what it waited for: the time, or the decision on a callback. */
  | ({ kind: "wait.ended"; step: string } & Shown)
  | ({
      kind: "callback.created";
      step: string;
      callbackId: string;
      timeoutAt?: Millis;
      heartbeatSeconds?: number;
      ask?: Ask;
      remindAt?: Millis;
      childJobId?: string;
    } & Shown)
  /** A sign of life from whoever will answer. */
  | ({ kind: "callback.heartbeat"; callbackId: string; by: string } & Shown)
  | ({ kind: "callback.reminded"; callbackId: string } & Shown)
  /** The answer from outside, a `result` or a `failure`. The first one stands. `usage` is what a child has consumed. */
  | ({
      kind: "callback.completed";
      step: string;
      callbackId: string;
      by: string;
      result?: Stored;
      failure?: Failure;
      usage?: Usage;
    } & Shown)
  | ({ kind: "callback.expired"; step: string; callbackId: string; reason: "timeout" | "heartbeat" } & Shown)
  | { kind: "progress"; progress: Progress }
  /** The worker let go: `parked` until something is due, `paused` until it is resumed, `out_of_time` at the limit of its invocation, `blocked` by a replay that did not fit. */
  | ({
      kind: "job.released";
      reason: "parked" | "paused" | "out_of_time" | "blocked";
      wakeAt: Millis;
      blocked?: { step: string; message: string };
    } & Shown)
  | { kind: "job.cancel_requested"; by: string; reason?: string }
  | { kind: "job.paused"; by: string; reason?: string }
  | { kind: "job.resumed"; by: string }
  | ({ kind: "job.budget_exceeded"; limit: BudgetLimit; message: string } & Shown)
  | { kind: "job.budget_changed"; by: string; budget: Budget }
  /** `continuedAs`: the job goes on with a fresh journal as another one, and has no result of its own. */
  | ({ kind: "job.completed"; result: Stored; degraded?: boolean; continuedAs?: string } & Shown)
  | ({ kind: "job.failed"; failure: Failure } & Shown)
  | { kind: "job.cancelled"; by: string; reason?: string };

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

/** The value that an event holds, if it holds one: an input, a result, a state. */
export function valueIn(event: JobEvent): Stored | undefined {
  if ("input" in event) return event.input;
  if ("result" in event) return event.result;
  return "state" in event ? event.state : undefined;
}

/** The same event with its value kept in another way. */
export function withValue(event: JobEvent, value: Stored): JobEvent {
  const name = "input" in event ? "input" : "result" in event ? "result" : "state";
  return { ...event, [name]: value };
}

const signals = new Set<JobEvent["kind"]>([
  "job.cancel_requested",
  "job.paused",
  "job.resumed",
  "job.budget_changed",
  "callback.heartbeat",
  "callback.completed",
]);

/** What others than the job's worker may write, at any time of its life. */
export function isSignalEvent({ kind }: JobEvent): boolean {
  return signals.has(kind);
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
      status: isHeldBack(event, event.at) ? "scheduled" : "pending",
      title: event.title,
      description: event.description,
      tags: event.tags,
      createdAt: event.at,
      seq: event.seq,
      ...(event.progress ? { progress: event.progress, progressAt: event.at } : {}),
      usage: noUsage,
      degraded: false,
      mock: false,
      ...kept(event),
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
    if (event.progress.degraded) next.degraded = true;
  }
  const inherited = "inherited" in event && event.inherited;
  if ("usage" in event && event.usage && !inherited) next.usage = addUsage(next.usage, event.usage);
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
      if (inherited) return next;
      next.steps += event.steps.filter((begun) => begun.attempt === 1).length;
      return next;
    case "step.completed":
      if (event.mock) next.mock = true;
      next.stalls = 0;
      return next;
    case "step.failed":
    case "condition.checked":
    case "wait.started":
      next.stalls = 0;
      return next;
    case "wait.ended":
      next.stalls = 0;
      return withCallbacks(next, (callbacks) => callbacks.filter(({ step }) => step !== event.step));
    case "callback.created": {
      const { callbackId: id, step, heartbeatSeconds, ask, timeoutAt, remindAt, childJobId } = event;
      next.stalls = 0;
      const opened = defined({
        id,
        step,
        createdAt: event.at,
        timeoutAt,
        heartbeatSeconds,
        ask,
        remindAt,
        childJobId,
      });
      return withCallbacks(next, (callbacks) => [...callbacks, alive(opened, event.at)]);
    }
    case "callback.heartbeat":
      return withCallback(next, event.callbackId, (open) => alive(open, event.at));
    case "callback.reminded":
      return withCallback(next, event.callbackId, ({ remindAt: _remindAt, ...open }) => open);
    case "callback.completed": {
      const outcome = event.failure ? "failed" : "succeeded";
      return decided(next, event.callbackId, { outcome, by: event.by, at: event.at, seq: event.seq });
    }
    case "callback.expired":
      next.stalls = 0;
      return decided(next, event.callbackId, {
        outcome: "expired",
        by: "time",
        at: event.at,
        seq: event.seq,
      });
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
    case "job.paused":
      next.paused ??= { by: event.by, at: event.at };
      return next;
    case "job.resumed":
      delete next.paused;
      return next;
    case "job.budget_exceeded":
      next.budgetExceeded = { limit: event.limit, message: event.message };
      return next;
    case "job.budget_changed":
      next.budget = event.budget;
      delete next.budgetExceeded;
      return next;
    case "job.completed":
      next.resultSeq = event.seq;
      if (event.continuedAs !== undefined) next.continuedAs = event.continuedAs;
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

type Submitted = JobEvent & { kind: "job.submitted" };

/** It cannot begin yet: its moment has not come, or a job before it has not ended. */
export function isHeldBack(
  { runAt, dependencies }: Pick<JobRecord, "runAt" | "dependencies">,
  now: Millis,
): boolean {
  return (runAt !== undefined && runAt > now) || (dependencies?.job_ids.length ?? 0) > 0;
}

/** What the record keeps of the submit as it is. */
function kept(event: Submitted): Partial<JobRecord> {
  const { inConversation, runAt, startBy, dependencies, forkOf, parent, continues, scheduleId, budget } =
    event;
  return defined({
    inConversation,
    runAt,
    startBy,
    dependencies,
    forkOf,
    parent,
    continues,
    scheduleId,
    budget,
  });
}

/** Without the fields that are undefined: a record that went through JSON must equal one that did not. */
function defined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

function withCallbacks(job: JobRecord, change: (callbacks: OpenCallback[]) => OpenCallback[]): JobRecord {
  const { callbacks = [], ...rest } = job;
  const next = change(callbacks);
  return next.length > 0 ? { ...rest, callbacks: next } : rest;
}

function withCallback(job: JobRecord, id: string, change: (open: OpenCallback) => OpenCallback): JobRecord {
  return withCallbacks(job, (callbacks) => callbacks.map((open) => (open.id === id ? change(open) : open)));
}

function alive(open: OpenCallback, at: Millis): OpenCallback {
  return open.heartbeatSeconds === undefined
    ? open
    : { ...open, heartbeatBy: at + open.heartbeatSeconds * 1000 };
}

function decided(job: JobRecord, id: string, decision: NonNullable<OpenCallback["decided"]>): JobRecord {
  return withCallback(job, id, (open) => (open.decided ? open : { ...open, decided: decision }));
}

function ended(job: JobRecord, status: "completed" | "failed" | "cancelled", at: Millis): JobRecord {
  const {
    lease: _lease,
    due: _due,
    blocked: _blocked,
    paused: _paused,
    callbacks: _callbacks,
    ...rest
  } = job;
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
