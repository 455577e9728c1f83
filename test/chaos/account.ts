import { percentile } from "../../bench/support/figures.ts";
import { isTerminalEvent, type Recorded } from "../../core/protocol/event.ts";
import type { Millis } from "../../core/protocol/json.ts";

/** A line that a call has left behind, before it or after it. */
export type Effect = {
  at: Millis;
  pid: number;
  jobId: string;
  step: string;
  attempt: number;
  what: "begun" | "done";
};

/** What was done to the system, and to whom. */
export type Blow = {
  at: Millis;
  kind: "kill" | "stop";
  /** `runner` and `dynoxide` touch every job, a sandbox only those that it works on. */
  target: string;
  pid: number;
};

/** A job as its client knows it. */
export type Known = {
  jobId: string;
  /** Every event, read when all was over. */
  events: Recorded[];
  /** The numbers of the events that each watcher was given. */
  watched: number[][];
  /** The answer to a cancel: accepted, or refused because the job had ended. */
  cancel?: "accepted" | "refused";
  wanted: unknown;
};

export type Account = {
  violations: string[];
  jobs: Record<string, number>;
  steps: number;
  /** Attempts that began again although the one before had no recorded failure. */
  repeated: number;
  /** Those of them that nobody had touched. */
  repeatedUntouched: number;
  recoveries: Recovery[];
  recoveryP99: Millis;
};

/** From a blow to the next event of a job that it touched. */
export type Recovery = { jobId: string; seq: number; blow: Blow; ms: Millis };

/** Holds what was promised against what has happened. */
export function account(known: Known[], effects: Effect[], blows: Blow[]): Account {
  const violations = known.flatMap((job) => violationsOf(job));
  const journals = new Map(known.map((job) => [job.jobId, job.events]));
  for (const { jobId } of effects)
    if (!journals.has(jobId)) violations.push(`Job ${jobId} has worked and is nobody's`);

  const begun = Map.groupBy(
    effects.filter(({ what }) => what === "begun"),
    ({ jobId, step }) => `${jobId} ${step}`,
  );
  let repeated = 0;
  let repeatedUntouched = 0;
  for (const attempts of begun.values()) {
    attempts.sort((a, b) => a.attempt - b.attempt);
    const { jobId, step } = attempts[0]!;
    const events = journals.get(jobId) ?? [];
    for (const [index, { attempt, at, pid }] of attempts.entries()) {
      violations.push(...attemptViolations(jobId, step, attempt, events));
      const next = attempts[index + 1];
      if (next?.attempt === attempt) violations.push(`I14 ${jobId}: ${step}@${attempt} began twice`);
      if (!next || events.some((event) => isOutcome(event, step, attempt))) continue;
      repeated += 1;
      const touched = blows.some((blow) => blow.at >= at && blow.at <= next.at && touches(blow, pid));
      if (!touched) repeatedUntouched += 1;
    }
  }

  const effectsOf = Map.groupBy(effects, ({ jobId }) => jobId);
  const recoveries = known.flatMap((job) => recoveriesOf(job, effectsOf.get(job.jobId) ?? [], blows));
  return {
    violations,
    jobs: Object.fromEntries(
      [...Map.groupBy(known, ({ events }) => events.at(-1)?.kind ?? "nothing")].map(([kind, jobs]) => [
        kind,
        jobs.length,
      ]),
    ),
    steps: begun.size,
    repeated,
    repeatedUntouched,
    recoveries,
    recoveryP99: percentile([0, ...recoveries.map(({ ms }) => ms)], 0.99),
  };
}

function violationsOf({ jobId, events, watched, cancel, wanted }: Known): string[] {
  const found: string[] = [];
  const violated = (what: string) => found.push(`${what} (job ${jobId})`);
  if (events.length === 0) violated("An acknowledged job is lost");
  if (events.some(({ seq }, index) => seq !== index + 1)) violated("I1 events are not 1..n");
  const ends = events.filter(isTerminalEvent);
  const end = events.at(-1);
  if (ends.length !== 1 || !end || !isTerminalEvent(end)) violated(`I5 ${ends.length} terminal events`);
  const completed = new Set<string>();
  const started = new Set<string>();
  for (const event of events) {
    if (event.kind === "step.started") {
      for (const { step, attempt } of event.steps) {
        if (completed.has(step)) violated(`I2 ${step} begins after it has completed`);
        if (started.has(`${step}@${attempt}`)) violated(`I14 ${step}@${attempt} is intended twice`);
        started.add(`${step}@${attempt}`);
      }
    }
    if (event.kind === "step.completed") {
      if (completed.has(event.step)) violated(`I2 ${event.step} completes twice`);
      if (!started.has(`${event.step}@${event.attempt}`)) violated(`I14 ${event.step} without its intent`);
      completed.add(event.step);
    }
  }
  for (const seqs of watched) {
    if (String(seqs) !== String(events.map(({ seq }) => seq))) violated(`I3 a watcher was given ${seqs}`);
  }
  if (cancel === "accepted" && end?.kind !== "job.cancelled") violated(`I8 cancelled, ended as ${end?.kind}`);
  if (end?.kind === "job.failed") violated(`It failed: ${end.failure.message}`);
  if (end?.kind === "job.cancelled" && cancel !== "accepted") violated("Nobody has cancelled it");
  if (end?.kind === "job.completed") {
    const result = "json" in end.result ? end.result.json : undefined;
    if (JSON.stringify(result) !== JSON.stringify(wanted))
      violated(`Its result is ${JSON.stringify(result)}`);
  }
  return found;
}

/** I14: whatever has begun was intended. That the intent came first, the order of the journal's own events says. */
function attemptViolations(jobId: string, step: string, attempt: number, events: Recorded[]): string[] {
  const intended = events.some(
    (event) =>
      event.kind === "step.started" &&
      event.steps.some((one) => one.step === step && one.attempt === attempt),
  );
  return intended ? [] : [`I14 ${step}@${attempt} began without its intent (job ${jobId})`];
}

function isOutcome(event: Recorded, step: string, attempt: number): boolean {
  const isEnd = event.kind === "step.completed" || event.kind === "step.failed";
  return isEnd && event.step === step && event.attempt === attempt;
}

function touches({ target, pid }: Blow, worker: number | undefined): boolean {
  return target === "runner" || target === "dynoxide" || pid === worker;
}

/**
 * From each blow to the next event of a job that it touched: one that was alive and on its way, in the hands of the
 * process that was hit or of a process that needs the one that was hit. Of several blows before an event the first
 * counts. A job that sleeps is missed from the moment at which it was to be woken.
 */
function recoveriesOf({ jobId, events }: Known, effects: Effect[], blows: Blow[]): Recovery[] {
  // A cancel is written beside the worker, and tells nothing of it.
  const own = events.filter(({ kind }) => kind !== "job.cancel_requested");
  const found = new Map<number, Recovery>();
  for (const blow of blows) {
    const last = own.findLast(({ at }) => at <= blow.at);
    const next = own.find(({ at }) => at > blow.at);
    if (!last || !next) continue;
    const released = last.kind === "job.released" ? last.wakeAt : undefined;
    const worker = released === undefined ? effects.findLast(({ at }) => at <= blow.at)?.pid : undefined;
    if (!touches(blow, worker)) continue;
    const ms = Math.max(0, next.at - Math.max(blow.at, released ?? 0));
    if (!found.has(next.seq)) found.set(next.seq, { jobId, seq: next.seq, blow, ms });
  }
  return [...found.values()];
}
