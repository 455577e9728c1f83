import type { Settings } from "../config.ts";
import { type DynamoTable, queryPages } from "../dynamo.ts";
import type { JobKey } from "../protocol/job.ts";
import { jobOf, table as names } from "../table.ts";

/** All jobs of a table that have not ended, of every tenant: they are in the index of what is due. */
export async function liveJobs(
  table: DynamoTable,
  { dueShards }: Pick<Settings, "dueShards">,
): Promise<JobKey[]> {
  const { name, partitionKey } = names.indexes.due;
  // A job that moves on in the index meanwhile is met twice.
  const found = new Map<string, JobKey>();
  for (let shard = 0; shard < dueShards; shard += 1) {
    const pages = queryPages(table, {
      IndexName: name,
      KeyConditionExpression: "#shard = :shard",
      ExpressionAttributeNames: { "#shard": partitionKey },
      ExpressionAttributeValues: { ":shard": String(shard) },
    });
    for await (const items of pages) {
      for (const { pk } of items as { pk: string }[]) {
        const job = jobOf(pk);
        if (job) found.set(pk, job);
      }
    }
  }
  return [...found.values()];
}
