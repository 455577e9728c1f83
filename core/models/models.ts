import { env as names } from "../config.ts";
import { ModelError } from "./errors.ts";
import { withinLimits } from "./limits.ts";
import type { Model, ModelAnswer, ModelName } from "./model.ts";
import { type PriceTable, priceTable } from "./prices.ts";
import type { Provider, Reply } from "./provider.ts";
import { type KeySource, providerKeys } from "./provider-keys.ts";

const providers = ["bedrock", "openai", "anthropic", "mock"] as const;
type ProviderName = (typeof providers)[number];

export type ModelOverrides = {
  keys?: KeySource;
  /** Instead of the providers of the same name. */
  providers?: Partial<Record<ProviderName, () => Promise<Provider>>>;
};

/**
 * All models of a deployment behind one door. Building it loads nothing: a provider's code, and the library that
 * speaks to it, come with the first call of one of its models.
 */
export function models(environment: NodeJS.ProcessEnv, overrides: ModelOverrides = {}): Model {
  const keys = overrides.keys ?? providerKeys(environment);
  const load: Record<ProviderName, () => Promise<Provider>> = {
    bedrock: async () => (await import("./bedrock.ts")).bedrock(environment),
    openai: async () => (await import("./openai.ts")).openai(environment, keys),
    anthropic: async () => (await import("./anthropic.ts")).anthropic(environment, keys),
    mock: async () => (await import("./mock.ts")).mock(environment),
    ...overrides.providers,
  };
  const prices = priceTable(environment[names.modelPrices]);
  const loaded = new Map<ProviderName, Promise<Provider>>();

  const provider = (name: ProviderName): Promise<Provider> => {
    const known = loaded.get(name);
    if (known) return known;
    const loading = load[name]();
    loaded.set(name, loading);
    // A failure to load (a configuration that can be mended, a store that was silent) is not remembered.
    loading.catch(() => loaded.delete(name));
    return loading;
  };

  return {
    generate: (request, options) =>
      withinLimits(request.model, options, async (call) => {
        const { provider: prefix, model } = split(request.model);
        const ask = await provider(prefix);
        call.alive();
        return answer(request.model, await ask(model, request, call), prices);
      }),
  };
}

/** @throws ModelError `model_unknown` for a name without one of our prefixes. */
function split(name: ModelName): { provider: ProviderName; model: string } {
  const colon = name.indexOf(":");
  const provider = providers.find((known) => known === name.slice(0, colon));
  const model = name.slice(colon + 1);
  if (provider && model) return { provider, model };
  throw new ModelError(
    "model_unknown",
    `No model "${name}"; a name begins with ${providers.map((known) => `${known}:`).join(", ")}`,
    { details: { model: name } },
  );
}

function answer(model: ModelName, reply: Reply, prices: PriceTable): ModelAnswer {
  const { tokens, ...rest } = reply;
  const cost = tokens && prices.cost(model, tokens);
  return {
    ...rest,
    model,
    usage: {
      model_calls: 1,
      input_tokens: tokens?.input ?? 0,
      output_tokens: tokens?.output ?? 0,
      ...(cost === undefined ? {} : { cost_usd: cost }),
    },
  };
}
