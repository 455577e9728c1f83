import type { Context, SQSEvent } from "aws-lambda";
import { expect, test } from "vitest";
import { registry } from "../../../core/engine/registry.ts";
import { Unavailable } from "../../../core/protocol/error.ts";
import type { JobRecord } from "../../../core/protocol/job.ts";
import { sleep } from "../../../core/sleep.ts";
import { worker } from "../../../functions/worker/worker.ts";
import { engine, jobOf, silent } from "../../support/engine.ts";

const context = { getRemainingTimeInMillis: () => 60_000 } as Context;

function messages(...bodies: (object | string)[]): SQSEvent {
  const records = bodies.map((body, index) => ({
    body: typeof body === "string" ? body : JSON.stringify(body),
    messageId: `m${index}`,
    eventSource: "aws:sqs",
  }));
  return { Records: records } as SQSEvent;
}

test("all jobs of a batch are carried at the same time, and one that fails leaves the others alone [A2-09]", async () => {
  let atOnce = 0;
  let most = 0;
  const type = jobOf(async (ctx, input) =>
    ctx.step(
      "work",
      async () => {
        atOnce += 1;
        most = Math.max(most, atOnce);
        await sleep(5);
        atOnce -= 1;
        if (input === 3) throw new TypeError("three");
        return input;
      },
      { retryStrategy: () => ({ shouldRetry: false }) },
    ),
  );
  const job = engine(type, { now: Date.now, sleep });
  const keys = await Promise.all(Array.from({ length: 10 }, (_, n) => job.submit(n)));
  const handle = worker(job.services, registry([type]), silent);
  expect(await handle(messages(...keys), context)).toEqual({ batchItemFailures: [] });
  expect(most).toBe(10);
  const ends = await Promise.all(keys.map(async (key) => (await job.job(key)).status));
  expect(ends.filter((status) => status === "completed")).toHaveLength(9);
  expect(ends[3]).toBe("failed");
});

test("only the message of a job whose journal is silent goes back to the queue", async () => {
  const type = jobOf(async () => "done");
  const job = engine(type, { now: Date.now, sleep });
  const [silentKey, key] = [await job.submit(), await job.submit()];
  const { read } = job.services.journal;
  job.services.journal.read = async (asked, after, limit) => {
    if (asked.jobId === silentKey.jobId) throw new Unavailable("silence");
    return read.call(job.services.journal, asked, after, limit);
  };
  const handle = worker(job.services, registry([type]), silent);
  expect(await handle(messages(silentKey, key), context)).toEqual({
    batchItemFailures: [{ itemIdentifier: "m0" }],
  });
  expect((await job.services.journal.head(key))?.status).toBe("completed");
});

test("a message that is not ours is dropped, not received for ever", async () => {
  const type = jobOf(async () => "done");
  const job = engine(type, { now: Date.now, sleep });
  const handle = worker(job.services, registry([type]), silent);
  const unknown = { tenant: "acme", jobId: "00000000-0000-7000-8000-00000000dead" };
  expect(await handle(messages("no json", "[]", unknown), context)).toEqual({ batchItemFailures: [] });
});

test("a job that kills its worker each time takes its batch along twice, then nobody any more", async () => {
  const job = engine(
    jobOf(async (ctx, input) => {
      await ctx.step("first", async () => {
        if (input === 3) job.workersDie();
        await job.time.sleep(100);
      });
      return input;
    }),
    {},
    60_000,
    10,
  );
  const keys = await Promise.all(Array.from({ length: 10 }, (_, n) => job.submit(n)));
  const ended: JobRecord[] = [];
  for (const key of keys) ended.push(await job.toEnd(key));
  expect(ended.map(({ status }) => status)).toEqual(keys.map((_, n) => (n === 3 ? "failed" : "completed")));
  expect(ended[3]!.failure).toMatchObject({ code: "worker_died", step: "first" });
  const neighbours = ended.filter((_, n) => n !== 3).map(({ hops }) => hops);
  expect(Math.max(...neighbours)).toBe(3);
});

test("two jobs that kill their worker, in one batch with others, end as failed and the others well", async () => {
  const job = engine(
    jobOf(async (ctx, input) => {
      await ctx.step("begin", async () => job.time.sleep(100));
      await ctx.step("kill", async () => {
        if (Number(input) % 3 === 0) job.workersDie();
        await job.time.sleep(2_000);
      });
      return input;
    }),
    {},
    60_000,
    10,
  );
  const keys = await Promise.all(Array.from({ length: 6 }, (_, n) => job.submit(n)));
  const ended: string[] = [];
  for (const key of keys) ended.push((await job.toEnd(key)).status);
  expect(ended).toEqual(["failed", "completed", "completed", "failed", "completed", "completed"]);
});
