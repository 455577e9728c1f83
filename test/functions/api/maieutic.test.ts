import { expect, test } from "vitest";
import { models } from "../../../core/models/models.ts";
import { door } from "./door.ts";

const narrative = "My boss took the credit.";

async function salon() {
  const api = await door({ services: { model: models({ MOCK_LATENCY_MS: "0" }) } });
  const started = async (input: object = {}) => {
    const { body } = await api.post("/api/maieutic/start", { narrative, max_turns: 2, ...input });
    await api.work();
    return `/api/maieutic/${body.job_id}`;
  };
  return { ...api, started };
}

test("a dialogue is read while it is held: its turns, its open question, its end [A2-53] [A2-70]", async () => {
  const { get, post, work, started } = await salon();
  const path = await started();

  const asked = (await post(`${path}/question`)).body;
  expect(asked).toMatchObject({
    status: "waiting",
    question: { kind: "question", turn: 1, depth_level: 0, question: expect.stringContaining("?") },
  });
  expect((await get(path)).body).toMatchObject({
    initial_narrative: narrative,
    goal: "understand",
    max_turns: 2,
    turns: [],
    final_understanding: null,
    question: asked.question,
  });

  expect((await post(`${path}/answer`, { answer: "I was in the room." })).body).toMatchObject({
    step: "answer-1",
    outcome: "succeeded",
  });
  await work();
  const session = (await get(path)).body;
  expect(session).toMatchObject({
    turns: [
      {
        question: asked.question.question,
        answer: "I was in the room.",
        insights: [expect.any(String)],
        depth_level: 0,
      },
    ],
    question: { turn: 2, depth_level: 1 },
  });

  await post(`${path}/answer`, { answer: "quit", turn: 2 });
  await work();
  const offered = (await get(path)).body;
  expect(offered).toMatchObject({
    final_understanding: expect.stringContaining("[mock:ada]"),
    question: { kind: "offer", turn: null },
  });
  await post(`${path}/answer`, { accept: false });
  await work();
  expect((await get(path)).body).toMatchObject({
    status: "completed",
    turns: session.turns,
    final_understanding: offered.final_understanding,
    extracted_elements: { suggestion: {} },
    question: null,
  });
});

test("an answer that is sent twice counts once; another one for the same turn is refused", async () => {
  const { post, work, started } = await salon();
  const path = await started();

  const first = await post(`${path}/answer`, { answer: "I was in the room.", turn: 1 });
  await work();
  const again = await post(`${path}/answer`, { answer: "I was in the room.", turn: 1 });
  const other = await post(`${path}/answer`, { answer: "I was not.", turn: 1 });

  expect(again).toMatchObject({ status: 200, body: first.body });
  expect(other).toMatchObject({ status: 409, body: { code: "conflict" } });
  expect((await post(`${path}/question`)).body.question.turn).toBe(2);
});

test("an answer to what is not asked is refused, and says what is", async () => {
  const { post, started, submitted } = await salon();
  const path = await started();

  for (const body of [{ accept: true }, { answer: "Yes", turn: 2 }])
    expect(await post(`${path}/answer`, body)).toMatchObject({
      status: 409,
      body: { asks: "answer-1", job_status: "waiting" },
    });
  for (const [body, field] of [
    [{}, "answer"],
    [{ answer: "Yes", accept: true }, "answer"],
    [{ answer: "  " }, "answer"],
    [{ accept: true, persona: "pirate" }, "persona"],
  ] as const)
    expect(await post(`${path}/answer`, body)).toMatchObject({ status: 400, body: { errors: [{ field }] } });
  const stranger = `/api/maieutic/${await submitted()}`;
  expect((await post(`${stranger}/answer`, { answer: "Yes" })).status).toBe(404);
  expect((await post(`${stranger}/question`)).status).toBe(404);
});

test("whoever asks for a question too early may wait for it", async () => {
  const { post, work } = await salon();
  const { job_id } = (await post("/api/maieutic/start", { narrative })).body;
  const path = `/api/maieutic/${job_id}`;

  expect((await post(`${path}/question`)).body).toEqual({ id: job_id, status: "pending", question: null });
  const waiting = post(`${path}/question?wait=20`);
  await work();

  expect((await waiting).body).toMatchObject({ question: { turn: 1 } });
});
