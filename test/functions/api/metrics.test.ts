import { expect, test } from "vitest";
import { registry } from "../../../core/engine/registry.ts";
import { submit } from "../../../core/engine/submit.ts";
import { models } from "../../../core/models/models.ts";
import { StepFailed } from "../../../core/protocol/error.ts";
import { engine, jobOf } from "../../support/engine.ts";
import { door } from "./door.ts";

const step = (model: string) => ({ model, messages: [{ role: "user" as const, content: "Why?" }] });

/** Twenty jobs of two types that take known times, of which some fail, and the API over their journals. */
async function office() {
  const mock = models({ MOCK_LATENCY_MS: "0" });
  const letter = {
    ...jobOf(async (ctx, input) => {
      const { seconds, fails } = input as { seconds: number; fails: boolean };
      await ctx.step("read", async () => self.services.sleep(seconds * 1000));
      await ctx.generate("write", step("mock:ada"));
      if (fails) await ctx.step("send", async () => Promise.reject(new StepFailed("no_stamp", "No stamp")));
      return null;
    }),
    type: "letter",
  };
  const note = { ...jobOf(async (ctx) => ctx.step("jot", async () => "done")), type: "note" };
  const types = [letter, note];
  const self = engine(types, { model: { generate: (request, options) => mock.generate(request, options) } });
  const { journal, conversations, keys, newId } = self.services;
  const { get } = await door({
    services: { now: self.time.now, queue: self.services.queue },
    table: { journal, conversations, keys, newId },
    jobs: types,
  });
  const make = async (type: string, input: object) =>
    (
      await submit(
        self.services,
        registry(types),
        { tenant: "acme", by: "test" },
        { type, input: input as never },
      )
    ).job;
  return { ...self, get, make };
}

test("who runs the service sees how long jobs and their steps take, which fail, what they cost, and how long the queues are [A2-86] [A3-15] [A3-16] [A4-74]", async () => {
  const { get, make, toEnd, services, time } = await office();
  for (const seconds of [10, 20, 30, 400]) await toEnd(await make("letter", { seconds, fails: false }));
  await toEnd(await make("letter", { seconds: 1, fails: true }));
  await toEnd(await make("note", {}));
  await make("note", {});
  await time.until(services.sleep(30_000));

  const { status, body } = await get("/api/metrics");

  expect(status).toBe(200);
  expect(body.over).toMatchObject({ jobs: 7, all: true, journals: 6 });
  const types = Object.fromEntries(body.types.map((one: { type: string }) => [one.type, one]));
  expect(types.letter).toMatchObject({ jobs: 5, completed: 4, failed: 1, failure_rate: 0.2 });
  const { count, p50, max } = types.letter.execution_seconds;
  expect([count, p50 < 100, max >= 400 && max < 500]).toEqual([4, true, true]);
  expect(types.note).toMatchObject({ jobs: 2, completed: 1, failure_rate: 0 });
  const steps = Object.fromEntries(body.steps.map((one: { step: string }) => [one.step, one]));
  expect(body.steps[0].step).toBe("read");
  expect(steps.read.execution_seconds.count).toBe(5);
  expect(steps.send).toMatchObject({ attempts: 1, failed: 1, failure_rate: 1, execution_seconds: null });
  const [today] = body.days;
  expect(today).toMatchObject({ jobs: 7, model_calls: 5, cost_usd: 0 });
  expect(today.input_tokens).toBeGreaterThan(0);
  expect(body.queues.find(({ lane }: { lane: string }) => lane === "normal")).toMatchObject({
    ready: 1,
    waiting_jobs: 1,
    oldest_wait_seconds: 30,
  });
  const letters = (await get("/api/metrics?type=letter")).body;
  expect(letters.types.map(({ type }: { type: string }) => type)).toEqual(["letter"]);
});
