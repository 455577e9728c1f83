import { listOf, env as names } from "../config.ts";
import type { Allowed } from "../egress.ts";
import type { OperationName } from "../operations/operation.ts";
import type { ModelName } from "./model.ts";

/** What a deployment chooses for jobs that do not choose themselves. */
export type Deployment = {
  councilMembers: ModelName[];
  /** The first is the chairman, the others stand in for it in this order. */
  councilChairmen: ModelName[];
  /** Fast and cheap. */
  titleModel: ModelName;
  /** For work that one model does: the first does it, the others stand in for it in this order. */
  workModels: ModelName[];
  /** When all of these have failed, a mock model may answer. What it answered is marked as `mock` and `degraded`. */
  mockFallback: boolean;
  /** Who makes videos: see core/operations. */
  videoModel: OperationName;
  /** The job type that answers messages that name none. */
  messageType: string;
  /** Whom jobs may have called, and where webhooks may be sent: see core/egress.ts. */
  operationHosts: Allowed;
  webhookHosts: Allowed;
};

type Choice = Pick<Deployment, "councilMembers" | "councilChairmen" | "titleModel">;

// Three of one maker disagree less than three of different makers: whoever can should mix.
const openai: Choice = {
  councilMembers: ["openai:gpt-5.6-terra", "openai:gpt-5.6-luna", "openai:gpt-4.1", "openai:gpt-4.1-mini"],
  councilChairmen: ["openai:gpt-5.6-terra", "openai:gpt-4.1", "openai:gpt-5.6-luna"],
  titleModel: "openai:gpt-4.1-nano",
};
const anthropic: Choice = {
  councilMembers: [
    "anthropic:claude-sonnet-5-5",
    "anthropic:claude-opus-5-5",
    "anthropic:claude-sonnet-4-6",
    "anthropic:claude-haiku-4-5",
  ],
  councilChairmen: [
    "anthropic:claude-opus-5-5",
    "anthropic:claude-sonnet-5-5",
    "anthropic:claude-sonnet-4-6",
  ],
  titleModel: "anthropic:claude-haiku-4-5",
};
const mixed: Choice = {
  councilMembers: [
    "openai:gpt-5.6-terra",
    "anthropic:claude-sonnet-5-5",
    "openai:gpt-4.1",
    "anthropic:claude-haiku-4-5",
  ],
  councilChairmen: ["anthropic:claude-opus-5-5", "openai:gpt-5.6-terra", "anthropic:claude-sonnet-5-5"],
  titleModel: "openai:gpt-4.1-nano",
};
// Global inference profiles work from every commercial region and cost less than regional ones.
const bedrock: Choice = {
  councilMembers: [
    "bedrock:global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "bedrock:global.anthropic.claude-haiku-4-5-20251001-v1:0",
    "bedrock:global.amazon.nova-2-lite-v1:0",
    "bedrock:openai.gpt-oss-120b-1:0",
  ],
  councilChairmen: [
    "bedrock:global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "bedrock:global.anthropic.claude-haiku-4-5-20251001-v1:0",
    "bedrock:global.amazon.nova-2-lite-v1:0",
  ],
  titleModel: "bedrock:global.amazon.nova-2-lite-v1:0",
};
const mock: Choice = {
  councilMembers: ["mock:athena", "mock:borges", "mock:curie", "mock:darwin", "mock:euler"],
  councilChairmen: ["mock:athena", "mock:curie", "mock:euler"],
  titleModel: "mock:borges",
};

/**
 * The models of a deployment: what `COUNCIL_MEMBERS`, `COUNCIL_CHAIRMEN`, `WORK_MODELS` and `TITLE_MODEL` name, and for those that
 * are not set, what is configured: provider keys, Bedrock where there are credentials of AWS, else the mock models.
 */
export function deploymentOf(environment: NodeJS.ProcessEnv): Deployment {
  const configured = defaults(environment);
  const members = list(environment[names.councilMembers]);
  const chairmen = list(environment[names.councilChairmen]);
  // Without a chairman of their own, named members choose among themselves: another provider might not be there.
  const councilChairmen = chairmen ?? members?.slice(0, 3) ?? configured.councilChairmen;
  return {
    councilMembers: members ?? configured.councilMembers,
    councilChairmen,
    titleModel: environment[names.titleModel]?.trim() || members?.at(-1) || configured.titleModel,
    workModels: list(environment[names.workModels]) ?? councilChairmen,
    mockFallback: environment[names.mockFallback] === "true",
    videoModel: environment[names.videoModel]?.trim() || videoModelOf(environment),
    messageType: environment[names.messageType]?.trim() || "council",
    operationHosts: listOf(environment[names.operationHosts]),
    webhookHosts: listOf(environment[names.webhookHosts] || "*"),
  };
}

function defaults(environment: NodeJS.ProcessEnv): Choice {
  const hasOpenai = Boolean(environment[names.openaiApiKey] || environment[names.openaiBaseUrl]);
  const hasAnthropic = Boolean(environment[names.anthropicApiKey]);
  if (hasOpenai && hasAnthropic) return mixed;
  if (hasOpenai) return openai;
  if (hasAnthropic) return anthropic;
  return environment[names.settings] === "local" && !hasAwsCredentials(environment) ? mock : bedrock;
}

function videoModelOf(environment: NodeJS.ProcessEnv): OperationName {
  if (environment[names.googleApiKey]) return "google:veo-3.1-fast-generate-preview";
  return defaults(environment) === bedrock ? "bedrock:amazon.nova-reel-v1:1" : "mock:video";
}

/** The embedded cloud gives its functions `local` as the key of an account that does not exist. */
function hasAwsCredentials({
  AWS_ACCESS_KEY_ID: key,
  AWS_BEARER_TOKEN_BEDROCK: token,
}: NodeJS.ProcessEnv): boolean {
  return Boolean(token) || (Boolean(key) && key !== "local");
}

function list(value: string | undefined): ModelName[] | undefined {
  const chosen = listOf(value);
  return chosen.length > 0 ? chosen : undefined;
}
