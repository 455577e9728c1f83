import { describe, expect, test } from "vitest";
import * as z from "zod";
import type { JobContext } from "../../core/engine/context.ts";
import { chaos, defineJob } from "../../testing/index.ts";
import { jobOf } from "../support/engine.ts";

test("a job that keeps to the rules comes out the same, wherever its workers die [A0-02]", async () => {
  const job = jobOf(async (ctx, topic) => {
    const drafts = await Promise.all(
      ["a", "b", "c"].map((name) => ctx.step(name, async () => `${name} ${topic} ${Math.random()}`)),
    );
    await ctx.wait("sleep on it", { days: 1 });
    return ctx.step("choose", async () => drafts[1]);
  });
  const report = await chaos(job, "rain");
  expect(report.outcome.status).toBe("completed");
  expect(report.outcome.completedSteps).toEqual(["a", "b", "c", "choose"]);
  expect(report.commits).toBeGreaterThanOrEqual(4);
  expect(report.runs).toBe(3 + 4 * report.commits);
  // A worker that dies when its steps have run, and nothing of it is recorded, has called them for nothing.
  expect(report.repeated).toEqual({ a: 2, b: 2, c: 2, choose: 2 });
});

test("callbacks, conditions, retries, branches and children come out the same as well", async () => {
  const child = defineJob({
    type: "child",
    version: 1,
    summary: "Doubles",
    input: z.number(),
    result: z.number(),
    example: 1,
    title: () => "Child",
    description: () => "Child",
    run: (ctx, number) => ctx.step("double", async () => 2 * number),
  });
  const job = jobOf(async (ctx) => {
    const [approval] = await ctx.createCallback("approve", { timeout: { days: 2 } });
    const flaky = ctx.step("flaky", async ({ attempt }) => {
      if (attempt === 1) throw new Error("not yet");
      return "in the end";
    });
    const state = await ctx.waitForCondition("poll", async (count: number) => count + 1, {
      initialState: 0,
      waitStrategy: (count) =>
        count < 3 ? { shouldContinue: true, delay: { minutes: 5 } } : { shouldContinue: false },
    });
    const doubled = await ctx.invoke<number>("ask a child", "child", 21);
    const branches = await ctx.map("branches", [1, 2, 3], (inner, n) =>
      inner.step("square", async () => n * n),
    );
    return [await approval, await flaky, state, doubled, ...branches.getResults()];
  });
  const { outcome, commits, runs } = await chaos(job, null, { jobs: [child], answers: { approve: "yes" } });
  expect(outcome.result).toEqual(["yes", "in the end", 3, 42, 1, 4, 9]);
  expect(runs).toBe(3 + 4 * commits);
});

describe("a job function that does not take the same way every time is caught", () => {
  const wait = (ctx: JobContext) => ctx.wait("pause", { hours: 1 });
  let outside = 0;
  const jobs: [string, RegExp, (ctx: JobContext) => Promise<unknown>][] = [
    [
      "chance in its result",
      /result is [\d.]+, undisturbed it was [\d.]+\n.*Math\.random at .*chaos\.test\.ts:\d+/,
      async (ctx) => {
        const lot = Math.random();
        await ctx.step("a", async () => 1);
        return lot;
      },
    ],
    [
      "a coin that decides what it does next",
      /The journal holds "(heads|tails)", the job asks for "(heads|tails)"[\s\S]*Math\.random/,
      async (ctx) => ctx.step(Math.random() < 0.5 ? "heads" : "tails", async () => 1).then(() => wait(ctx)),
    ],
    [
      "the clock in its result",
      /result\.at is .*[\s\S]*Date\.now/,
      async (ctx) => {
        const at = new Date(Date.now()).toISOString();
        await ctx.step("a", async () => 1);
        return { at };
      },
    ],
    [
      "a new Date",
      /new Date at/,
      async (ctx) => {
        const today = new Date().getUTCDate();
        await ctx.step("a", async () => 1);
        await ctx.step("b", async () => 1);
        return today;
      },
    ],
    [
      "the date in a step's name",
      /another way[\s\S]*Date\.now/,
      async (ctx) => {
        await ctx.step(`at ${Date.now()}`, async () => 1);
        await wait(ctx);
      },
    ],
    [
      "a variable that outlives the run",
      /variables that outlive a run/,
      async (ctx) => {
        outside += 1;
        const count = outside;
        await ctx.step("a", async () => 1);
        return count;
      },
    ],
    [
      "a step that is there now and then",
      /completedSteps\.\d is .*"b"|undisturbed it was "b"|another way/,
      async (ctx) => {
        await ctx.step("a", async () => 1);
        if (Math.random() < 0.4) await ctx.step("b", async () => 1);
        return "ended";
      },
    ],
  ];
  test.each(jobs)("%s", async (_name, message, run) => {
    await expect(chaos(jobOf(run), null)).rejects.toThrow(message);
  });
});
