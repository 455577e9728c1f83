import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { distribution } from "./distribution.ts";
import { type DynamoEngine, startDynamo } from "./dynamo-engine.ts";
import { eventFilter } from "./event-filter.ts";
import { type FaultProxy, startFaultProxy } from "./faults.ts";
import { type Gateway, type GatewayLimits, startGateway } from "./gateway.ts";
import { type Log, openLog } from "./log.ts";
import { type FunctionCounts, type PooledFunction, SandboxPools } from "./pool.ts";
import { commandLine } from "./processes.ts";
import { provision } from "./provision.ts";
import { type LocalQueue, type QueueEngine, startQueues } from "./queue-engine.ts";
import { type EventSource, startQueueSource } from "./queue-source.ts";
import { attributes, type Properties, region } from "./resource-types.ts";
import { startSchedules } from "./schedules.ts";
import { openState, type State } from "./state.ts";
import { ExpiredItems, startStreamSource } from "./stream-source.ts";
import { loadTemplate, localAddresses, type Resource, type Template, Unsupported } from "./template.ts";
import { startHousekeeping, sweepExpired } from "./time-to-live.ts";

export type CloudOptions = {
  /** The cloud assembly: `cdk.out`. */
  assembly: string;
  /** Where everything is kept. Undefined: in memory, as far as the machine can. */
  dataDirectory?: string;
  /** 0, the default, for any free one. */
  port?: number;
  /** AWS's own poll rates and delays instead of the shortest that this machine can do. */
  awsLimits?: boolean;
  /** How much faster than on AWS schedules and the background work of DynamoDB are: 12 makes a minute 5 seconds. */
  scheduleScale?: number;
  /** Shortens visibility timeouts, so that tests need not wait for redelivery: 0.01 makes 360 s 3.6 s. */
  visibilityScale?: number;
  /** The first pause before a stream's batch is tried again; each further one is twice as long. */
  streamRetryMs?: number;
  /** Stops idle sandboxes with SIGSTOP, as AWS freezes them. */
  freeze?: boolean;
  /** Idle sandboxes beyond one per function live this long. */
  idleSandboxMs?: number;
  /** Puts a proxy between functions and engines that can inject faults. */
  faults?: boolean;
  /** How likely a queue delivers a message twice, by chance from 0 to 1. */
  duplicateDelivery?: () => boolean;
  gatewayLimits?: Partial<GatewayLimits>;
  /** More variables for all functions. */
  environment?: Record<string, string>;
  /** Starts a sandbox of every function that answers somebody, before anybody asks. Default true. */
  prewarm?: boolean;
  verbose?: boolean;
  print?: (line: string) => void;
};

export interface Cloud {
  /** `http://127.0.0.1:4000` */
  http: string;
  /** `ws://127.0.0.1:4000/ws`, where the template has a WebSocket API. */
  ws: string | undefined;
  template: Template;
  gateway: Gateway;
  /** Ask for functions by their logical id or by the start of it: `WorkerFunction`. */
  lambdas: SandboxPools;
  /** The engines themselves, without faults. */
  endpoints: Record<"dynamodb" | "sqs" | "s3", string>;
  dynamo: DynamoEngine;
  queue(nameOrId: string): LocalQueue;
  /** Only with `faults`. */
  faults: FaultProxy | undefined;
  /** The processes of a function's sandboxes. */
  sandboxes(function_: string): number[];
  functionId(start: string): string;
  /** By label (`worker`), since the start. */
  counts(): Record<string, FunctionCounts>;
  /** What a function is given, e.g. to build the same clients in a test. */
  environmentOf(function_: string): Record<string, string>;
  /** Deletes what has expired now rather than soon. */
  sweepExpired(): Promise<number>;
  state: State;
  log: Log;
  /** Ends every process and closes every port; data stays, unless it was in memory. */
  stop(): Promise<void>;
}

