import type { Node } from "constructs";
import { type Settings, settings } from "../core/config.ts";
import { type Lane, lanes } from "../core/protocol/job.ts";

const names = ["dev", "prod", "local"] as const;

/** What one deployment is given from outside: `-c name=value`, or `context` in cdk.json. */
export type Environment = {
  /** `local` is the embedded cloud's: never deployed, with the shorter column of the settings. */
  name: (typeof names)[number];
  settings: Settings;
  /** True where people's data is: it outlives the stack, and somebody is told when something is wrong. */
  production: boolean;
  /** Comma-separated model names. Absent: the functions choose by what they can reach. */
  councilMembers?: string;
  councilChairmen?: string;
  titleModel?: string;
  /** Models besides these that a job may name. */
  moreModels?: string;
  /** Web origins that may call from a browser. */
  allowedOrigins: string[];
  /** The SSM SecureString that holds the keys of model providers. */
  providerKeysParameter?: string;
  lanes: Record<Lane, LaneShare>;
};

/** A lane's share of the worker: how many invocations at a time, and how many jobs in each. */
export type LaneShare = { concurrency: number; batchSize: number };

/** With ten jobs to an invocation: 100, 50 and 20 jobs at work at the same time. */
const concurrency: Record<Lane, number> = { high: 10, normal: 5, low: 2 };

const awsModels = {
  councilMembers: [
    "bedrock:global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "bedrock:global.amazon.nova-2-lite-v1:0",
    "bedrock:us.meta.llama4-maverick-17b-instruct-v1:0",
    "bedrock:us.deepseek.r1-v1:0",
  ].join(","),
  councilChairmen:
    "bedrock:global.anthropic.claude-sonnet-4-5-20250929-v1:0,bedrock:global.amazon.nova-2-lite-v1:0",
  titleModel: "bedrock:global.amazon.nova-2-lite-v1:0",
};

/** @throws when the context holds something that cannot be meant. */
export function environmentOf(node: Node): Environment {
  const text = (key: string): string | undefined => node.tryGetContext(key) || undefined;
  const count = (key: string, otherwise: number, least: number): number => {
    const value = Number(text(key) ?? otherwise);
    if (!Number.isInteger(value) || value < least)
      throw new Error(`The context ${key} must be a whole number from ${least}, not ${text(key)}`);
    return value;
  };
  const name = names.find((known) => known === (text("env") ?? "dev"));
  if (!name) throw new Error(`No environment "${text("env")}"; there are ${names.join(", ")}`);
  const models = name === "local" ? undefined : awsModels;
  return {
    name,
    settings: name === "local" ? settings.local : settings.aws,
    production: name === "prod",
    councilMembers: text("councilMembers") ?? models?.councilMembers,
    councilChairmen: text("councilChairmen") ?? models?.councilChairmen,
    titleModel: text("titleModel") ?? models?.titleModel,
    moreModels: text("moreModels"),
    allowedOrigins: text("allowedOrigins")?.split(",") ?? [],
    providerKeysParameter: text("providerKeysParameter"),
    lanes: Object.fromEntries(
      lanes.map((lane) => [
        lane,
        {
          // SQS event sources take no fewer than two.
          concurrency: count(`${lane}Concurrency`, concurrency[lane], 2),
          batchSize: count(`${lane}BatchSize`, 10, 1),
        },
      ]),
    ) as Record<Lane, LaneShare>,
  };
}
