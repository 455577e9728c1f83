import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { councilCloud } from "../support/council-cloud.ts";
import { eventually } from "../support/eventually.ts";
import { ended } from "../support/journals.ts";

const { provider, cloud } = await councilCloud(10);

beforeEach(() => {
  provider.asked.length = 0;
});

const newConversation = async () => (await cloud.client.conversations.create()).id;
const state = async (id: string) => (await cloud.client.conversations.get(id)).processing_state;

/** The state in the list, which is another view of the same. */
async function listedState(id: string): Promise<string | undefined> {
  const { conversations } = await cloud.client.conversations.list();
  return conversations.find((one) => one.id === id)?.processing_state;
}

test("a conversation is idle, active while its council works, and idle again together with the answer [A0-08] [A0-09] [A0-10] [A0-15] [A0-21] [A0-22] [A0-26]", async () => {
  const id = await newConversation();
  const release = provider.hold(() => true);
  const states = [[await state(id), await listedState(id)]];

  const { job_id } = await cloud.client.conversations.send(id, "Why is the sky blue?");
  states.push([await state(id), await listedState(id)]);
  const asked = await cloud.client.conversations.get(id);
  release();
  const seen = new Set<string>();
  for (let over = false; !over; ) {
    const conversation = await cloud.client.conversations.get(id);
    const answered = conversation.messages.some(({ role }) => role === "assistant");
    seen.add(`${conversation.processing_state}, ${answered ? "with" : "without"} the answer`);
    over = conversation.processing_state === "idle";
  }

  expect(states).toEqual([
    ["idle", "idle"],
    ["active", "active"],
  ]);
  expect(asked).toMatchObject({
    active_job_id: job_id,
    messages: [{ role: "user", content: "Why is the sky blue?" }],
  });
  expect(seen).toContain("active, without the answer");
  expect(seen).toContain("idle, with the answer");
  expect(seen).not.toContain("idle, without the answer");
  expect(await listedState(id)).toBe("idle");
});

test("who returns later finds the answer, all stages and the title in the conversation [A0-13] [A0-12]", async () => {
  const id = await newConversation();
  const response = await fetch(`${cloud.http}/api/conversations/${id}/message/stream`, {
    method: "POST",
    headers: { authorization: `Bearer ${cloud.key}`, "content-type": "application/json" },
    body: JSON.stringify({ content: "Why is the sky blue?" }),
  });
  const accepted = await response.json();
  await eventually(async () => (await state(id)) === "idle");

  const conversation = await cloud.client.conversations.get(id);

  expect(response.status).toBe(202);
  expect(accepted).toMatchObject({
    job_id: expect.any(String),
    status: "pending",
    watch: { socket: { message: { type: "watch", job_id: accepted.job_id } } },
  });
  expect(conversation).toMatchObject({
    title: "The title of titler.",
    message_count: 2,
    messages: [
      { number: 1, role: "user", job_id: accepted.job_id },
      {
        number: 2,
        role: "assistant",
        content: "The synthesis of alpha.",
        stage1: [{ model: "openai:alpha" }, { model: "openai:beta" }, { model: "openai:gamma" }],
        stage2: [{}, {}, {}],
        stage3: { response: "The synthesis of alpha." },
        metadata: { label_to_model: { "Response A": "openai:alpha" } },
      },
    ],
  });
});

test("the follow-up message's models see the question and the answer before it", async () => {
  const id = await newConversation();
  const first = await cloud.client.conversations.send(id, "Why is the sky blue?");
  await ended(cloud.client, first.job_id);
  provider.asked.length = 0;

  const second = await cloud.client.conversations.send(id, "And at dusk?");
  await ended(cloud.client, second.job_id);

  const history = [
    { role: "user", content: "Why is the sky blue?" },
    { role: "assistant", content: "The synthesis of alpha." },
  ];
  const answers = provider.asked.filter(({ part }) => part === "answer");
  expect(answers).toHaveLength(3);
  for (const { request } of answers) {
    expect(request.body.messages).toEqual([...history, { role: "user", content: "And at dusk?" }]);
  }
  for (const { part, request } of provider.asked.filter(({ part }) => part !== "answer")) {
    expect(request.body.messages.slice(0, 2), part).toEqual(history);
  }
  expect(provider.asked.map(({ part }) => part)).not.toContain("title");
});

