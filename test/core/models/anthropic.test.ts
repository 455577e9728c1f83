import { afterAll, beforeAll, expect, test } from "vitest";
import type { Model } from "../../../core/models/model.ts";
import { models } from "../../../core/models/models.ts";
import { breaksOff, failsMidway, says } from "../../support/anthropic-server.ts";
import { asks, errorOf, everythingIn } from "../../support/model-calls.ts";
import { keepsSilent, refuses, type ScriptedServer, scriptedServer } from "../../support/scripted-server.ts";

const haiku = "anthropic:claude-haiku-4-5";
const key = "sk-ant-c0ffee";
let server: ScriptedServer;
let model: Model;

beforeAll(async () => {
  server = await scriptedServer();
  model = models({ ANTHROPIC_BASE_URL: `${server.url}/v1`, ANTHROPIC_API_KEY: key });
});
afterAll(() => server.close());

test("an answer has text, deltas, tokens and cost, from one request with the key", async () => {
  server.script(says(["Because ", "of ", "scattering."], { input: 2_000, output: 400 }));
  const deltas: string[] = [];

  const answer = await asks(
    model,
    { model: haiku, system: "Be brief." },
    { onDelta: (text) => deltas.push(text) },
  );

  expect(answer).toEqual({
    text: "Because of scattering.",
    model: haiku,
    finish: "stop",
    usage: { model_calls: 1, input_tokens: 2_000, output_tokens: 400, cost_usd: 0.004 },
  });
  expect(deltas).toEqual(["Because ", "of ", "scattering."]);
  expect(server.requests).toHaveLength(1);
  expect(server.requests[0]).toMatchObject({
    path: "/v1/messages",
    headers: { "x-api-key": key },
    body: { model: "claude-haiku-4-5", max_tokens: 4096, stream: true, system: [{ text: "Be brief." }] },
  });
});

test("a structured answer has the object", async () => {
  server.script(says(['{"colour": ', '"blue"}']));
  const schema = {
    type: "object",
    properties: { colour: { type: "string" } },
    required: ["colour"],
    additionalProperties: false,
  };

  expect((await asks(model, { model: haiku, schema })).object).toEqual({ colour: "blue" });
});

test.each([
  ["max_tokens", "length"],
  ["refusal", "content_filter"],
])("an answer that stopped with %s is an outcome", async (stopReason, finish) => {
  server.script(says(["Because"], { stopReason }));

  expect(await asks(model, { model: haiku })).toMatchObject({ text: "Because", finish });
});

test.each([
  [529, "overloaded_error", "model_unavailable"],
  [429, "rate_limit_error", "model_rate_limited"],
  [500, "api_error", "model_unavailable"],
  [401, "authentication_error", "model_rejected"],
  [400, "invalid_request_error", "model_rejected"],
])("a refusal with %i %s is named, after one request and without secrets", async (status, type, code) => {
  const body = { type: "error", error: { type, message: `${key} asked about the sky` } };
  server.script(refuses(status, body, { "retry-after": "3" }));

  const error = await errorOf(asks(model, { model: haiku }));

  expect(error).toMatchObject({ code, retryAfterMs: 3_000 });
  expect(error.details).toEqual({ model: haiku, provider_status: status, provider_code: type });
  expect(everythingIn(error)).not.toMatch(/sky|c0ffee/);
  expect(server.requests).toHaveLength(1);
});

test.each([
  [
    "an overload in the stream",
    failsMidway("Because", { type: "overloaded_error", message: "x" }),
    "model_unavailable",
  ],
  [
    "a limit in the stream",
    failsMidway("Because", { type: "rate_limit_error", message: "x" }),
    "model_rate_limited",
  ],
  ["a stream that breaks off", breaksOff("Because"), "model_unavailable"],
] as const)("%s never becomes an answer", async (_, act, code) => {
  server.script(act);

  expect((await errorOf(asks(model, { model: haiku }))).code).toBe(code);
});

test("silence ends in a time-out, and the request with it", async () => {
  server.script(keepsSilent);

  expect((await errorOf(asks(model, { model: haiku }, { idleMs: 80 }))).code).toBe("model_timeout");
  await server.requests[0]?.abandoned;
});

test("without a key the models are unknown to the deployment", async () => {
  expect((await errorOf(asks(models({}), { model: haiku }))).code).toBe("model_unknown");
});
