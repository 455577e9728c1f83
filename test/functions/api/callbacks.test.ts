import { describe, expect, test } from "vitest";
import * as z from "zod";
import { defineJob } from "../../../core/engine/job-type.ts";
import { door } from "./door.ts";

const rental = defineJob({
  type: "rental",
  version: 1,
  summary: "Asks a landlord and a bank",
  input: z.strictObject({ answerers: z.array(z.string()).optional() }),
  result: z.unknown(),
  example: {},
  title: () => "A flat",
  description: () => "",
  run: async (ctx, { answerers }) => {
    const [bank] = await ctx.createCallback("bank", { heartbeatTimeout: { minutes: 5 } });
    const landlord = ctx.ask("landlord", {
      question: "May they move in?",
      schema: z.strictObject({ yes: z.boolean() }),
      deadline: { days: 3 },
      ...(answerers ? { answerers } : {}),
    });
    return Promise.all([landlord, bank]);
  },
});

async function asking(input: object = {}) {
  const api = await door({ jobs: [rental] });
  const id = await api.submitted({ type: "rental", input });
  await api.work();
  const job = (await api.get(`/api/jobs/${id}`)).body;
  const [bank, landlord] = job.callbacks.map((open: { id: string }) => open.id);
  return { ...api, id, job, bank, landlord };
}

describe("a callback over HTTP", () => {
  test("is shown on its job, and answered under its job or by its id alone", async () => {
    const { id, job, bank, landlord, post, get, work } = await asking();
    expect(job).toMatchObject({
      status: "waiting",
      callbacks: [
        { step: "bank", ask: null, outcome: null },
        { step: "landlord", ask: { question: "May they move in?" }, timeout_at: expect.any(String) },
      ],
    });

    const yes = await post(`/api/jobs/${id}/callbacks/${landlord}`, { result: { yes: true } });
    expect(yes.body).toMatchObject({ job_id: id, callback_id: landlord, outcome: "succeeded" });
    expect((await post(`/api/callbacks/${landlord}`, { result: { yes: true } })).body).toEqual(yes.body);
    await post(`/api/callbacks/${bank}`, { result: null });
    await work();

    expect((await get(`/api/jobs/${id}`)).body).toMatchObject({
      status: "completed",
      result_data: [{ yes: true }, null],
    });
    expect((await post(`/api/callbacks/${landlord}`, { result: { yes: true } })).body).toEqual(yes.body);
  });

  test("may be answered by a key that may do nothing else to jobs", async () => {
    const { id, bank, landlord, post, makeKey } = await asking();
    const key = await makeKey("acme", ["jobs:approve"]);
    const path = `/api/jobs/${id}/callbacks`;
    expect((await post(`${path}/${bank}/heartbeat`, undefined, { key })).status).toBe(200);
    expect((await post(`${path}/${landlord}`, { result: { yes: true } }, { key })).status).toBe(200);
    for (const action of ["cancel", "pause", "retry"])
      expect((await post(`/api/jobs/${id}/${action}`, undefined, { key })).status).toBe(403);
    expect((await post("/api/jobs", { type: "rental", input: {} }, { key })).status).toBe(403);
  });

  test("that says otherwise is 409 and names what stands", async () => {
    const { landlord, post } = await asking();
    await post(`/api/callbacks/${landlord}`, { error: { code: "away", message: "On holiday" } });

    const { status, body } = await post(`/api/callbacks/${landlord}`, { result: { yes: true } });

    expect(status).toBe(409);
    expect(body).toMatchObject({ code: "conflict", outcome: "failed", decided_at: expect.any(String) });
  });

  test.each([
    ["neither result nor error", {}, "result"],
    ["both", { result: 1, error: { message: "no" } }, "result"],
    ["an error without a message", { error: { code: "x" } }, "error.message"],
    ["a field too many", { result: { yes: true }, more: 1 }, ""],
    ["what does not fit the form", { result: { yes: "perhaps" } }, "result.yes"],
  ])("with %s is 400, names the field, and nothing is written", async (_what, answer, field) => {
    const { id, landlord, post, get } = await asking();
    const { seq } = (await get(`/api/jobs/${id}`)).body;

    const { status, body } = await post(`/api/callbacks/${landlord}`, answer);

    expect(status).toBe(400);
    expect(body.errors[0].field).toBe(field);
    expect((await get(`/api/jobs/${id}`)).body.seq).toBe(seq);
  });

  test("that there is not, of another job or of another tenant, is 404", async () => {
    const { id, bank, post, makeKey, submitted } = await asking();
    const answer = { result: 1 };
    const other = await submitted({ type: "rental", input: {} });
    for (const path of [
      `/api/jobs/${other}/callbacks/${bank}`,
      `/api/callbacks/${id}.AAAAAAAAAAAAAAAA`,
      `/api/callbacks/${id}`,
      "/api/callbacks/nobody.AAAAAAAAAAAAAAAA",
    ]) {
      expect((await post(path, answer)).status).toBe(404);
    }
    const stranger = await makeKey("other", ["jobs:read", "jobs:write"]);
    expect((await post(`/api/callbacks/${bank}`, answer, { key: stranger })).status).toBe(404);
    const reader = await makeKey("acme", ["jobs:read"]);
    expect((await post(`/api/callbacks/${bank}`, answer, { key: reader })).status).toBe(403);
  });

  test("takes signs of life until it is decided", async () => {
    const { id, bank, landlord, post } = await asking();
    const beat = await post(`/api/jobs/${id}/callbacks/${bank}/heartbeat`);
    expect(beat).toMatchObject({ status: 200, body: { heartbeat_by: expect.any(String) } });
    expect((await post(`/api/callbacks/${landlord}/heartbeat`)).body.heartbeat_by).toBeNull();
    await post(`/api/callbacks/${bank}`, { result: "granted" });
    expect((await post(`/api/callbacks/${bank}/heartbeat`)).status).toBe(409);
  });
});

