import { expect, test } from "vitest";
import { cancel } from "../../../core/engine/cancel.ts";
import { jobOf } from "../../support/engine.ts";
import { faultyFields, lifecycle, who } from "../../support/lifecycle.ts";

const hour = 3_600_000;

function counting() {
  const runs: number[] = [];
  const job = lifecycle(
    jobOf(async (ctx) => {
      await ctx.step("work", async () => void runs.push(job.time.now()));
    }),
  );
  return { job, runs };
}

test("a job with run_at is scheduled, and begins when its moment has come", async () => {
  const { job, runs } = counting();
  const runAt = job.time.now() + 3 * hour;
  const key = await job.make({ runAt });
  expect(await job.services.journal.head(key)).toMatchObject({ status: "scheduled", runAt, due: runAt });
  expect(job.services.queue.waiting).toEqual([]);
  expect(await job.toEnd(key)).toMatchObject({ status: "completed" });
  expect(runs).toHaveLength(1);
  expect(runs[0]).toBeGreaterThanOrEqual(runAt);
  expect(runs[0]).toBeLessThan(runAt + 10_000);
});

test("a pass that comes too early does nothing, and the sweeper looks at the right moment again", async () => {
  const { job, runs } = counting();
  const runAt = job.time.now() + hour;
  const key = await job.make({ runAt });
  await job.services.journal.postpone({ ...key, due: runAt }, runAt + hour);
  expect(await job.pass(key)).toEqual({ end: "nothing to do" });
  expect(await job.kinds(key)).toEqual(["job.submitted"]);
  expect((await job.services.journal.head(key))?.due).toBe(runAt);
  expect(runs).toEqual([]);
});

test("a delay that the queue can carry is the queue's", async () => {
  const { job, runs } = counting();
  const now = job.time.now();
  const key = await job.make({ delaySeconds: 900 });
  expect(job.services.queue.waiting.map(({ at }) => at)).toEqual([now + 900_000]);
  await job.toEnd(key);
  expect(runs).toEqual([now + 900_000]);
});

test("a job that waited for its moment for longer than jobs may live begins all the same", async () => {
  const { job } = counting();
  const key = await job.make({ delaySeconds: 20 * 86_400 });
  expect(await job.toEnd(key)).toMatchObject({ status: "completed" });
  expect(await job.kinds(key)).not.toContain("job.released");
});

test("moments that make no sense are refused by name, and nothing is written", async () => {
  const { job } = counting();
  const now = job.time.now();
  const refused = (request: Parameters<typeof job.submitted>[0]) => faultyFields(job.submitted(request));
  expect(await refused({ runAt: now - 61_000 })).toEqual(["run_at"]);
  expect(await refused({ runAt: now + 91 * 24 * hour })).toEqual(["run_at"]);
  expect(await refused({ delaySeconds: 91 * 24 * 3_600 })).toEqual(["delay_seconds"]);
  expect(await refused({ runAt: now + 1, delaySeconds: 1 })).toEqual(["delay_seconds"]);
  expect(await refused({ startBy: now + 1, startWithinSeconds: 1 })).toEqual(["start_within_seconds"]);
  expect(await refused({ startBy: now - 1 })).toEqual(["start_by"]);
  expect(await refused({ delaySeconds: 60, startWithinSeconds: 60 })).toEqual(["start_within_seconds"]);
  expect(await job.all()).toEqual([]);
});

test("a caller's clock may be a little behind: a moment that has just passed is now", async () => {
  const { job } = counting();
  const { job: made } = await job.submitted({ runAt: job.time.now() - 59_000 });
  expect(made.status).toBe("pending");
  expect(job.services.queue.receive()).toHaveLength(1);
});

test("a request that is repeated when its moment has passed is answered with its job", async () => {
  const { job } = counting();
  const request = { runAt: job.time.now() + hour, idempotencyKey: "key" };
  const { job: first } = await job.submitted(request);
  job.time.advance(2 * hour);
  expect(await job.submitted(request)).toMatchObject({ job: { jobId: first.jobId }, deduplicated: true });
  expect(await faultyFields(job.submitted({ ...request, title: "Another" }))).toEqual(["run_at"]);
});

test("a job that has not begun in time fails as expired, and never runs", async () => {
  const { job, runs } = counting();
  const key = await job.make({ startWithinSeconds: 60 });
  job.services.queue.receive();
  job.time.advance(60_001);
  expect(await job.pass(key)).toEqual({ end: "finished", status: "failed" });
  expect((await job.job(key)).failure).toMatchObject({ code: "expired_before_start" });
  expect(runs).toEqual([]);
});

test("a job that has begun in time may take longer", async () => {
  const { job } = counting();
  const slow = lifecycle(
    jobOf(async (ctx) => {
      await ctx.wait("long", { hours: 2 });
    }),
  );
  expect(await slow.toEnd(await slow.make({ startWithinSeconds: 60 }))).toMatchObject({
    status: "completed",
  });
  expect(await job.toEnd(await job.make({ startWithinSeconds: 60 }))).toMatchObject({ status: "completed" });
});

test("nobody but the sweeper notices that a job has expired, and it does at once", async () => {
  const { job } = counting();
  const { job: first } = await job.submitted({ delaySeconds: 7_200 });
  const key = await job.make({ dependsOn: [first.jobId], startWithinSeconds: 600 });
  const ended = await job.toEnd(key);
  expect(ended.failure?.code).toBe("expired_before_start");
  expect(ended.completedAt! - ended.startBy!).toBeLessThan(10_000);
});

test("a scheduled job can be cancelled, and does not wait for its moment to end", async () => {
  const { job, runs } = counting();
  const key = await job.make({ delaySeconds: 86_400 });
  await cancel(job.services, key, who.by);
  const ended = await job.toEnd(key);
  expect(ended).toMatchObject({ status: "cancelled" });
  expect(ended.completedAt).toBeLessThan(ended.createdAt + hour);
  expect(runs).toEqual([]);
});
