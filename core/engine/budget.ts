import type { Settings } from "../config.ts";
import { type Entry, lastSeq } from "../protocol/event.ts";
import type { Failure, JobRecord } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";

/** Why no worker may begin another pass over the job. */
export function overBudget(
  job: JobRecord,
  entries: Entry[],
  settings: Settings,
  now: Millis,
): Failure | undefined {
  if (job.stalls >= settings.maxStalls) return workerDied(job, entries);
  if (job.hops >= settings.maxHops) return exceeded(`The job went through the queue ${job.hops} times`);
  if (now - beginning(job, now) > settings.maxAgeMs) {
    return exceeded(`The job is older than ${settings.maxAgeMs / 86_400_000} days`);
  }
  return tooManyEvents(job, settings);
}

/** A job does not grow old while it may not begin. */
function beginning({ startedAt, dependencies, createdAt, runAt = 0 }: JobRecord, now: Millis): Millis {
  return startedAt ?? (dependencies ? now : Math.max(createdAt, runAt));
}

/** Nobody saw it happen. What was under way each time is the best hint that there is. */
function workerDied({ stalls }: JobRecord, entries: Entry[]): Failure {
  const underWay = new Set<string>();
  for (const event of entries.flatMap(({ events }) => events)) {
    if (event.kind === "step.started") for (const { step } of event.steps) underWay.add(step);
    if (event.kind === "step.completed" || event.kind === "step.failed") underWay.delete(event.step);
  }
  const steps = [...underWay].slice(0, 20);
  const where = steps.length > 0 ? `in ${steps.map((step) => `"${step}"`).join(", ")}` : "outside of its steps";
  const message =
    `${stalls} workers in a row died over this job, or ran out of time, ${where}, before anything new was recorded. ` +
    "An endless loop does that, more memory than a worker has, process.exit, or a step that is longer than an invocation";
  return {
    code: "worker_died",
    message,
    ...(steps.length === 1 ? { step: steps[0]! } : {}),
    details: { workers: stalls, steps },
  };
}

/** Retries and waits are no steps, so a loop of them ends here. */
export function tooManyEvents(job: JobRecord, { maxEvents }: Settings): Failure | undefined {
  return job.seq < maxEvents
    ? undefined
    : exceeded(`The journal has ${job.seq} events, the limit is ${maxEvents}`);
}

export function tooManySteps(job: JobRecord, beginning: number, { maxSteps }: Settings): Failure | undefined {
  return job.steps + beginning <= maxSteps
    ? undefined
    : exceeded(`The job asked for more than ${maxSteps} steps`);
}

function exceeded(message: string): Failure {
  return { code: "budget_exceeded", message };
}

/**
 * Whether somebody should have been here long ago. A worker that died before its claim leaves no trace, so a pass that
 * comes this late claims first: deaths are counted then, whatever the job function does to its worker.
 */
export function isLate(job: JobRecord, entries: Entry[], settings: Settings, now: Millis): boolean {
  const last = entries.at(-1)!;
  const released = last.events.findLast((event) => event.kind === "job.released");
  const expectedAt = Math.max(released?.wakeAt ?? last.at, job.runAt ?? 0);
  // A queue behind a burst is no death: whoever died, its lease would have ended and two sweeps have passed.
  const longestMs = settings.leaseMs + 2 * settings.sweepSeconds * 1000;
  return lastSeq(last) === job.seq && now - expectedAt > longestMs;
}
