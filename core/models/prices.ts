import type { ModelName } from "./model.ts";

/** Dollars per million tokens. `regional` is the factor for inference profiles that stay in one geography. */
type Price = { input: number; output: number; regional?: number };

/**
 * List prices of November 2026, standard tier, short context, without caching; Bedrock in us-east-1.
 *
 * @see https://platform.claude.com/docs/en/about-claude/pricing
 * @see https://developers.openai.com/api/docs/pricing
 * @see https://aws.amazon.com/bedrock/pricing/
 */
const list: Record<string, Price> = {
  "anthropic:claude-opus-5-5": { input: 4, output: 20 },
  "anthropic:claude-opus-5": { input: 5, output: 25 },
  "anthropic:claude-opus-4-5": { input: 5, output: 25 },
  "anthropic:claude-sonnet-5-5": { input: 2, output: 10 },
  "anthropic:claude-sonnet-5": { input: 2, output: 10 },
  "anthropic:claude-sonnet-4-6": { input: 3, output: 15 },
  "anthropic:claude-sonnet-4-5": { input: 3, output: 15 },
  "anthropic:claude-haiku-4-5": { input: 1, output: 5 },

  "openai:gpt-5.6": { input: 5, output: 30 },
  "openai:gpt-5.6-sol": { input: 5, output: 30 },
  "openai:gpt-5.6-terra": { input: 2, output: 12 },
  "openai:gpt-5.6-luna": { input: 0.2, output: 1.2 },
  "openai:gpt-5.4": { input: 2.5, output: 15 },
  "openai:gpt-5-mini": { input: 0.25, output: 2 },
  "openai:gpt-4.1": { input: 2, output: 8 },
  "openai:gpt-4.1-mini": { input: 0.4, output: 1.6 },
  "openai:gpt-4.1-nano": { input: 0.1, output: 0.4 },
  "openai:gpt-4o": { input: 2.5, output: 10 },
  "openai:gpt-4o-mini": { input: 0.15, output: 0.6 },

  "bedrock:anthropic.claude-opus-4-5": { input: 5, output: 25, regional: 1.1 },
  "bedrock:anthropic.claude-sonnet-4-5": { input: 3, output: 15, regional: 1.1 },
  "bedrock:anthropic.claude-haiku-4-5": { input: 1, output: 5, regional: 1.1 },
  "bedrock:amazon.nova-2-lite": { input: 0.3, output: 2.5 },
  "bedrock:amazon.nova-pro": { input: 0.8, output: 3.2 },
  "bedrock:amazon.nova-lite": { input: 0.06, output: 0.24 },
  "bedrock:amazon.nova-micro": { input: 0.035, output: 0.14 },
  "bedrock:openai.gpt-oss-120b": { input: 0.15, output: 0.6 },
  "bedrock:openai.gpt-oss-20b": { input: 0.07, output: 0.3 },
};

export type PriceTable = {
  /** @returns dollars; undefined for a model that has no price here, never a guess. */
  cost(model: ModelName, tokens: { input: number; output: number }): number | undefined;
};

/**
 * @param overrides - JSON of a deployment's own prices, `{"openai:my-model": {"input": 1, "output": 2}}`; they come
 * before the list, also for OpenAI-compatible servers whose models happen to have a name of the list.
 */
export function priceTable(overrides?: string): PriceTable {
  const own = overrides ? parse(overrides) : {};
  return {
    cost(model, tokens) {
      if (model.startsWith("mock:")) return 0;
      const { name, regional } = known(model);
      const price = own[model] ?? own[name] ?? list[name];
      if (!price) return undefined;
      const factor = regional ? (price.regional ?? 1) : 1;
      return (factor * (tokens.input * price.input + tokens.output * price.output)) / 1_000_000;
    },
  };
}

const region = /^bedrock:(?:(global)|us|us-gov|eu|apac|jp|au|ca)\./;
// `-20250929`, `-2026-04-23`, `-v1:0`, `-1:0`: which release of a model it is does not change its price.
const release = /(?:-\d{8}|-\d{4}-\d\d-\d\d)?(?:-v\d+(?::\d+)?|-\d:\d)?$/;

/** `bedrock:eu.anthropic.claude-haiku-4-5-20251001-v1:0` is `bedrock:anthropic.claude-haiku-4-5`, regional. */
function known(model: ModelName): { name: string; regional: boolean } {
  const profile = region.exec(model);
  const name = model.replace(region, "bedrock:");
  const bare = name in list ? name : name.replace(release, "");
  return { name: bare, regional: profile !== null && profile[1] === undefined };
}

function parse(text: string): Record<string, Price> {
  const fail = () =>
    new Error('MODEL_PRICES must be JSON like {"openai:gpt-5-mini": {"input": 0.25, "output": 2}}');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw fail();
  }
  const isPrice = (price: Partial<Price> | null) => [price?.input, price?.output].every(Number.isFinite);
  if (typeof value !== "object" || value === null || !Object.values(value).every(isPrice)) throw fail();
  return value as Record<string, Price>;
}
