import { join } from "node:path";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { expect, onTestFinished, test } from "vitest";
import type { Cloud } from "../../local/cloud.ts";
import { eventually } from "../support/eventually.ts";
import { arnOf, mapping, noting } from "../support/fixture-assembly.ts";
import { fixtureCloud } from "../support/fixture-cloud.ts";

type Seen = { bodies: string[]; counts: string[]; at: number; firstReceivedAt: number };

const observing = `${noting}
export const handler = async ({ Records }) => {
  const bodies = Records.map(({ body }) => body);
  note({ bodies, counts: Records.map(({ attributes }) => attributes.ApproximateReceiveCount), at: Date.now(),
    firstReceivedAt: Number(Records[0].attributes.ApproximateFirstReceiveTimestamp) });
  const bad = Records.find(({ body }) => body.startsWith("bad"));
  switch (bad?.body) {
    case "bad throw": throw new Error("no luck");
    case "bad exit": process.exit(1);
    case "bad crash": process.abort();
    case "bad hang": await new Promise((resolve) => setTimeout(resolve, 60_000));
    case "bad spin": for (;;) {}
    case "bad memory": { const all = []; for (;;) all.push(new Array(1e6).fill(all.length)); }
    case "bad partial": return { batchItemFailures: [{ itemIdentifier: bad.messageId }] };
    case "bad identifier": return { batchItemFailures: [{ itemIdentifier: "somebody else" }] };
  }
};`;

const queued = (code: string, { fn = {}, source = {} }: { fn?: object; source?: object } = {}) => ({
  functions: { Worker: { code, properties: { Timeout: 2, ...fn } } },
  resources: {
    Dead: { Type: "AWS::SQS::Queue" },
    Jobs: {
      Type: "AWS::SQS::Queue",
      Properties: {
        VisibilityTimeout: 30,
        RedrivePolicy: { deadLetterTargetArn: arnOf("Dead"), maxReceiveCount: 2 },
      },
    },
    Source: mapping(arnOf("Jobs"), "Worker", {
      BatchSize: 10,
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      ...source,
    }),
  },
});

