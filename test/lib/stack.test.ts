import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { env, settings } from "../../core/config.ts";
import { longestJournalMs } from "../../core/journal/retention.ts";
import { lanes } from "../../core/protocol/job.ts";
import { type Bundles, bundle, functionNames } from "../../lib/bundle.ts";
import {
  functionOf,
  list,
  type Properties,
  type Resource,
  statements,
  synthesize,
  type Template,
  variables,
} from "./synthesis.ts";

let directory: string;
let bundles: Bundles;
let dev: Template;
let prod: Template;
let local: Template;

beforeAll(async () => {
  vi.stubEnv("CDK_VALIDATION", "false");
  vi.stubEnv("CDK_CONTEXT_JSON", undefined);
  directory = mkdtempSync(join(tmpdir(), "convoke-bundles-"));
  bundles = await bundle(directory);
  [dev, prod, local] = ["dev", "prod", "local"].map((name) => synthesize(bundles, { env: name })) as [
    Template,
    Template,
    Template,
  ];
}, 60_000);

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

const all = (): Template[] => [dev, prod, local];

/** Event source mappings whose source is a queue, with both ends. */
function queueSources(template: Template): { mapping: Properties; queue: Resource; fn: Resource }[] {
  return template
    .ofType("AWS::Lambda::EventSourceMapping")
    .map(({ Properties: mapping }) => ({
      mapping,
      queue: template.target(mapping.EventSourceArn),
      fn: template.target(mapping.FunctionName),
    }))
    .filter(({ queue }) => queue.Type === "AWS::SQS::Queue");
}

function streamSource(template: Template): Properties {
  const found = template
    .ofType("AWS::Lambda::EventSourceMapping")
    .filter(({ Properties }) => template.target(Properties.EventSourceArn).Type === "AWS::DynamoDB::Table");
  expect(found).toHaveLength(1);
  return found[0]!.Properties;
}

const spelled = (value: unknown): string => JSON.stringify(value);

describe("queues", () => {
  test("a message stays hidden for at least six times as long as its consumer may run", () => {
    for (const template of all()) {
      expect(queueSources(template)).toHaveLength(2 * lanes.length);
      for (const { queue, fn } of queueSources(template)) {
        const visibility = queue.Properties.VisibilityTimeout as number;
        expect(visibility).toBeGreaterThanOrEqual(6 * (fn.Properties.Timeout as number));
      }
    }
  });

  test("every queue has a dead-letter queue, or is one, or takes what the stream gave up", () => {
    for (const template of all()) {
      const queues = template.ofType("AWS::SQS::Queue");
      const last = new Set<string>();
      for (const { Properties } of queues) {
        const redrive = Properties.RedrivePolicy as { deadLetterTargetArn: unknown } | undefined;
        if (redrive) last.add(template.target(redrive.deadLetterTargetArn).id);
      }
      const { OnFailure } = streamSource(template).DestinationConfig as {
        OnFailure: { Destination: unknown };
      };
      last.add(template.target(OnFailure.Destination).id);
      for (const queue of queues) expect(Boolean(queue.Properties.RedrivePolicy)).toBe(!last.has(queue.id));
      expect(last.size).toBe(lanes.length + 1);
    }
  });

  test("dead letters are read by the sweeper, and kept longer than what they were", () => {
    const read = queueSources(prod).filter(({ fn }) => fn.id === functionOf(prod, "sweeper").id);
    expect(read).toHaveLength(lanes.length);
    for (const { queue } of read) {
      expect(queue.Properties.RedrivePolicy).toBeUndefined();
      expect(queue.Properties.MessageRetentionPeriod).toBe(14 * 86_400);
    }
    for (const { queue, fn } of queueSources(prod)) {
      if (fn.id !== functionOf(prod, "worker").id) continue;
      expect(queue.Properties.MessageRetentionPeriod).toBe(4 * 86_400);
    }
  });

  test("a message is given up after as many receives as the settings say", () => {
    for (const [template, { maxReceives, visibilitySeconds }] of [
      [prod, settings.aws],
      [local, settings.local],
    ] as const) {
      for (const { queue, fn } of queueSources(template)) {
        if (fn.id !== functionOf(template, "worker").id) continue;
        expect(queue.Properties.RedrivePolicy).toMatchObject({ maxReceiveCount: maxReceives });
        expect(queue.Properties.VisibilityTimeout).toBe(visibilitySeconds);
      }
    }
  });

  test("queues and buckets are encrypted and refuse plain connections", () => {
    for (const queue of dev.ofType("AWS::SQS::Queue"))
      expect(queue.Properties.SqsManagedSseEnabled).toBe(true);
    const kept = [...dev.ofType("AWS::SQS::Queue"), ...dev.ofType("AWS::S3::Bucket")];
    const policies = [...dev.ofType("AWS::SQS::QueuePolicy"), ...dev.ofType("AWS::S3::BucketPolicy")];
    for (const resource of kept) {
      const policy = policies.find(({ Properties }) =>
        list(Properties.Queues ?? Properties.Bucket).some((one) => dev.target(one).id === resource.id),
      );
      expect(statements(policy?.Properties.PolicyDocument)).toContainEqual(
        expect.objectContaining({ Effect: "Deny", Condition: { Bool: { "aws:SecureTransport": "false" } } }),
      );
    }
  });
});

