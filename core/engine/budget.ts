import type { Settings } from "../config.ts";
import { type Entry, lastSeq } from "../protocol/event.ts";
import type { BudgetLimit, Failure, JobRecord } from "../protocol/job.ts";
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
  if (now >= oldAt(job, settings, now)) {
    return exceeded(`The job is older than ${settings.maxAgeMs / 86_400_000} days`);
  }
  return tooManyEvents(job, settings) ?? overOwnPasses(job, now);
}

/** A job does not grow old while it may not begin. */
function beginning({ startedAt, dependencies, createdAt, runAt = 0 }: JobRecord, now: Millis): Millis {
  return startedAt ?? (dependencies ? now : Math.max(createdAt, runAt));
}

/** When the job will have become too old, whatever it waits for. Its journal would not be whole for ever. */
function oldAt(
  job: JobRecord,
  { maxAgeMs, heldBackMs }: Pick<Settings, "maxAgeMs" | "heldBackMs">,
  now: Millis,
): Millis {
  const latest = job.startedAt ?? job.createdAt + heldBackMs;
  return Math.min(beginning(job, now), latest) + maxAgeMs + 1;
}

/** A pass is what costs hops and time. What it costs beyond that is seen when a step begins. */
function overOwnPasses(job: JobRecord, now: Millis): Failure | undefined {
  const over = overOwnBudget({ ...job, hops: job.hops + 1 }, 0, now);
  return over?.limit === "max_hops" || over?.limit === "max_age_seconds" ? stoppedBy(job, over) : undefined;
}

/** When somebody must look at a job that waits for nothing else. */
export function lastLook(job: JobRecord, settings: Settings, now: Millis): Millis {
  const { max_age_seconds: age, on_exceeded: then = "stop" } = job.budget ?? {};
  const own =
    age === undefined || then !== "stop" ? Number.POSITIVE_INFINITY : beginning(job, now) + age * 1000 + 1;
  return Math.min(oldAt(job, settings, now), own);
}

export type Exceeded = { limit: BudgetLimit; message: string };

/**
 * The limit of its own budget that the job has reached. Dollars are not counted where a price is not known.
 * @param steps - that are about to begin for the first time.
 */
export function overOwnBudget(job: JobRecord, steps: number, now: Millis): Exceeded | undefined {
  const { budget = {}, usage, hops } = job;
  const tokens = usage.input_tokens + usage.output_tokens;
  const seconds = (now - beginning(job, now)) / 1000;
  const used: [BudgetLimit, boolean, string][] = [
    ["max_steps", job.steps + steps > (budget.max_steps ?? Infinity), `${job.steps + steps} steps`],
    ["max_hops", hops > (budget.max_hops ?? Infinity), `${hops} passes through the queue`],
    ["max_age_seconds", seconds > (budget.max_age_seconds ?? Infinity), `${Math.floor(seconds)} seconds`],
    ["max_tokens", tokens >= (budget.max_tokens ?? Infinity), `${tokens} tokens`],
    ["max_cost_usd", (usage.cost_usd ?? 0) >= (budget.max_cost_usd ?? Infinity), `$${usage.cost_usd}`],
  ];
  const over = used.find(([, isOver]) => isOver);
  if (!over) return undefined;
  const [limit, , amount] = over;
  return { limit, message: `The job's budget allows ${limit} ${budget[limit]}; it has come to ${amount}` };
}

/** Where the budget says that this ends the job. */
export function stoppedBy(job: JobRecord, over: Exceeded | undefined): Failure | undefined {
  return over && (job.budget?.on_exceeded ?? "stop") === "stop"
    ? { ...exceeded(over.message), details: { limit: over.limit } }
    : undefined;
}

/** Nobody saw it happen. What was under way each time is the best hint that there is. */
function workerDied({ stalls }: JobRecord, entries: Entry[]): Failure {
  const underWay = new Set<string>();
  for (const event of entries.flatMap(({ events }) => events)) {
    if (event.kind === "step.started") for (const { step } of event.steps) underWay.add(step);
    if (event.kind === "step.completed" || event.kind === "step.failed") underWay.delete(event.step);
  }
  const steps = [...underWay].slice(0, 20);
  const where =
    steps.length > 0 ? `in ${steps.map((step) => `"${step}"`).join(", ")}` : "outside of its steps";
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
  // A sign of life moves the moment at which one is missed, and who waits for a child looks at it without a trace.
  const spoken = entries.findLast(({ events }) => events.some(({ kind }) => kind !== "callback.heartbeat"))!;
  const released = spoken.events.findLast((event) => event.kind === "job.released");
  const heardBy = (job.callbacks ?? []).map(({ childJobId, decided, heartbeatBy = 0 }) =>
    childJobId !== undefined && !decided ? Number.POSITIVE_INFINITY : heartbeatBy,
  );
  const expectedAt = Math.max(released?.wakeAt ?? spoken.at, job.runAt ?? 0, ...heardBy);
  // A queue behind a burst is no death: whoever died, its lease would have ended and two sweeps have passed.
  const longestMs = settings.leaseMs + 2 * settings.sweepSeconds * 1000;
  return lastSeq(last) === job.seq && now - expectedAt > longestMs;
}
