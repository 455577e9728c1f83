import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Model } from "../../../core/models/model.ts";
import { models } from "../../../core/models/models.ts";
import { forOpenai } from "../../../core/models/openai.ts";
import { asks, errorOf, everythingIn } from "../../support/model-calls.ts";
import {
  answersWith,
  babbles,
  breaksOff,
  failsMidway,
  fallsSilent,
  says,
  trailsOff,
} from "../../support/openai-server.ts";
import {
  hangsUp,
  keepsSilent,
  refuses,
  type ScriptedServer,
  scriptedServer,
} from "../../support/scripted-server.ts";

const key = "sk-test-c0ffee-c0ffee";
let server: ScriptedServer;
let model: Model;

beforeAll(async () => {
  server = await scriptedServer();
  const environment = { OPENAI_BASE_URL: `${server.url}/v1`, OPENAI_API_KEY: key };
  model = models({ ...environment, MODEL_PRICES: '{"openai:small": {"input": 2, "output": 10}}' });
});
afterAll(() => server.close());

const schema = {
  type: "object",
  properties: { colour: { type: "string" }, certain: { type: "boolean" } },
  required: ["colour", "certain"],
  additionalProperties: false,
};

describe("an answer", () => {
  test("has the text, its deltas in order, the tokens and what they cost", async () => {
    server.script(says(["Because ", "of ", "scattering."], { usage: { input: 100, output: 50 } }));
    const deltas: string[] = [];

    const answer = await asks(model, { model: "openai:small" }, { onDelta: (text) => deltas.push(text) });

    expect(answer).toEqual({
      text: "Because of scattering.",
      model: "openai:small",
      finish: "stop",
      usage: { model_calls: 1, input_tokens: 100, output_tokens: 50, cost_usd: 0.0007 },
    });
    expect(deltas).toEqual(["Because ", "of ", "scattering."]);
  });

  test("has no cost where the model has no price, and no tokens where the server counts none", async () => {
    server.script(says(["Blue."]), says(["Blue."], { usage: false }));

    const unpriced = await asks(model, { model: "openai:unheard-of" });
    const uncounted = await asks(model, { model: "openai:small" });

    expect(unpriced.usage).toEqual({ model_calls: 1, input_tokens: 11, output_tokens: 7 });
    expect(uncounted.usage).toEqual({ model_calls: 1, input_tokens: 0, output_tokens: 0 });
  });

  test.each([
    ["length", "length"],
    ["content_filter", "content_filter"],
    ["something_new", "other"],
  ])("that stopped with %s is an outcome, not an error", async (finish, expected) => {
    server.script(says(["Because"], { finish }));

    expect(await asks(model, { model: "openai:small" })).toMatchObject({ text: "Because", finish: expected });
  });

  test("that was filtered away completely is an outcome too", async () => {
    server.script(says([], { finish: "content_filter" }));

    expect(await asks(model, { model: "openai:small" })).toMatchObject({
      text: "",
      finish: "content_filter",
    });
  });

  test("comes from one request, with the system prompt, the history, a limit and the key", async () => {
    server.script(says(["Yes."]));

    await asks(model, {
      model: "openai:vendor/small",
      system: "Be brief.",
      messages: [
        { role: "user", content: "Is it blue?" },
        { role: "assistant", content: "It is." },
        { role: "user", content: "Sure?" },
      ],
      temperature: 0.3,
    });

    expect(server.requests).toHaveLength(1);
    const [{ path, headers, body } = expect.fail()] = server.requests;
    expect(path).toBe("/v1/chat/completions");
    expect(headers.authorization).toBe(`Bearer ${key}`);
    expect(headers["idempotency-key"]).toMatch(/^[0-9a-f]{64}$/);
    expect(body).toMatchObject({ model: "vendor/small", stream: true, max_tokens: 4096, temperature: 0.3 });
    expect(
      body.messages.map(({ role, content }: { role: string; content: string }) => [role, content]),
    ).toEqual([
      ["system", "Be brief."],
      ["user", "Is it blue?"],
      ["assistant", "It is."],
      ["user", "Sure?"],
    ]);
  });

  test("is also had from a server that needs no key", async () => {
    server.script(says(["Yes."]));

    await asks(models({ OPENAI_BASE_URL: `${server.url}/v1` }), { model: "openai:llama" });

    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });
});