describe("event sources", () => {
  test("each lane has its own share of the worker, and says which messages failed [A3-07] [A3-03]", () => {
    const ofWorker = queueSources(dev).filter(({ fn }) => fn.id === functionOf(dev, "worker").id);
    expect(ofWorker.map(({ mapping }) => spelled(mapping.ScalingConfig)).sort()).toEqual(
      [10, 2, 5].map((most) => spelled({ MaximumConcurrency: most })),
    );
    for (const { mapping } of queueSources(dev)) {
      expect(mapping.FunctionResponseTypes).toEqual(["ReportBatchItemFailures"]);
      expect(mapping.ScalingConfig).toBeDefined();
      expect(mapping.BatchSize).toBe(10);
      expect(mapping.MaximumBatchingWindowInSeconds).toBeUndefined();
    }
  });

  test("a poison record cannot stop the feed for long, and what it costs is known afterwards", () => {
    expect(streamSource(prod)).toMatchObject({
      StartingPosition: "TRIM_HORIZON",
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 3,
      MaximumRecordAgeInSeconds: 300,
      ParallelizationFactor: 10,
      MaximumBatchingWindowInSeconds: 0,
      DestinationConfig: { OnFailure: { Destination: expect.anything() } },
    });
  });

  test("the feed is woken by new entries and deltas, by nothing else in the table", () => {
    const { Filters } = streamSource(dev).FilterCriteria as { Filters: { Pattern: string }[] };
    expect(Filters.map(({ Pattern }) => JSON.parse(Pattern))).toEqual(
      ["E#", "D#"].map((prefix) => ({
        eventName: ["INSERT"],
        dynamodb: { Keys: { sk: { S: [{ prefix }] } } },
      })),
    );
  });

  test("a sweep is due every minute, and one that failed is not repeated [A1-22]", () => {
    for (const template of all()) {
      const { ScheduleExpression, Targets } = template.one("AWS::Events::Rule").Properties;
      expect(ScheduleExpression).toBe("rate(1 minute)");
      expect(Targets).toEqual([
        expect.objectContaining({
          Arn: { "Fn::GetAtt": [functionOf(template, "sweeper").id, "Arn"] },
          RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
        }),
      ]);
    }
  });
});