/**
 * Brings the template to life on this machine: engines, tables, queues, functions, gateway, event sources, schedules.
 * @throws Unsupported for a template outside of the contract, an Error when the data directory is in use.
 */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const template = loadTemplate(options.assembly);
  const inMemory = options.dataDirectory === undefined;
  const directory = options.dataDirectory ?? memoryDirectory();
  const state = openState(directory);
  const log = openLog({
    ...(inMemory ? {} : { file: join(directory, "functions.log") }),
    ...(options.print ? { print: options.print } : {}),
    verbose: options.verbose ?? false,
  });
  const undo: (() => unknown)[] = [() => state.close(), () => log.close()];
  if (inMemory) undo.unshift(() => rmSync(directory, { recursive: true, force: true }));
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };

  const secretKey = { ...passedThrough(process.env), ...options.environment }.AWS_SECRET_ACCESS_KEY;
  try {
    const [dynamo, queues] = await Promise.all([
      startDynamo(state, log).then((engine) => {
        undo.push(() => engine.stop());
        return engine;
      }),
      startQueues(join(directory, "queues"), secretKey).then((engine) => {
        undo.push(() => engine.stop());
        return engine;
      }),
    ]);
    await provision(template, { dynamo, queues }, state);

    const enginePorts = { dynamodb: dynamo.port, sqs: queues.port, s3: queues.port };
    const faults = options.faults ? await startFaultProxy(enginePorts) : undefined;
    if (faults) undo.push(() => faults.stop());
    const ports = faults?.ports ?? enginePorts;

    const secret = signingSecret(state);
    let addresses = (text: string) => text;
    const environment = (fn: Resource<"AWS::Lambda::Function">): Record<string, string> => ({
      SIGNING_SECRET: secret,
      ...passedThrough(process.env),
      ...Object.fromEntries(
        Object.entries(fn.properties.Environment?.Variables ?? {}).map(([name, value]) => [
          name,
          addresses(value),
        ]),
      ),
      ...options.environment,
      ...runtimeEnvironment(fn, template.asset(fn.properties.Code.S3Key)),
      AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${ports.dynamodb}`,
      AWS_ENDPOINT_URL_SQS: `http://127.0.0.1:${ports.sqs}`,
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${ports.s3}`,
      NODE_COMPILE_CACHE: join(options.assembly, "compile-cache"),
    });
    const functions = template.of("AWS::Lambda::Function");
    const lambdas = new SandboxPools(
      functions.map((fn) => pooled(fn, template, environment)),
      state,
      log,
      { freeze: options.freeze ?? false, idleMs: options.idleSandboxMs ?? 60_000 },
    );
    undo.push(() => lambdas.stop());

    const gateway = await startGateway({
      template,
      lambdas,
      port: options.port ?? 0,
      distribution: distribution(template, (text) => addresses(text)),
      log: (line) => log.line(line),
      ...(options.gatewayLimits ? { limits: options.gatewayLimits } : {}),
    });
    addresses = localAddresses({ gatewayPort: gateway.port, sqsPort: ports.sqs, s3Port: ports.s3 });

    const sources = startEventSources(template, { dynamo, queues, lambdas, state, log }, options);
    const scale = options.awsLimits ? 1 : (options.scheduleScale ?? 1);
    const stopSchedules = startSchedules(template, lambdas, log, scale);
    const expired = sources.expired;
    const stopHousekeeping = startHousekeeping(template, dynamo, expired, log, 60_000);
    // In this order: nobody new comes in, functions end, what they held is given back, and then the engines go.
    undo.push(async () => {
      await Promise.all(sources.list.map(({ stopped }) => stopped));
    });
    undo.push(() => lambdas.stop());
    undo.push(async () => {
      stopSchedules();
      stopHousekeeping();
      for (const source of sources.list) source.stop();
      await gateway.close();
    });

    const functionId = (start: string) => {
      const [found, ...others] = functions.filter(({ id }) => id.startsWith(start));
      if (!found || others.length > 0)
        throw new Error(`${start} names ${others.length ? "several" : "no"} functions`);
      return found.id;
    };
    if (options.prewarm ?? true) {
      // Not awaited: the first caller finds them as far as they are.
      for (const id of answering(template)) void lambdas.prewarm(id);
    }
    const socketApi = template
      .of("AWS::ApiGatewayV2::Api")
      .find(({ properties }) => properties.ProtocolType === "WEBSOCKET");
    const socketStage = template
      .of("AWS::ApiGatewayV2::Stage")
      .find(({ properties }) => properties.ApiId === socketApi?.name)?.properties.StageName;
    return {
      http: `http://127.0.0.1:${gateway.port}`,
      ws: socketStage === undefined ? undefined : `ws://127.0.0.1:${gateway.port}/${socketStage}`,
      template,
      gateway,
      lambdas,
      endpoints: {
        dynamodb: `http://127.0.0.1:${dynamo.port}`,
        sqs: `http://127.0.0.1:${queues.port}`,
        s3: `http://127.0.0.1:${queues.port}`,
      },
      dynamo,
      queue(nameOrId) {
        const found = template
          .of("AWS::SQS::Queue")
          .find(({ id, name }) => name === nameOrId || id.replace(hashSuffix, "") === nameOrId);
        return queues.queue(found?.name ?? nameOrId);
      },
      faults,
      functionId,
      sandboxes: (start) => lambdas.pids(functionId(start)),
      counts: () => lambdas.counts(),
      environmentOf: (start) => environment(functions.find(({ id }) => id === functionId(start))!),
      sweepExpired: () => sweepExpired(template, dynamo, expired),
      state,
      log,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Logical ids end in a hash of eight digits. */
const hashSuffix = /[0-9A-F]{8}$/;

/** A directory that goes with the cloud; those of runners that were killed go now. */
function memoryDirectory(): string {
  const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  for (const name of readdirSync(parent)) {
    const [, pid] = /^convoke-memory-(\d+)-/.exec(name) ?? [];
    if (pid && commandLine(Number(pid)) === undefined) {
      rmSync(join(parent, name), { recursive: true, force: true });
    }
  }
  return mkdtempSync(join(parent, `convoke-memory-${process.pid}-`));
}

function pooled(
  fn: Resource<"AWS::Lambda::Function">,
  template: Template,
  environment: (fn: Resource<"AWS::Lambda::Function">) => Record<string, string>,
): PooledFunction {
  const { properties } = fn;
  const label = fn.id
    .replace(hashSuffix, "")
    .replace(/Function$/, "")
    .toLowerCase();
  return {
    id: fn.id,
    name: fn.name,
    label,
    arn: attributes["AWS::Lambda::Function"]!.Arn!(fn),
    timeoutMs: properties.Timeout * 1000,
    reservedConcurrency: properties.ReservedConcurrentExecutions,
    plan: () => ({
      label,
      memoryMb: properties.MemorySize,
      background: !template
        .of("AWS::ApiGatewayV2::Integration")
        .some(
          ({ properties: { IntegrationUri } }) =>
            template.find("AWS::Lambda::Function", IntegrationUri) === fn,
        ),
      directory: template.asset(properties.Code.S3Key),
      environment: environment(fn),
    }),
  };
}

/** @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html */
function runtimeEnvironment(
  { name, properties }: Resource<"AWS::Lambda::Function">,
  directory: string,
): Record<string, string> {
  const logging = properties.LoggingConfig;
  return {
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(properties.MemorySize),
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_LAMBDA_LOG_GROUP_NAME: logging?.LogGroup ?? `/aws/lambda/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: "local",
    AWS_LAMBDA_LOG_FORMAT: logging?.LogFormat ?? "Text",
    ...(logging?.ApplicationLogLevel ? { AWS_LAMBDA_LOG_LEVEL: logging.ApplicationLogLevel } : {}),
    // Only asked after a failed start, and then for a report that goes to the log anyway.
    AWS_LAMBDA_RUNTIME_API: "127.0.0.1:9",
    LAMBDA_TASK_ROOT: directory,
    _HANDLER: properties.Handler,
    TZ: ":UTC",
  };
}

/** Of the runner's own environment: what chooses and pays for models, whom jobs may call, and nothing else. */
const passed =
  /^(AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|REGION|DEFAULT_REGION|BEARER_TOKEN_BEDROCK)|(OPENAI|ANTHROPIC|GOOGLE|BEDROCK|COUNCIL|MOCK|OPERATION|WEBHOOK)_.*|(TITLE|VIDEO)_MODEL|WORK_MODELS|MESSAGE_TYPE|SIGNING_SECRET|LOG_LEVEL|HOME|PATH|LANG|NODE_EXTRA_CA_CERTS|HTTPS?_PROXY|NO_PROXY|https?_proxy|no_proxy)$/;

function passedThrough(from: NodeJS.ProcessEnv): Record<string, string> {
  const own = Object.fromEntries(
    Object.entries(from).filter((entry): entry is [string, string] => passed.test(entry[0])),
  );
  const dummies: Record<string, string> = own.AWS_ACCESS_KEY_ID
    ? {}
    : { AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" };
  return { AWS_REGION: region, AWS_DEFAULT_REGION: region, ...dummies, ...own };
}

/** Kept, so that what was signed before a restart is good after it. */
function signingSecret(state: State): string {
  const secret = state.get("signing-secret") ?? randomBytes(32).toString("base64url");
  state.set("signing-secret", secret);
  return secret;
}

/** Functions that somebody waits for: behind an API, or fed by a queue or stream that is not of dead letters. */
function answering(template: Template): Set<string> {
  const find = (arn: string) => template.find("AWS::Lambda::Function", arn).id;
  const deadLetters = new Set(
    template.of("AWS::SQS::Queue").map(({ properties }) => properties.RedrivePolicy?.deadLetterTargetArn),
  );
  return new Set([
    ...template.of("AWS::ApiGatewayV2::Integration").map(({ properties }) => find(properties.IntegrationUri)),
    ...template
      .of("AWS::Lambda::EventSourceMapping")
      .filter(({ properties }) => !deadLetters.has(properties.EventSourceArn))
      .map(({ properties }) => find(properties.FunctionName)),
  ]);
}

function startEventSources(
  template: Template,
  engines: { dynamo: DynamoEngine; queues: QueueEngine; lambdas: SandboxPools; state: State; log: Log },
  options: CloudOptions,
): { list: EventSource[]; expired: ExpiredItems } {
  const expired = new ExpiredItems();
  const list = template
    .of("AWS::Lambda::EventSourceMapping")
    .filter(({ properties }) => properties.Enabled)
    .map((mapping) => {
      const service = mapping.properties.EventSourceArn.split(":")[2];
      if (service === "sqs") return queueSource(mapping.properties, template, engines, options);
      if (service === "dynamodb") return streamSource(mapping, template, { ...engines, expired }, options);
      throw new Unsupported(`${mapping.id}: the embedded cloud has no event source ${service}`);
    });
  return { list, expired };
}

function queueSource(
  properties: Properties<"AWS::Lambda::EventSourceMapping">,
  template: Template,
  { queues, lambdas, log }: { queues: QueueEngine; lambdas: SandboxPools; log: Log },
  options: CloudOptions,
): EventSource {
  const queue = template.find("AWS::SQS::Queue", properties.EventSourceArn);
  const fn = template.find("AWS::Lambda::Function", properties.FunctionName);
  if (properties.FilterCriteria) throw new Unsupported(`The event source of ${queue.id} filters messages`);
  return startQueueSource(
    {
      queue: queues.queue(queue.name),
      queueArn: properties.EventSourceArn,
      visibilitySeconds: queue.properties.VisibilityTimeout * (options.visibilityScale ?? 1),
      functionId: fn.id,
      functionName: fn.name,
      batchSize: properties.BatchSize ?? 10,
      batchingWindowMs: properties.MaximumBatchingWindowInSeconds * 1000,
      // Without a maximum Lambda begins with five pollers, and this machine has no room for more.
      maxConcurrency: properties.ScalingConfig?.MaximumConcurrency ?? 5,
      partialFailures: properties.FunctionResponseTypes.includes("ReportBatchItemFailures"),
      allowsRecursion: fn.properties.RecursiveLoop === "Allow",
      pollMs: options.awsLimits ? 20 : 0,
      duplicates: options.duplicateDelivery ?? (() => false),
    },
    lambdas,
    log,
  );
}

function streamSource(
  { id, properties }: Resource<"AWS::Lambda::EventSourceMapping">,
  template: Template,
  engines: {
    dynamo: DynamoEngine;
    queues: QueueEngine;
    lambdas: SandboxPools;
    state: State;
    log: Log;
    expired: ExpiredItems;
  },
  options: CloudOptions,
): EventSource {
  const table = template
    .of("AWS::DynamoDB::Table")
    .find((one) => attributes["AWS::DynamoDB::Table"]!.StreamArn!(one) === properties.EventSourceArn);
  const view = table?.properties.StreamSpecification?.StreamViewType;
  if (!table || !view)
    throw new Unsupported(`${id}: ${properties.EventSourceArn} is no stream of the template`);
  const fn = template.find("AWS::Lambda::Function", properties.FunctionName);
  const destination = properties.DestinationConfig?.OnFailure.Destination;
  const failures = destination && engines.queues.queue(template.find("AWS::SQS::Queue", destination).name);
  return startStreamSource(
    {
      id,
      table: table.name,
      streamArn: properties.EventSourceArn,
      streamViewType: view,
      functionId: fn.id,
      functionArn: attributes["AWS::Lambda::Function"]!.Arn!(fn),
      batchSize: properties.BatchSize ?? 100,
      batchingWindowMs: properties.MaximumBatchingWindowInSeconds * 1000,
      lanes: properties.ParallelizationFactor,
      filter: eventFilter(properties.FilterCriteria?.Filters.map(({ Pattern }) => Pattern) ?? []),
      startAtEnd: properties.StartingPosition === "LATEST",
      partialFailures: properties.FunctionResponseTypes.includes("ReportBatchItemFailures"),
      bisect: properties.BisectBatchOnFunctionError,
      maxRetries: properties.MaximumRetryAttempts,
      maxAgeSeconds: properties.MaximumRecordAgeInSeconds,
      sendFailure: failures ? (body) => failures.send(body) : undefined,
      firstRetryMs: options.streamRetryMs ?? (options.awsLimits ? 1_000 : 100),
      pollMs: options.awsLimits ? 250 : 0,
    },
    engines,
  );
}
