import type { Settings } from "../config.ts";
import { type Entry, isSignalEvent, type JobEvent } from "../protocol/event.ts";
import type { JobRecord } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";

export type Retention = Pick<Settings, "journalKeptSeconds" | "heldBackMs" | "maxAgeMs">;

/** More than sweeps and clocks can be late by. */
const marginMs = 86_400_000;

/**
 * HEAD decides whether there is a job. While it is alive it has no expiry; `journalKeptSeconds` after its end it has
 * expired, and nothing writes to it any more.
 */
export function headExpiry(
  { completedAt }: JobRecord,
  { journalKeptSeconds }: Retention,
): Millis | undefined {
  return completedAt === undefined ? undefined : completedAt + journalKeptSeconds * 1000;
}

/**
 * Entries are written once and outlive HEAD in any case, so that as long as there is a job its journal is whole: a job
 * ends at most `maxAgeMs` after its beginning, and begins at most `heldBackMs` after an entry that may have been written
 * before that.
 */
export function entryExpiry({ at, events }: Entry, kept: Retention): Millis {
  const isEarly = events.every(isSignalEvent) || events.some(mayBeHeldBack);
  return at + (isEarly ? longestJournalMs(kept) : longestJournalMs({ ...kept, heldBackMs: 0 }));
}

function mayBeHeldBack(event: JobEvent): boolean {
  return event.kind === "job.submitted" && (event.runAt !== undefined || event.dependencies !== undefined);
}

/** From the first entry of a job until nothing refers to its payloads any more. */
export function longestJournalMs({ journalKeptSeconds, heldBackMs, maxAgeMs }: Retention): Millis {
  return heldBackMs + maxAgeMs + journalKeptSeconds * 1000 + marginMs;
}

/** The table deletes an item within days after its `ttl`. Until then it is there and counts as gone. */
export function hasExpired(item: object, now: Millis): boolean {
  const ttl = "ttl" in item ? item.ttl : undefined;
  return ttl !== undefined && Number(ttl) * 1000 <= now;
}
