import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import * as z from "zod";
import { defineJob, memoryCloud } from "../../testing/index.ts";
import { jobOf } from "../support/engine.ts";

const once = { retryStrategy: () => ({ shouldRetry: false as const }) };

test("a day of waiting passes at once, and the job's events say that it passed", async () => {
  const cloud = memoryCloud({
    jobs: [
      jobOf(async (ctx) => {
        await ctx.wait("sleep on it", { days: 1 });
        return "slept";
      }),
    ],
  });
  const job = await cloud.submit("test", null);
  expect(await job.result()).toBe("slept");
  const events = await job.events();
  expect(events.map(({ kind }) => kind)).toContain("wait.ended");
  expect(events.at(-1)!.at - events[0]!.at).toBeGreaterThanOrEqual(86_400_000);
});

test("time passes only when it is waited for, and as far as it is told to", async () => {
  const cloud = memoryCloud({ jobs: [jobOf((ctx) => ctx.wait("long", { hours: 2 }))] });
  const startedAt = cloud.now();
  const job = await cloud.submit("test", null);
  expect((await job.record()).status).toBe("pending");
  await cloud.advance({ hours: 1 });
  expect(cloud.now() - startedAt).toBe(3_600_000);
  expect((await job.record()).status).toBe("waiting");
  await cloud.advance({ hours: 1, minutes: 2 });
  expect((await job.record()).status).toBe("completed");
});

test("models answer as the test says, and without one the mock models do, but nobody who costs money", async () => {
  const asking = (model: string) =>
    jobOf(async (ctx) => {
      const messages = [{ role: "user" as const, content: "Why?" }];
      return (await ctx.generate("ask", { model, messages }, once)).text;
    });
  const model = {
    generate: async () => ({
      text: "Because.",
      model: "openai:any",
      finish: "stop" as const,
      usage: { model_calls: 1, input_tokens: 1, output_tokens: 1 },
    }),
  };
  const said = await memoryCloud({ jobs: [asking("openai:any")], model }).submit("test", null);
  expect(await said.result()).toBe("Because.");
  const mocked = await memoryCloud({ jobs: [asking("mock:ada")] }).submit("test", null);
  expect(await mocked.result()).toContain("[mock:ada]");
  const refused = await memoryCloud({ jobs: [asking("openai:any")] }).submit("test", null);
  await expect(refused.result()).rejects.toThrow('No model "openai:any" in this test');
});

test("while a step waits for something real, no time passes", async () => {
  const job = await memoryCloud({
    jobs: [
      jobOf((ctx) =>
        ctx.step("read", async () => (await readFile(new URL(import.meta.url), "utf8")).length, {
          timeout: { seconds: 1 },
          ...once,
        }),
      ),
    ],
  }).submit("test", null);
  expect(await job.result()).toBeGreaterThan(1_000);
  const [first, ...others] = await job.events();
  expect(others.at(-1)!.at).toBe(first!.at);
});

test("jobs of several types run beside each other, and a failed one says why", async () => {
  const slow = defineJob({
    type: "slow",
    version: 1,
    summary: "Sleeps",
    input: z.strictObject({ hours: z.number() }),
    result: z.string(),
    example: { hours: 1 },
    title: () => "Slow",
    description: () => "Slow",
    async run(ctx, { hours }) {
      await ctx.wait("sleep", { hours });
      return `${hours} h`;
    },
  });
  const cloud = memoryCloud({ jobs: [slow, jobOf(async () => Promise.reject(new TypeError("no luck")))] });
  await expect(cloud.submit("slow", { hours: "one" })).rejects.toThrow("input.hours");
  await expect(cloud.submit("slower", {})).rejects.toThrow('No job type "slower"');
  const long = await cloud.submit("slow", { hours: 5 }, { title: "Long" });
  const short = await cloud.submit("slow", { hours: 1 });
  const failing = await cloud.submit("test", null);
  expect(await Promise.all([long.result(), short.result()])).toEqual(["5 h", "1 h"]);
  expect((await long.record()).title).toBe("Long");
  await expect(failing.result()).rejects.toThrow(/Job "test" has failed: .*no luck/);
  expect((await long.record()).completedAt).toBeGreaterThan((await short.record()).completedAt!);
});

test("a job can be cancelled while it sleeps", async () => {
  const cloud = memoryCloud({ jobs: [jobOf((ctx) => ctx.wait("long", { days: 3 }))] });
  const job = await cloud.submit("test", null);
  await cloud.advance({ hours: 1 });
  await job.cancel("changed my mind");
  expect((await job.ended()).status).toBe("cancelled");
  expect(cloud.now() - (await job.record()).createdAt).toBeLessThan(2 * 3_600_000);
  await expect(job.result()).rejects.toThrow("was cancelled");
});

test("callbacks are answered as a person would, refused, or left to expire", async () => {
  const asking = jobOf(async (ctx) => {
    const [answer] = await ctx.createCallback("approve", { timeout: { days: 2 } });
    return answer.catch((error: Error) => `nobody: ${error.message}`);
  });
  const answered = await memoryCloud({ jobs: [asking] }).submit("test", null);
  const { timeoutAt } = await answered.callback("approve");
  expect(timeoutAt! - (await answered.record()).createdAt).toBe(2 * 86_400_000);
  await answered.answer("approve", "yes");
  expect(await answered.result()).toBe("yes");
  await expect(answered.callback("approve")).rejects.toThrow(
    'Job "test" does not wait for "approve": it is completed',
  );

  const refused = await memoryCloud({ jobs: [asking] }).submit("test", null);
  await refused.refuse("approve", { code: "no_time", message: "Not today" });
  expect(await refused.result()).toContain("Not today");

  const expired = await memoryCloud({ jobs: [asking] }).submit("test", null);
  expect(await expired.result()).toContain("nobody: ");
});
