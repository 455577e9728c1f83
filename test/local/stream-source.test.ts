import { expect, test } from "vitest";
import type { Cloud } from "../../local/cloud.ts";
import { eventFilter } from "../../local/event-filter.ts";
import { eventually } from "../support/eventually.ts";
import { arnOf, itemsTable, mapping, noting } from "../support/fixture-assembly.ts";
import { fixtureCloud } from "../support/fixture-cloud.ts";

const streamed = (code: string, source: object = {}, table: object = itemsTable) => ({
  functions: { Reader: { code, properties: { Timeout: 5 } } },
  resources: {
    Items: table as typeof itemsTable,
    Failures: { Type: "AWS::SQS::Queue" },
    Source: mapping({ "Fn::GetAtt": ["Items", "StreamArn"] }, "Reader", {
      StartingPosition: "TRIM_HORIZON",
      ...source,
    }),
  },
});

/** Notes every record, and throws for a batch with an item called bad. */
const observing = `${noting}
export const handler = async ({ Records }) => {
  note(Records.map(({ eventName, dynamodb: { Keys, SequenceNumber }, userIdentity }) =>
    ({ eventName, pk: Keys.pk.S, sk: Keys.sk.S, number: SequenceNumber, userIdentity })));
  if (Records.some(({ dynamodb }) => dynamodb.Keys.sk.S === "bad")) throw new Error("no luck");
};`;

type Seen = { eventName: string; pk: string; sk: string; number: string; userIdentity?: object }[];

const put = (cloud: Cloud, pk: string, sk: string, more: object = {}) =>
  cloud.dynamo.call("PutItem", {
    TableName: "Fixture-Items",
    Item: { pk: { S: pk }, sk: { S: sk }, ...more },
  });

const retrySoon = { streamRetryMs: 10 };
const failures = { DestinationConfig: { OnFailure: { Destination: arnOf("Failures") } } };

test("a write reaches the function as an event of DynamoDB Streams", async () => {
  const whole = `${noting} export const handler = async ({ Records }) => note(Records);`;
  const { cloud, notes } = await fixtureCloud(streamed(whole));

  await put(cloud, "a", "1", { n: { N: "1" } });
  await put(cloud, "a", "1", { n: { N: "2" } });
  await eventually(() => notes<object[]>().flat().length === 2);

  expect(notes<object[]>().flat()[1]).toMatchObject({
    eventName: "MODIFY",
    eventSource: "aws:dynamodb",
    eventSourceARN: expect.stringContaining("table/Fixture-Items/stream/"),
    dynamodb: {
      ApproximateCreationDateTime: expect.any(Number),
      Keys: { pk: { S: "a" }, sk: { S: "1" } },
      OldImage: { n: { N: "1" } },
      NewImage: { n: { N: "2" } },
      SequenceNumber: expect.stringMatching(/^\d{21}$/),
      StreamViewType: "NEW_AND_OLD_IMAGES",
    },
  });
});

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
test("a write that changes nothing is no event", async () => {
  const { cloud, notes } = await fixtureCloud(streamed(observing));

  await put(cloud, "a", "1");
  await put(cloud, "a", "1");
  await put(cloud, "a", "2");
  await eventually(() =>
    notes<Seen>()
      .flat()
      .some(({ sk }) => sk === "2"),
  );

  expect(
    notes<Seen>()
      .flat()
      .map(({ sk }) => sk),
  ).toEqual(["1", "2"]);
});

// https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
test("the records of an item are delivered in order, those of others at the same time", async () => {
  const slow = `${noting}
    export const handler = async ({ Records }) => {
      note("begin");
      await new Promise((resolve) => setTimeout(resolve, 500));
      for (const { dynamodb: { Keys, NewImage } } of Records) note({ pk: Keys.pk.S, n: Number(NewImage.n.N) });
      note("end");
    };`;
  const { cloud, notes } = await fixtureCloud(streamed(slow, { BatchSize: 2, ParallelizationFactor: 4 }));
  const items = ["a", "b", "c", "d", "e", "f"];

  for (let n = 1; n <= 4; n++)
    await Promise.all(items.map((pk) => put(cloud, pk, "1", { n: { N: String(n) } })));
  const read = () => notes<{ pk: string; n: number } | string>();
  const records = () => read().filter((note) => typeof note !== "string");
  await eventually(() => records().length === 24);

  for (const item of items) {
    expect(
      records()
        .filter(({ pk }) => pk === item)
        .map(({ n }) => n),
    ).toEqual([1, 2, 3, 4]);
  }
  let running = 0;
  const steps = read().filter((note) => typeof note === "string");
  expect(Math.max(...steps.map((note) => (running += note === "begin" ? 1 : -1)))).toBeGreaterThan(1);
});

