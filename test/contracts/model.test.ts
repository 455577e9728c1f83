import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Model } from "../../core/models/model.ts";
import { models } from "../../core/models/models.ts";
import * as anthropic from "../support/anthropic-server.ts";
import * as bedrock from "../support/bedrock-server.ts";
import { asks, errorOf } from "../support/model-calls.ts";
import * as openai from "../support/openai-server.ts";
import { keepsSilent, refuses, type ScriptedServer, scriptedServer } from "../support/scripted-server.ts";

/** What a provider's server has to be told, and what it answers then. The mock needs no telling. */
type Provider = {
  name: string;
  environment: (url: string) => NodeJS.ProcessEnv;
  answering: { model: string; act?: () => Parameters<ScriptedServer["script"]>[0] };
  silent: { model: string };
  refused: { model: string };
};

const words = ["Because ", "of ", "scattering."];

const providers: Provider[] = [
  {
    name: "the mock models",
    environment: () => ({ MOCK_LATENCY_MS: "5" }),
    answering: { model: "mock:athena" },
    silent: { model: "mock:silent" },
    refused: { model: "mock:rejected" },
  },
  {
    name: "a server of OpenAI's protocol",
    environment: (url) => ({ OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: "k" }),
    answering: { model: "openai:small", act: () => openai.says(words) },
    silent: { model: "openai:small" },
    refused: { model: "openai:small" },
  },
  {
    name: "a server of Bedrock's protocol",
    environment: (url) => ({
      BEDROCK_BASE_URL: url,
      AWS_REGION: "eu-central-1",
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "c0ffee",
    }),
    answering: { model: "bedrock:eu.amazon.nova-lite-v1:0", act: () => bedrock.says(words) },
    silent: { model: "bedrock:eu.amazon.nova-lite-v1:0" },
    refused: { model: "bedrock:eu.amazon.nova-lite-v1:0" },
  },
  {
    name: "a server of Anthropic's protocol",
    environment: (url) => ({ ANTHROPIC_BASE_URL: `${url}/v1`, ANTHROPIC_API_KEY: "k" }),
    answering: { model: "anthropic:claude-haiku-4-5", act: () => anthropic.says(words) },
    silent: { model: "anthropic:claude-haiku-4-5" },
    refused: { model: "anthropic:claude-haiku-4-5" },
  },
];

describe.each(providers)("models by $name", ({ environment, answering, silent, refused }) => {
  let server: ScriptedServer;
  let model: Model;

  beforeAll(async () => {
    server = await scriptedServer();
    model = models(environment(server.url));
  });
  afterAll(() => server.close());

  test("an answer is the sum of its deltas, names its model and says what it used", async () => {
    if (answering.act) server.script(answering.act());
    const deltas: string[] = [];
    const answer = await asks(model, answering, { onDelta: (text) => deltas.push(text) });
    expect(answer.text).not.toBe("");
    expect(deltas.join("")).toBe(answer.text);
    expect(answer).toMatchObject({ model: answering.model, finish: "stop" });
    expect(answer.usage.model_calls).toBe(1);
    expect(answer.usage.output_tokens).toBeGreaterThan(0);
    expect(answer.mock).toBe(answering.model.startsWith("mock:") ? true : undefined);
  });

  test("the caller's signal ends a call at once, as an abort that is not tried again", async () => {
    if (answering.act) server.script(keepsSilent);
    const leaving = new AbortController();
    const call = errorOf(asks(model, silent, { signal: leaving.signal }));
    leaving.abort();
    expect(await call).toMatchObject({ code: "model_aborted", retryable: false });
  });

  test("silence ends at the caller's limit, and may be tried again", async () => {
    if (answering.act) server.script(keepsSilent);
    const error = await errorOf(asks(model, silent, { idleMs: 50 }));
    expect(error).toMatchObject({ code: "model_timeout", retryable: true });
  });

  test("a request that is refused for what it is is not worth another try", async () => {
    if (answering.act)
      server.script(refuses(400, { error: { message: "no", type: "invalid_request_error" } }));
    const error = await errorOf(asks(model, refused));
    expect(error).toMatchObject({ code: "model_rejected", retryable: false });
  });
});

test("a model of a provider that nobody knows is named as such", async () => {
  const error = await errorOf(asks(models({}), { model: "oracle:delphi" }));
  expect(error).toMatchObject({ code: "model_unknown" });
  expect(error.message).toContain("oracle:delphi");
});
