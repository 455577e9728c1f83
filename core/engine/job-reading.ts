import { load } from "../payloads/payloads.ts";
import { applyEntry, type Entry, type JobEvent, lastSeq, recorded, valueIn } from "../protocol/event.ts";
import { isTerminal, type JobKey, type JobRecord, type PayloadRef, type Stored } from "../protocol/job.ts";
import type { Json, Millis } from "../protocol/json.ts";
import { type EventView, type JobSummary, type JobView, jobView, toWire } from "../protocol/wire.ts";
import type { Services } from "../services.ts";
import { lookUntil } from "./look-until.ts";

/** HEAD is a little behind while a job runs; the entries after it make the difference. */
function upToDate(head: JobRecord, entries: Entry[]): JobRecord {
  return entries.filter((entry) => entry.seq > head.seq).reduce<JobRecord>(applyEntry, head);
}

/** The job as its journal has it at this moment. Only a worker writes entries without HEAD, and its claim says that it runs. */
export async function currentJob(
  { journal }: Pick<Services, "journal">,
  key: JobKey,
): Promise<JobRecord | undefined> {
  const head = await journal.head(key);
  if (head?.status !== "running") return head;
  const reading = await journal.read(key, head.seq);
  return upToDate(reading.head ?? head, reading.entries);
}

function eventAt(entries: Entry[], seq: number): JobEvent | undefined {
  return entries.flatMap(recorded).find((event) => event.seq === seq);
}

/** The job with its input and result. Two round trips: what is known at once, then what HEAD points to. */
export async function readJob(
  services: Pick<Services, "journal" | "payloads" | "settings">,
  key: JobKey,
): Promise<JobView | undefined> {
  const { journal } = services;
  const [head, beginning] = await Promise.all([journal.head(key), journal.read(key, 0, 1)]);
  const submitted = eventAt(beginning.entries, 1);
  if (!head || submitted?.kind !== "job.submitted") return undefined;

  const ended = isTerminal(head.status);
  const rest =
    ended && head.resultSeq === undefined
      ? { entries: [] }
      : await journal.read(key, ended ? head.resultSeq! - 1 : head.seq, ended ? 1 : undefined);
  const job = upToDate(head, rest.entries);
  const completed = job.resultSeq === undefined ? undefined : eventAt(rest.entries, job.resultSeq);
  const value = completed && valueIn(completed);
  // The result comes first where the answer has no room for both.
  const result = await fitting(services, value ?? { json: null }, services.settings.answerBytes);
  const input = await fitting(services, submitted.input, services.settings.answerBytes - result.bytes);
  return jobView(job, {
    input: input.value,
    inputRef: input.ref,
    result: result.value,
    resultRef: result.ref,
  });
}

/** A value in so many bytes, or where it is. */
async function fitting(
  { payloads }: Pick<Services, "payloads">,
  stored: Stored,
  mostBytes: number,
): Promise<{ value: Json; ref?: PayloadRef; bytes: number }> {
  if ("json" in stored) return { value: stored.json, bytes: 0 };
  if (stored.ref.bytes > mostBytes) return { value: null, ref: stored.ref, bytes: 0 };
  return { value: await load(payloads, stored), bytes: stored.ref.bytes };
}

/**
 * The value of one event: an input, what a step gave, a result.
 * @returns undefined when there is no such job or event, or the event has no value.
 */
export async function readValue(
  { journal }: Pick<Services, "journal">,
  key: JobKey,
  seq: number,
): Promise<Stored | undefined> {
  const [head, reading] = await Promise.all([journal.head(key), journal.read(key, seq - 1, 1)]);
  const event = head && eventAt(reading.entries, seq);
  return event && valueIn(event);
}

export type EntriesView = {
  entries: Entry[];
  /** After which event to read on. */
  next: number | undefined;
};

/** A job's journal as it is stored, a page of it. @returns undefined when there is no such job. */
export async function readEntries(
  { journal }: Pick<Services, "journal">,
  key: JobKey,
  { after, limit, mostBytes }: { after: number; limit: number; mostBytes: number },
): Promise<EntriesView | undefined> {
  const reading = await journal.read(key, after, limit);
  const head = reading.head ?? (await journal.head(key));
  if (!head) return undefined;
  let bytes = 0;
  const tooMany = reading.entries.findIndex((entry, index) => {
    bytes += Buffer.byteLength(JSON.stringify(entry));
    return index > 0 && bytes > mostBytes;
  });
  const entries = tooMany === -1 ? reading.entries : reading.entries.slice(0, tooMany);
  const last = entries.at(-1);
  return { entries, next: last && (reading.more || tooMany !== -1) ? lastSeq(last) : undefined };
}

export function jobSummary(job: JobRecord): JobSummary {
  const {
    input_data: _input,
    result_data: _result,
    eta: _eta,
    ...summary
  } = jobView(job, { input: null, result: null });
  return summary;
}

export type EventsView = {
  events: EventView[];
  /** The last event that the journal holds. */
  head: number;
  /** The job has ended and nothing comes after these events. */
  done: boolean;
};

/**
 * What happened after event `after`.
 * @param waitMs - how long to wait for something newer before the answer is empty.
 */
export async function readEvents(
  services: Pick<Services, "journal" | "sleep">,
  key: JobKey,
  { after, limit, waitMs }: { after: number; limit: number; waitMs: Millis },
): Promise<EventsView | undefined> {
  const look = () => eventsAfter(services, key, after, limit);
  return lookUntil(services, waitMs, look, (view) => !view || view.events.length > 0 || view.done);
}

async function eventsAfter(
  { journal }: Pick<Services, "journal">,
  key: JobKey,
  after: number,
  limit: number,
): Promise<EventsView | undefined> {
  const reading = await journal.read(key, after, limit);
  const head = reading.head ?? (await journal.head(key));
  if (!head) return undefined;
  const newer = reading.entries.flatMap(recorded).filter((event) => event.seq > after);
  const events = newer.slice(0, limit);
  const last = reading.entries.at(-1);
  const journalHead = Math.max(head.seq, last ? lastSeq(last) : 0);
  const ended = isTerminal(upToDate(head, reading.more ? [] : reading.entries).status);
  return {
    events: events.map(toWire),
    head: journalHead,
    done: ended && (events.at(-1)?.seq ?? Math.max(after, journalHead)) >= journalHead,
  };
}
