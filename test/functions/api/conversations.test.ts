import { describe, expect, test } from "vitest";
import { door } from "./door.ts";

const ask = { type: "oracle", content: "Why is the sky blue?" };

async function talking(options?: Parameters<typeof door>[0]) {
  const api = await door(options);
  const id: string = (await api.post("/api/conversations", {})).body.id;
  return {
    ...api,
    id,
    say: (body: object = {}, headers = {}) =>
      api.post(`/api/conversations/${id}/messages`, { ...ask, ...body }, { headers }),
    read: async () => (await api.get(`/api/conversations/${id}`)).body,
  };
}

describe("a conversation", () => {
  test("[A0-08] [A0-09] begins idle and empty", async () => {
    const { post, get } = await door();

    const created = await post("/api/conversations");

    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      title: "New Conversation",
      processing_state: "idle",
      message_count: 0,
      active_job_id: null,
      waiting_job_ids: [],
      failed_job_id: null,
      error: null,
      messages: [],
    });
    expect((await get(`/api/conversations/${created.body.id}`)).body).toEqual(created.body);
  });

  test("[A0-08] is listed with its state, newest first, page by page", async () => {
    const { post, get } = await door();
    const older = (await post("/api/conversations", { title: "Older" })).body.id;
    const newer = (await post("/api/conversations", { title: "Newer" })).body.id;
    await post(`/api/conversations/${newer}/messages`, ask);

    const first = await get("/api/conversations?limit=1");
    const second = await get(`/api/conversations?limit=1&cursor=${first.body.next_cursor}`);

    expect(first.body.conversations).toMatchObject([
      { id: newer, title: "Newer", processing_state: "active", message_count: 1 },
    ]);
    expect(second.body).toMatchObject({
      conversations: [{ id: older, title: "Older", processing_state: "idle", message_count: 0 }],
      next_cursor: null,
    });
  });

  test("of another tenant is not found, and cannot be spoken in", async () => {
    const { id, ask: send, makeKey, read } = await talking();
    const key = await makeKey("globex", ["jobs:read", "jobs:write"]);

    expect((await send("GET", `/api/conversations/${id}`, { key })).status).toBe(404);
    expect((await send("POST", `/api/conversations/${id}/messages`, { key, body: ask })).status).toBe(404);
    const smuggled = { type: "oracle", input: { question: "?" }, conversation_id: id };
    expect((await send("POST", "/api/jobs", { key, body: smuggled })).status).toBe(404);
    expect((await send("GET", "/api/conversations", { key })).body.conversations).toEqual([]);
    expect((await read()).message_count).toBe(0);
  });
});

