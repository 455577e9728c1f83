import type { Settings } from "../config.ts";
import type { JobRecord } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";
import { invalid } from "./parse.ts";

/** When a job may begin, as a caller says it: as moments, or from now on. */
export type Timing = {
  runAt?: Millis;
  delaySeconds?: number;
  startBy?: Millis;
  startWithinSeconds?: number;
};

/** So much may the caller's clock be behind ours. A moment that has passed by less means now. */
const toleranceMs = 60_000;

/**
 * Reads a timing at the moment of the submit.
 * @throws InvalidRequest that names the field: a moment in the past, one that is too far, two ways of saying the same,
 * or a job that would be given up before it may begin.
 */
export function moments(
  { runAt, delaySeconds, startBy, startWithinSeconds }: Timing,
  now: Millis,
  settings: Pick<Settings, "heldBackMs">,
): { runAt?: Millis; startBy?: Millis } {
  if (runAt !== undefined && delaySeconds !== undefined)
    throw invalid("delay_seconds", "A job has either run_at or delay_seconds");
  if (startBy !== undefined && startWithinSeconds !== undefined)
    throw invalid("start_within_seconds", "A job has either start_by or start_within_seconds");
  if (runAt !== undefined && runAt < now - toleranceMs)
    throw invalid("run_at", `${new Date(runAt).toISOString()} has passed`);
  const begin = delaySeconds === undefined ? runAt : now + delaySeconds * 1000;
  const latest = now + settings.heldBackMs;
  if (begin !== undefined && begin > latest) {
    const field = delaySeconds === undefined ? "run_at" : "delay_seconds";
    throw invalid(field, `A job may begin at most ${days(latest - now)} days after its submit`);
  }
  const end = startWithinSeconds === undefined ? startBy : now + startWithinSeconds * 1000;
  if (end !== undefined && end <= Math.max(now, begin ?? now)) {
    const field = startWithinSeconds === undefined ? "start_by" : "start_within_seconds";
    throw invalid(field, "The job could not begin before this");
  }
  return {
    ...(begin === undefined ? {} : { runAt: begin }),
    ...(end === undefined ? {} : { startBy: end }),
  };
}

function days(millis: Millis): number {
  return Math.floor(millis / 86_400_000);
}

/** Whether it is too late for a job that has not begun. */
export function hasExpired({ startBy, hops }: JobRecord, now: Millis): boolean {
  return startBy !== undefined && hops === 0 && now > startBy;
}

/** When the sweeper looks at a job that has not begun: the moment at which it would be too late is one to look at. */
export function lookAt({ startBy }: Pick<JobRecord, "startBy">, next: Millis): Millis {
  return startBy === undefined ? next : Math.min(next, startBy + 1);
}
