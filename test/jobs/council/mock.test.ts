import { expect, test } from "vitest";
import { env } from "../../../core/config.ts";
import { deploymentOf } from "../../../core/models/deployment.ts";
import { models } from "../../../core/models/models.ts";
import { councilResult } from "../../../jobs/council/result.ts";
import { chamber } from "./script.ts";

const environment = { [env.settings]: "local", [env.mockLatencyMs]: "0" };
/** Virtual time does not wait for the mock's code to be loaded, so that has happened before. */
async function mocks() {
  const model = models(environment);
  await model.generate(
    { model: "mock:athena", messages: [{ role: "user", content: "Ready?" }] },
    { signal: AbortSignal.timeout(10_000), totalMs: 10_000, idleMs: 10_000, idempotencyKey: "ready" },
  );
  return chamber({}, { model, deployment: deploymentOf(environment) });
}

test("the mock models of a deployment hold a whole council, marked as mock", async () => {
  const { job, result } = await (await mocks()).council();

  expect(job).toMatchObject({ status: "completed", degraded: false, mock: true });
  expect(job.usage.model_calls).toBe(12);
  expect(councilResult.parse(result)).toEqual(result);
  expect(result.stage2.map(({ format, parsed }) => [format, parsed])).toEqual(
    Array.from({ length: 5 }, () => ["structured", true]),
  );
  const everything = [...result.stage1, ...result.stage2, result.stage3];
  expect(everything.every(({ mock }) => mock)).toBe(true);
});

test("mock models that fail in their own ways cost the council no more than themselves", async () => {
  const { job, result } = await (await mocks()).council({
    members: ["mock:athena", "mock:borges", "mock:fails", "mock:filtered", "mock:garbled", "mock:truncated"],
  });

  expect(job).toMatchObject({ status: "completed", degraded: true });
  expect(result.metadata.failures.map(({ stage, model, code }) => [stage, model, code])).toEqual([
    ["stage1", "mock:fails", "model_unavailable"],
    ["stage1", "mock:filtered", "answer_filtered"],
  ]);
  expect(result.stage1.find(({ model }) => model === "mock:truncated")).toHaveProperty("truncated", true);
  expect(result.stage2.find(({ model }) => model === "mock:garbled")).toMatchObject({
    parsed: false,
    format: "text",
  });
});

test("rankers that are biased towards the first position make no seat win", async () => {
  const members = Array.from({ length: 4 }, () => "mock:position-biased");
  const { council } = await mocks();
  const wins = new Map<string, number>();
  for (let job = 0; job < 80; job += 1) {
    const { result } = await council({ members, exclude_self: false, question: `Question ${job}?` });
    const [best] = result.metadata.aggregate_rankings;
    wins.set(best!.model, (wins.get(best!.model) ?? 0) + 1);
  }

  // 20 each; 3.6 standard deviations of a fair draw are 14. Ties go to the first seat, so it may have a few more.
  expect([...wins.keys()].toSorted()).toHaveLength(4);
  for (const count of wins.values()) expect(Math.abs(count - 20)).toBeLessThan(14);
});