describe("functions", () => {
  test("each has a role, a log, a memory size and a timeout of its own", () => {
    for (const template of all()) {
      const functions = functionNames.map((name) => functionOf(template, name));
      // CDK's own, which copies the console's files while a stack is deployed, is the only other one.
      const others = template.ofType("AWS::Lambda::Function").filter(({ id }) => !id.startsWith("CustomCDK"));
      expect(others).toHaveLength(functions.length);
      const logOf = (fn: Resource): Resource =>
        template.target((fn.Properties.LoggingConfig as { LogGroup: unknown }).LogGroup);
      expect(new Set(functions.map((fn) => template.target(fn.Properties.Role).id)).size).toBe(5);
      expect(new Set(functions.map((fn) => logOf(fn).id)).size).toBe(5);
      for (const fn of functions) {
        expect(fn.Properties).toMatchObject({
          Runtime: "nodejs24.x",
          Architectures: ["arm64"],
          MemorySize: expect.any(Number),
          Timeout: expect.any(Number),
          TracingConfig: { Mode: "Active" },
          Environment: { Variables: { NODE_OPTIONS: "--enable-source-maps" } },
        });
      }
      for (const log of template.ofType("AWS::Logs::LogGroup"))
        expect(log.Properties.RetentionInDays).toBeGreaterThan(0);
    }
  });

  test("only the worker may go round in circles: its jobs have budgets instead", () => {
    for (const template of all()) {
      const allowed = template
        .ofType("AWS::Lambda::Function")
        .filter(({ Properties }) => Properties.RecursiveLoop !== undefined);
      expect(allowed.map(({ id }) => id)).toEqual([functionOf(template, "worker").id]);
      expect(allowed[0]?.Properties.RecursiveLoop).toBe("Allow");
    }
  });

  test("the settings that a function reads are those that its queues were made for", () => {
    const chosen = (template: Template) =>
      functionNames.map((name) => variables(functionOf(template, name))[env.settings]);
    expect(new Set([...chosen(dev), ...chosen(prod)])).toEqual(new Set(["aws"]));
    expect(new Set(chosen(local))).toEqual(new Set(["local"]));
    expect(functionOf(local, "worker").Properties.Timeout).toBe(settings.local.workerTimeoutSeconds);
    expect(functionOf(prod, "worker").Properties.Timeout).toBe(settings.aws.workerTimeoutSeconds);
  });

  test("the api and the sweeper, which choose a job's models, and the worker, which may call them, were told the same", () => {
    const told = {
      [env.councilMembers]: "bedrock:amazon.nova-pro-v1:0,openai:gpt-4.1",
      [env.councilChairmen]: "openai:gpt-4.1",
      [env.titleModel]: "bedrock:amazon.nova-lite-v1:0",
    };
    const template = synthesize(bundles, {
      councilMembers: told[env.councilMembers],
      councilChairmen: told[env.councilChairmen],
      titleModel: told[env.titleModel],
    });
    for (const name of ["api", "sweeper", "worker"] as const)
      expect(variables(functionOf(template, name))).toMatchObject(told);
  });

  test("no secret of whoever deploys gets into a template", () => {
    vi.stubEnv(env.openaiApiKey, "sk-secret-of-the-deployer");
    vi.stubEnv(env.anthropicApiKey, "sk-ant-secret-of-the-deployer");
    const template = synthesize(bundles, { env: "prod", providerKeysParameter: "/convoke/keys" });
    expect(spelled(template.resources)).not.toContain("secret-of-the-deployer");
    const worker = functionOf(template, "worker");
    expect(variables(worker)[env.providerKeysParameter]).toBe("/convoke/keys");
    const reads = template.rights(worker).filter(({ Action }) => Action === "ssm:GetParameter");
    expect(reads).toHaveLength(1);
    expect(spelled(reads[0]?.Resource)).toMatch(/:parameter\/convoke\/keys"/);
  });
});

describe("rights", () => {
  /** Wildcards that cannot be avoided. Everything else in a policy names what it means. */
  const inevitable = [
    // X-Ray has no resources.
    { actions: ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resource: /^"\*"$/ },
    // Objects and connections come and go.
    {
      actions: ["s3:GetObject", "s3:PutObject"],
      resource: /^\{"Fn::Join":\["",\[\{"Fn::GetAtt":\["PayloadsBucket\w+","Arn"\]\},"\/\*"\]\]\}$/,
    },
    // So do invocations that go on beside their call.
    { actions: ["bedrock:GetAsyncInvoke"], resource: /:bedrock:.*":async-invoke\/\*"/ },
    { actions: ["execute-api:ManageConnections"], resource: /"\/ws\/\*\/@connections\/\*"/ },
  ];

  test("no policy allows an action or a resource by a wildcard, but for what has no name", () => {
    for (const template of all()) {
      const policies = template
        .ofType("AWS::IAM::Policy")
        .filter(({ id }) => !id.startsWith("ConsoleDeploy"));
      for (const { Action, Resource, Effect } of policies.flatMap(({ Properties }) =>
        statements(Properties.PolicyDocument),
      )) {
        expect(Effect).toBe("Allow");
        for (const action of list(Action)) expect(action).not.toContain("*");
        for (const resource of list(Resource)) {
          if (!spelled(resource).includes("*")) continue;
          const excuse = inevitable.find((known) => known.resource.test(spelled(resource)));
          expect(excuse, spelled(resource)).toBeDefined();
          expect(excuse?.actions).toEqual(expect.arrayContaining(list(Action)));
        }
      }
    }
  });

  test("the api may read how long each lane is [A3-14]", () => {
    for (const template of all()) {
      const rights = template.rights(functionOf(template, "api"));
      const readable = rights.filter(({ Action }) => list(Action).includes("sqs:GetQueueAttributes"));
      expect(readable.flatMap(({ Resource }) => list(Resource))).toHaveLength(3);
    }
  });

  test("no function takes a policy that somebody else may change", () => {
    for (const { Properties } of prod.ofType("AWS::IAM::Role")) {
      expect(Properties.ManagedPolicyArns).toBeUndefined();
      expect(Properties.Policies).toBeUndefined();
    }
  });

  test.each([
    [
      "api",
      ["sqs:ReceiveMessage", "sqs:DeleteMessage", "bedrock:InvokeModel", "execute-api:ManageConnections"],
    ],
    ["worker", ["execute-api:ManageConnections", "dynamodb:GetRecords"]],
    ["progress", ["dynamodb:PutItem", "sqs:ReceiveMessage", "s3:GetObject"]],
    ["sockets", ["sqs:SendMessage", "s3:PutObject", "bedrock:InvokeModel"]],
    [
      "sweeper",
      [
        "dynamodb:DeleteItem",
        "s3:GetObject",
        "bedrock:InvokeModel",
        "execute-api:ManageConnections",
        "dynamodb:GetRecords",
      ],
    ],
  ] as const)("%s cannot do what is another's work", (name, others) => {
    const may = prod.rights(functionOf(prod, name)).flatMap(({ Action }) => list(Action));
    for (const other of others) expect(may).not.toContain(other);
  });

  test("the worker may call the models that it was given, where they run, and no others", () => {
    const mayCall = (context: Record<string, string>) => {
      const template = synthesize(bundles, { env: "dev", ...context });
      const rights = template.rights(functionOf(template, "worker"));
      const found = rights.find(({ Action }) => list(Action).includes("bedrock:InvokeModel"));
      return found && list(found.Resource).map(spelled).join("\n");
    };
    expect(mayCall({})).not.toContain("*");
    expect(mayCall({ moreModels: "bedrock:us.meta.llama4-maverick-17b-instruct-v1:0" })).toMatch(
      /:bedrock:\*::foundation-model\/meta\.llama4-maverick-17b-instruct-v1:0/,
    );
    const others = "openai:gpt-5.6-terra,mock:curie";
    expect(
      mayCall({
        councilMembers: others,
        councilChairmen: others,
        titleModel: "mock:curie",
        videoModel: "mock:video",
      }),
    ).toBeUndefined();
  });
});

describe("doors", () => {
  test("whoever connects is checked by the sockets function, with or without a header", () => {
    const connect = dev
      .ofType("AWS::ApiGatewayV2::Route")
      .find(({ Properties }) => Properties.RouteKey === "$connect");
    const authorizer = dev.target(connect?.Properties.AuthorizerId);
    expect(authorizer.Properties).toMatchObject({ AuthorizerType: "REQUEST" });
    expect(authorizer.Properties.IdentitySource ?? []).toEqual([]);
    expect(spelled(authorizer.Properties.AuthorizerUri)).toContain(functionOf(dev, "sockets").id);
  });

  test("what the sockets function answers to a message is sent", () => {
    const route = dev
      .ofType("AWS::ApiGatewayV2::Route")
      .find(({ Properties }) => Properties.RouteKey === "$default");
    expect(route?.Properties.RouteResponseSelectionExpression).toBe("$default");
    expect(dev.one("AWS::ApiGatewayV2::RouteResponse").Properties.RouteId).toEqual({ Ref: route?.id });
  });

  test("both doors are throttled, and what is logged of a request holds no secret", () => {
    const stages = dev.ofType("AWS::ApiGatewayV2::Stage");
    expect(stages.map(({ Properties }) => Properties.StageName).sort()).toEqual(["$default", "ws"]);
    for (const { Properties } of stages) {
      expect(Properties.DefaultRouteSettings).toMatchObject({
        ThrottlingRateLimit: expect.any(Number),
        ThrottlingBurstLimit: expect.any(Number),
      });
    }
    const { Format } = dev.one("AWS::ApiGatewayV2::Stage", "Api").Properties.AccessLogSettings as {
      Format: string;
    };
    expect(Format).toContain("$context.requestId");
    expect(Format).not.toMatch(/query|header|authoriz/i);
  });

  test("browsers may come from the origins that were named, and from nowhere else", () => {
    const cors = (template: Template) =>
      template.one("AWS::ApiGatewayV2::Api", "Api").Properties.CorsConfiguration;
    expect(cors(dev)).toBeUndefined();
    const origins = ["https://a.example", "https://b.example"];
    const open = synthesize(bundles, { env: "prod", allowedOrigins: origins.join(",") });
    expect(cors(open)).toMatchObject({ AllowOrigins: origins });
    for (const name of ["api", "sockets"] as const)
      expect(variables(functionOf(open, name))[env.allowedOrigins]).toBe(origins.join(","));
  });
});

describe("environments", () => {
  test("the table streams what is new, forgets what is old, and can be brought back to any second", () => {
    for (const template of all()) {
      expect(template.one("AWS::DynamoDB::Table").Properties).toMatchObject({
        BillingMode: "PAY_PER_REQUEST",
        StreamSpecification: { StreamViewType: "NEW_IMAGE" },
        TimeToLiveSpecification: { AttributeName: "ttl", Enabled: true },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      });
    }
  });

  test("an upload that became no job goes after a day, and a page that has a link may use it", () => {
    const { LifecycleConfiguration, CorsConfiguration } = prod.one("AWS::S3::Bucket", "Payloads").Properties;
    expect(LifecycleConfiguration).toMatchObject({
      Rules: expect.arrayContaining([
        expect.objectContaining({ Prefix: ".uploads/", ExpirationInDays: 1, Status: "Enabled" }),
      ]),
    });
    expect(CorsConfiguration).toMatchObject({
      CorsRules: [{ AllowedMethods: ["PUT", "GET"], AllowedOrigins: ["*"] }],
    });
  });

  test("payloads are private, and outlive the journal that refers to them by a day", () => {
    const { Properties } = prod.one("AWS::S3::Bucket", "Payloads");
    expect(Properties).toMatchObject({
      VersioningConfiguration: { Status: "Enabled" },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      LifecycleConfiguration: {
        Rules: expect.arrayContaining([
          expect.objectContaining({
            ExpirationInDays: longestJournalMs(settings.aws) / 86_400_000 + 1,
            Status: "Enabled",
          }),
        ]),
      },
    });
  });

  test("production keeps its data and its logs when the stack is removed, the others leave nothing", () => {
    for (const [template, policy] of [
      [prod, "Retain"],
      [dev, "Delete"],
      [local, "Delete"],
    ] as const) {
      const kept = ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Logs::LogGroup"]
        .flatMap((type) => template.ofType(type))
        // The console's files are the build's, and can be had again.
        .filter(({ id }) => !id.startsWith("ConsoleFiles"));
      for (const { DeletionPolicy, UpdateReplacePolicy } of kept) {
        expect(DeletionPolicy).toBe(policy);
        expect(UpdateReplacePolicy).toBe(policy);
      }
      const { DeletionProtectionEnabled } = template.one("AWS::DynamoDB::Table").Properties;
      expect(DeletionProtectionEnabled).toBe(policy === "Retain");
    }
  });

  test("production raises alarms, and all of them reach one topic", () => {
    const alarms = prod.ofType("AWS::CloudWatch::Alarm");
    const topic = prod.one("AWS::SNS::Topic");
    expect(alarms.map(({ id }) => id.replace(/^Alarms|[0-9A-F]{8}$/g, "")).sort()).toEqual([
      "FeedDelay",
      "HighDeadLetters",
      "LowDeadLetters",
      "NormalDeadLetters",
      "ProgressFailures",
      "SweeperErrors",
      "SweeperStopped",
      "WorkerErrors",
      "WorkerInvocations",
      "WorkerThrottles",
    ]);
    for (const { Properties } of alarms) expect(Properties.AlarmActions).toEqual([{ Ref: topic.id }]);
    const stopped = alarms.find(({ id }) => id.includes("SweeperStopped"));
    expect(stopped?.Properties).toMatchObject({
      TreatMissingData: "breaching",
      Period: 60,
      EvaluationPeriods: 3,
    });
    expect([...dev.ofType("AWS::CloudWatch::Alarm"), ...local.ofType("AWS::CloudWatch::Alarm")]).toEqual([]);
  });

  test("production has a dashboard: what waits and for how long, what failed, how far the live feed is behind [A3-14]", () => {
    const { Properties } = prod.one("AWS::CloudWatch::Dashboard");
    const body = JSON.stringify(Properties.DashboardBody);
    const shown = (metric: string) => body.split(`\\"${metric}\\"`).length - 1;
    // Three lanes, and for dead letters the stream's besides.
    expect(shown("ApproximateNumberOfMessagesVisible")).toBe(3 + 4);
    expect(shown("ApproximateAgeOfOldestMessage")).toBe(3);
    for (const metric of ["Errors", "Throttles", "Duration", "Invocations"]) expect(shown(metric)).toBe(5);
    expect(shown("IteratorAge")).toBe(1);
    expect(dev.ofType("AWS::CloudWatch::Dashboard")).toEqual([]);
    expect(local.ofType("AWS::CloudWatch::Dashboard")).toEqual([]);
  });

  test("two environments in one account never share a name", () => {
    const names = (template: Template): string[] =>
      template.resources
        // A policy's name and an authorizer's are only read within their role and their API.
        .filter(({ Type }) => !["AWS::IAM::Policy", "AWS::ApiGatewayV2::Authorizer"].includes(Type))
        .flatMap(({ Properties }) => Object.entries(Properties ?? {}))
        .filter(([key]) => /^(Name|\w+Name)$/.test(key) && key !== "StageName")
        .map(([, value]) => value)
        .filter((value) => typeof value === "string");
    expect(names(dev).filter((name) => names(prod).includes(name))).toEqual([]);
  });

  test("whoever deploys is told the addresses and the table", () => {
    for (const template of all())
      expect(Object.keys(template.outputs)).toEqual(
        expect.arrayContaining(["HttpUrl", "WebSocketUrl", "TableName"]),
      );
  });

  test("a context that cannot be meant is refused with what would be right", () => {
    expect(() => synthesize(bundles, { env: "production" })).toThrow(
      'No environment "production"; there are dev, prod, local',
    );
    expect(() => synthesize(bundles, { lowConcurrency: "1" })).toThrow(/lowConcurrency must be .* from 2/);
    expect(() => synthesize(bundles, { highBatchSize: "11" })).toThrow(/highBatchSize must be .* to 10/);
  });

  test("how many jobs of a tenant are at work at the same time is a setting, and without it not limited", () => {
    const limit = (template: Template) => variables(functionOf(template, "worker"))[env.maxRunningPerTenant];
    expect(limit(synthesize(bundles, { maxRunningPerTenant: "12" }))).toBe("12");
    expect(limit(prod)).toBeUndefined();
    expect(() => synthesize(bundles, { maxRunningPerTenant: "none" })).toThrow(/maxRunningPerTenant/);
  });

  test("how many projects a person makes on a day is a setting, which the api is told", () => {
    const limit = (template: Template) => variables(functionOf(template, "api"))[env.maxProjectsPerDay];
    expect(limit(synthesize(bundles, { maxProjectsPerDay: "3" }))).toBe("3");
    expect(limit(prod)).toBeUndefined();
  });

  test("a lane's share is a setting [A3-12]", () => {
    const template = synthesize(bundles, { lowConcurrency: "7", lowBatchSize: "3" });
    const low = queueSources(template).find(({ queue }) => /^QueueLow(?!Dead)/.test(queue.id));
    expect(low?.mapping).toMatchObject({ BatchSize: 3, ScalingConfig: { MaximumConcurrency: 7 } });
  });
});
