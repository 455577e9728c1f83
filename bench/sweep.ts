// What the sweeper needs when a hundred thousand jobs wait, and none or a thousand of them are due.
import { DynamoDBClient, TransactWriteItemsCommand } from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import type { Context } from "aws-lambda";
import { settings } from "../core/config.ts";
import { registry } from "../core/engine/registry.ts";
import { headItem } from "../core/journal/items.ts";
import { applyEntry, type Entry } from "../core/protocol/event.ts";
import { workerServices } from "../core/worker-services.ts";
import { sweeper } from "../functions/sweeper/sweeper.ts";
import { startEngines, tableName } from "../test/support/engines.ts";
import { type Figure, median } from "./support/figures.ts";
import { print } from "./support/print.ts";

const waiting = 100_000;
const dueAtOnce = 1_000;
/** Items of a transaction, which the engine writes to disk at once. */
const batch = 100;
const rounds = 5;

const engines = await startEngines();
const figures: Figure[] = [];
try {
  const services = workerServices(engines.environment);
  const client = new DynamoDBClient({});
  const put = async (count: number, due: number) => {
    for (let written = 0; written < count; written += batch) {
      const size = Math.min(batch, count - written);
      const TransactItems = Array.from({ length: size }, () => ({
        Put: { TableName: tableName, Item: marshall(aHead(due)) },
      }));
      await client.send(new TransactWriteItemsCommand({ TransactItems }));
    }
  };
  /** HEAD of a job that waits. Its journal is none of the sweeper's business. */
  function aHead(due: number) {
    const key = { tenant: "bench", jobId: services.newId() };
    const entry: Entry = {
      ...key,
      seq: 1,
      at: Date.now(),
      by: "bench",
      token: "",
      events: [
        {
          kind: "job.submitted",
          type: "bench",
          version: 1,
          lane: "normal",
          title: "Waits",
          description: "Waits",
          tags: [],
          input: { json: null },
          by: "bench",
        },
      ],
    };
    return headItem({ ...applyEntry(undefined, entry), status: "waiting", due }, settings.aws);
  }
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  const sweep = sweeper(services, registry([]), quiet);
  // One run for all that is due, however long it takes.
  const context = { getRemainingTimeInMillis: () => 900_000 } as Context;
  const sweepMs = async () => {
    const begunAt = performance.now();
    await sweep({} as Parameters<typeof sweep>[0], context);
    return performance.now() - begunAt;
  };

  await put(waiting, Date.now() + 3_600_000);
  await sweepMs();
  const idle: number[] = [];
  for (let round = 0; round < rounds; round++) idle.push(await sweepMs());
  await put(dueAtOnce, Date.now() - 1_000);
  const begunAt = Date.now();
  const busy = await sweepMs();
  const left = await services.journal.due(begunAt, dueAtOnce);
  if (left.length > 0) throw new Error(`${left.length} jobs that were due have not been woken`);
  figures.push(
    { name: `a sweep over ${waiting} waiting jobs, none due`, value: median(idle), unit: "ms" },
    { name: `a sweep over ${waiting} waiting jobs, ${dueAtOnce} due`, value: busy, unit: "ms" },
  );
} finally {
  await engines.stop();
}
print(figures);
