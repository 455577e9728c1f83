import { afterAll, beforeAll, expect, test } from "vitest";
import type { Model } from "../../../core/models/model.ts";
import { models } from "../../../core/models/models.ts";
import {
  breaksOff,
  corruptsAFrame,
  endsInAFrame,
  failsMidway,
  fallsSilent,
  fillsIn,
  says,
  trailsOff,
} from "../../support/bedrock-server.ts";
import { asks, errorOf, everythingIn } from "../../support/model-calls.ts";
import { keepsSilent, refuses, type ScriptedServer, scriptedServer } from "../../support/scripted-server.ts";

const nova = "bedrock:eu.amazon.nova-lite-v1:0";
let server: ScriptedServer;
let environment: NodeJS.ProcessEnv;
let model: Model;

beforeAll(async () => {
  server = await scriptedServer();
  environment = {
    BEDROCK_BASE_URL: server.url,
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "c0ffee-secret",
    AWS_SESSION_TOKEN: "session-one",
  };
  model = models(environment);
});
afterAll(() => server.close());

test("an answer comes through the event stream with text, deltas, tokens and cost", async () => {
  server.script(says(["Because ", "of ", "scattering."], { input: 1_000_000, output: 1_000_000 }));
  const deltas: string[] = [];

  const answer = await asks(model, { model: nova }, { onDelta: (text) => deltas.push(text) });

  expect(answer).toEqual({
    text: "Because of scattering.",
    model: nova,
    finish: "stop",
    usage: { model_calls: 1, input_tokens: 1_000_000, output_tokens: 1_000_000, cost_usd: 0.3 },
  });
  expect(deltas).toEqual(["Because ", "of ", "scattering."]);
});

test("a request is signed with the credentials that the environment has at that moment", async () => {
  server.script(says(["Yes."]));

  await asks(model, { model: nova, system: "Be brief." });
  environment.AWS_SESSION_TOKEN = "session-two";
  await asks(model, { model: nova });

  expect(server.requests).toHaveLength(2);
  const [first = expect.fail(), second = expect.fail()] = server.requests;
  expect(first.path).toBe(`/model/${encodeURIComponent("eu.amazon.nova-lite-v1:0")}/converse-stream`);
  expect(first.headers.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/bedrock\/aws4_request, .*Signature=[0-9a-f]{64}$/,
  );
  expect(first.headers["x-amz-security-token"]).toBe("session-one");
  expect(second.headers["x-amz-security-token"]).toBe("session-two");
  expect(first.body).toMatchObject({
    system: [{ text: "Be brief." }],
    messages: [{ role: "user", content: [{ text: "Why is the sky blue?" }] }],
    inferenceConfig: { maxTokens: 4096 },
  });
});

test.each([
  ["max_tokens", "length"],
  ["guardrail_intervened", "content_filter"],
  ["content_filtered", "content_filter"],
])("an answer that stopped with %s is an outcome", async (stopReason, finish) => {
  server.script(says(["Because"], { stopReason }));

  expect(await asks(model, { model: nova })).toMatchObject({ text: "Because", finish });
});

test("a structured answer is filled into a tool and has the object", async () => {
  server.script(fillsIn("json", { colour: "blue" }));
  const schema = { type: "object", properties: { colour: { type: "string" } }, required: ["colour"] };

  const answer = await asks(model, { model: nova, schema });

  expect(answer).toMatchObject({ object: { colour: "blue" }, finish: "stop" });
  expect(server.requests[0]?.body.toolConfig.tools[0].toolSpec.name).toBe("json");
});

test("a tool that is filled in slowly is no silence, although no text arrives before its end", async () => {
  const object = { colour: "as blue as a sky can be" };
  server.script(fillsIn("json", object, 60));
  const schema = { type: "object", properties: { colour: { type: "string" } }, required: ["colour"] };

  const answer = await asks(model, { model: nova, schema }, { idleMs: 150 });

  expect(answer.object).toEqual(object);
});

test.each([
  [429, "ThrottlingException", "model_rate_limited"],
  [500, "InternalServerException", "model_unavailable"],
  [503, "ServiceUnavailableException", "model_unavailable"],
  [408, "ModelTimeoutException", "model_unavailable"],
  [424, "ModelErrorException", "model_unavailable"],
  [400, "ValidationException", "model_rejected"],
  [403, "AccessDeniedException", "model_rejected"],
])("a refusal with %i is %s, after one request and without secrets", async (status, type, code) => {
  server.script(
    refuses(status, { message: "AKIDEXAMPLE asked about the sky" }, { "x-amzn-errortype": type }),
  );

  const error = await errorOf(asks(model, { model: nova }));

  expect(error).toMatchObject({ code, details: { provider_status: status } });
  expect(everythingIn(error)).not.toMatch(/sky|AKID|c0ffee|session-/);
  expect(server.requests).toHaveLength(1);
});

test.each([
  ["throttling in the stream", failsMidway("Because", "throttlingException"), "model_rate_limited"],
  [
    "a model that fails in the stream",
    failsMidway("Because", "modelStreamErrorException"),
    "model_unavailable",
  ],
  ["an internal error in the stream", failsMidway("Because", "internalServerException"), "model_unavailable"],
  ["a refusal in the stream", failsMidway("Because", "validationException"), "model_rejected"],
  ["a stream that breaks off", breaksOff("Because"), "model_unavailable"],
  ["a frame that is cut", endsInAFrame("Because"), "model_garbled"],
  ["a frame that was damaged", corruptsAFrame("Because"), "model_garbled"],
  ["a stream without a stop", trailsOff("Because"), "model_garbled"],
] as const)("%s never becomes an answer", async (_, act, code) => {
  server.script(act);

  expect((await errorOf(asks(model, { model: nova }))).code).toBe(code);
  expect(server.requests).toHaveLength(1);
});

test("silence ends in a time-out, and the request with it", async () => {
  server.script(keepsSilent);

  expect((await errorOf(asks(model, { model: nova }, { idleMs: 80 }))).code).toBe("model_timeout");
  await server.requests[0]?.abandoned;
});

test("an abort in the middle of an answer closes the request", async () => {
  server.script(fallsSilent("Because"));
  const controller = new AbortController();

  const call = asks(model, { model: nova }, { signal: controller.signal, onDelta: () => controller.abort() });

  expect((await errorOf(call)).code).toBe("model_aborted");
  await server.requests[0]?.abandoned;
});

test("without credentials or region a model is unknown to the deployment, and nothing is asked", async () => {
  server.script(says(["Yes."]));
  const { AWS_ACCESS_KEY_ID, ...anonymous } = environment;
  const { AWS_REGION, ...nowhere } = environment;

  for (const incomplete of [anonymous, nowhere]) {
    expect((await errorOf(asks(models(incomplete), { model: nova }))).code).toBe("model_unknown");
  }
  expect(server.requests).toHaveLength(0);
});
