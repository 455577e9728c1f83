import { afterAll, beforeAll, describe } from "vitest";
import { tableServices } from "../../core/aws-services.ts";
import { settings } from "../../core/config.ts";
import { fromStream, type StreamRecord } from "../../core/journal/items.ts";
import { memoryServices } from "../../core/memory.ts";
import type { Millis } from "../../core/protocol/json.ts";
import type { Services } from "../../core/services.ts";
import { workerServices } from "../../core/worker-services.ts";
import { type Engines, startEngines, tableName } from "./engines.ts";

/** The services that have a twin in memory; of the queue, what a consumer finds in it. */
export type World = Pick<
  Services,
  | "journal"
  | "conversations"
  | "configuration"
  | "queue"
  | "payloads"
  | "watches"
  | "keys"
  | "schedules"
  | "projects"
  | "slots"
  | "newId"
> & {
  clock: { at: Millis };
  /** What may be received of the lane now. It stays received for the rest of the test. */
  receive(lane: "high" | "normal" | "low"): { tenant: string; jobId: string }[];
  /** What the table's stream has told so far. */
  streamed(): StreamRecord[];
};

const beginning = Date.UTC(2026, 0, 1);

function inMemory(): World {
  const clock = { at: beginning };
  const model = { generate: () => Promise.reject(new Error("No contract asks a model")) };
  const records: StreamRecord[] = [];
  const world = memoryServices({ model, now: () => clock.at, onRecord: (record) => records.push(record) });
  return {
    ...world,
    clock,
    receive: (lane) => world.queue.receive(lane).map(({ job }) => job),
    streamed: () => records,
  };
}

function onEngines({ environment, queues, dynamo }: Engines): World {
  const clock = { at: beginning };
  const real = workerServices(environment);
  const { random, sleep } = real;
  const inTable = tableServices(tableName, { settings: settings.local, now: () => clock.at, random, sleep });
  return {
    ...real,
    ...inTable,
    clock,
    receive: (lane) =>
      queues
        .queue(`${tableName}-${lane}`)
        .receive(10, 600)
        .map(({ body }) => JSON.parse(body)),
    streamed: () =>
      dynamo
        .streamAfter(tableName, 0, 10_000)
        .map(({ new_image }) => fromStream(new_image === null ? undefined : JSON.parse(new_image)))
        .filter((record) => record !== undefined),
  };
}

/**
 * Runs a contract in memory and on the engines that stand in for DynamoDB, SQS and S3. `engines` is there only in the
 * second run, for what a twin in memory cannot show.
 */
export function inBothWorlds(contract: (world: () => World, engines?: () => Engines) => void): void {
  describe("in memory", () => {
    let world: World;
    beforeAll(() => {
      world = inMemory();
    });
    contract(() => world);
  });
  describe("on the engines", () => {
    let engines: Engines;
    let world: World;
    beforeAll(async () => {
      engines = await startEngines();
      world = onEngines(engines);
    });
    afterAll(() => engines.stop());
    contract(
      () => world,
      () => engines,
    );
  });
}