function sender(cloud: Cloud, queue = "Fixture-Jobs") {
  const client = new SQSClient({
    endpoint: cloud.endpoints.sqs,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  onTestFinished(() => client.destroy());
  const QueueUrl = `${cloud.endpoints.sqs}/000000000000/${queue}`;
  return (MessageBody: string, more: { DelaySeconds?: number; MessageGroupId?: string } = {}) =>
    client.send(new SendMessageCommand({ QueueUrl, MessageBody, ...more }));
}

const crashes = ["bad throw", "bad exit", "bad crash", "bad hang", "bad spin", "bad memory"];

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
test("a message that ends its function, in whatever way, comes back after its visibility timeout and then is a dead letter", async () => {
  const { cloud, notes } = await fixtureCloud(queued(observing, { source: { BatchSize: 1 } }), {
    visibilityScale: 3 / 30,
  });
  const send = sender(cloud);

  for (const body of [...crashes, "good"]) await send(body);
  await eventually(() => cloud.queue("Fixture-Dead").counts().ready === crashes.length, 25_000);

  expect(cloud.queue("Fixture-Dead").bodies().sort()).toEqual([...crashes].sort());
  expect(cloud.queue("Fixture-Jobs").counts()).toEqual({ ready: 0, inFlight: 0, delayed: 0 });
  for (const body of crashes) {
    const seen = notes<Seen>().filter(({ bodies }) => bodies.includes(body));
    expect(seen.map(({ counts }) => counts[0])).toEqual(["1", "2"]);
    // From when it was received: a busy machine may take its time until the function begins.
    expect(seen[1]!.at - seen[1]!.firstReceivedAt).toBeGreaterThanOrEqual(3_000);
  }
  expect(notes<Seen>().filter(({ bodies }) => bodies.includes("good"))).toHaveLength(1);
});

// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
test("of a batch only those that the function names come back", async () => {
  const { cloud, notes } = await fixtureCloud(
    queued(observing, { source: { MaximumBatchingWindowInSeconds: 1 } }),
    { visibilityScale: 2 / 30 },
  );
  const send = sender(cloud);

  await Promise.all(["good 1", "bad partial", "good 2"].map((body) => send(body)));
  await eventually(() => cloud.queue("Fixture-Dead").bodies().includes("bad partial"));

  const [first, second] = notes<Seen>();
  expect(first!.bodies.sort()).toEqual(["bad partial", "good 1", "good 2"]);
  expect(second!.bodies).toEqual(["bad partial"]);
});

test("an answer that names a message of nobody fails the whole batch", async () => {
  const { cloud } = await fixtureCloud(queued(observing), { visibilityScale: 0.2 / 30 });

  await sender(cloud)("bad identifier");

  await eventually(() => cloud.queue("Fixture-Dead").bodies().includes("bad identifier"));
});

test("a message wakes its function at once, without a poll in between", async () => {
  const { cloud, notes } = await fixtureCloud(queued(observing));
  const send = sender(cloud);
  await send("warm");
  await eventually(() => notes().length === 1);

  const delays: number[] = [];
  for (let round = 1; round <= 20; round++) {
    const at = Date.now();
    await send(`round ${round}`);
    await eventually(() => notes().length === round + 1);
    delays.push(notes<Seen>().at(-1)!.at - at);
  }

  // From before the call of the sender until inside of the function: milliseconds on an idle machine. The queue looks
  // by itself twice a second.
  expect(delays.sort((a, b) => a - b)[10]).toBeLessThan(120);
});

// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
test("no more invocations at a time than the mapping's maximum concurrency", async () => {
  const counting = `${noting}
    export const handler = async ({ Records }) => {
      note("begin"); await new Promise((resolve) => setTimeout(resolve, 500)); note("end");
    };`;
  const { cloud, notes } = await fixtureCloud(
    queued(counting, { source: { BatchSize: 1, ScalingConfig: { MaximumConcurrency: 2 } } }),
  );
  const send = sender(cloud);

  for (let n = 0; n < 8; n++) await send(`message ${n}`);
  await eventually(() => notes().filter((note) => note === "end").length === 8);

  let running = 0;
  const most = Math.max(...notes<string>().map((note) => (running += note === "begin" ? 1 : -1)));
  expect(most).toBe(2);
});

// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
test("a throttled invocation is tried again without another receive", async () => {
  const slow = `${noting}
    export const handler = async ({ Records }) => {
      note(Records[0].attributes.ApproximateReceiveCount);
      await new Promise((resolve) => setTimeout(resolve, 300));
    };`;
  const { cloud, notes } = await fixtureCloud(
    queued(slow, { fn: { ReservedConcurrentExecutions: 1 }, source: { BatchSize: 1 } }),
  );
  const send = sender(cloud);

  await Promise.all([send("one"), send("two"), send("three")]);
  await eventually(() => cloud.counts().worker!.invocations === 3);

  expect(notes()).toEqual(["1", "1", "1"]);
});

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html
test("a message may be delivered twice, like any of a standard queue", async () => {
  const { cloud, notes } = await fixtureCloud(queued(observing), { duplicateDelivery: once() });

  await sender(cloud)("good");

  await eventually(() => notes().length === 2);
  expect(notes<Seen>().map(({ bodies }) => bodies)).toEqual([["good"], ["good"]]);
});

function once(): () => boolean {
  let left = 1;
  return () => left-- > 0;
}

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html
test("a message group is shown to the function, and a delay of more than 900 seconds is refused", async () => {
  const groups = `${noting}
    export const handler = async ({ Records }) => note(Records[0].attributes.MessageGroupId);`;
  const { cloud, notes } = await fixtureCloud(queued(groups));
  const send = sender(cloud);

  await send("mine", { MessageGroupId: "tenant-1" });
  await eventually(() => notes().length === 1);

  expect(notes()).toEqual(["tenant-1"]);
  await expect(send("late", { DelaySeconds: 901 })).rejects.toMatchObject({ name: "InvalidParameterValue" });
});

test("a delayed message arrives when it is due", async () => {
  const { cloud, notes } = await fixtureCloud(queued(observing));

  const sentAt = Date.now();
  await sender(cloud)("later", { DelaySeconds: 1 });
  await eventually(() => notes().length === 1);

  expect(notes<Seen>()[0]!.at - sentAt).toBeGreaterThanOrEqual(990);
  expect(notes<Seen>()[0]!.at - sentAt).toBeLessThan(1_600);
});

// https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
const recursive = `${noting}
import { createRequire } from "node:module";
const { SQSClient, SendMessageCommand } = createRequire(process.env.MODULES)("@aws-sdk/client-sqs");
const client = new SQSClient({});
export const handler = async ({ Records }) => {
  for (const { body } of Records) {
    note(Number(body));
    if (Number(body) >= 40) continue;
    await client.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE, MessageBody: String(Number(body) + 1) }));
  }
};`;
const MODULES = join(import.meta.dirname, "../../package.json");
const chain = (properties: object) =>
  queued(recursive, {
    fn: { Timeout: 20, Environment: { Variables: { QUEUE: { Ref: "Jobs" }, MODULES } }, ...properties },
  });

test("a function that sends to its own queue is stopped before its 17th turn", async () => {
  const { cloud, notes } = await fixtureCloud(chain({}), { visibilityScale: 2 / 30 });

  await sender(cloud)("1");
  await eventually(() => cloud.queue("Fixture-Dead").bodies().includes("17"), 20_000);

  expect(Math.max(...notes<number>())).toBe(16);
});

test("a function that is allowed to be recursive goes on", async () => {
  const { cloud, notes } = await fixtureCloud(chain({ RecursiveLoop: "Allow" }));

  await sender(cloud)("1");

  await eventually(() => notes().includes(40), 20_000);
});

// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
test("a lane that is flooded keeps to its share of the function, and holds up no message of another lane", async () => {
  const code = `${noting}
export const handler = async ({ Records: [{ body }] }) => {
  note({ body });
  if (body === "flood") await new Promise((resolve) => setTimeout(resolve, 60_000));
};`;
  const share = { BatchSize: 1, ScalingConfig: { MaximumConcurrency: 2 } };
  const assembly = queued(code, { fn: { Timeout: 120 }, source: share });
  const { cloud, notes } = await fixtureCloud({
    ...assembly,
    resources: {
      ...assembly.resources,
      Urgent: { Type: "AWS::SQS::Queue", Properties: { VisibilityTimeout: 200 } },
      UrgentSource: mapping(arnOf("Urgent"), "Worker", share),
    },
  });
  const flood = sender(cloud);
  for (let count = 0; count < 20; count += 1) await flood("flood");
  const seen = (body: string) => notes<{ body: string }>().filter((note) => note.body === body).length;
  await eventually(() => seen("flood") === 2);

  const urgent = sender(cloud, "Fixture-Urgent");
  for (let count = 0; count < 5; count += 1) await urgent("urgent");
  await eventually(() => seen("urgent") === 5, 25_000);

  expect(seen("flood")).toBe(2);
  expect(cloud.queue("Fixture-Jobs").counts()).toMatchObject({ ready: 18, inFlight: 2 });
});