describe("a message", () => {
  test("[A0-10] [A0-15] makes the conversation active before anything is done about it", async () => {
    const { say, read, id } = await talking();

    const { status, body } = await say();

    expect(status).toBe(202);
    expect(body).toMatchObject({
      status: "pending",
      conversation_id: id,
      message_number: 1,
      queued_behind: [],
      watch: { events: `/api/jobs/${body.job_id}/events?after=0` },
    });
    expect(await read()).toMatchObject({
      processing_state: "active",
      active_job_id: body.job_id,
      messages: [{ number: 1, role: "user", content: ask.content, job_id: body.job_id }],
    });
  });

  test("[A0-13] [A0-21] [A0-22] is answered, and with the answer the conversation is idle again", async () => {
    const { say, read, work } = await talking();
    const { job_id } = (await say()).body;

    await work();

    const conversation = await read();
    expect(conversation).toMatchObject({
      processing_state: "idle",
      active_job_id: null,
      title: "Sky",
      message_count: 2,
    });
    expect(conversation.messages[1]).toMatchObject({
      number: 2,
      role: "assistant",
      content: "Why is the sky blue? 42.",
      job_id,
      stage1: ["a"],
      metadata: { votes: 3 },
      created_at: expect.stringMatching(/Z$/),
    });
  });

  test.each(["message", "message/stream"])("[A0-12] may also be sent to the older path /%s", async (path) => {
    const { id, post, read } = await talking();

    const { status, body } = await post(`/api/conversations/${id}/${path}`, ask);

    expect(status).toBe(202);
    expect((await read()).active_job_id).toBe(body.job_id);
  });

  test("may come as a job that names its conversation", async () => {
    const { id, post, read, work } = await talking();

    const { body } = await post("/api/jobs", {
      type: "oracle",
      input: { question: "Why?" },
      conversation_id: id,
    });
    await work();

    expect(body).toMatchObject({ conversation_id: id, message_number: 1, queued_behind: [] });
    expect((await read()).messages.map(({ content }: { content: string }) => content)).toEqual([
      "Why?",
      "Why? 42.",
    ]);
  });

  test("may add to the job's input what the job type knows", async () => {
    const { say, get } = await talking();

    const { body } = await say({ input: { tone: "dry" } });

    expect((await get(`/api/jobs/${body.job_id}`)).body).toMatchObject({
      input_data: { question: ask.content, tone: "dry" },
      conversation_id: expect.any(String),
    });
  });

  test("is for job types that can answer", async () => {
    const { say, read } = await talking();

    const { status, body } = await say({ type: "sleeper" });

    expect(status).toBe(400);
    expect(body.detail).toBe('Job type "sleeper" does not answer in conversations');
    expect((await read()).message_count).toBe(0);
  });

  test.each([
    ["without words", { content: "" }, "content"],
    ["to an unknown field of the input", { input: { depth: 3 } }, "input"],
    ["with an unknown way to wait", { on_busy: "shout" }, "on_busy"],
  ])("%s is refused", async (_what, body, field) => {
    const { say, read } = await talking();

    const answer = await say(body);

    expect(answer.status).toBe(400);
    expect(answer.body.errors[0].field).toBe(field);
    expect((await read()).processing_state).toBe("idle");
  });

  test("sent twice with one idempotency key is said once", async () => {
    const { say, read } = await talking();
    const headers = { "Idempotency-Key": "once" };

    const first = await say({}, headers);
    const again = await say({}, headers);

    expect(again.body).toMatchObject({
      job_id: first.body.job_id,
      deduplicated: true,
      message_number: 1,
      queued_behind: [],
    });
    expect((await read()).message_count).toBe(1);
  });

  test("[A0-11] whose job fails leaves the conversation in error with the reason, until the next one", async () => {
    const { say, read, work } = await talking();
    const { job_id } = (await say({ type: "failing" })).body;

    await work();

    expect(await read()).toMatchObject({
      processing_state: "error",
      failed_job_id: job_id,
      error: { code: "quorum_not_reached", message: "No member answered" },
    });
    await say();
    expect(await read()).toMatchObject({ processing_state: "active", failed_job_id: null, error: null });
  });
});

