import { listPosition } from "../cursor.ts";
import { bodyOf, type Item, type Packed, withBody } from "../pack.ts";
import { numbered, tenantPartition } from "../table.ts";
import type { ConversationRecord, Message } from "./conversation.ts";

export const conversationKey = "CONV";

export function conversationPartition(tenant: string, id: string): string {
  return `${tenantPartition(tenant)}#C#${id}`;
}

/** The list of a tenant's conversations. */
export function conversationList(tenant: string): string {
  return `${tenantPartition(tenant)}#C`;
}

export function conversationItem(record: ConversationRecord): Item {
  const { version, ...rest } = record;
  return withBody(
    {
      pk: conversationPartition(record.tenant, record.id),
      sk: conversationKey,
      version,
      list_pk: conversationList(record.tenant),
      list_sk: listPosition(record.createdAt, record.id),
    },
    rest,
  );
}

export type ConversationItem = { version: number; body: Packed };

export function conversationOf(item: ConversationItem): ConversationRecord {
  return { ...bodyOf<Omit<ConversationRecord, "version">>(item), version: item.version };
}

export function messageSortKey(number: number): string {
  return numbered("M#", number);
}

export function messageItem(tenant: string, conversationId: string, message: Message): Item {
  const { number, ...rest } = message;
  return withBody({ pk: conversationPartition(tenant, conversationId), sk: messageSortKey(number) }, rest);
}

export function messageOf(item: { sk: string; body: Packed }): Message {
  return { number: Number(item.sk.slice(2)), ...bodyOf<Omit<Message, "number">>(item) };
}
