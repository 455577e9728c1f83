import { createHash } from "node:crypto";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { env as names } from "../config.ts";
import { ask } from "./ask.ts";
import type { Provider } from "./provider.ts";
import type { KeySource } from "./provider-keys.ts";

const openaiItself = "https://api.openai.com/v1";

/**
 * Everything that speaks OpenAI's chat completions: OpenAI, OpenRouter, Ollama, vLLM, ... A server of one's own may need
 * no key.
 */
export async function openai(environment: NodeJS.ProcessEnv, keys: KeySource): Promise<Provider> {
  const baseURL = environment[names.openaiBaseUrl] || openaiItself;
  const apiKey = await keys("openai");
  return (model, request, call) => {
    const provider = createOpenAICompatible({
      name: "openai",
      baseURL,
      ...(apiKey ? { apiKey } : {}),
      // Some gateways take it. Hashed, because the step's own key would tell them our tenant.
      headers: { "idempotency-key": createHash("sha256").update(call.idempotencyKey).digest("hex") },
      includeUsage: true,
      supportsStructuredOutputs: true,
      ...(baseURL === openaiItself ? { transformRequestBody: forOpenai } : {}),
    });
    return ask(provider.chatModel(model), request, call);
  };
}

/**
 * OpenAI's reasoning models know `max_tokens` by its newer name only and no temperature; its other models take the newer
 * name too, which other servers do not.
 */
export function forOpenai(body: Record<string, unknown>): Record<string, unknown> {
  const { max_tokens, temperature, ...rest } = body;
  const reasons = /^(o\d|gpt-[5-9](?!.*chat))/.test(String(body.model));
  return {
    ...rest,
    max_completion_tokens: max_tokens,
    ...(reasons ? {} : { temperature }),
  };
}
