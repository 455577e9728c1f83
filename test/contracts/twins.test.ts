import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tableServices } from "../../core/aws-services.ts";
import { settings } from "../../core/config.ts";
import type { Journal } from "../../core/journal/journal.ts";
import { memoryServices } from "../../core/memory.ts";
import type { Entry, JobEvent } from "../../core/protocol/event.ts";
import { type JobRecord, jobStatuses } from "../../core/protocol/job.ts";
import { sleep } from "../../core/sleep.ts";
import { type Engines, startEngines, tableName } from "../support/engines.ts";
import { headAfter, submitted } from "../support/entries.ts";

let engines: Engines;
beforeAll(async () => {
  engines = await startEngines();
});
afterAll(() => engines.stop());

const now = () => 1_000;
const begun: JobEvent = { kind: "job.claimed", by: "w" };

/** What one caller may ask of a journal. Small numbers, so that the callers get into each other's way. */
const job = fc.integer({ min: 1, max: 2 });
const small = fc.integer({ min: 1, max: 6 });
const worker = fc.constantFrom("a", "b");
const question = fc.oneof(
  fc.record({ ask: fc.constant("create" as const), job, key: fc.option(small, { nil: undefined }) }),
  fc.record({
    ask: fc.constant("append" as const),
    job,
    seq: small,
    events: fc.integer({ min: 1, max: 3 }),
    head: fc.boolean(),
    by: worker,
  }),
  fc.record({
    ask: fc.constant("read" as const),
    job,
    after: fc.nat(8),
    limit: fc.option(small, { nil: undefined }),
  }),
  fc.record({ ask: fc.constant("renew" as const), job, seq: small, by: worker, due: small }),
  fc.record({ ask: fc.constant("postpone" as const), job, due: small, to: small }),
  fc.record({
    ask: fc.constant("list" as const),
    job,
    limit: small,
    status: fc.option(fc.constantFrom(...jobStatuses), { nil: undefined }),
  }),
);
type Question = typeof question extends fc.Arbitrary<infer Q> ? Q : never;

/** Asks in the name of a tenant that nobody else uses. */
async function answers(journal: Journal, tenant: string, questions: Question[]): Promise<string[]> {
  const given: unknown[] = [];
  for (const [turn, asked] of questions.entries()) given.push(await answer(journal, asked, turn));
  return given.map((each) => JSON.stringify(sorted(each)));

  async function answer(asking: Journal, asked: Question, turn: number): Promise<unknown> {
    const job = { tenant, jobId: `j${asked.job}` };
    const entry = (seq: number, events: JobEvent[]): Entry => ({
      ...job,
      seq,
      at: asked.job,
      by: "t",
      token: `${turn}`,
      events,
    });
    const first = entry(1, [submitted]);
    const head = { ...headAfter([first]), lease: { by: "a", until: 9 }, due: asked.job };
    switch (asked.ask) {
      case "create":
        return asking
          .create({
            entry: first,
            head,
            ...(asked.key
              ? { idempotency: { key: `k${asked.key}`, fingerprint: `f${turn}`, expiresAt: 2_000 } }
              : {}),
          })
          .catch((error: Error) => error.name);
      case "append": {
        // The engine never leaves a gap; nor does this.
        const { entries } = await asking.read(job, 0);
        const last = entries.at(-1);
        const free = last ? last.seq + last.events.length : 1;
        const taken = entries.find(({ seq }) => seq === asked.seq);
        if (!last) return "no job";
        const next = entry(taken ? taken.seq : free, Array<JobEvent>(asked.events).fill(begun));
        const along = asked.head
          ? {
              head: {
                ...headAfter([...entries, { ...next, seq: free }]),
                lease: { by: asked.by, until: 9 },
                due: 3,
              },
            }
          : undefined;
        return asking.append(next, along);
      }
      case "read":
        return asking.read(job, asked.after, asked.limit);
      case "renew": {
        // A HEAD is never newer than its journal.
        const known = (await asking.read(job, 0)).entries.filter(({ seq }) => seq <= asked.seq);
        if (known.length === 0) return "no job";
        return asking.renew({ ...headAfter(known), lease: { by: asked.by, until: 7 }, due: asked.due });
      }
      case "list": {
        // A last page may be empty where a filter is at work: what counts is what all pages hold.
        const { limit, status } = asked;
        const jobs: JobRecord[] = [];
        let cursor: string | undefined;
        do {
          const page = await asking.list(tenant, { limit, status, cursor });
          jobs.push(...page.jobs);
          cursor = page.cursor;
        } while (cursor);
        return jobs;
      }
      case "postpone":
        return asking.postpone({ ...job, due: asked.due }, asked.to);
    }
  }
}

/** The order of an object's fields is nobody's promise. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, field]) => [name, sorted(field)]),
  );
}

test("the journal in memory answers whatever it is asked as the one in the table does", async () => {
  const inTable = tableServices(tableName, { settings: settings.local, now, random: Math.random, sleep });
  const model = { generate: () => Promise.reject(new Error("No question is for a model")) };
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(question, { minLength: 20, maxLength: 60, size: "max" }), async (questions) => {
      run += 1;
      const inMemory = memoryServices({ model, now });
      const [memory, table] = await Promise.all([
        answers(inMemory.journal, `twin${run}`, questions),
        answers(inTable.journal, `twin${run}`, questions),
      ]);
      expect(memory).toEqual(table);
    }),
    { numRuns: 30 },
  );
});
