import { env as names } from "../config.ts";
import { ModelError } from "./errors.ts";

/** A provider's secret key, if this deployment has one. */
export type KeySource = (provider: "openai" | "anthropic") => Promise<string | undefined>;

/**
 * Keys from the environment, for a laptop, or else from an SSM SecureString that holds
 * `{"openai": "...", "anthropic": "..."}`, for AWS, where a key in an environment variable could be read by everyone
 * who may look at the function. The parameter is read once, when the first key is needed; a failure is not remembered.
 */
export function providerKeys(environment: NodeJS.ProcessEnv): KeySource {
  const local = {
    openai: environment[names.openaiApiKey],
    anthropic: environment[names.anthropicApiKey],
  };
  const parameter = environment[names.providerKeysParameter];
  let stored: Promise<Record<string, unknown>> | undefined;
  return async (provider) => {
    if (local[provider] || !parameter) return local[provider];
    stored ??= read(parameter);
    try {
      const key = (await stored)[provider];
      return typeof key === "string" && key ? key : undefined;
    } catch (error) {
      stored = undefined;
      throw new ModelError("model_unavailable", `The provider keys in ${parameter} could not be read`, {
        // The name of the failure alone: its message may hold what was read.
        details: { parameter, error: error instanceof Error ? error.name : "unknown" },
      });
    }
  };
}

async function read(parameter: string): Promise<Record<string, unknown>> {
  const { GetParameterCommand, SSMClient } = await import("@aws-sdk/client-ssm");
  const client = new SSMClient({});
  try {
    const { Parameter } = await client.send(
      new GetParameterCommand({ Name: parameter, WithDecryption: true }),
    );
    const value: unknown = JSON.parse(Parameter?.Value ?? "");
    if (typeof value !== "object" || value === null) throw new TypeError("Not a JSON object");
    return value as Record<string, unknown>;
  } finally {
    client.destroy();
  }
}
