import type { Settings } from "../config.ts";
import { apply, type JobEvent } from "../protocol/event.ts";
import type { Failure, JobRecord, OpenCallback } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";
import { lastLook, overOwnBudget } from "./budget.ts";
import type { CallbackCall, Operation, Run } from "./run.ts";

/** What a worker does next, in view of the job as its journal has it. */
export type Plan = {
  /** What is said of it before any of it happens. */
  intents: JobEvent[];
  /** The steps that begin once that is on record. */
  starting: Operation[];
  /** Steps may not begin: somebody has to resume the job, or to raise its budget. */
  held: boolean;
  /** Nothing is left to do here. */
  release?: Release;
};

export type Release = JobEvent & { kind: "job.released" };

export type Situation = {
  program: Run;
  settings: Settings;
  now: Millis;
  outOfTime: boolean;
  /** No step is in flight. */
  idle: boolean;
  /** Why a child cannot be. */
  refusal: (child: NonNullable<CallbackCall["child"]>) => Failure | undefined;
};

/** @param job - with all that has happened, be it on record or not. */
export function planTurn(job: JobRecord, situation: Situation): Plan {
  const { program, now, outOfTime, idle } = situation;
  const due = startable(program, now);
  const over = due.length > 0 ? overOwnBudget(job, firstAttempts(due), now) : undefined;
  const held = job.paused !== undefined || (over !== undefined && job.budget?.on_exceeded !== "warn");
  const starting = held || outOfTime ? [] : due;
  const intents: JobEvent[] = [
    ...overdue(job, situation),
    ...program.unrecorded().flatMap((operation) => intentOf(operation, situation)),
    ...(over && !job.budgetExceeded ? [{ kind: "job.budget_exceeded" as const, ...over }] : []),
    ...begin(starting),
  ];
  if (starting.length > 0 || !idle) return { intents, starting, held };
  const release = releaseOf(job, intents, situation, held ? due : undefined);
  return { intents, starting, held, ...(release ? { release } : {}) };
}

/** The job as these events leave it. */
export function folded(job: JobRecord, events: JobEvent[], now: Millis): JobRecord {
  return events.reduce((next, event) => apply(next, job, { ...event, seq: next.seq + 1, at: now }), job);
}

/** Steps whose next attempt may begin now: new ones, retries that are due, and what a dead worker left behind. */
export function startable(program: Run, now: Millis): Operation[] {
  return program
    .wanted()
    .filter(
      ({ kind, call, inFlight, state, dueAt }) =>
        kind === "step" &&
        call !== undefined &&
        !inFlight &&
        (state === "new" || state === "running" || (state === "retrying" && dueAt! <= now)),
    );
}

export function firstAttempts(operations: Operation[]): number {
  return operations.filter(({ attempt }) => attempt === 0).length;
}

function begin(starting: Operation[]): JobEvent[] {
  if (starting.length === 0) return [];
  const steps = starting.map(({ path, attempt }) => ({ step: path, attempt: attempt + 1 }));
  return [{ kind: "step.started", steps }];
}

function intentOf({ path: step, call }: Operation, { now, refusal }: Situation): JobEvent[] {
  if (call?.kind === "wait") return [{ kind: "wait.started", step, until: now + call.durationMs }];
  if (call?.kind !== "callback") return [];
  const { id: callbackId, timeoutMs, heartbeatMs, ask, reminderMs, child } = call;
  const failure = child && refusal(child);
  return [
    {
      kind: "callback.created",
      step,
      callbackId,
      ...(timeoutMs === undefined ? {} : { timeoutAt: now + timeoutMs }),
      ...(heartbeatMs === undefined ? {} : { heartbeatSeconds: heartbeatMs / 1000 }),
      ...(ask ? { ask } : {}),
      ...(reminderMs === undefined ? {} : { remindAt: now + reminderMs }),
      ...(child ? { childJobId: child.jobId } : {}),
    },
    ...(failure ? [{ kind: "callback.completed" as const, step, callbackId, by: "engine", failure }] : []),
  ];
}

/** Callbacks whose outcome the job function has not been given and still wants. */
export function openCallbacks(job: JobRecord, program: Run): OpenCallback[] {
  return (job.callbacks ?? []).filter(({ step }) => {
    const operation = program.find(step);
    return operation && !operation.abandoned && operation.state !== "settled";
  });
}

function overdue(job: JobRecord, { program, now }: Situation): JobEvent[] {
  return openCallbacks(job, program).flatMap((open): JobEvent[] => {
    const { id: callbackId, step, decided, timeoutAt, heartbeatBy, remindAt } = open;
    if (decided) return [];
    const isPast = (moment: Millis | undefined) => moment !== undefined && moment <= now;
    if (isPast(timeoutAt)) return [{ kind: "callback.expired", step, callbackId, reason: "timeout" }];
    if (isPast(heartbeatBy)) return [{ kind: "callback.expired", step, callbackId, reason: "heartbeat" }];
    return isPast(remindAt) ? [{ kind: "callback.reminded", callbackId }] : [];
  });
}

/** The next moment at which something is due. A retry begins in another pass when there is no time left in this one. */
export function nextDue(job: JobRecord, program: Run, retries: boolean): Millis | undefined {
  const callbacks = openCallbacks(job, program).filter(({ decided }) => !decided);
  const operations = program
    .wanted()
    .filter(({ state }) => state === "waiting" || (retries && state === "retrying"));
  const moments = [
    ...operations.map(({ dueAt }) => dueAt),
    ...callbacks.flatMap(({ timeoutAt, heartbeatBy, remindAt }) => [timeoutAt, heartbeatBy, remindAt]),
  ];
  return earliest(moments);
}

function earliest(moments: (Millis | undefined)[]): Millis | undefined {
  const next = moments.reduce<Millis>((least, at) => Math.min(least, at ?? least), Number.POSITIVE_INFINITY);
  return next === Number.POSITIVE_INFINITY ? undefined : next;
}

/**
 * Whether an idle job lets its worker go, and until when.
 * @param intents - what will be on record by then.
 * @param held - steps that would begin if they were allowed to.
 */
function releaseOf(
  job: JobRecord,
  intents: JobEvent[],
  { program, settings, now, outOfTime }: Situation,
  held: Operation[] | undefined,
): Release | undefined {
  const after = folded(job, intents, now);
  const callbacks = openCallbacks(after, program);
  // To be given first.
  if (callbacks.some(({ decided }) => decided)) return undefined;
  const last = lastLook(after, settings, now);
  if (after.paused) return { kind: "job.released", reason: "paused", wakeAt: last };
  if (outOfTime && !held && startable(program, now).length > 0)
    return { kind: "job.released", reason: "out_of_time", wakeAt: now };
  const due = earliest([
    nextDue(after, program, !held),
    ...intents.map((event) => (event.kind === "wait.started" ? event.until : undefined)),
    // Children say when they have ended. What they say may get lost.
    callbacks.some(({ childJobId }) => childJobId) ? now + settings.sweepSeconds * 1000 : undefined,
  ]);
  if (due === undefined && callbacks.length === 0 && !held?.length) return undefined;
  if (due !== undefined && due - now <= settings.waitInPlaceMs && !outOfTime) return undefined;
  return { kind: "job.released", reason: "parked", wakeAt: Math.min(due ?? last, last) };
}