describe("a structured answer", () => {
  test("is asked for by its schema and has the object", async () => {
    server.script(says(['{"colour": "blue",', ' "certain": true}']));

    const answer = await asks(model, { model: "openai:small", schema });

    expect(answer.object).toEqual({ colour: "blue", certain: true });
    const format = server.requests[0]?.body.response_format;
    expect(format).toMatchObject({
      type: "json_schema",
      json_schema: { schema: { required: ["colour", "certain"] } },
    });
  });

  test.each([
    ["a code block", 'Of course:\n```json\n{"colour": "blue", "certain": true}\n```\nAnything else?'],
    ["a sentence", 'Here it is: {"colour": "blue", "certain": true}. Good luck!'],
  ])("is found in %s", async (_, text) => {
    server.script(says([text]));

    const answer = await asks(model, { model: "openai:small", schema });

    expect(answer).toMatchObject({ text, object: { colour: "blue", certain: true } });
  });

  test.each([
    ["prose", "I would say that it is blue."],
    ["an object of another shape", '{"colour": 7}'],
    ["half an object", '{"colour": "bl'],
  ])("that is %s is an answer without an object", async (_, text) => {
    server.script(says([text.slice(0, 5), text.slice(5)]));
    const deltas: string[] = [];

    const answer = await asks(
      model,
      { model: "openai:small", schema },
      { onDelta: (delta) => deltas.push(delta) },
    );

    expect(answer.text).toBe(text);
    expect(answer).not.toHaveProperty("object");
    expect(deltas.join("")).toBe(text);
  });
});

