import type { Node } from "constructs";
import { env, type Settings, settings } from "../core/config.ts";
import { type Lane, lanes } from "../core/protocol/job.ts";

const names = ["dev", "prod", "local"] as const;

/** What one deployment is given from outside: `-c name=value`, or `context` in cdk.json. */
export type Environment = {
  /** `local` is the embedded cloud's: never deployed, with the shorter column of the settings. */
  name: (typeof names)[number];
  settings: Settings;
  /** True where people's data is: it outlives the stack, and somebody is told when something is wrong. */
  production: boolean;
  /** Which models answer, and whom jobs may call, for the functions' environment. What is not in here they choose themselves. */
  models: Record<string, string>;
  /** Bedrock models besides these that a job may name. */
  moreModels: string[];
  /** How much one tenant or person may have done, for the environment of the api and the worker. */
  limits: Record<string, string>;
  /** Who may call, for the functions' environment. */
  access: Record<string, string>;
  /** The console's own name, and a certificate for it of the region us-east-1; both or neither. */
  consoleDomain?: string;
  consoleCertificate?: string;
  /** Web origins that may call from a browser. */
  allowedOrigins: string[];
  /** The SSM SecureString that holds the keys of model providers. */
  providerKeysParameter?: string;
  /** The SSM SecureString that callback addresses and webhooks are signed with. */
  signingSecretParameter?: string;
  lanes: Record<Lane, LaneShare>;
};

/** A lane's share of the worker: how many invocations at a time, and how many jobs in each. */
export type LaneShare = { concurrency: number; batchSize: number };

/** With ten jobs to an invocation: 100, 50 and 20 jobs at work at the same time. */
const concurrency: Record<Lane, number> = { high: 10, normal: 5, low: 2 };

/** @throws when the context holds something that cannot be meant. */
export function environmentOf(node: Node): Environment {
  const text = (key: string): string | undefined => node.tryGetContext(key) || undefined;
  const list = (key: string): string[] => text(key)?.split(",") ?? [];
  const count = (key: string, otherwise: number, least: number, most: number): number => {
    const value = Number(text(key) ?? otherwise);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new Error(`The context ${key} must be a whole number from ${least} to ${most}, not ${text(key)}`);
    return value;
  };
  const named = text("env") ?? "dev";
  const name = names.find((known) => known === named);
  if (!name) throw new Error(`No environment "${named}"; there are ${names.join(", ")}`);
  const shareOf = (lane: Lane): LaneShare => ({
    // An SQS event source takes no fewer than 2, and more than 10 messages only if it may wait for them to gather.
    concurrency: count(`${lane}Concurrency`, concurrency[lane], 2, 1000),
    batchSize: count(`${lane}BatchSize`, 10, 1, 10),
  });
  const [consoleDomain, consoleCertificate] = [text("consoleDomain"), text("consoleCertificate")];
  if (Boolean(consoleDomain) !== Boolean(consoleCertificate))
    throw new Error("The contexts consoleDomain and consoleCertificate go together");
  return {
    name,
    settings: name === "local" ? settings.local : settings.aws,
    production: name === "prod",
    models: present({
      [env.councilMembers]: text("councilMembers"),
      [env.councilChairmen]: text("councilChairmen"),
      [env.titleModel]: text("titleModel"),
      [env.workModels]: text("workModels"),
      [env.mockFallback]: text("mockFallback"),
      [env.modelPrices]: text("modelPrices"),
      [env.videoModel]: text("videoModel"),
      [env.messageType]: text("messageType"),
      [env.operationHosts]: text("operationHosts"),
      [env.webhookHosts]: text("webhookHosts"),
      [env.openaiBaseUrl]: text("openaiBaseUrl"),
      [env.anthropicBaseUrl]: text("anthropicBaseUrl"),
    }),
    moreModels: list("moreModels"),
    limits: present({
      [env.maxRunningPerTenant]:
        text("maxRunningPerTenant") && String(count("maxRunningPerTenant", 1, 1, 100_000)),
      [env.maxProjectsPerDay]: text("maxProjectsPerDay") && String(count("maxProjectsPerDay", 1, 1, 100_000)),
    }),
    access: present({
      [env.allowedOrigins]: text("allowedOrigins"),
      [env.jwtIssuer]: text("jwtIssuer"),
      [env.jwtAudience]: text("jwtAudience"),
      [env.jwtTenantClaim]: text("jwtTenantClaim"),
    }),
    allowedOrigins: list("allowedOrigins"),
    consoleDomain,
    consoleCertificate,
    providerKeysParameter: text("providerKeysParameter"),
    signingSecretParameter: text("signingSecretParameter"),
    lanes: Object.fromEntries(lanes.map((lane) => [lane, shareOf(lane)])) as Record<Lane, LaneShare>,
  };
}

function present(values: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