test("a message to a busy conversation waits for its turn and is then answered, with what came before it", async () => {
  const id = await newConversation();
  const release = provider.hold(() => true);
  const first = await cloud.client.conversations.send(id, "First?");
  const second = await cloud.client.conversations.send(id, "Second?");
  const third = await cloud.client.conversations.send(id, "Third?", { on_busy: "enqueue" });
  await eventually(() => provider.asked.length === 4);
  await sleep(300);
  const askedMeanwhile = provider.asked.length;

  release();
  await eventually(async () => (await state(id)) === "idle");

  const { messages } = await cloud.client.conversations.get(id);
  expect(askedMeanwhile).toBe(4);
  expect([second.queued_behind, third.queued_behind]).toEqual([
    [first.job_id],
    [first.job_id, second.job_id],
  ]);
  expect(messages.map(({ role, job_id }) => [role, job_id])).toEqual([
    ["user", first.job_id],
    ["user", second.job_id],
    ["user", third.job_id],
    ["assistant", first.job_id],
    ["assistant", second.job_id],
    ["assistant", third.job_id],
  ]);
  const last = provider.asked.filter(({ part }) => part === "answer").at(-1)!;
  expect(last.request.body.messages.map(({ content }: { content: string }) => content)).toEqual([
    "First?",
    "The synthesis of alpha.",
    "Second?",
    "The synthesis of alpha.",
    "Third?",
  ]);
});

test("a message that does not want to wait is refused, and changes nothing", async () => {
  const id = await newConversation();
  const release = provider.hold(() => true);
  const { job_id } = await cloud.client.conversations.send(id, "First?");

  const refused = cloud.client.conversations.send(id, "Second?", { on_busy: "reject" });

  await expect(refused).rejects.toMatchObject({
    status: 409,
    code: "conversation_busy",
    details: { active_job_id: job_id },
  });
  release();
  await ended(cloud.client, job_id);
  expect((await cloud.client.conversations.get(id)).messages.map(({ role }) => role)).toEqual([
    "user",
    "assistant",
  ]);
});

test("a message that interrupts cancels the running job, and is answered in its place", async () => {
  const id = await newConversation();
  const release = provider.hold(({ request }) => !JSON.stringify(request.body).includes("Second?"));
  const first = await cloud.client.conversations.send(id, "First?");
  await eventually(() => provider.asked.length === 4);

  const second = await cloud.client.conversations.send(id, "Second?", { on_busy: "interrupt" });
  const [cancelled, completed] = [
    await ended(cloud.client, first.job_id),
    await ended(cloud.client, second.job_id),
  ];

  release();
  expect([cancelled.status, completed.status]).toEqual(["cancelled", "completed"]);
  expect(await cloud.client.conversations.get(id)).toMatchObject({
    processing_state: "idle",
    messages: [{ content: "First?" }, { content: "Second?" }, { role: "assistant", job_id: second.job_id }],
  });
});

test("a failed council leaves an error with its reasons, which the next message clears [A0-11] [A2-39]", async () => {
  const id = await newConversation();
  const members = ["mock:fails", "mock:rejected"];

  const { job_id } = await cloud.client.conversations.send(id, "Anyone?", { input: { members, quorum: 1 } });
  const failed = await ended(cloud.client, job_id);
  const after = await cloud.client.conversations.get(id);
  const next = await cloud.client.conversations.send(id, "Anyone now?");
  const cleared = await cloud.client.conversations.get(id);
  await ended(cloud.client, next.job_id);

  expect(failed).toMatchObject({
    status: "failed",
    error_message: expect.stringContaining("All models failed to respond"),
  });
  expect(after).toMatchObject({
    processing_state: "error",
    failed_job_id: job_id,
    error: { code: "quorum_not_reached", message: failed.error_message },
  });
  expect(cleared).toMatchObject({ processing_state: "active", failed_job_id: null, error: null });
  expect(await state(id)).toBe("idle");
});
