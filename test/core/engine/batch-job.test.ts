import { expect, test } from "vitest";
import { cancel } from "../../../core/engine/cancel.ts";
import { childIdOf } from "../../../core/engine/ids.ts";
import { registry } from "../../../core/engine/registry.ts";
import { StepFailed } from "../../../core/protocol/error.ts";
import type { Json } from "../../../core/protocol/json.ts";
import { jobOf } from "../../support/engine.ts";
import { faultyFields, lifecycle, who } from "../../support/lifecycle.ts";

function batches() {
  return lifecycle(
    jobOf(async (ctx, input) => {
      if (input === "fail") throw new StepFailed("no_luck", "It did not work");
      await ctx.wait("nap", { seconds: Number(input) });
      return input;
    }),
  );
}

const of = (inputs: Json[]) => ({
  type: "batch",
  input: { jobs: inputs.map((input) => ({ type: "test", input })) },
});

test("a batch is one job whose jobs are jobs like any other, and one of them that fails fails nothing else", async () => {
  const job = batches();
  const key = await job.make(of([60, "fail", 5]));
  const ended = await job.toEnd(key);
  const ids = [0, 1, 2].map((index) => childIdOf(key, `job-${index}`));
  expect(ended).toMatchObject({
    status: "completed",
    title: "3 jobs",
    progress: { percentage: 100, total_steps: 3, completed_steps: 3 },
  });
  expect(await job.result(key)).toMatchObject({
    completed: 2,
    failed: 1,
    jobs: [
      { job_id: ids[0], type: "test", completed: true },
      { job_id: ids[1], completed: false, error: { code: "no_luck", message: "It did not work" } },
      { job_id: ids[2], completed: true },
    ],
  });
  const children = await Promise.all(
    ids.map((jobId) => job.services.journal.head({ tenant: who.tenant, jobId })),
  );
  expect(children.map((child) => [child?.status, child?.parent?.job_id])).toEqual([
    ["completed", key.jobId],
    ["failed", key.jobId],
    ["completed", key.jobId],
  ]);
});

test("the progress of a batch counts the jobs that have ended", async () => {
  const job = batches();
  const key = await job.make(of([1, 60, 120]));
  await job.toEnd(key);
  const shown = (await job.events(key)).flatMap((event) =>
    "progress" in event && event.progress ? [event.progress.completed_steps] : [],
  );
  expect(shown).toEqual([0, 1, 2, 3]);
});

test("a cancel of a batch is one of its jobs", async () => {
  const job = batches();
  const key = await job.make(of([36_000, 36_000]));
  while (job.services.queue.waiting.some(({ at }) => at <= job.time.now())) {
    for (const { job: woken } of job.services.queue.receive()) await job.pass(woken);
  }
  await cancel(job.services, key, who.by);
  await job.toEnd(key);
  for (const index of [0, 1]) {
    const child = { tenant: who.tenant, jobId: childIdOf(key, `job-${index}`) };
    expect(await job.toEnd(child)).toMatchObject({ status: "cancelled" });
  }
});

test("a hundred jobs are one batch, a hundred and one are too many, none are none", async () => {
  const job = batches();
  const key = await job.make(of(Array(100).fill(1)));
  await job.toEnd(key);
  expect(await job.result(key)).toMatchObject({ completed: 100, failed: 0 });
  expect(await faultyFields(job.submitted(of(Array(101).fill(1))))).toEqual(["input.jobs"]);
  expect(await faultyFields(job.submitted(of([])))).toEqual(["input.jobs"]);
});

test("nobody registers a type of this name", () => {
  expect(() => registry([{ ...jobOf(async () => null), type: "batch" }])).toThrow("built in");
});
