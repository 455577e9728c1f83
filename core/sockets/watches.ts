import { BatchWriteCommand, DeleteCommand, PutCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { type DynamoTable, happened, queryPages } from "../dynamo.ts";
import type { Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import { jobPartition, table as names, tenantPartition, tenantWatchesPartition } from "../table.ts";
import type { Watch, Watched, Watches } from "./sockets.ts";

type WatchItem = {
  pk: string;
  sk: string;
  at: Millis;
  deltas: boolean;
  batch: boolean;
  until: Millis;
  ttl: number;
};

/** What BatchWriteItem takes at once. */
const batchWrites = 25;

/**
 * Watches in the table. Each lies in the partition of what it watches, so that a journal's reader meets it on the
 * way; the connection's own item lists its watches, for the limit and for the end.
 */
export function dynamoWatches(
  table: DynamoTable,
  { settings, now }: Pick<Services, "settings" | "now">,
): Watches {
  const { client, name, call } = table;
  const partitionOf = (tenant: string, what: Watched) =>
    what === "mine" ? tenantWatchesPartition(tenant) : jobPartition({ tenant, jobId: what.jobId });
  const connectionAt = (tenant: string, connectionId: string) => ({
    pk: `${tenantPartition(tenant)}#X#${connectionId}`,
    sk: "X",
  });
  const watchAt = (partition: string, connectionId: string) => ({
    pk: partition,
    sk: names.prefixes.watch + connectionId,
  });

  const removeWatch = (partition: string, connectionId: string) =>
    call(() => client.send(new DeleteCommand({ TableName: name, Key: watchAt(partition, connectionId) })));

  /** @returns false when the connection has as many as it may. */
  async function count(
    tenant: string,
    partition: string,
    connectionId: string,
    ttl: number,
  ): Promise<boolean> {
    const update = new UpdateCommand({
      TableName: name,
      Key: connectionAt(tenant, connectionId),
      UpdateExpression: "ADD watches :this SET #ttl = :ttl",
      ConditionExpression:
        "attribute_not_exists(watches) OR contains(watches, :partition) OR size(watches) < :most",
      ExpressionAttributeNames: { "#ttl": names.ttl },
      ExpressionAttributeValues: {
        ":this": new Set([partition]),
        ":partition": partition,
        ":most": settings.maxWatchesPerConnection,
        ":ttl": ttl,
      },
    });
    return happened(call(() => client.send(update)));
  }

  async function uncount(tenant: string, partitions: string[], connectionId: string): Promise<void> {
    const update = new UpdateCommand({
      TableName: name,
      Key: connectionAt(tenant, connectionId),
      UpdateExpression: "DELETE watches :these",
      // An update would bring back the item of a connection that has gone, without an expiry.
      ConditionExpression: "attribute_exists(pk)",
      ExpressionAttributeValues: { ":these": new Set(partitions) },
    });
    await happened(call(() => client.send(update)));
  }

  async function removeWatches(partitions: string[], connectionId: string): Promise<void> {
    let deletes = partitions.map((partition) => ({
      DeleteRequest: { Key: watchAt(partition, connectionId) },
    }));
    while (deletes.length > 0) {
      const batch = deletes.splice(0, batchWrites);
      const { UnprocessedItems } = await call(() =>
        client.send(new BatchWriteCommand({ RequestItems: { [name]: batch } })),
      );
      deletes = [...((UnprocessedItems?.[name] ?? []) as typeof deletes), ...deletes];
    }
  }

  async function watching(partition: string): Promise<Watch[]> {
    const watches: Watch[] = [];
    const pages = queryPages(table, {
      ConsistentRead: true,
      KeyConditionExpression: "pk = :pk AND begins_with(sk, :watch)",
      ExpressionAttributeValues: { ":pk": partition, ":watch": names.prefixes.watch },
    });
    for await (const items of pages) {
      const moment = now() / 1000;
      for (const item of items as WatchItem[]) {
        // The table removes what has expired only after days.
        if (item.ttl > moment) watches.push(watchOf(item));
      }
    }
    return watches;
  }

  return {
    async add(tenant, what, watch) {
      const partition = partitionOf(tenant, what);
      const ttl = Math.ceil(watch.at / 1000) + settings.watchKeptSeconds;
      const { connectionId, at, deltas, batch, authorisedUntil: until } = watch;
      const item: WatchItem = { ...watchAt(partition, connectionId), at, deltas, batch, until, ttl };
      // Side by side rather than in a transaction: half the price, one round trip, and a leftover expires.
      const [counted] = await Promise.all([
        count(tenant, partition, connectionId, ttl),
        call(() => client.send(new PutCommand({ TableName: name, Item: item }))),
      ]);
      if (!counted) await removeWatch(partition, connectionId);
      return counted;
    },

    async remove(tenant, what, connectionId) {
      const partitions = [what].flat().map((one) => partitionOf(tenant, one));
      if (partitions.length === 0) return;
      await Promise.all([removeWatches(partitions, connectionId), uncount(tenant, partitions, connectionId)]);
    },

    async removeAll(tenant, connectionId) {
      const { Attributes } = await call(() =>
        client.send(
          new DeleteCommand({
            TableName: name,
            Key: connectionAt(tenant, connectionId),
            ReturnValues: "ALL_OLD",
          }),
        ),
      );
      await removeWatches([...((Attributes?.watches as Set<string> | undefined) ?? [])], connectionId);
    },

    ofJob: (job) => watching(jobPartition(job)),
    ofTenant: (tenant) => watching(tenantWatchesPartition(tenant)),
  };
}

function watchOf({ sk, at, deltas, batch, until }: WatchItem): Watch {
  return { connectionId: sk.slice(names.prefixes.watch.length), at, deltas, batch, authorisedUntil: until };
}
