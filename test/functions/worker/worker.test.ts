import type { Context, SQSEvent } from "aws-lambda";
import { expect, test } from "vitest";
import { registry } from "../../../core/engine/job-type.ts";
import { Unavailable } from "../../../core/protocol/error.ts";
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
