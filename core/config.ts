import { eachLane, type Lane } from "./protocol/job.ts";

/** Names of environment variables: written by lib/, read by functions/. */
export const env = {
  table: "TABLE_NAME",
  bucket: "BUCKET_NAME",
  queue: (lane: Lane) => `QUEUE_URL_${lane.toUpperCase()}`,
  /** `https://{api}.execute-api.{region}.{suffix}/ws`, for posting to connections; `wss://` of the same is where clients connect. */
  socketEndpoint: "SOCKET_ENDPOINT",
  /** `aws` or `local`: which column of the settings below. */
  settings: "CONVOKE_SETTINGS",
  councilMembers: "COUNCIL_MEMBERS",
  councilChairmen: "COUNCIL_CHAIRMEN",
  titleModel: "TITLE_MODEL",
  workModels: "WORK_MODELS",
  /** `true`: a mock model may answer when all others have failed. */
  mockFallback: "MOCK_FALLBACK",
  openaiBaseUrl: "OPENAI_BASE_URL",
  openaiApiKey: "OPENAI_API_KEY",
  anthropicBaseUrl: "ANTHROPIC_BASE_URL",
  anthropicApiKey: "ANTHROPIC_API_KEY",
  googleBaseUrl: "GOOGLE_BASE_URL",
  googleApiKey: "GOOGLE_API_KEY",
  /** Overrides the regional Bedrock endpoint, for tests. */
  bedrockBaseUrl: "BEDROCK_BASE_URL",
  videoModel: "VIDEO_MODEL",
  /** The job type that answers messages that name none. */
  messageType: "MESSAGE_TYPE",
  /** Hosts that jobs of the type `operation` may call, separated by commas; without it none. See core/egress.ts. */
  operationHosts: "OPERATION_HOSTS",
  /** Headers that these hosts are sent besides, as JSON by host: `{"api.example.com": {"authorization": "Bearer ..."}}`. */
  operationHeaders: "OPERATION_HEADERS",
  /** Hosts that webhooks may be sent to; without it any public one. */
  webhookHosts: "WEBHOOK_HOSTS",
  /** Signs callback addresses and webhooks: at least 32 characters. Several, separated by commas, while one is replaced by the one before it. */
  signingSecret: "SIGNING_SECRET",
  /** Name of an SSM SecureString with the same. */
  signingSecretParameter: "SIGNING_SECRET_PARAMETER",
  /** Where the HTTP API is, for addresses that are given to others. */
  apiUrl: "API_URL",
  /** Name of an SSM SecureString with the provider keys, `{"openai": "...", "anthropic": "..."}`. */
  providerKeysParameter: "PROVIDER_KEYS_PARAMETER",
  /** JSON of prices that come before those of the price table. */
  modelPrices: "MODEL_PRICES",
  /** Milliseconds per mock call, instead of delays like a model's; for benchmarks. */
  mockLatencyMs: "MOCK_LATENCY_MS",
  /** Where the console is: its pages may open WebSockets. */
  consoleUrl: "CONSOLE_URL",
  /** Web origins that may call the API, separated by commas. */
  allowedOrigins: "ALLOWED_ORIGINS",
  /** Tokens of this OpenID Connect issuer are accepted beside API keys; without it only keys are. */
  jwtIssuer: "JWT_ISSUER",
  jwtAudience: "JWT_AUDIENCE",
  /** The claim that names the tenant. */
  jwtTenantClaim: "JWT_TENANT_CLAIM",
  /** How many jobs of one tenant may be at work at the same time; without it any number. */
  maxRunningPerTenant: "MAX_RUNNING_PER_TENANT",
  /** How many projects one person may make on one day. */
  maxProjectsPerDay: "MAX_PROJECTS_PER_DAY",
  logLevel: "LOG_LEVEL",
} as const;

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** Every constant of the system. Where two values are given, the second is for the embedded cloud. */
function choose(local: boolean) {
  const pick = <T>(aws: T, here: T): T => (local ? here : aws);
  const workerTimeoutSeconds = pick(900, 60);
  return {
    workerTimeoutSeconds,
    /** The advice for SQS event sources is six times the function's timeout. */
    visibilitySeconds: 6 * workerTimeoutSeconds,
    maxReceives: pick(10, 4),
    leaseMs: pick(60_000, 5_000),
    heartbeatMs: pick(15_000, 1_000),
    /** How often a worker looks for a cancel while it works. */
    cancelPollMs: pick(2_000, 500),
    sweepSeconds: pick(60, 2),
    /** Batches of the stream that are pushed at the same time. Fewer of them are larger, which is cheaper. */
    progressLanes: pick(10, 2),
    /** A message that was lost is missed after this long. */
    submitDueMs: 5_000,
    /** A retry or wait that is shorter is waited for in place, a longer one parks the job. */
    waitInPlaceMs: pick(2_000, 500),
    /** No step begins when less than this is left of an invocation: time for a model call and the margin. */
    reserveMs: pick(150_000, 20_000),
    /** What still runs when only this is left is given up; the next pass begins it again. */
    marginMs: pick(15_000, 1_500),
    maxSteps: 500,
    maxHops: 1_000,
    /** Of jobs that call jobs. */
    maxDepth: 10,
    /** Claims in a row that recorded nothing. */
    maxStalls: 5,
    maxAgeMs: 7 * day * 1000,
    /** A deployment brings code that fits, and nobody tells the jobs that wait for it. */
    blockedRetryMs: pick(10 * minute * 1000, 5_000),
    maxEvents: 5_000,
    inlineBytes: 16 * 1024,
    /** A value by reference: an input, a result, what a step gives. */
    payloadBytes: 50 * 1024 * 1024,
    /** Values in an uploaded input. What is parsed takes memory by the value, some 100 bytes for each. */
    payloadNodes: 1_000_000,
    uploadSeconds: 15 * minute,
    /** An upload that no job was made of. */
    uploadKeptSeconds: day,
    readingLinkSeconds: 5 * minute,
    frameBytes: 30 * 1024,
    bodyBytes: 256 * 1024,
    /** Of the HTTP API in all. A laptop has one user, whose bursts are none of its business. */
    requestsPerSecond: pick(200, 2_000),
    requestBurst: pick(400, 4_000),
    jsonDepth: 64,
    jsonNodes: 10_000,
    /** Lambda answers with at most 6 MB: a larger result is given by reference. */
    answerBytes: 4 * 1024 * 1024,
    ticketSeconds: 30,
    /** Of a person in a browser. A working day; what is signed out is over at once. */
    sessionSeconds: 12 * hour,
    keyCacheMs: pick(60_000, 5_000),
    /** Counts from a job's end: what is alive does not expire. */
    journalKeptSeconds: 30 * day,
    /** How long after its submit a job may begin at the latest, whatever it waits for: from then on it grows old. */
    heldBackMs: 90 * day * 1000,
    idempotencyKeptSeconds: day,
    deltaKeptSeconds: hour,
    /** API Gateway ends a WebSocket after two hours. */
    watchKeptSeconds: 2 * hour + 10 * minute,
    maxWatchesPerConnection: 50,
    /** Of one tenant. */
    maxSchedules: 100,
    /** Of one person. A deployment may set another limit. */
    maxProjectsPerDay: pick(10, 100),
    /** Jobs of one tenant that may be at work at the same time. A deployment may set a limit. */
    maxRunningPerTenant: Number.POSITIVE_INFINITY,
    /** For so long a slot is its holder's; renewed at half time. */
    slotMs: pick(120_000, 10_000),
    stepAttempts: 5,
    retryFirstMs: pick(1_000, 100),
    retryMostMs: pick(60_000, 2_000),
    modelTotalMs: 120_000,
    modelIdleMs: 30_000,
    deltaFlushMs: 250,
    dueShards: 8,
  } as const;
}

