import {
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactionCanceledException,
} from "@aws-sdk/client-dynamodb";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { expect, onTestFinished, test } from "vitest";
import { type Call, randomFaults } from "../../local/faults.ts";
import { itemsTable } from "../support/fixture-assembly.ts";
import { fixtureCloud } from "../support/fixture-cloud.ts";

const common = {
  region: "us-east-1",
  credentials: { accessKeyId: "local", secretAccessKey: "local" },
  maxAttempts: 1,
};
const template = {
  resources: { Items: itemsTable, Jobs: { Type: "AWS::SQS::Queue" }, Payloads: { Type: "AWS::S3::Bucket" } },
};

async function faulty() {
  const { cloud } = await fixtureCloud(template, { faults: true });
  const faults = cloud.faults!;
  const at = (service: "dynamodb" | "sqs" | "s3") => `http://127.0.0.1:${faults.ports[service]}`;
  const dynamo = new DynamoDBClient({ ...common, endpoint: at("dynamodb") });
  const sqs = new SQSClient({ ...common, endpoint: at("sqs") });
  const s3 = new S3Client({ ...common, endpoint: at("s3") });
  onTestFinished(() => {
    for (const client of [dynamo, sqs, s3]) client.destroy();
  });
  const item = { pk: { S: "a" }, sk: { S: "1" } };
  return {
    cloud,
    faults,
    put: () => dynamo.send(new PutItemCommand({ TableName: "Fixture-Items", Item: item })),
    stored: async () =>
      (await dynamo.send(new GetItemCommand({ TableName: "Fixture-Items", Key: item }))).Item !== undefined,
    send: () =>
      sqs.send(
        new SendMessageCommand({ QueueUrl: `${at("sqs")}/000000000000/Fixture-Jobs`, MessageBody: "x" }),
      ),
    upload: () => s3.send(new PutObjectCommand({ Bucket: "fixture-payloads", Key: "k", Body: "body" })),
    download: async () =>
      (
        await s3.send(new GetObjectCommand({ Bucket: "fixture-payloads", Key: "k" }))
      ).Body!.transformToString(),
  };
}

test("without a fault every call passes, and can be counted", async () => {
  const { faults, put, stored, send, upload, download } = await faulty();
  const calls: string[] = [];
  faults.observe(({ service, operation }, { status }) => calls.push(`${service} ${operation} ${status}`));

  await put();
  expect(await stored()).toBe(true);
  await send();
  await upload();
  expect(await download()).toBe("body");

  expect(calls).toEqual([
    "dynamodb PutItem 200",
    "dynamodb GetItem 200",
    "sqs SendMessage 200",
    "s3 PUT 200",
    "s3 GET 200",
  ]);
});

test.each([
  ["throttle", "ProvisionedThroughputExceededException", "RequestThrottled", "SlowDown"],
  ["error", "InternalServerError", "InternalFailure", "InternalError"],
] as const)(
  "with %s each service refuses by its own name, and has done nothing",
  async (kind, dynamo, sqs, s3) => {
    const { cloud, faults, put, stored, send, upload } = await faulty();
    faults.inject(() => ({ kind }));

    await expect(put()).rejects.toMatchObject({ name: dynamo });
    await expect(send()).rejects.toMatchObject({ name: sqs });
    await expect(upload()).rejects.toMatchObject({ name: s3 });

    faults.inject(undefined);
    expect(await stored()).toBe(false);
    expect(cloud.queue("Fixture-Jobs").counts().ready).toBe(0);
  },
);

test("a lost answer is a failure of something that was done, a lost request of something that was not", async () => {
  const { faults, put, stored } = await faulty();

  faults.inject(({ operation }) => (operation === "PutItem" ? { kind: "lost request" } : undefined));
  await expect(put()).rejects.toThrow();
  expect(await stored()).toBe(false);

  faults.inject(({ operation }) => (operation === "PutItem" ? { kind: "lost answer" } : undefined));
  await expect(put()).rejects.toThrow();
  expect(await stored()).toBe(true);
});

test("any other answer can be given instead, such as a conflict of transactions", async () => {
  const { faults, put } = await faulty();
  faults.inject(() => ({
    kind: "answer",
    status: 400,
    body: JSON.stringify({
      __type: "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
      message: "Transaction cancelled",
      CancellationReasons: [{ Code: "TransactionConflict" }],
    }),
  }));

  await expect(put()).rejects.toBeInstanceOf(TransactionCanceledException);
});

test("random faults are the same for the same seed", () => {
  const calls = Array.from(
    { length: 50 },
    (_, n): Call => ({ service: "sqs", operation: `op ${n}`, body: "" }),
  );
  const of = (seed: number) => calls.map(randomFaults(seed, { throttle: 0.2, "lost answer": 0.2 }));

  expect(of(1)).toEqual(of(1));
  expect(of(1)).not.toEqual(of(2));
  expect(new Set(of(1).map((fault) => fault?.kind))).toEqual(new Set([undefined, "throttle", "lost answer"]));
});
