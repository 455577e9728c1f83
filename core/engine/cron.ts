import { Cron } from "croner";
import type { Millis } from "../protocol/json.ts";
import { iso } from "../protocol/wire.ts";
import type { Cadence } from "../schedules/schedule.ts";
import { invalid } from "./parse.ts";

/** The first moment after `after`, if there is one. */
export function nextMoment(cadence: Cadence, after: Millis): Millis | undefined {
  const next = nextRun(cadence, after);
  return next === undefined || next > (cadence.endAt ?? Number.POSITIVE_INFINITY) ? undefined : next;
}

function nextRun({ cron, timezone }: Cadence, after: Millis): Millis | undefined {
  return new Cron(cron, { timezone, mode: "5-or-6-parts" }).nextRun(new Date(after))?.getTime();
}

/**
 * Reads what a person wrote.
 * @returns the first moment.
 * @throws InvalidRequest that names the field when it means nothing, or never comes.
 */
export function firstMoment(cadence: Cadence, now: Millis): Millis {
  const { cron, timezone, endAt } = cadence;
  if (!isTimeZone(timezone))
    throw invalid("timezone", `"${timezone}" is no time zone; write one like Europe/Paris or UTC`);
  const fields = cron.trim().split(/\s+/);
  if (fields.length < 5 || fields.length > 6)
    throw invalid("cron", `A cron expression has 5 fields, or 6 with seconds first, not ${fields.length}`);
  // Croner's question mark is the moment at which the expression is read, and ours is read again for every moment.
  if (cron.includes("?")) throw invalid("cron", "Write * instead of ?");
  const first = understood(cadence, now);
  if (first === undefined) throw invalid("cron", `"${cron}" never comes: there is no such day`);
  if (endAt !== undefined && first > endAt)
    throw invalid("end_at", `The first moment would be ${iso(first)}, after the end`);
  return first;
}

/**
 * The moments after `now`, as a schedule would have them; fewer than `count` when no more come.
 * @throws InvalidRequest as `firstMoment` does.
 */
export function nextMoments(cadence: Cadence, now: Millis, count: number): Millis[] {
  const moments: Millis[] = [];
  let next: Millis | undefined = firstMoment(cadence, now);
  while (next !== undefined && moments.length < count) {
    moments.push(next);
    next = nextMoment(cadence, next);
  }
  return moments;
}

function understood(cadence: Cadence, now: Millis): Millis | undefined {
  try {
    return nextRun(cadence, now);
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^CronPattern: /, "") : "";
    throw invalid("cron", `"${cadence.cron}" is no cron expression: ${why}`);
  }
}

function isTimeZone(name: string): boolean {
  // Offsets like +02:00 are no place: they know no summer.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
