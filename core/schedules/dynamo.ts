import { GetCommand, QueryCommand, TransactWriteCommand } from "@aws-sdk/lib-dynamodb";
import { createCounted, type DynamoTable, failedConditions, listPage, replaceVersion } from "../dynamo.ts";
import { table as names } from "../table.ts";
import {
  dueSchedules,
  type ScheduleItem,
  scheduleAt,
  scheduleItem,
  scheduleKey,
  scheduleList,
  scheduleOf,
  schedulePartition,
} from "./items.ts";
import type { ScheduleKey, Schedules } from "./schedule.ts";

export function dynamoSchedules(table: DynamoTable): Schedules {
  const { client, name, call } = table;
  const keyOf = (key: ScheduleKey) => ({ pk: schedulePartition(key), sk: scheduleKey });
  /** How many schedules a tenant has: changes with each of them, in the same transaction. */
  const count = (tenant: string, by: 1 | -1, most?: number) => ({
    Update: {
      TableName: name,
      Key: { pk: scheduleList(tenant), sk: "COUNT" },
      UpdateExpression: "ADD schedules :by",
      ExpressionAttributeValues: { ":by": by, ...(most === undefined ? {} : { ":most": most }) },
      ...(most === undefined
        ? {}
        : { ConditionExpression: "attribute_not_exists(schedules) OR schedules < :most" }),
    },
  });

  return {
    create: (record, most) => createCounted(table, scheduleItem(record), count(record.tenant, 1, most)),

    async get(key) {
      const { Item } = await call(() =>
        client.send(new GetCommand({ TableName: name, Key: keyOf(key), ConsistentRead: true })),
      );
      return Item && scheduleOf(Item as ScheduleItem);
    },

    async list(tenant, options) {
      const { found, ...rest } = await listPage(
        table,
        scheduleList(tenant),
        (id) => keyOf({ tenant, id }),
        options,
        (item) => scheduleOf(item as ScheduleItem),
      );
      return { schedules: found, ...rest };
    },

    update: (record) => replaceVersion(table, scheduleItem(record), record.version),

    async delete(key) {
      const remove = {
        TableName: name,
        Key: keyOf(key),
        ConditionExpression: "attribute_exists(pk)",
      };
      try {
        await call(() =>
          client.send(
            new TransactWriteCommand({ TransactItems: [{ Delete: remove }, count(key.tenant, -1)] }),
          ),
        );
        return true;
      } catch (error) {
        if (failedConditions(error)[0]) return false;
        throw error;
      }
    },

    async due(now, limit) {
      const { name: index, partitionKey, sortKey } = names.indexes.due;
      const { Items = [] } = await call(() =>
        client.send(
          new QueryCommand({
            TableName: name,
            IndexName: index,
            KeyConditionExpression: "#shard = :schedules AND #at <= :now",
            ExpressionAttributeNames: { "#shard": partitionKey, "#at": sortKey },
            ExpressionAttributeValues: { ":schedules": dueSchedules, ":now": now },
            Limit: limit,
          }),
        ),
      );
      return Items.flatMap(({ pk }) => scheduleAt(pk) ?? []);
    },
  };
}
