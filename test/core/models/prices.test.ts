import { expect, test } from "vitest";
import { deploymentOf } from "../../../core/models/deployment.ts";
import { priceTable } from "../../../core/models/prices.ts";

const million = { input: 1_000_000, output: 1_000_000 };
const { cost } = priceTable();

test.each([
  ["anthropic:claude-haiku-4-5", 6],
  ["anthropic:claude-haiku-4-5-20251001", 6],
  ["openai:gpt-4o-mini", 0.75],
  ["openai:gpt-4o-mini-2024-07-18", 0.75],
  ["openai:gpt-5.6", 35],
  ["bedrock:amazon.nova-lite-v1:0", 0.3],
  ["bedrock:us.amazon.nova-lite-v1:0", 0.3],
  ["bedrock:openai.gpt-oss-120b-1:0", 0.75],
  ["bedrock:global.anthropic.claude-haiku-4-5-20251001-v1:0", 6],
  ["bedrock:eu.anthropic.claude-haiku-4-5-20251001-v1:0", 6.6],
])("a million tokens in and out of %s cost %d dollars", (model, dollars) => {
  expect(cost(model, million)).toBeCloseTo(dollars, 10);
});

test.each([
  "openai:unheard-of",
  "openai:gpt-5.6-and-more",
  "anthropic:claude-opus-4-20250514",
  "bedrock:toString",
])("%s has no price, and so no cost rather than none to pay", (model) => {
  expect(cost(model, million)).toBeUndefined();
});

test("mock models cost nothing", () => {
  expect(cost("mock:athena", million)).toBe(0);
});

test("a deployment's own prices come first, by full name or by the name without region and release", () => {
  const own = priceTable(
    '{"openai:gpt-4o": {"input": 1, "output": 1}, "openai:llama": {"input": 0, "output": 0}}',
  );

  expect(own.cost("openai:gpt-4o-2024-08-06", million)).toBe(2);
  expect(own.cost("openai:llama", million)).toBe(0);
  expect(own.cost("openai:gpt-4o-mini", million)).toBeCloseTo(0.75, 10);
});

test.each(["not json", "[1]", '{"openai:x": {"input": "1", "output": 2}}', '{"openai:x": null}', "null"])(
  "prices that are %s are a deployment error",
  (text) => {
    expect(() => priceTable(text)).toThrow("MODEL_PRICES must be JSON");
  },
);

test("every model that a deployment would choose by itself has a price", () => {
  const environments = [
    {},
    { CONVOKE_SETTINGS: "local" },
    { OPENAI_API_KEY: "k" },
    { ANTHROPIC_API_KEY: "k" },
    { OPENAI_API_KEY: "k", ANTHROPIC_API_KEY: "k" },
  ];
  for (const environment of environments) {
    const { councilMembers, councilChairmen, titleModel } = deploymentOf(environment);
    for (const model of [...councilMembers, ...councilChairmen, titleModel]) {
      expect(cost(model, million), model).toBeTypeOf("number");
    }
  }
});
