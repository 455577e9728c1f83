import { expect, test } from "vitest";
import { StepFailed, Unavailable } from "../../../core/protocol/error.ts";
import type { JobKey } from "../../../core/protocol/job.ts";
import { jobOf } from "../../support/engine.ts";
import { faultyFields, lifecycle } from "../../support/lifecycle.ts";

/** Jobs that complete, or fail when their input is "fail". */
function chain() {
  const order: string[] = [];
  const job = lifecycle(
    jobOf(async (ctx, input) => {
      if (input === "fail") throw new StepFailed("no_luck", "It did not work");
      await ctx.step("work", async () => void order.push(String(input)));
      if (input === "slow") await ctx.wait("nap", { hours: 5 });
    }),
  );
  const ids = (keys: JobKey[]) => keys.map(({ jobId }) => jobId);
  /** Delivers what is in the queue now, and what follows from it at once. */
  const work = async () => {
    for (let ready = job.services.queue.receive(); ready.length > 0; ready = job.services.queue.receive()) {
      for (const { job: key } of ready) await job.pass(key);
    }
  };
  return { job, order, ids, work };
}

test("a job begins at once when the last of those it depends on has ended", async () => {
  const { job, order, ids, work } = chain();
  const [a, b] = [await job.make({ input: "a" }), await job.make({ input: "b" })];
  const c = await job.make({ input: "c", dependsOn: ids([a, b]) });
  expect((await job.job(c)).status).toBe("scheduled");
  const started = job.time.now();
  await job.pass(a);
  expect(await job.pass(c)).toEqual({ end: "not its turn" });
  await work();
  expect(order).toEqual(["a", "b", "c"]);
  expect(await job.job(c)).toMatchObject({ status: "completed" });
  expect(job.time.now() - started).toBeLessThan(1_000);
});

test("a chain of jobs runs in its order, whoever is submitted last", async () => {
  const { job, order, ids, work } = chain();
  let before = await job.make({ input: "0" });
  for (const input of ["1", "2", "3", "4"]) before = await job.make({ input, dependsOn: ids([before]) });
  await work();
  expect(order).toEqual(["0", "1", "2", "3", "4"]);
});

test("one that has ended already counts: the job begins at once", async () => {
  const { job, ids, work } = chain();
  const a = await job.make({ input: "a" });
  await work();
  const b = await job.make({ input: "b", dependsOn: ids([a]) });
  await work();
  expect(await job.job(b)).toMatchObject({ status: "completed" });
});

test("when one does not complete, the job fails, ends as cancelled, or begins all the same, as it was told", async () => {
  const { job, order, ids, work } = chain();
  const bad = await job.make({ input: "fail" });
  const slow = await job.make({ input: "slow" });
  const fails = await job.make({ input: "fails", dependsOn: ids([slow, bad]) });
  const skips = await job.make({ input: "skips", dependsOn: ids([bad]), onDependencyFailure: "skip" });
  const goes = await job.make({ input: "goes", dependsOn: ids([bad]), onDependencyFailure: "continue" });
  await work();
  expect(await job.job(fails)).toMatchObject({
    status: "failed",
    failure: { code: "dependency_failed", details: { job_id: bad.jobId, job_status: "failed" } },
  });
  expect(await job.job(skips)).toMatchObject({ status: "cancelled" });
  expect((await job.events(skips)).at(-1)).toMatchObject({ reason: expect.stringContaining(bad.jobId) });
  expect(await job.job(goes)).toMatchObject({ status: "completed" });
  expect(order).toEqual(["slow", "goes"]);
});

test("a failure travels down a chain", async () => {
  const { job, ids, work } = chain();
  const a = await job.make({ input: "fail" });
  const b = await job.make({ input: "b", dependsOn: ids([a]) });
  const c = await job.make({ input: "c", dependsOn: ids([b]) });
  await work();
  expect((await job.job(c)).failure).toMatchObject({ details: { job_id: b.jobId } });
});

test("a wake-up that got lost is repaired by the job's own due", async () => {
  const { job, ids } = chain();
  const a = await job.make({ input: "a" });
  const b = await job.make({ input: "b", dependsOn: ids([a]) });
  await job.pass(a);
  job.services.queue.waiting = [];
  const ended = await job.toEnd(b);
  expect(ended.completedAt! - ended.createdAt).toBeLessThan(2 * job.services.settings.sweepSeconds * 1000);
});

test("a job that waits for long is looked at ever more rarely", async () => {
  const { job, ids } = chain();
  const a = await job.make({ input: "slow" });
  const b = await job.make({ input: "b", dependsOn: ids([a]) });
  let looks = 0;
  const { postpone } = job.services.journal;
  job.services.journal.postpone = (moved, to) => {
    if (moved.jobId === b.jobId) looks += 1;
    return postpone(moved, to);
  };
  expect(await job.toEnd(b)).toMatchObject({ status: "completed" });
  // Every sweep would be 9,000 looks.
  expect(looks).toBeLessThan(400);
});

test("a job is accepted although nobody can say how those before it stand", async () => {
  const { job, ids } = chain();
  const a = await job.make({ input: "a" });
  const { create, head } = job.services.journal;
  job.services.journal.create = async (submission) => {
    const created = await create(submission);
    job.services.journal.head = () => Promise.reject(new Unavailable("The table is silent"));
    return created;
  };
  const { job: made, queued } = await job.submitted({ input: "b", dependsOn: ids([a]) });
  Object.assign(job.services.journal, { create, head });
  expect(queued).toBe(false);
  expect(await job.toEnd({ tenant: made.tenant, jobId: made.jobId })).toMatchObject({ status: "completed" });
});

test("one that has expired counts as failed", async () => {
  const { job, ids } = chain();
  const a = await job.make({ input: "slow" });
  const b = await job.make({ input: "b", dependsOn: ids([a]) });
  const { head } = job.services.journal;
  job.services.journal.head = async (key) => (key.jobId === a.jobId ? undefined : head(key));
  await job.pass(b);
  expect((await job.job(b)).failure).toMatchObject({ details: { job_status: "expired" } });
});

test("a job can depend on jobs of its tenant only, and on none that is not there", async () => {
  const { job, ids } = chain();
  const a = await job.make({ input: "a" });
  const asked = job.submitted({ dependsOn: [...ids([a]), "nobody"] });
  expect(await faultyFields(asked)).toEqual(["depends_on.1"]);
  expect(await job.all()).toHaveLength(1);
});

test("a message that goes before all others of its conversation cannot wait for one of them", async () => {
  const { job, ids } = chain();
  const before = await job.make({ input: "a" });
  const refused = job.make({
    input: "b",
    dependsOn: ids([before]),
    conversation: { id: "talk", onBusy: "interrupt" },
  });
  expect(await faultyFields(refused)).toEqual(["depends_on"]);
});

test("the end of a job with very many dependents wakes some hundreds, the sweeper the others", async () => {
  const { job, order, ids, work } = chain();
  const a = await job.make({ input: "a" });
  const waiting: JobKey[] = [];
  for (let index = 0; index < 700; index += 1)
    waiting.push(await job.make({ input: String(index), dependsOn: ids([a]) }));
  await job.pass(a);
  expect(job.services.queue.waiting.length).toBeLessThanOrEqual(502);
  await work();
  expect(order.length).toBeLessThan(600);
  for (const key of waiting) await job.toEnd(key);
  expect(order).toHaveLength(701);
});
