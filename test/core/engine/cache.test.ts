import { expect, test } from "vitest";
import { cancel } from "../../../core/engine/cancel.ts";
import { submit } from "../../../core/engine/submit.ts";
import { StepFailed } from "../../../core/protocol/error.ts";
import type { Json } from "../../../core/protocol/json.ts";
import { jobOf } from "../../support/engine.ts";
import { faultyFields, lifecycle, who } from "../../support/lifecycle.ts";

function counting() {
  const runs: Json[] = [];
  const job = lifecycle(
    jobOf(async (ctx, input) => {
      await ctx.step("work", async () => void runs.push(input));
      if (input === "fail") throw new StepFailed("no_luck", "It did not work");
      return runs.length;
    }),
  );
  const done = async (request: Parameters<typeof job.submitted>[0]) => {
    const { job: made } = await job.submitted(request);
    return job.toEnd({ tenant: made.tenant, jobId: made.jobId });
  };
  return { job, runs, done };
}

const cache = { ttlSeconds: 60 };

test("a completed job is the answer to the same content as long as its result is fresh enough", async () => {
  const { job, runs, done } = counting();
  const first = await done({ input: { b: 1, a: 2 }, cache });
  job.time.advance(59_000);
  const again = await job.submitted({ input: { a: 2, b: 1 }, title: "Another title", cache });
  expect(again).toMatchObject({ job: { jobId: first.jobId }, cached: true, deduplicated: false });
  job.time.advance(1_001);
  expect(await job.submitted({ input: { a: 2, b: 1 }, cache: { ttlSeconds: 300 } })).toMatchObject({
    cached: true,
  });
  const renewed = await done({ input: { a: 2, b: 1 }, cache });
  expect(renewed.jobId).not.toBe(first.jobId);
  expect(await job.submitted({ input: { a: 2, b: 1 }, cache })).toMatchObject({
    job: { jobId: renewed.jobId },
  });
  expect(runs).toHaveLength(2);
});

test("other content, another tenant and a job that asks for no cache have jobs of their own", async () => {
  const { job, done } = counting();
  const first = await done({ input: "a", cache });
  const others = [
    await job.submitted({ input: "b", cache }),
    await job.submitted({ input: "a" }),
    await submit(job.services, job.jobs, { ...who, tenant: "other" }, { type: "test", input: "a", cache }),
  ];
  for (const other of others) {
    expect(other).toMatchObject({ cached: false, deduplicated: false });
    expect(other.job.jobId).not.toBe(first.jobId);
  }
});

test("a job at work is the answer to the same content, whether its result is to be cached or not", async () => {
  const { job } = counting();
  const { job: first } = await job.submitted({ input: "a", singleFlight: true });
  for (const request of [{ singleFlight: true }, { cache }]) {
    expect(await job.submitted({ input: "a", ...request })).toMatchObject({
      job: { jobId: first.jobId },
      deduplicated: true,
      cached: false,
    });
  }
  expect(job.services.queue.receive()).toHaveLength(1);
});

test("single flight without a cache begins anew once the job has ended", async () => {
  const { job, done } = counting();
  const first = await done({ input: "a", singleFlight: true });
  const { job: second } = await job.submitted({ input: "a", singleFlight: true });
  expect(second.jobId).not.toBe(first.jobId);
});

test("of 50 submits of the same content at the same time there is one job", async () => {
  const { job, done } = counting();
  await done({ input: "fail", cache });
  for (const input of ["new", "fail"]) {
    const all = await Promise.all(
      Array.from({ length: 50 }, () => job.submitted({ input, cache, singleFlight: true })),
    );
    expect(new Set(all.map(({ job: made }) => made.jobId)).size).toBe(1);
    expect(all.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
  }
});

test("a job that has failed, or is to end as cancelled, stands for nothing", async () => {
  const { job, runs, done } = counting();
  await done({ input: "fail", cache });
  await done({ input: "fail", cache });
  expect(runs).toEqual(["fail", "fail"]);
  const { job: first } = await job.submitted({ input: "a", singleFlight: true });
  await cancel(job.services, first, who.by);
  expect(await job.submitted({ input: "a", singleFlight: true })).toMatchObject({ deduplicated: false });
});

test("a bypass makes a new job, and its result counts from then on", async () => {
  const { job, done } = counting();
  const first = await done({ input: "a", cache });
  const second = await done({ input: "a", cache: { bypass: true } });
  expect(second.jobId).not.toBe(first.jobId);
  expect(await job.submitted({ input: "a", cache })).toMatchObject({ job: { jobId: second.jobId } });
});

test("a message of a conversation has a job of its own, and a cache says how old a result may be", async () => {
  const { job } = counting();
  const chat = jobOf(async () => "yes");
  const talking = lifecycle({ ...chat, reply: () => ({ content: "yes", data: {} }) });
  const message = {
    input: { question: "?" },
    conversation: { id: "c", onBusy: "enqueue" as const },
  };
  expect(await faultyFields(talking.submitted({ ...message, cache }))).toEqual(["cache"]);
  expect(await faultyFields(talking.submitted({ ...message, singleFlight: true }))).toEqual([
    "single_flight",
  ]);
  expect(await faultyFields(job.submitted({ cache: {} }))).toEqual(["cache.ttl_seconds"]);
});
