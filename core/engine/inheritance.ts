import { type Entry, type JobEvent, type Recorded, recorded } from "../protocol/event.ts";
import type { Failure } from "../protocol/job.ts";

/**
 * What a fork takes over: outcomes that are final and that its predecessor was given, in their order. What was committed
 * together stays together, so that they are given as they were. An entry without any is left out.
 * @param upTo - the last event that is looked at.
 * @param again - steps whose outcome is not taken over: they are to be tried again.
 */
export function inheritable(
  entries: Entry[],
  upTo: number,
  again: ReadonlySet<string> = new Set(),
): JobEvent[][] {
  const prefix = entries.map((entry) => recorded(entry).filter(({ seq }) => seq <= upTo));
  // A callback is one that had been decided and given; one that is open belongs to the job that asked.
  const given = new Set(prefix.flat().flatMap((event) => (event.kind === "wait.ended" ? [event.step] : [])));
  return prefix
    .map((events) => events.filter((event) => isFinal(event, given) && !again.has(event.step)).map(inherited))
    .filter((events) => events.length > 0);
}

type Outcome = Recorded & { step: string };

function isFinal(event: Recorded, given: ReadonlySet<string>): event is Outcome {
  switch (event.kind) {
    case "step.completed":
    case "wait.ended":
      return true;
    case "step.failed":
      return event.retryAt === undefined;
    case "callback.created":
    case "callback.completed":
    case "callback.expired":
      return given.has(event.step);
    default:
      return false;
  }
}

function inherited({ seq: _seq, at: _at, ...event }: Recorded): JobEvent {
  return { ...event, inherited: true } as JobEvent;
}

/**
 * The steps that a retry of a failed job tries again: the one that its failure names, and those that failed after the
 * job had asked for anything new, so that it cannot have gone on from their failure. A failure that the job has lived
 * with is part of its way; where no other is left, all are tried again. A cancelled job has no failure of its own.
 */
export function failedSteps(entries: Entry[], failure: Failure | undefined): Set<string> {
  const events = entries.flatMap(recorded);
  const failures = events.filter(hasFailed);
  const lastNew = events.findLast(asksForNew)?.seq ?? 0;
  const ending = failures.filter(({ step, seq }) => step === failure?.step || seq > lastNew);
  return new Set((ending.length > 0 || !failure ? ending : failures).map(({ step }) => step));
}

function hasFailed(event: Recorded): event is Outcome {
  switch (event.kind) {
    case "step.failed":
      return event.retryAt === undefined;
    case "callback.completed":
      return event.failure !== undefined;
    case "callback.expired":
      return true;
    default:
      return false;
  }
}

function asksForNew(event: Recorded): boolean {
  if (event.kind === "step.started") return event.steps.some(({ attempt }) => attempt === 1);
  return event.kind === "wait.started" || event.kind === "callback.created";
}
