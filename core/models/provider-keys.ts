import { env as names } from "../config.ts";
import { once } from "../once.ts";
import { readParameter } from "../parameter.ts";
import { ModelError } from "./errors.ts";

/** A provider's secret key, if this deployment has one. */
export type KeySource = (provider: "openai" | "anthropic" | "google") => Promise<string | undefined>;

/**
 * Keys from the environment, for a laptop, or else from an SSM SecureString that holds
 * `{"openai": "...", "anthropic": "...", "google": "..."}`, for AWS, where a key in an environment variable could be read
 * by everyone who may look at the function. The parameter is read once, when the first key is needed; a failure is not
 * remembered.
 */
export function providerKeys(environment: NodeJS.ProcessEnv): KeySource {
  const local = {
    openai: environment[names.openaiApiKey],
    anthropic: environment[names.anthropicApiKey],
    google: environment[names.googleApiKey],
  };
  const stored = storedKeys(environment);
  return async (provider) => {
    if (local[provider] || !stored) return local[provider];
    const key = (await stored())[provider];
    return typeof key === "string" && key ? key : undefined;
  };
}

/**
 * Headers that a host is sent besides those that a job names: from the environment, or what the same parameter has under
 * `operations`, both by host.
 */
export function headersByHost(
  environment: NodeJS.ProcessEnv,
): (host: string) => Promise<Record<string, string>> {
  const local = environment[names.operationHeaders];
  const stored = storedKeys(environment);
  return async (host) => {
    const all = local ? (JSON.parse(local) as unknown) : stored && (await stored()).operations;
    const own = (all as Record<string, Record<string, string>> | undefined)?.[host];
    return { ...own };
  };
}

function storedKeys(environment: NodeJS.ProcessEnv): (() => Promise<Record<string, unknown>>) | undefined {
  const parameter = environment[names.providerKeysParameter];
  if (!parameter) return undefined;
  return once(async () => {
    try {
      const value: unknown = JSON.parse(await readParameter(parameter));
      if (typeof value !== "object" || value === null) throw new TypeError("Not a JSON object");
      return value as Record<string, unknown>;
    } catch (error) {
      throw new ModelError("model_unavailable", `The provider keys in ${parameter} could not be read`, {
        // The name of the failure alone: its message may hold what was read.
        details: { parameter, error: error instanceof Error ? error.name : "unknown" },
      });
    }
  });
}
