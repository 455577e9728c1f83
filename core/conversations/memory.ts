import { decodeCursor, encodeCursor, listPosition } from "../cursor.ts";
import { Conflict } from "../protocol/error.ts";
import type { ConversationRecord, Conversations, ConversationWrite, Message } from "./conversation.ts";
import { conversationItem, conversationList, conversationPartition, messageItem } from "./items.ts";

/** Conversations in this process. Its changes ride on a journal entry, so the journal's twin asks first and then writes. */
export interface MemoryConversations extends Conversations {
  /** Whether the change was decided on what is stored now. */
  accepts(write: ConversationWrite): boolean;
  write(write: ConversationWrite): void;
}

export function memoryConversations(): MemoryConversations {
  const stored = new Map<string, { record: ConversationRecord; messages: Message[] }>();
  const find = (tenant: string, id: string) => stored.get(conversationPartition(tenant, id));

  return {
    accepts({ record }) {
      return (find(record.tenant, record.id)?.record.version ?? 0) === record.version - 1;
    },
    write({ record, messages }) {
      // Building the items refuses what the table would refuse.
      conversationItem(record);
      for (const message of messages) messageItem(record.tenant, record.id, message);
      const before = find(record.tenant, record.id)?.messages ?? [];
      stored.set(
        conversationPartition(record.tenant, record.id),
        structuredClone({ record, messages: [...before, ...messages] }),
      );
    },
    async create(record) {
      if (find(record.tenant, record.id)) throw new Conflict(`Conversation ${record.id} exists already`);
      this.write({ record, messages: [] });
    },
    async get(tenant, id) {
      return structuredClone(find(tenant, id)?.record);
    },
    async list(tenant, { limit, cursor }) {
      const list = conversationList(tenant);
      const position = ({ createdAt, id }: ConversationRecord) => listPosition(createdAt, id);
      const before = cursor === undefined ? undefined : decodeCursor(list, cursor);
      const rest = [...stored.values()]
        .map(({ record }) => record)
        .filter((record) => record.tenant === tenant && (!before || position(record) < before))
        .sort((a, b) => (position(a) < position(b) ? 1 : -1));
      const conversations = structuredClone(rest.slice(0, limit));
      if (rest.length <= limit) return { conversations };
      return { conversations, cursor: encodeCursor(list, position(conversations.at(-1)!)) };
    },
    async messages(tenant, id, { after = 0, limit = Number.POSITIVE_INFINITY } = {}) {
      const messages = find(tenant, id)?.messages ?? [];
      return structuredClone(messages.filter(({ number }) => number > after).slice(0, limit));
    },
  };
}