describe("a second message while a job is at work", () => {
  test("waits for its turn by default, and is sent by the end of the first", async () => {
    const { say, read, work, services } = await talking();
    const first = (await say({ content: "One?" })).body.job_id;

    const second = (await say({ content: "Two?" })).body;

    expect(second).toMatchObject({ status: "pending", message_number: 2, queued_behind: [first] });
    expect(services.queue.waiting).toHaveLength(1);
    expect(await read()).toMatchObject({ active_job_id: first, waiting_job_ids: [second.job_id] });
    await work();
    const { messages, processing_state } = await read();
    expect(processing_state).toBe("idle");
    expect(messages.map(({ content }: { content: string }) => content)).toEqual([
      "One?",
      "Two?",
      "One? 42.",
      "Two? 42.",
    ]);
  });

  test("is refused with on_busy=reject, and the answer names the job at work", async () => {
    const { say, read } = await talking();
    const first = (await say()).body.job_id;

    const { status, body } = await say({ on_busy: "reject" });

    expect(status).toBe(409);
    expect(body).toMatchObject({ code: "conversation_busy", active_job_id: first });
    expect((await read()).message_count).toBe(1);
  });

  test("with on_busy=reject is no second one when it repeats the first by its idempotency key", async () => {
    const { say, read } = await talking();
    const headers = { "Idempotency-Key": "once" };
    const first = await say({ on_busy: "reject" }, headers);

    const again = await say({ on_busy: "reject" }, headers);
    const other = await say({ on_busy: "reject" }, { "Idempotency-Key": "other" });

    expect(again.status).toBe(202);
    expect(again.body).toMatchObject({ job_id: first.body.job_id, deduplicated: true });
    expect(other.status).toBe(409);
    expect((await read()).message_count).toBe(1);
  });

  test("with on_busy=interrupt cancels the job at work and takes the next turn", async () => {
    const { say, read, work, get } = await talking();
    const first = (await say({ content: "One?" })).body.job_id;
    const second = (await say({ content: "Two?" })).body.job_id;

    const third = (await say({ content: "Three?", on_busy: "interrupt" })).body;

    expect(third).toMatchObject({ message_number: 3, queued_behind: [first] });
    expect((await get(`/api/jobs/${first}`)).body.cancel_requested).toBe(true);
    expect(await read()).toMatchObject({ active_job_id: first, waiting_job_ids: [third.job_id, second] });
    await work();
    const statuses = await Promise.all(
      [first, second, third.job_id].map(async (id) => (await get(`/api/jobs/${id}`)).body.status),
    );
    expect(statuses).toEqual(["cancelled", "completed", "completed"]);
    const { messages, processing_state } = await read();
    expect(processing_state).toBe("idle");
    expect(messages.slice(3).map(({ content }: { content: string }) => content)).toEqual([
      "Three? 42.",
      "Two? 42.",
    ]);
  });

  test("with on_busy=interrupt, repeated by its idempotency key, does not cancel its own job", async () => {
    const { say, work, get } = await talking();
    await say();
    const headers = { "Idempotency-Key": "now" };
    const { job_id } = (await say({ on_busy: "interrupt" }, headers)).body;

    const waiting = await say({ on_busy: "interrupt" }, headers);
    expect(waiting.body).toMatchObject({ job_id, deduplicated: true, queued_behind: [expect.any(String)] });
    await work();
    const done = await say({ on_busy: "interrupt" }, headers);

    expect(done.body).toMatchObject({ job_id, deduplicated: true, queued_behind: [] });
    expect((await get(`/api/jobs/${job_id}`)).body).toMatchObject({
      status: "completed",
      cancel_requested: false,
    });
  });

  test("has its place when ten are sent at once: one is at work, nine wait", async () => {
    const { say, read, work } = await talking();

    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => say({ content: `Number ${index}?` })),
    );

    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(202));
    expect(new Set(answers.map(({ body }) => body.message_number)).size).toBe(10);
    const { active_job_id, waiting_job_ids } = await read();
    expect(new Set([active_job_id, ...waiting_job_ids]).size).toBe(10);
    await work();
    expect(await read()).toMatchObject({ processing_state: "idle", message_count: 20 });
  });
});

test("a long conversation shows its last messages, and earlier ones when asked", async () => {
  const { say, work, get, id } = await talking();
  for (let count = 1; count <= 3; count += 1) {
    await say({ content: `Number ${count}?` });
    await work();
  }

  const last = await get(`/api/conversations/${id}?limit=2`);
  const earlier = await get(`/api/conversations/${id}?after=0&limit=3`);

  const numbers = (body: { messages: { number: number }[] }) => body.messages.map(({ number }) => number);
  expect(numbers(last.body)).toEqual([5, 6]);
  expect(numbers(earlier.body)).toEqual([1, 2, 3]);
});

test("a conversation too long for one answer is given in parts", async () => {
  const { say, work, get, id, services } = await talking();
  Object.assign(services, { settings: { ...services.settings, answerBytes: 3_000 } });
  for (const letter of "abc") await say({ content: letter.repeat(1_000) });
  await work();

  const last = await get(`/api/conversations/${id}`);
  const first = await get(`/api/conversations/${id}?after=0`);

  const numbers = (body: { messages: { number: number }[] }) => body.messages.map(({ number }) => number);
  expect(last.body.message_count).toBe(6);
  expect(numbers(last.body)).toEqual([5, 6]);
  expect(numbers(first.body)).toEqual([1, 2]);
});