export type Settings = Readonly<Record<keyof ReturnType<typeof choose>, number>>;

export const settings = { aws: choose(false), local: choose(true) };

/** How much faster schedules are here: EventBridge knows no rate below a minute, so the template says a minute. */
export const localScheduleScale = settings.aws.sweepSeconds / settings.local.sweepSeconds;

export function settingsOf(environment: NodeJS.ProcessEnv): Settings {
  const chosen = environment[env.settings] === "local" ? settings.local : settings.aws;
  const running = environment[env.maxRunningPerTenant];
  const projects = environment[env.maxProjectsPerDay];
  return {
    ...chosen,
    ...(running ? { maxRunningPerTenant: Number(running) } : {}),
    ...(projects ? { maxProjectsPerDay: Number(projects) } : {}),
  };
}

/**
 * @throws when a variable that the functions cannot work without is missing: a deployment error, better seen at
 * the first start than at the first job.
 */
export function required(environment: NodeJS.ProcessEnv, name: string): string {
  const value = environment[name];
  if (!value) throw new Error(`The environment variable ${name} is not set`);
  return value;
}

export function queueUrls(environment: NodeJS.ProcessEnv): Record<Lane, string> {
  return eachLane((lane) => required(environment, env.queue(lane)));
}

/** The entries of a setting that holds several, separated by commas. */
export function listOf(setting: string | undefined): string[] {
  return (setting ?? "")
    .split(",")
    .map((entry) => entry.trim())
    .filter(Boolean);
}
