import { describe, expect, test } from "vitest";
import type { JobContext } from "../../../core/engine/context.ts";
import { metricsOf } from "../../../core/metrics/metrics.ts";
import { timesOf } from "../../../core/metrics/times.ts";
import { StepFailed } from "../../../core/protocol/error.ts";
import type { Json } from "../../../core/protocol/json.ts";
import { engine, jobOf } from "../../support/engine.ts";

/** Waits so many seconds, asks a model twice, and fails if it is told to. */
async function work(ctx: JobContext, input: Json): Promise<unknown> {
  const { seconds, fails } = input as { seconds: number; fails?: boolean };
  await ctx.wait("rest", { seconds });
  await ctx.runInChildContext("ask", (scope) =>
    scope.parallel(
      "all",
      ["a", "b"].map((name) => ({
        name,
        func: (own) => own.generate("answer", { model: "test:x", messages: [] }),
      })),
    ),
  );
  if (fails) await ctx.step("give up", async () => Promise.reject(new StepFailed("given_up", "No")));
  return null;
}

const model = {
  generate: async () => ({
    text: "x",
    model: "test:x",
    finish: "stop" as const,
    usage: { model_calls: 1, input_tokens: 100, output_tokens: 10, cost_usd: 0.01 },
  }),
};

const day = 86_400_000;

describe("metrics", () => {
  test("are made of what the newest jobs have left behind, and say over which [A3-15] [A3-16]", async () => {
    const self = engine(jobOf(work), { model });
    const { services, submit, toEnd } = self;
    for (const seconds of [10, 20, 400]) await toEnd(await submit({ seconds }));
    await toEnd(await submit({ seconds: 5, fails: true }));
    const first = (await services.journal.list("acme", { limit: 100 })).jobs.at(-1)!;

    const metrics = await metricsOf(services, "acme");

    expect(metrics.over).toEqual({ jobs: 4, since: first.createdAt, all: true, journals: 4 });
    expect(metrics.byStatus).toEqual({ completed: 3, failed: 1 });
    const [type] = metrics.types;
    expect(type).toMatchObject({ type: "test", jobs: 4, completed: 3, failed: 1, failureRate: 0.25 });
    expect(type?.times?.count).toBe(3);
    expect(type?.times?.max).toBeGreaterThanOrEqual(400);
    expect(type?.times?.p50).toBeLessThan(100);
    expect(metrics.steps.map(({ step, attempts, failed }) => [step, attempts, failed]).toSorted()).toEqual([
      ["ask/*/answer", 8, 0],
      ["give up", 1, 1],
    ]);
    const [today] = metrics.days;
    expect(today).toMatchObject({ jobs: 4, usage: { model_calls: 8, input_tokens: 800, output_tokens: 80 } });
    expect(today?.usage.cost_usd).toBeCloseTo(0.08);
  });

  test("say how long jobs have waited for a worker, lane by lane [A3-14]", async () => {
    const { services, submit, time } = engine(jobOf(work), { model });
    await submit({ seconds: 1 }, { priority: "high" });
    await time.until(services.sleep(30_000));
    await submit({ seconds: 1 }, { priority: "high" });
    const { lanes } = await metricsOf(services, "acme");
    expect(lanes.high).toEqual({ ready: 2, taken: 0, delayed: 0, waitingJobs: 2, oldestWaitMs: 30_000 });
    expect(lanes.low).toEqual({ ready: 0, taken: 0, delayed: 0, waitingJobs: 0, oldestWaitMs: undefined });
  });

  test("are a tenant's own: of others there is nothing but the length of the queues", async () => {
    const { services, submit, toEnd } = engine(jobOf(work), { model });
    await toEnd(await submit({ seconds: 1 }));
    await submit({ seconds: 1 });
    const { over, types, steps, days, lanes } = await metricsOf(services, "other");
    expect([over.jobs, types, steps, days]).toEqual([0, [], [], []]);
    expect(lanes.normal).toMatchObject({ ready: 1, waitingJobs: 0 });
  });

  test("are read once for whoever asks within 15 seconds, and never over more than so many jobs", async () => {
    const { services, submit, time } = engine(
      jobOf(async () => null),
      { model },
    );
    for (let count = 0; count < 205; count += 1) await submit();
    let reads = 0;
    const { list } = services.journal;
    services.journal.list = (...asked) => {
      reads += 1;
      return list(...asked);
    };
    const metrics = await metricsOf(services, "acme");
    expect(metrics.over).toMatchObject({ jobs: 200, all: false, journals: 0 });
    const once = reads;
    expect(await metricsOf(services, "acme")).toBe(metrics);
    expect(reads).toBe(once);
    await time.until(services.sleep(15_000));
    expect(await metricsOf(services, "acme")).not.toBe(metrics);
  });

  test("put tokens and money on the day of the submit, and a price that is not known makes the day's unknown", async () => {
    const unpriced = {
      generate: async () => {
        const { usage, ...answer } = await model.generate();
        const { cost_usd: _cost, ...known } = usage;
        return { ...answer, usage: known };
      },
    };
    const { services, submit, toEnd, time } = engine(jobOf(work), { model: unpriced });
    await toEnd(await submit({ seconds: 1 }));
    await time.until(services.sleep(day));
    await toEnd(await submit({ seconds: 1 }));
    const { days } = await metricsOf(services, "acme");
    expect(days.map(({ jobs, usage }) => [jobs, usage.input_tokens, usage.cost_usd])).toEqual([
      [1, 200, undefined],
      [1, 200, undefined],
    ]);
    expect(Date.parse(days[0]!.day) - Date.parse(days[1]!.day)).toBe(day);
  });
});

test("a histogram counts each time once", () => {
  const times = timesOf([500, 1_000, 1_001, 60_000, 7_200_000])!;
  expect(times).toMatchObject({ count: 5, p50: 1.001, p90: 7_200, max: 7_200 });
  expect(times.histogram.filter(({ count }) => count > 0)).toEqual([
    { le: 1, count: 2 },
    { le: 5, count: 1 },
    { le: 60, count: 1 },
    { le: null, count: 1 },
  ]);
  expect(timesOf([])).toBeUndefined();
});
