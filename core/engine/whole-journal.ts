import type { Reading } from "../journal/journal.ts";
import { type Entry, lastSeq } from "../protocol/event.ts";
import type { JobKey } from "../protocol/job.ts";
import type { Services } from "../services.ts";

/** A job's journal, page by page, up to the entry that holds event `upTo`. HEAD is there when it was read to its end. */
export async function wholeJournal(
  { journal }: Pick<Services, "journal">,
  key: JobKey,
  upTo = Number.POSITIVE_INFINITY,
): Promise<Reading> {
  const entries: Entry[] = [];
  for (;;) {
    const last = entries.at(-1);
    const reading = await journal.read(key, last ? lastSeq(last) : 0);
    entries.push(...reading.entries);
    const end = entries.at(-1);
    if (!reading.more || (end && lastSeq(end) >= upTo)) return { ...reading, entries };
  }
}
