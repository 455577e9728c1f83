import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import type { Cloud } from "../../local/cloud.ts";
import { rateMs } from "../../local/schedules.ts";
import { eventually } from "../support/eventually.ts";
import { arnOf, itemsTable, noting } from "../support/fixture-assembly.ts";
import { fixtureCloud } from "../support/fixture-cloud.ts";

const items = { resources: { Items: itemsTable } };
const put = (cloud: Cloud, sk: string) =>
  cloud.dynamo.call("PutItem", { TableName: "Fixture-Items", Item: { pk: { S: "a" }, sk: { S: sk } } });

function query(cloud: Cloud, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(join(cloud.state.directory, "dynamo.db"));
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

test("the engine finds the newest stream record by an index, however many there are", async () => {
  const { cloud } = await fixtureCloud(items);

  const plan = query(
    cloud,
    "EXPLAIN QUERY PLAN SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records WHERE table_name = 'Fixture-Items'",
  );

  expect(JSON.stringify(plan)).toContain("INDEX stream_sequence");
});

test("trimming a stream keeps its newest record, from which sequence numbers go on", async () => {
  const { cloud } = await fixtureCloud(items);
  for (const sk of ["1", "2", "3"]) await put(cloud, sk);

  cloud.dynamo.trimStream(-60);
  await put(cloud, "4");

  const numbers = query(cloud, "SELECT sequence_number FROM _stream_records ORDER BY id");
  expect(numbers.map(({ sequence_number }) => sequence_number)).toEqual(["3", "4"]);
});

test("an engine that is killed comes back at the same address with all that it had", async () => {
  const { cloud } = await fixtureCloud(items);
  await put(cloud, "kept");

  process.kill(cloud.dynamo.pid(), "SIGKILL");

  const found = await eventually(() =>
    cloud.dynamo
      .call("GetItem", { TableName: "Fixture-Items", Key: { pk: { S: "a" }, sk: { S: "kept" } } })
      .catch(() => undefined),
  );
  expect(found).toMatchObject({ Item: { sk: { S: "kept" } } });
});

test("nothing listens on an address that others can reach", async () => {
  const { cloud } = await fixtureCloud(items, { faults: true });
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((address) => address && !address.internal && address.family === "IPv4")?.address;
  if (!outside) return;

  const addresses = [cloud.http, ...Object.values(cloud.endpoints)];
  for (const port of [
    ...addresses.map((url) => Number(new URL(url).port)),
    ...Object.values(cloud.faults!.ports),
  ]) {
    const reached = await new Promise((resolve) => {
      const socket = connect({ port, host: outside, timeout: 1_000 });
      socket
        .once("connect", () => resolve(true))
        .once("error", () => resolve(false))
        .once("timeout", () => resolve(false));
      socket.unref();
    });
    expect(reached).toBe(false);
  }
});

test("a rule invokes its function again and again, with EventBridge's event, and faster when asked to", async () => {
  const { notes } = await fixtureCloud(
    {
      functions: { Sweep: { code: `${noting} export const handler = async (event) => note(event);` } },
      resources: {
        Minute: {
          Type: "AWS::Events::Rule",
          Properties: { ScheduleExpression: "rate(1 minute)", Targets: [{ Arn: arnOf("Sweep"), Id: "one" }] },
        },
      },
    },
    { scheduleScale: 200 },
  );

  await eventually(() => notes().length >= 3);

  expect(notes()[0]).toMatchObject({
    "detail-type": "Scheduled Event",
    source: "aws.events",
    resources: ["arn:aws:events:us-east-1:000000000000:rule/Fixture-Minute"],
  });
});

test("a schedule that is faster than its function has two of it at work, and no more", async () => {
  const code = `${noting}
    export const handler = async () => {
      note("begun");
      await new Promise((resolve) => setTimeout(resolve, 400));
      note("ended");
    };`;
  const { notes } = await fixtureCloud(
    {
      functions: { Slow: { code } },
      resources: {
        Minute: {
          Type: "AWS::Events::Rule",
          Properties: { ScheduleExpression: "rate(1 minute)", Targets: [{ Arn: arnOf("Slow"), Id: "one" }] },
        },
      },
    },
    { scheduleScale: 1_200 },
  );

  await eventually(() => notes().length >= 12);

  let running = 0;
  const together = notes<string>().map((what) => {
    running += what === "begun" ? 1 : -1;
    return running;
  });
  expect(Math.max(...together)).toBe(2);
});

test("rates are read as EventBridge writes them, and what is not a rate is refused", () => {
  expect([rateMs("rate(1 minute)"), rateMs("rate(5 minutes)"), rateMs("rate(2 hours)")]).toEqual([
    60_000, 300_000, 7_200_000,
  ]);
  expect(() => rateMs("cron(0 12 * * ? *)")).toThrow("cron");
});
