import { afterEach, beforeEach, expect, test } from "vitest";
import * as z from "zod";
import { type Convoke, convoke } from "../../client/index.ts";
import { defineJob } from "../../core/engine/job-type.ts";
import { servedDoor } from "../support/served-door.ts";

const dinner = defineJob({
  type: "dinner",
  version: 1,
  summary: "Asks what to cook",
  input: z.strictObject({ guests: z.int() }),
  result: z.object({ dish: z.string() }),
  example: { guests: 2 },
  title: ({ guests }) => `Dinner for ${guests}`,
  description: () => "Dinner",
  run: async (ctx, { guests }) =>
    ctx.ask("dish", {
      question: `What shall ${guests} people eat?`,
      schema: z.object({ dish: z.enum(["soup", "pie"]) }),
      deadline: { days: 1 },
    }),
});

let here: Awaited<ReturnType<typeof servedDoor>>;
let client: Convoke;
beforeEach(async () => {
  here = await servedDoor({ jobs: [dinner] });
  client = convoke({ url: here.url, key: "key" });
});
afterEach(async () => {
  client.close();
  await here.close();
});

async function asked() {
  const { job_id } = await client.submit("dinner", { guests: 4 });
  await here.api.work();
  const { questions } = await client.inbox();
  return { job_id, question: questions[0]! };
}

test("a job's question is in the inbox until it is answered; the first answer stands, and what does not fit is refused", async () => {
  const { job_id, question } = await asked();
  expect(question).toMatchObject({ job_id, question: "What shall 4 people eat?", job_title: "Dinner for 4" });
  const { callback_id } = question;

  const unfit = client.answer(callback_id, { result: { dish: "mud" } });
  await expect(unfit).rejects.toMatchObject({ code: "invalid_request" });
  const decision = await client.answer(callback_id, { result: { dish: "pie" } });
  expect(decision).toMatchObject({ job_id, outcome: "succeeded" });
  expect(await client.answer(callback_id, { result: { dish: "pie" } })).toEqual(decision);
  const other = client.answer(callback_id, { result: { dish: "soup" } });
  await expect(other).rejects.toMatchObject({ code: "conflict" });

  await here.api.work();
  expect(await client.get(job_id)).toMatchObject({ status: "completed", result_data: { dish: "pie" } });
  expect((await client.inbox()).questions).toEqual([]);
});

test("a budget is changed limit by limit", async () => {
  const { job_id } = await asked();
  const changed = await client.changeBudget(job_id, { max_steps: 7, max_tokens: 900 });
  expect(changed.budget).toEqual({ max_steps: 7, max_tokens: 900 });
  expect((await client.changeBudget(job_id, { max_steps: null })).budget).toEqual({ max_tokens: 900 });
});

test("the command line lists the questions and answers them", async () => {
  const { job_id, question } = await asked();
  const listed = await here.command("inbox");
  expect(listed.out).toContain(`${question.callback_id}  Dinner for 4: What shall 4 people eat?, by `);
  expect(await here.command("answer", question.callback_id, '{"dish":"soup"}')).toMatchObject({
    code: 0,
    out: `${job_id} has its answer.\n`,
  });
  await here.api.work();
  expect((await client.get(job_id)).result_data).toEqual({ dish: "soup" });
});
