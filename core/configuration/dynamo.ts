import { isDeepStrictEqual } from "node:util";
import { GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import { type DynamoTable, isConditionFailure, standingItem } from "../dynamo.ts";
import type { Configuration } from "./configuration.ts";
import { type AttributeItem, attributeItem, attributeKey, attributeOf } from "./items.ts";

export function dynamoConfiguration({ client, name, call }: DynamoTable): Configuration {
  return {
    async get(tenant, attribute) {
      const { Item } = await call(() =>
        client.send(
          new GetCommand({ TableName: name, Key: attributeKey(tenant, attribute), ConsistentRead: true }),
        ),
      );
      return Item && attributeOf(Item as AttributeItem);
    },

    async put(record) {
      const condition =
        record.version === 1
          ? { ConditionExpression: "attribute_not_exists(pk)" }
          : {
              ConditionExpression: "version = :before",
              ExpressionAttributeValues: { ":before": record.version - 1 },
            };
      try {
        await call(() =>
          client.send(
            new PutCommand({
              TableName: name,
              Item: attributeItem(record),
              ...condition,
              ReturnValuesOnConditionCheckFailure: "ALL_OLD",
            }),
          ),
        );
        return true;
      } catch (error) {
        if (!isConditionFailure(error)) throw error;
        const standing = standingItem<AttributeItem>(error);
        // The client's own retry may have met its own first try.
        return standing !== undefined && isDeepStrictEqual(attributeOf(standing), record);
      }
    },
  };
}