describe("a failure", () => {
  const body = { error: { message: `Bad key ${key}; you asked: Why is the sky blue?`, code: "some_code" } };

  test.each([
    [429, "model_rate_limited", true],
    [500, "model_unavailable", true],
    [503, "model_unavailable", true],
    [529, "model_unavailable", true],
    [400, "model_rejected", false],
    [401, "model_rejected", false],
    [403, "model_rejected", false],
    [404, "model_rejected", false],
  ])("with status %i is %s, after one request", async (status, code, retryable) => {
    server.script(refuses(status, body));

    const error = await errorOf(asks(model, { model: "openai:small" }));

    expect(error).toMatchObject({ code, retryable });
    expect(error.message).toBe(`openai:small answered with ${status} some_code`);
    expect(error.details).toEqual({
      model: "openai:small",
      provider_status: status,
      provider_code: "some_code",
    });
    expect(server.requests).toHaveLength(1);
  });

  test("says nothing of keys, headers or prompts", async () => {
    server.script(
      refuses(401, body, { "x-secret": "hidden" }),
      refuses(200, body),
      failsMidway("x", body.error),
    );

    for (let call = 0; call < 3; call++) {
      const error = everythingIn(await errorOf(asks(model, { model: "openai:small" })));
      expect(error).not.toMatch(/sky|c0ffee|Bearer|hidden|127\.0\.0\.1/);
    }
  });

  test.each([
    [{ "retry-after": "7" }, 7_000],
    [{ "retry-after-ms": "125", "retry-after": "7" }, 125],
    [{ "retry-after": "soon" }, undefined],
    [{}, undefined],
  ])("passes on how long the provider wants to be left alone: %j", async (headers, expected) => {
    server.script(refuses(429, body, headers));

    expect((await errorOf(asks(model, { model: "openai:small" }))).retryAfterMs).toBe(expected);
  });

  test("passes on a Retry-After that is a date, also from an overloaded provider", async () => {
    server.script(refuses(503, body, { "retry-after": new Date(Date.now() + 60_000).toUTCString() }));

    const { retryAfterMs } = await errorOf(asks(model, { model: "openai:small" }));

    expect(retryAfterMs).toBeGreaterThan(55_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  test("for want of money is final, although its status is 429", async () => {
    server.script(
      refuses(429, { error: { message: "You exceeded your quota", code: "insufficient_quota" } }),
    );

    expect((await errorOf(asks(model, { model: "openai:small" }))).code).toBe("model_rejected");
  });

  test.each([
    ["a dropped connection", hangsUp, "model_unavailable"],
    ["a stream that breaks off", breaksOff("Because"), "model_unavailable"],
    ["a stream that ends without a finish reason", trailsOff("Because"), "model_garbled"],
    ["a stream with garbage in it", babbles("Because"), "model_garbled"],
    ["an empty answer", says([]), "model_garbled"],
    ["a body that is no stream", answersWith("text/html", "<html>Welcome</html>"), "model_garbled"],
    [
      "a success with an error for a body",
      answersWith("application/json", JSON.stringify(body)),
      "model_garbled",
    ],
    [
      "an error in the stream",
      failsMidway("Because", { message: "x", code: "server_error" }),
      "model_unavailable",
    ],
    ["a 502 in the stream", failsMidway("Because", { message: "x", code: 502 }), "model_unavailable"],
    [
      "a limit reached in the stream",
      failsMidway("Because", { message: "x", code: 429 }),
      "model_rate_limited",
    ],
    ["a broken route", says(["Because"], { finish: "error" }), "model_unavailable"],
  ] as const)("by %s never becomes an answer", async (_, act, code) => {
    server.script(act);

    expect((await errorOf(asks(model, { model: "openai:small" }))).code).toBe(code);
    expect(server.requests).toHaveLength(1);
  });

  test("of the network is an unavailable model", async () => {
    const nobody = models({ OPENAI_BASE_URL: "http://127.0.0.1:9/v1" });

    const error = await errorOf(asks(nobody, { model: "openai:small" }));

    expect(error).toMatchObject({ code: "model_unavailable", retryable: true });
  });
});

describe("a limit", () => {
  test("on silence ends a call that never begins to answer, and its request", async () => {
    server.script(keepsSilent);

    const error = await errorOf(asks(model, { model: "openai:small" }, { idleMs: 80 }));

    expect(error).toMatchObject({ code: "model_timeout", retryable: true });
    expect(error.message).toBe("openai:small was silent for 80 ms");
    await server.requests[0]?.abandoned;
  });

  test("on silence ends a stream that stands still, and its request", async () => {
    server.script(fallsSilent("Because"));

    const error = await errorOf(asks(model, { model: "openai:small" }, { idleMs: 80 }));

    expect(error.details).toMatchObject({ limit: "idle" });
    await server.requests[0]?.abandoned;
  });

  test("on silence leaves a slow answer and a long thought alone", async () => {
    server.script(says(["Be", "cau", "se"], { pauseMs: 60, thinks: 4 }));

    const answer = await asks(model, { model: "openai:small" }, { idleMs: 200 });

    expect(answer.text).toBe("Because");
  });

  test("on the whole ends an answer that goes on and on", async () => {
    server.script(says(Array(100).fill("and "), { pauseMs: 20 }));
    const deltas: string[] = [];

    const error = await errorOf(
      asks(model, { model: "openai:small" }, { totalMs: 300, onDelta: (text) => deltas.push(text) }),
    );

    expect(error).toMatchObject({ code: "model_timeout", details: { limit: "total", limit_ms: 300 } });
    expect(deltas.length).toBeGreaterThan(0);
    await server.requests[0]?.abandoned;
  });
});

describe("an abort", () => {
  test("in the middle of a stream closes the request", async () => {
    server.script(fallsSilent("Because"));
    const controller = new AbortController();

    const call = asks(
      model,
      { model: "openai:small" },
      {
        signal: controller.signal,
        onDelta: () => controller.abort(),
      },
    );

    expect(await errorOf(call)).toMatchObject({ code: "model_aborted", retryable: false });
    await server.requests[0]?.abandoned;
  });

  test("before the call makes no request", async () => {
    server.script(says(["Because"]));

    const error = await errorOf(asks(model, { model: "openai:small" }, { signal: AbortSignal.abort() }));

    expect(error.code).toBe("model_aborted");
    expect(server.requests).toHaveLength(0);
  });

  test("after an error in the stream is not needed: the request is closed", async () => {
    server.script((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write('data: {"error": {"message": "x", "code": 500}}\n\n');
    });

    await errorOf(asks(model, { model: "openai:small" }));

    await server.requests[0]?.abandoned;
  });
});

test("OpenAI itself is spoken to in its own words for limits and temperature", () => {
  expect(forOpenai({ model: "gpt-5.6-terra", max_tokens: 10, temperature: 1 })).toEqual({
    model: "gpt-5.6-terra",
    max_completion_tokens: 10,
  });
  expect(forOpenai({ model: "gpt-4.1", max_tokens: 10, temperature: 1 })).toEqual({
    model: "gpt-4.1",
    max_completion_tokens: 10,
    temperature: 1,
  });
});
