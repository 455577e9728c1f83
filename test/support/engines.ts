import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "../../core/config.ts";
import { lanes } from "../../core/protocol/job.ts";
import type { JsonObject } from "../../core/protocol/json.ts";
import { table } from "../../core/table.ts";
import { type DynamoEngine, startDynamo } from "../../local/dynamo-engine.ts";
import { openLog } from "../../local/log.ts";
import { type QueueEngine, startQueues } from "../../local/queue-engine.ts";
import { account, region } from "../../local/resource-types.ts";
import { openState } from "../../local/state.ts";

export const tableName = "contracts";
const bucketName = "contracts";
const queueName = (lane: string) => `contracts-${lane}`;

export type Engines = {
  dynamo: DynamoEngine;
  queues: QueueEngine;
  /** What a function would find in its environment. */
  environment: NodeJS.ProcessEnv;
  stop(): Promise<void>;
};

/**
 * The engines of the local cloud with one table, a queue per lane and a bucket, and nothing else of a cloud. The
 * clients of this process find them as they do in a function: by `AWS_ENDPOINT_URL_...`.
 */
export async function startEngines(): Promise<Engines> {
  const directory = mkdtempSync(join(tmpdir(), "convoke-engines-"));
  const state = openState(directory);
  const [dynamo, queues] = await Promise.all([
    startDynamo(state, openLog({})),
    startQueues(join(directory, "queues")),
  ]);
  await dynamo.call("CreateTable", tableDefinition());
  queues.provision(Object.fromEntries(lanes.map((lane) => [queueName(lane), {}])), { [bucketName]: [] });

  const address = (port: number) => `http://127.0.0.1:${port}`;
  Object.assign(process.env, {
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    AWS_ENDPOINT_URL_DYNAMODB: address(dynamo.port),
    AWS_ENDPOINT_URL_SQS: address(queues.port),
    AWS_ENDPOINT_URL_S3: address(queues.port),
  });
  return {
    dynamo,
    queues,
    environment: {
      [env.settings]: "local",
      [env.table]: tableName,
      [env.bucket]: bucketName,
      ...Object.fromEntries(
        lanes.map((lane) => [env.queue(lane), `${address(queues.port)}/${account}/${queueName(lane)}`]),
      ),
    },
    async stop() {
      await Promise.all([dynamo.stop(), queues.stop()]);
      state.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** As the stack has it. */
function tableDefinition(): JsonObject {
  const { due, list } = table.indexes;
  const key = (partition: string, sort: string) => [
    { AttributeName: partition, KeyType: "HASH" },
    { AttributeName: sort, KeyType: "RANGE" },
  ];
  const attribute = (AttributeName: string, AttributeType: "S" | "N") => ({ AttributeName, AttributeType });
  return {
    TableName: tableName,
    BillingMode: "PAY_PER_REQUEST",
    KeySchema: key(table.partitionKey, table.sortKey),
    AttributeDefinitions: [
      attribute(table.partitionKey, "S"),
      attribute(table.sortKey, "S"),
      attribute(due.partitionKey, "S"),
      attribute(due.sortKey, "N"),
      attribute(list.partitionKey, "S"),
      attribute(list.sortKey, "S"),
    ],
    GlobalSecondaryIndexes: [due, list].map(({ name, partitionKey, sortKey }) => ({
      IndexName: name,
      KeySchema: key(partitionKey, sortKey),
      Projection: { ProjectionType: "KEYS_ONLY" },
    })),
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_IMAGE" },
  };
}
