import { expect, test } from "vitest";
import {
  addMessage,
  type ConversationRecord,
  type ConversationWrite,
  newConversation,
} from "../../core/conversations/conversation.ts";
import { Conflict, InvalidRequest } from "../../core/protocol/error.ts";
import { anEntry, headAfter, submitted } from "../support/entries.ts";
import { inBothWorlds, type World } from "../support/worlds.ts";

/** Changes ride on a journal entry; here on that of a job that has no other purpose. */
async function write({ journal, newId }: World, conversation: ConversationWrite) {
  const entry = anEntry({ tenant: conversation.record.tenant, jobId: newId() }, [], [submitted]);
  return journal.create({ entry, head: headAfter([entry]), conversation });
}

async function withMessages(world: World, record: ConversationRecord, texts: string[]) {
  let current = record;
  for (const content of texts) {
    const change = addMessage(current, { content, jobId: "j", at: 5 });
    expect(await write(world, change)).toEqual({ end: "stored" });
    current = change.record;
  }
  return current;
}

inBothWorlds((world) => {
  test("a new conversation is there at once, under its own tenant only", async () => {
    const { conversations, newId } = world();
    const record = newConversation(newId(), newId(), 1_000);
    await conversations.create(record);
    expect(await conversations.get(record.tenant, record.id)).toEqual(record);
    expect(await conversations.get("other", record.id)).toBeUndefined();
    expect(await conversations.messages("other", record.id)).toEqual([]);
  });

  test("a second conversation of the same id is refused and the first stays", async () => {
    const { conversations, newId } = world();
    const record = newConversation(newId(), newId(), 1_000);
    await conversations.create(record);
    await expect(conversations.create({ ...record, title: "Another" })).rejects.toThrow(Conflict);
    expect(await conversations.get(record.tenant, record.id)).toEqual(record);
  });

  test("messages come in order, after a number, up to a limit", async () => {
    const { conversations, newId } = world();
    const record = newConversation(newId(), newId(), 1_000);
    await conversations.create(record);
    const texts = Array.from({ length: 12 }, (_, index) => `message ${index + 1}`);
    const last = await withMessages(world(), record, texts);
    const read = (options?: { after?: number; limit?: number }) =>
      conversations
        .messages(record.tenant, record.id, options)
        .then((messages) => messages.map(({ number, content }) => `${number}: ${content}`));
    expect(await read()).toEqual(texts.map((text, index) => `${index + 1}: ${text}`));
    expect(await read({ after: 9, limit: 2 })).toEqual(["10: message 10", "11: message 11"]);
    expect(await read({ after: 12 })).toEqual([]);
    expect(await conversations.get(record.tenant, record.id)).toEqual(last);
  });

  test("of two changes that were decided on the same state, one is written and the other told [A0-03]", async () => {
    const { conversations, newId } = world();
    const record = newConversation(newId(), newId(), 1_000);
    await conversations.create(record);
    const changes = ["a", "b"].map((content) => addMessage(record, { content, jobId: content, at: 5 }));
    const ends = await Promise.all(changes.map((change) => write(world(), change)));
    expect(ends.map(({ end }) => end).sort()).toEqual(["conversation changed", "stored"]);
    expect(await conversations.messages(record.tenant, record.id)).toHaveLength(1);
  });

  test("the list shows the newest first, page by page, and only the tenant's own", async () => {
    const { conversations, newId } = world();
    const tenant = newId();
    for (const at of [3, 1, 2, 5, 4]) await conversations.create(newConversation(tenant, `c${at}`, at));
    await conversations.create(newConversation(`${tenant}#C`, "stranger", 9));
    const first = await conversations.list(tenant, { limit: 3 });
    expect(first.conversations.map(({ id }) => id)).toEqual(["c5", "c4", "c3"]);
    const second = await conversations.list(tenant, { limit: 3, cursor: first.cursor! });
    expect(second.conversations.map(({ id }) => id)).toEqual(["c2", "c1"]);
    expect(second.cursor).toBeUndefined();
  });

  test("a cursor of another tenant or of nothing at all is refused", async () => {
    const { conversations, newId } = world();
    const tenant = newId();
    for (const at of [1, 2]) await conversations.create(newConversation(tenant, `c${at}`, at));
    const { cursor } = await conversations.list(tenant, { limit: 1 });
    await expect(conversations.list("other", { limit: 1, cursor: cursor! })).rejects.toThrow(InvalidRequest);
    await expect(conversations.list(tenant, { limit: 1, cursor: "garbage" })).rejects.toThrow(InvalidRequest);
  });

  test("nobody changes what is stored by changing what was given or read", async () => {
    const { conversations, newId } = world();
    const record = newConversation(newId(), newId(), 1_000);
    await conversations.create(record);
    record.waitingJobIds.push("intruder");
    const read = await conversations.get(record.tenant, record.id);
    read?.waitingJobIds.push("another");
    expect((await conversations.get(record.tenant, record.id))?.waitingJobIds).toEqual([]);
  });
});
