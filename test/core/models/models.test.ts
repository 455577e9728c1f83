import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { models } from "../../../core/models/models.ts";
import { asks, errorOf, everythingIn } from "../../support/model-calls.ts";
import { says } from "../../support/openai-server.ts";
import { refuses, type ScriptedServer, scriptedServer } from "../../support/scripted-server.ts";

describe("a model's name", () => {
  test.each(["gpt-5", "google:gemini", "openai:", ":x", "", "toString:x"])("%j is unknown", async (model) => {
    const error = await errorOf(asks(models({}), { model }));

    expect(error).toMatchObject({ code: "model_unknown", retryable: false });
    expect(error.message).toContain("bedrock:, openai:, anthropic:, mock:");
  });

  test("may hold colons of its own", async () => {
    const { model, mock } = await asks(models({ MOCK_LATENCY_MS: "0" }), { model: "mock:a:b" });

    expect({ model, mock }).toEqual({ model: "mock:a:b", mock: true });
  });
});

test("neither the library nor zod nor any provider is loaded before the first call of a model that needs it", async () => {
  const script = `
    const loaded = new Set();
    (await import("node:module")).registerHooks({
      load: (url, context, next) => (loaded.add(url), next(url, context)),
    });
    const heavy = () => [...loaded].filter((url) => /node_modules|models\\/(bedrock|openai|anthropic|mock)/.test(url));
    const { models } = await import("./core/models/models.ts");
    const model = models({ OPENAI_BASE_URL: "http://127.0.0.1:9", MOCK_LATENCY_MS: "0" });
    const before = heavy();
    const options = { signal: AbortSignal.timeout(9e3), totalMs: 9e3, idleMs: 9e3, idempotencyKey: "k" };
    const messages = [{ role: "user", content: "Why?" }];
    await model.generate({ model: "mock:athena", messages }, options);
    const mock = heavy();
    await model.generate({ model: "openai:x", messages }, options).catch(() => {});
    const openai = heavy();
    const has = (list, part) => list.some((url) => url.includes(part));
    console.log(JSON.stringify({
      before,
      mock: mock.filter((url) => !url.includes("models/mock")),
      openai: ["/ai/", "/zod/", "openai-compatible", "models/openai.ts"].map((part) => has(openai, part)),
      others: openai.filter((url) => /amazon-bedrock|sdk\\/anthropic|models\\/(bedrock|anthropic)/.test(url)),
    }));
  `;

  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script]);

  expect(JSON.parse(stdout)).toEqual({ before: [], mock: [], openai: [true, true, true, true], others: [] });
});

describe("keys in the parameter store", () => {
  let store: ScriptedServer;
  let provider: ScriptedServer;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    store = await scriptedServer();
    provider = await scriptedServer();
    environment = { PROVIDER_KEYS_PARAMETER: "/convoke/keys", OPENAI_BASE_URL: provider.url };
  });
  afterAll(() => Promise.all([store.close(), provider.close()]));
  afterEach(() => vi.unstubAllEnvs());

  function reachTheStore() {
    vi.stubEnv("AWS_ENDPOINT_URL_SSM", store.url);
    vi.stubEnv("AWS_REGION", "eu-central-1");
    vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
  }

  test("are read once, decrypted, when the first key is needed", async () => {
    reachTheStore();
    store.script(refuses(200, { Parameter: { Value: '{"openai": "sk-stored"}' } }));
    provider.script(says(["Yes."]));
    const model = models(environment);
    expect(store.requests).toHaveLength(0);

    await asks(model, { model: "openai:a" });
    await asks(model, { model: "openai:b" });

    expect(store.requests.map(({ body }) => body)).toEqual([{ Name: "/convoke/keys", WithDecryption: true }]);
    expect(provider.requests.map(({ headers }) => headers.authorization)).toEqual(
      Array(2).fill("Bearer sk-stored"),
    );
  });

  test("come after those of the environment", async () => {
    reachTheStore();
    store.script(refuses(200, { Parameter: { Value: '{"openai": "sk-stored"}' } }));
    provider.script(says(["Yes."]));

    await asks(models({ ...environment, OPENAI_API_KEY: "sk-here" }), { model: "openai:a" });

    expect(store.requests).toHaveLength(0);
    expect(provider.requests[0]?.headers.authorization).toBe("Bearer sk-here");
  });

  test("that cannot be read are an error without what was read, and are asked for again", async () => {
    reachTheStore();
    const denied = refuses(400, { __type: "AccessDeniedException", message: "user arn:aws:iam::1 may not" });
    const broken = refuses(200, { Parameter: { Value: "sk-c0ffee" } });
    store.script(denied, broken, refuses(200, { Parameter: { Value: '{"openai": "sk-stored"}' } }));
    provider.script(says(["Yes."]));
    const model = models(environment);

    for (const name of ["AccessDeniedException", "SyntaxError"]) {
      const error = await errorOf(asks(model, { model: "openai:a" }));
      expect(error).toMatchObject({
        code: "model_unavailable",
        details: { parameter: "/convoke/keys", error: name },
      });
      expect(everythingIn(error)).not.toMatch(/c0ffee|arn:aws/);
    }
    expect((await asks(model, { model: "openai:a" })).text).toBe("Yes.");
  });
});
