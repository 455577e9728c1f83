import { createAnthropic } from "@ai-sdk/anthropic";
import { env as names } from "../config.ts";
import { ask } from "./ask.ts";
import { ModelError } from "./errors.ts";
import type { Provider } from "./provider.ts";
import type { KeySource } from "./provider-keys.ts";

export async function anthropic(environment: NodeJS.ProcessEnv, keys: KeySource): Promise<Provider> {
  const apiKey = await keys("anthropic");
  if (!apiKey) {
    throw new ModelError("model_unknown", `No key for Anthropic: set ${names.anthropicApiKey}`);
  }
  const baseURL = environment[names.anthropicBaseUrl];
  const provider = createAnthropic({ apiKey, ...(baseURL ? { baseURL } : {}) });
  return (model, request, call) => ask(provider(model), request, call);
}
