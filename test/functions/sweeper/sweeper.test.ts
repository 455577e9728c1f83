import type { SQSEvent } from "aws-lambda";
import { expect, test } from "vitest";
import { registry } from "../../../core/engine/registry.ts";
import { sweeper } from "../../../functions/sweeper/sweeper.ts";
import { engine, jobOf } from "../../support/engine.ts";

const context = { getRemainingTimeInMillis: () => 60_000 } as Parameters<ReturnType<typeof sweeper>>[1];
const scheduled = {} as Parameters<ReturnType<typeof sweeper>>[0];

function dead(...bodies: string[]): SQSEvent {
  return { Records: bodies.map((body, index) => ({ body, messageId: String(index) })) } as SQSEvent;
}

function setUp() {
  const logged: string[] = [];
  const record = (message: string) => logged.push(message);
  const job = engine(jobOf(async (ctx) => ctx.step("work", () => new Promise(() => {}))));
  const sweep = sweeper(job.services, registry([]), {
    debug: record,
    info: record,
    warn: record,
    error: record,
  });
  return { job, sweep, logged, queue: job.services.queue };
}

test("a job whose message was lost gets another one, once per sweep", async () => {
  const { job, sweep, queue } = setUp();
  const key = await job.submit();
  queue.waiting = [];
  await sweep(scheduled, context);
  expect(queue.waiting).toHaveLength(0);
  job.time.advance(6_000);
  await Promise.all([sweep(scheduled, context), sweep(scheduled, context)]);
  expect(queue.waiting.map(({ job: woken }) => woken)).toEqual([key]);
});

test("a run that takes longer than its period sends each job once all the same", async () => {
  const { job, sweep, queue } = setUp();
  for (let count = 0; count < 450; count += 1) await job.submit();
  queue.waiting = [];
  job.time.advance(6_000);
  const { due } = job.services.journal;
  job.services.journal.due = async (...asked) => {
    const page = await due(...asked);
    job.time.advance(3_000);
    return page;
  };
  await sweep(scheduled, context);
  expect(queue.waiting).toHaveLength(450);
});

test("a job whose worker is alive is left alone, and found when its lease has run out", async () => {
  const { job, sweep, queue } = setUp();
  const key = await job.submit();
  queue.waiting = [];
  void job.pass(key);
  while ((await job.services.journal.head(key))?.lease === undefined) await new Promise(setImmediate);
  await sweep(scheduled, context);
  expect(queue.waiting).toHaveLength(0);
  job.workersDie();
  job.time.advance(job.services.settings.leaseMs + 1);
  await sweep(scheduled, context);
  expect(queue.waiting).toHaveLength(1);
});

test("a dead letter of a living job wakes it again, and one of a job that has ended is let go", async () => {
  const { job, sweep, queue, logged } = setUp();
  const key = await job.submit();
  queue.waiting = [];
  await sweep(dead(JSON.stringify(key)), context);
  expect(queue.waiting.map(({ job: woken }) => woken)).toEqual([key]);

  queue.waiting = [];
  const done = engine(jobOf(async () => "done"));
  const ended = await done.submit();
  await done.toEnd(ended);
  const sweepDone = sweeper(done.services, registry([]), { debug() {}, info() {}, warn() {}, error() {} });
  await sweepDone(dead(JSON.stringify(ended)), context);
  expect(done.services.queue.waiting).toHaveLength(0);
  expect(logged).toContain("dead letter");
});

test("a dead letter that nobody can read is logged and dropped, and does not keep the others", async () => {
  const { job, sweep, queue, logged } = setUp();
  const key = await job.submit();
  queue.waiting = [];
  await sweep(dead("no json", '{"tenant":1}', JSON.stringify(key)), context);
  expect(logged.filter((line) => line === "unreadable dead letter dropped")).toHaveLength(2);
  expect(queue.waiting).toHaveLength(1);
});

test("more overdue jobs than fit a page are all woken in one run", async () => {
  const { job, sweep, queue } = setUp();
  for (let n = 0; n < 450; n += 1) await job.submit(n);
  queue.waiting = [];
  job.time.advance(10_000);
  await sweep(scheduled, context);
  expect(queue.waiting).toHaveLength(450);
});

test("a page of jobs that are all at work does not hide the overdue ones behind it", async () => {
  const { job, sweep, queue } = setUp();
  for (let n = 0; n < 200; n += 1) void job.pass(await job.submit(n));
  while ((await job.services.journal.due(job.time.now() + 6_000, 1)).length === 0)
    await new Promise(setImmediate);
  const heads = async () => (await job.services.journal.list("acme", { limit: 300 })).jobs;
  while ((await heads()).filter(({ lease }) => lease).length < 200) await new Promise(setImmediate);
  job.workersDie();
  job.time.advance(1_000);
  const overdue = await job.submit("lost");
  queue.waiting = [];
  job.time.advance(5_500);
  const { journal } = job.services;
  const { head } = journal;
  // Their workers are alive as far as anybody can tell.
  journal.head = async (key) => {
    const known = await head.call(journal, key);
    return known?.lease ? { ...known, lease: { ...known.lease, until: job.time.now() + 5_000 } } : known;
  };
  await sweep(scheduled, context);
  expect(queue.waiting.map(({ job: woken }) => woken)).toEqual([overdue]);
});