describe("the inbox", () => {
  test("has the questions that the caller may answer, until somebody has", async () => {
    const { id, landlord, get, post, services, submitted, work } = await asking();
    const mine = (await get("/api/keys/current")).body.id;
    const forMe = await submitted({ type: "rental", input: { answerers: [mine] } });
    await submitted({ type: "rental", input: { answerers: ["somebody-else"] } });
    await work();

    const { body } = await get("/api/inbox");
    expect(body.next_cursor).toBeNull();
    expect(body.questions.map(({ job_id }: { job_id: string }) => job_id)).toEqual([forMe, id]);
    expect(body.questions[1]).toMatchObject({
      callback_id: landlord,
      job_title: "A flat",
      question: "May they move in?",
      schema: { type: "object", properties: { yes: { type: "boolean" } } },
    });
    const first = (await get("/api/inbox?limit=1")).body;
    const second = (await get(`/api/inbox?limit=1&cursor=${first.next_cursor}`)).body;
    expect([...first.questions, ...second.questions]).toEqual(body.questions);

    await post(`/api/callbacks/${landlord}`, { result: { yes: false } });
    expect((await get("/api/inbox")).body.questions).toHaveLength(1);
    expect(services.queue.waiting.length).toBeGreaterThan(0);
  });
});

describe("a job's budget", () => {
  const change = (api: Awaited<ReturnType<typeof asking>>, body: unknown) =>
    api.ask("PATCH", `/api/jobs/${api.id}/budget`, { body });

  test("can be changed while the job lives, limit by limit", async () => {
    const api = await asking();
    expect((await change(api, { max_tokens: 500, on_exceeded: "ask" })).body.budget).toEqual({
      max_tokens: 500,
      on_exceeded: "ask",
    });
    expect((await change(api, { max_tokens: null, max_steps: 9 })).body.budget).toEqual({
      max_steps: 9,
      on_exceeded: "ask",
    });
    expect((await api.get(`/api/jobs/${api.id}`)).body.budget).toEqual({ max_steps: 9, on_exceeded: "ask" });
  });

  test("below zero, or of nothing, is 400; of no job 404; of one that has ended 409", async () => {
    const api = await asking();
    expect(await change(api, { max_tokens: -1 })).toMatchObject({
      status: 400,
      body: { errors: [{ field: "max_tokens" }] },
    });
    expect((await change(api, {})).status).toBe(400);
    expect((await change({ ...api, id: "nobody" }, { max_tokens: 1 })).status).toBe(404);
    await api.post(`/api/jobs/${api.id}/cancel`);
    await api.work();
    expect((await change(api, { max_tokens: 1 })).status).toBe(409);
  });
});