// https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
test("a batch with a poison record is halved until the record is alone; it is given up, the others pass", async () => {
  const { cloud, notes } = await fixtureCloud(
    streamed(observing, {
      BatchSize: 8,
      MaximumBatchingWindowInSeconds: 1,
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 1,
      ...failures,
    }),
    retrySoon,
  );

  for (const sk of ["1", "2", "3", "bad", "5", "6", "7", "8"]) await put(cloud, "a", sk);
  await eventually(() => cloud.queue("Fixture-Failures").counts().ready === 1);
  await eventually(() =>
    notes<Seen>()
      .flat()
      .some(({ sk }) => sk === "8"),
  );

  const [letter] = cloud.queue("Fixture-Failures").bodies();
  expect(JSON.parse(letter!)).toMatchObject({
    requestContext: { condition: "RetryAttemptsExhausted" },
    DDBStreamBatchInfo: { batchSize: 1 },
  });
  const passed = notes<Seen>()
    .filter((batch) => batch.every(({ sk }) => sk !== "bad"))
    .flat()
    .map(({ sk }) => sk);
  expect(passed).toEqual(["1", "2", "3", "5", "6", "7", "8"]);
});

test("without bisecting a batch is tried again as a whole, and then given up as a whole", async () => {
  const { cloud, notes } = await fixtureCloud(
    streamed(observing, { MaximumBatchingWindowInSeconds: 1, MaximumRetryAttempts: 2, ...failures }),
    retrySoon,
  );

  for (const sk of ["1", "bad", "3"]) await put(cloud, "a", sk);
  await eventually(() => cloud.queue("Fixture-Failures").counts().ready === 1);

  expect(notes<Seen>().map((batch) => batch.map(({ sk }) => sk))).toEqual(
    Array.from({ length: 3 }, () => ["1", "bad", "3"]),
  );
});

// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
test("a function that names the record it failed at is given the batch from there on", async () => {
  const partial = `${noting}
    let failed = false;
    export const handler = async ({ Records }) => {
      note(Records.map(({ dynamodb }) => dynamodb.Keys.sk.S));
      const bad = Records.find(({ dynamodb }) => dynamodb.Keys.sk.S === "bad");
      if (!bad || failed) return { batchItemFailures: [] };
      failed = true;
      return { batchItemFailures: [{ itemIdentifier: bad.dynamodb.SequenceNumber }] };
    };`;
  const { cloud, notes } = await fixtureCloud(
    streamed(partial, {
      MaximumBatchingWindowInSeconds: 1,
      FunctionResponseTypes: ["ReportBatchItemFailures"],
    }),
    retrySoon,
  );

  for (const sk of ["1", "bad", "3"]) await put(cloud, "a", sk);
  await eventually(() => notes().length === 2);

  expect(notes()).toEqual([
    ["1", "bad", "3"],
    ["bad", "3"],
  ]);
});

// https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
test("only records that match a filter reach the function", async () => {
  const { cloud, notes } = await fixtureCloud(
    streamed(observing, {
      FilterCriteria: {
        Filters: [
          {
            Pattern: JSON.stringify({
              eventName: ["INSERT"],
              dynamodb: { Keys: { sk: { S: [{ prefix: "E#" }] } } },
            }),
          },
        ],
      },
    }),
  );

  for (const sk of ["E#1", "HEAD", "E#2"]) await put(cloud, "a", sk);
  await put(cloud, "a", "E#1", { changed: { BOOL: true } });
  await put(cloud, "a", "E#3");
  await eventually(() =>
    notes<Seen>()
      .flat()
      .some(({ sk }) => sk === "E#3"),
  );

  expect(
    notes<Seen>()
      .flat()
      .map(({ sk }) => sk),
  ).toEqual(["E#1", "E#2", "E#3"]);
});

test.each([
  [{ a: ["x"] }, { a: "x" }, { a: "y" }],
  [{ a: [{ prefix: "x" }] }, { a: "xyz" }, { a: "yx" }],
  [{ a: [{ exists: false }] }, {}, { a: "x" }],
  [{ a: { b: [{ exists: true }] } }, { a: { b: 1 } }, { a: {} }],
  [{ a: [{ "anything-but": ["x", "y"] }] }, { a: "z" }, { a: "y" }],
  [{ a: [{ numeric: [">", 1, "<=", 3] }] }, { a: "3" }, { a: "1" }],
  [{ a: ["x", null] }, { a: null }, { a: "null" }],
  [{ a: ["x"], b: ["y"] }, { a: "x", b: "y" }, { a: "x" }],
])("the filter %j takes %j and not %j", (pattern, taken, refused) => {
  const matches = eventFilter([JSON.stringify(pattern)]);

  expect([matches(taken), matches(refused)]).toEqual([true, false]);
});

test("a filter that it does not know is refused", () => {
  expect(() => eventFilter([JSON.stringify({ a: [{ cidr: "10.0.0.0/8" }] })])).toThrow("cidr");
});

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
test("an item whose time is over is deleted, and its record says by whom", async () => {
  const { cloud, notes } = await fixtureCloud(streamed(observing));
  const past = Math.floor(Date.now() / 1000) - 60;

  await put(cloud, "a", "old", { ttl: { N: String(past) } });
  await put(cloud, "a", "young", { ttl: { N: String(past + 3600) } });
  await put(cloud, "a", "eternal");
  expect(await cloud.sweepExpired()).toBe(1);

  const removed = await eventually(() =>
    notes<Seen>()
      .flat()
      .find(({ eventName }) => eventName === "REMOVE"),
  );
  expect(removed).toMatchObject({
    sk: "old",
    userIdentity: { type: "Service", principalId: "dynamodb.amazonaws.com" },
  });
});
