import { isDeepStrictEqual } from "node:util";
import { GetCommand, PutCommand, type TransactWriteCommandInput } from "@aws-sdk/lib-dynamodb";
import { type DynamoTable, listPage, queryPages, standingItem } from "../dynamo.ts";
import type { Packed } from "../pack.ts";
import { Conflict } from "../protocol/error.ts";
import type { Conversations, ConversationWrite, Message } from "./conversation.ts";
import {
  type ConversationItem,
  conversationItem,
  conversationKey,
  conversationList,
  conversationOf,
  conversationPartition,
  messageItem,
  messageOf,
  messageSortKey,
} from "./items.ts";

/** The writes of a conversation's change, for the transaction that it rides on. The first one holds the condition. */
export function conversationWrites(
  table: string,
  { record, messages }: ConversationWrite,
): NonNullable<TransactWriteCommandInput["TransactItems"]> {
  const unchanged =
    record.version === 1
      ? { ConditionExpression: "attribute_not_exists(pk)" }
      : {
          ConditionExpression: "version = :before",
          ExpressionAttributeValues: { ":before": record.version - 1 },
        };
  return [
    { Put: { TableName: table, Item: conversationItem(record), ...unchanged } },
    ...messages.map((message) => ({
      Put: { TableName: table, Item: messageItem(record.tenant, record.id, message) },
    })),
  ];
}

export function dynamoConversations(table: DynamoTable): Conversations {
  const { client, name, call } = table;
  return {
    async create(record) {
      const item = conversationItem(record);
      try {
        await call(() =>
          client.send(
            new PutCommand({
              TableName: name,
              Item: item,
              ConditionExpression: "attribute_not_exists(pk)",
              ReturnValuesOnConditionCheckFailure: "ALL_OLD",
            }),
          ),
        );
      } catch (error) {
        const standing = standingItem<ConversationItem>(error);
        if (!standing) throw error;
        // The client's own retry may have met its own first try.
        if (isDeepStrictEqual(conversationOf(standing), record)) return;
        throw new Conflict(`Conversation ${record.id} exists already`);
      }
    },

    async get(tenant, id) {
      const { Item } = await call(() =>
        client.send(
          new GetCommand({
            TableName: name,
            Key: { pk: conversationPartition(tenant, id), sk: conversationKey },
            ConsistentRead: true,
          }),
        ),
      );
      return Item && conversationOf(Item as ConversationItem);
    },

    async list(tenant, options) {
      const { found, ...rest } = await listPage(
        table,
        conversationList(tenant),
        (id) => ({ pk: conversationPartition(tenant, id), sk: conversationKey }),
        options,
        (item) => conversationOf(item as ConversationItem),
      );
      return { conversations: found, ...rest };
    },

    async messages(tenant, id, { after = 0, limit } = {}) {
      const messages: Message[] = [];
      const pages = queryPages(table, {
        ConsistentRead: true,
        KeyConditionExpression: "pk = :pk AND sk BETWEEN :first AND :last",
        ExpressionAttributeValues: {
          ":pk": conversationPartition(tenant, id),
          ":first": messageSortKey(after + 1),
          ":last": "M#~",
        },
        ...(limit === undefined ? {} : { Limit: limit }),
      });
      for await (const items of pages) {
        for (const item of items) messages.push(messageOf(item as { sk: string; body: Packed }));
        if (messages.length >= (limit ?? Number.POSITIVE_INFINITY)) break;
      }
      return messages.slice(0, limit);
    },
  };
}
