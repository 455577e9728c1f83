import { expect } from "vitest";
import type { Convoke, EventView, JobView } from "../../client/index.ts";
import { apply } from "../../core/protocol/event.ts";
import { isTerminal, type JobRecord } from "../../core/protocol/job.ts";
import { fromWire, jobView } from "../../core/protocol/wire.ts";

/** All events of a job, read over HTTP. */
export async function journalOf(client: Convoke, jobId: string): Promise<EventView[]> {
  const events: EventView[] = [];
  for (;;) {
    const page = await client.events(jobId, { after: events.length, limit: 250 });
    events.push(...page.events);
    if (page.events.length === 0 || events.length >= page.head) return events;
  }
}

export async function collect<T>(feed: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of feed) all.push(one);
  return all;
}

const ends = ["job.completed", "job.failed", "job.cancelled"];

/** What holds for every journal of a job that has ended, whatever has happened to it (I1, I2, I5, I14). */
export function expectWellFormed(events: EventView[]): void {
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(events.map(({ kind }) => ends.includes(kind))).toEqual(
    events.map((_, index) => index === events.length - 1),
  );
  const begun = new Map<string, number>();
  const completed = new Set<string>();
  for (const event of events) {
    for (const { step, attempt } of startsIn(event)) {
      expect(completed, `${step} starts after it has completed`).not.toContain(step);
      expect(attempt, `attempt of ${step}`).toBe((begun.get(step) ?? 0) + 1);
      begun.set(step, attempt);
    }
    if (event.kind !== "step.completed") continue;
    const step = String(event.step);
    expect(completed, `${step} completes twice`).not.toContain(step);
    expect(begun.get(step), `the intent before the outcome of ${step}`).toBe(event.attempt);
    completed.add(step);
  }
}

/** The stored record of a job that has ended is what its events make of it (I15). */
export function expectFolded(job: JobView, events: EventView[]): void {
  const key = { tenant: "", jobId: job.id };
  const folded = events
    .map(fromWire)
    .reduce<JobRecord | undefined>((so, event) => apply(so, key, event), undefined);
  const { result_ref: _ref, ...stored } = job;
  expect(stored).toEqual(jobView(folded!, { input: job.input_data, result: job.result_data }));
}

/** The steps that begin with an event. */
export function startsIn(event: EventView): { step: string; attempt: number }[] {
  return event.kind === "step.started" ? (event.steps as { step: string; attempt: number }[]) : [];
}

/** The number of the first event of every entry: what was committed together has one moment. */
export function entryStarts(events: EventView[]): number[] {
  return events.filter((event, index) => event.at !== events[index - 1]?.at).map(({ seq }) => seq);
}

type Row = { model: string; presented: string[]; label_to_model: Record<string, string> };

/**
 * A council's journal without what differs between two jobs: moments, ids, and the order of ballots, which follows from
 * the job's id.
 */
export function comparable(events: EventView[]): unknown[] {
  const result = events.at(-1)?.result as { stage2: Row[] } | undefined;
  return events.map(({ at: _at, ...event }) => {
    const ranker = /^stage2\/(.*)$/.exec(String(event.step))?.[1];
    const row = result?.stage2.find(({ model }) => model === ranker);
    if (row && event.result) return { ...event, result: inCommonLabels(event.result, row.presented) };
    return event.kind === "job.completed" ? { ...event, result: comparableResult(event.result) } : event;
  });
}

/** A council's result without the order in which its ballots were shown. */
export function comparableResult(result: unknown): unknown {
  const { stage2, ...rest } = result as { stage2: Row[] };
  return { ...rest, stage2: stage2.map((row) => ({ ...row, presented: row.presented.toSorted() })) };
}

function inCommonLabels(result: unknown, presented: string[]): unknown {
  const common = JSON.stringify(result).replace(
    /Response ([A-Z])/g,
    (_, letter: string) => presented[letter.charCodeAt(0) - 65]!,
  );
  return JSON.parse(common);
}

/** Waits for a job's end by asking, without a socket. */
export async function ended(client: Convoke, jobId: string, withinMs = 30_000) {
  const until = Date.now() + withinMs;
  for (;;) {
    const job = await client.get(jobId);
    if (isTerminal(job.status)) return job;
    if (Date.now() > until) throw new Error(`Job ${jobId} is still ${job.status} after ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
