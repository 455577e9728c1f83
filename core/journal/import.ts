import { store } from "../payloads/payloads.ts";
import { Conflict, InvalidRequest } from "../protocol/error.ts";
import { applyEntry, type Entry, lastSeq, valueIn, withValue } from "../protocol/event.ts";
import { isTerminal, type JobRecord } from "../protocol/job.ts";
import type { Services } from "../services.ts";
import { headExpiry } from "./retention.ts";

type ImportServices = Pick<Services, "journal" | "payloads" | "settings" | "now" | "newId">;

/**
 * Writes a journal that was exported elsewhere, as a job of this tenant under its own id. A job that has not ended is
 * paused here: nothing is done for it, and nothing outside of it, unless somebody resumes it.
 * @throws Conflict when there is a job of this id, InvalidRequest when these entries are no whole journal or have expired.
 */
export async function importJournal(
  services: ImportServices,
  entries: Entry[],
  tenant: string,
): Promise<JobRecord> {
  const { journal, settings, now } = services;
  const moved = await Promise.all(entries.map((entry) => movedTo(services, entry, tenant)));
  const [first, ...others] = paused(services, moved);
  const key = { tenant, jobId: first!.jobId };
  const head = [first!, ...others].reduce<JobRecord | undefined>(applyEntry, undefined)!;
  const expiresAt = headExpiry(head, settings);
  if (expiresAt !== undefined && expiresAt <= now()) {
    throw new InvalidRequest(
      `Job ${key.jobId} ended so long ago that it would be gone at once. Replay its file`,
    );
  }
  if (await journal.head(key)) throw new Conflict(`There is a job ${key.jobId} here already`);
  // HEAD comes last: until then there is no job, and an import that was cut off may be done again.
  for (const entry of others) {
    const written = await journal.append(entry);
    if (written.end === "taken" && written.entry.token !== entry.token && written.entry.by !== importer)
      throw new Conflict(`Job ${key.jobId} has another entry ${entry.seq} here`);
  }
  await journal.create({ entry: first!, head });
  return head;
}

const importer = "import";

/** Values that are too large for the journal move to the payload store of this place. */
async function movedTo({ payloads, settings }: ImportServices, entry: Entry, tenant: string): Promise<Entry> {
  const key = { tenant, jobId: entry.jobId };
  const events = await Promise.all(
    entry.events.map(async (event) => {
      const value = valueIn(event);
      if (!value) return event;
      if ("json" in value) return withValue(event, await store(payloads, key, value.json, settings));
      throw new InvalidRequest(`Entry ${entry.seq} lacks a value. Take the journal from: convoke export`);
    }),
  );
  return { ...entry, ...key, events };
}

function paused({ newId, now }: ImportServices, entries: Entry[]): Entry[] {
  const last = entries.at(-1)!;
  const isWhole = entries.every(
    ({ seq }, index) => seq === (index === 0 ? 1 : lastSeq(entries[index - 1]!) + 1),
  );
  if (!isWhole) throw new InvalidRequest(`The journal of job ${last.jobId} has gaps`);
  const job = entries.reduce<JobRecord | undefined>(applyEntry, undefined)!;
  if (isTerminal(job.status) || job.paused) return entries;
  const { tenant, jobId } = last;
  const reason = "Imported from elsewhere";
  return [
    ...entries,
    {
      ...{ tenant, jobId },
      seq: lastSeq(last) + 1,
      at: now(),
      by: importer,
      token: newId(),
      events: [{ kind: "job.paused", by: importer, reason }],
    },
  ];
}
