import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { expect, onTestFinished, test } from "vitest";
import { type CloudOptions, startCloud } from "../../local/cloud.ts";
import { eventually } from "../support/eventually.ts";
import { arnOf, fixtureAssembly, itemsTable, mapping, noting } from "../support/fixture-assembly.ts";
import { notebook } from "../support/fixture-cloud.ts";
import { temporaryDirectory } from "../support/temporary.ts";

type Runner = { process: ChildProcess; endpoints: { dynamodb: string; sqs: string }; dynamoPid: number };

async function run(options: CloudOptions): Promise<Runner> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "../support/run-cloud.ts"), JSON.stringify(options)],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = await new Promise<[string]>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once("line", (text) => resolve([text]));
    let said = "";
    child.stderr!.on("data", (text) => {
      said += text;
    });
    child.once("exit", () => reject(new Error(`The runner ended: ${said}`)));
  });
  return { process: child, ...JSON.parse(line) };
}

const gone = (child: ChildProcess) => new Promise<void>((resolve) => child.once("exit", () => resolve()));

/** Of all processes of this machine, those that a runner has started with this data directory or mark. */
function processesOf(mark: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/environ`, "utf8").includes(mark) ||
          readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(mark)
        );
      } catch {
        return false;
      }
    })
    .map(Number)
    .filter((pid) => pid !== process.pid);
}

async function put(endpoint: string, pk: string, n: number) {
  await fetch(endpoint, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": "DynamoDB_20120810.PutItem",
      authorization:
        "AWS4-HMAC-SHA256 Credential=a/20200101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
      "x-amz-date": "20200101T000000Z",
    },
    body: JSON.stringify({
      TableName: "Fixture-Items",
      Item: { pk: { S: pk }, sk: { S: "1" }, n: { N: String(n) } },
    }),
  });
}

test("a stream goes on where it was after a kill -9: nothing is left out, and not everything is read again", async () => {
  const book = notebook();
  // In the first life it never gets done with number 55, while other lanes go on.
  const reading = `${noting}
    export const handler = async ({ Records }) => {
      for (const { dynamodb } of Records) {
        const n = Number(dynamodb.NewImage.n.N);
        if (n === 55 && process.env.LIFE === "1") await new Promise((resolve) => setTimeout(resolve, 60_000));
        note(n);
      }
    };`;
  const assembly = fixtureAssembly({
    functions: { Reader: { code: reading, properties: { Timeout: 60 } } },
    resources: {
      Items: itemsTable,
      Source: mapping({ "Fn::GetAtt": ["Items", "StreamArn"] }, "Reader", {
        StartingPosition: "TRIM_HORIZON",
        BatchSize: 1,
        ParallelizationFactor: 10,
      }),
    },
  });
  const directory = temporaryDirectory();
  const live = (life: string) =>
    run({ assembly, dataDirectory: directory, environment: { NOTES: book.file, LIFE: life } });

  const first = await live("1");
  for (let n = 1; n <= 50; n++) await put(first.endpoints.dynamodb, `item ${n}`, n);
  await eventually(() => book.notes().length === 50);
  for (let n = 51; n <= 80; n++) await put(first.endpoints.dynamodb, `item ${n}`, n);
  await eventually(() => book.notes().length > 60);
  first.process.kill("SIGKILL");
  await gone(first.process);
  const second = await live("2");
  await put(second.endpoints.dynamodb, "item 81", 81);
  await eventually(() => new Set(book.notes()).size === 81);

  const seen = book.notes<number>();
  expect(new Set(seen)).toEqual(new Set(Array.from({ length: 81 }, (_, index) => index + 1)));
  expect(seen.filter((n) => n <= 40)).toHaveLength(40);
});

test("a queue keeps its messages over a kill -9 of the runner and over a start with changed settings", async () => {
  const book = notebook();
  const stubborn = `${noting} export const handler = async ({ Records }) => note(Records[0].body);`;
  const assemblyWith = (Enabled: boolean, VisibilityTimeout: number) =>
    fixtureAssembly({
      functions: { Worker: { code: stubborn } },
      resources: {
        Jobs: { Type: "AWS::SQS::Queue", Properties: { VisibilityTimeout } },
        Source: mapping(arnOf("Jobs"), "Worker", { Enabled, BatchSize: 1 }),
      },
    });
  const data = { dataDirectory: temporaryDirectory(), environment: { NOTES: book.file } };

  const first = await run({ assembly: assemblyWith(false, 30), ...data });
  const client = new SQSClient({
    endpoint: first.endpoints.sqs,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  onTestFinished(() => client.destroy());
  for (const MessageBody of ["1", "2", "3"]) {
    await client.send(
      new SendMessageCommand({ QueueUrl: `${first.endpoints.sqs}/000000000000/Fixture-Jobs`, MessageBody }),
    );
  }
  first.process.kill("SIGKILL");
  await gone(first.process);
  await run({ assembly: assemblyWith(true, 60), ...data });

  await eventually(() => book.notes().length === 3);
  expect(book.notes<string>().sort()).toEqual(["1", "2", "3"]);
});

test.each([
  ["waits for an event", "", { freeze: false }],
  ["is frozen", "", { freeze: true }],
  ["never lets go of its processor", "for (;;) {}", { freeze: false }],
])("after a kill -9 of the runner nothing is left, not even a sandbox that %s", async (_, body, options) => {
  const mark = `leak-${process.pid}-${Math.random()}`;
  const assembly = fixtureAssembly({
    functions: {
      Busy: { code: `export const handler = async () => { ${body} };`, properties: { Timeout: 900 } },
    },
    resources: {
      Every: {
        Type: "AWS::Events::Rule",
        Properties: { ScheduleExpression: "rate(1 minute)", Targets: [{ Arn: arnOf("Busy"), Id: "one" }] },
      },
    },
  });
  const runner = await run({
    assembly,
    dataDirectory: temporaryDirectory(),
    environment: { MARK: mark },
    scheduleScale: 300,
    ...options,
  });
  await eventually(() => processesOf(`MARK=${mark}`).length > 0);
  await new Promise((resolve) => setTimeout(resolve, 300));

  runner.process.kill("SIGKILL");

  await eventually(() => processesOf(`MARK=${mark}`).length === 0, 3_000);
  await eventually(() => !processesOf("dynoxide").includes(runner.dynamoPid), 3_000);
});

test("a second start on the same data says so, and the first goes on", async () => {
  const options = {
    assembly: fixtureAssembly({ resources: { Items: itemsTable } }),
    dataDirectory: temporaryDirectory(),
  };
  const cloud = await startCloud(options);
  onTestFinished(() => cloud.stop());

  await expect(run(options)).rejects.toThrow(`using ${options.dataDirectory}`);

  expect(await cloud.dynamo.call("ListTables", {})).toEqual({ TableNames: ["Fixture-Items"] });
});

test("data of a table with other keys is not touched", async () => {
  const directory = temporaryDirectory();
  const first = await startCloud({
    assembly: fixtureAssembly({ resources: { Items: itemsTable } }),
    dataDirectory: directory,
  });
  await first.stop();
  const { StreamSpecification, ...rest } = itemsTable.Properties;
  const changed = fixtureAssembly({ resources: { Items: { ...itemsTable, Properties: rest } } });

  await expect(startCloud({ assembly: changed, dataDirectory: directory })).rejects.toThrow("Fixture-Items");
  expect(StreamSpecification).toBeDefined();
});
