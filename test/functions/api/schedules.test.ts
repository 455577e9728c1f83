import { expect, test } from "vitest";
import { door } from "./door.ts";

const daily = {
  name: "Daily",
  type: "oracle",
  input: { question: "What is new?" },
  cron: "0 7 * * MON-FRI",
  timezone: "Europe/Paris",
};

test("a schedule is made with what was asked for, the usual for the rest, and its first moment", async () => {
  const { post, get } = await door();
  const { status, body } = await post("/api/schedules", daily);
  expect(status).toBe(201);
  expect(body).toMatchObject({
    ...daily,
    ...{ end_at: null, overlap: "skip", paused: false, priority: "normal", tags: [], budget: null },
    ...{ last_at: null, last_job_id: null, last_error: null },
  });
  expect(Date.parse(body.next_at)).toBeGreaterThan(Date.now());
  expect((await get(`/api/schedules/${body.id}`)).body).toEqual(body);
  expect((await get("/api/schedules")).body).toEqual({ schedules: [body], next_cursor: null });
});

test.each([
  ["type", { type: "unheard" }],
  ["input.question", { input: {} }],
  ["input.question", { input: { question: 7 } }],
  ["cron", { cron: "0 0 31 2 *" }],
  ["cron", { cron: "every day" }],
  ["cron", { cron: 7 }],
  ["timezone", { timezone: "Europe/Atlantis" }],
  ["end_at", { end_at: "2020-01-01T00:00:00Z" }],
  ["end_at", { end_at: "tomorrow" }],
  ["overlap", { overlap: "sometimes" }],
  ["budget.max_steps", { budget: { max_steps: -1 } }],
  ["name", { name: " " }],
])("a faulty %s is named, and nothing is written: %j", async (field, fault) => {
  const { post, get, ask } = await door();
  const refused = await post("/api/schedules", { ...daily, ...fault });
  expect(refused.status).toBe(400);
  expect(refused.body.errors.map((error: { field: string }) => error.field)).toContain(field);
  expect((await get("/api/schedules")).body.schedules).toEqual([]);

  const { body: stands } = await post("/api/schedules", daily);
  const unchanged = await ask("PATCH", `/api/schedules/${stands.id}`, { body: fault });
  expect(unchanged.status).toBe(400);
  expect(unchanged.body.errors.map((error: { field: string }) => error.field)).toContain(field);
  expect((await get(`/api/schedules/${stands.id}`)).body).toEqual(stands);
});

test("a cron expression says when it comes next, which is when a schedule of it comes", async () => {
  const { post, get } = await door({ services: { now: () => Date.parse("2026-03-27T12:00:00Z") } });
  const { cron, timezone } = { cron: "30 2 * * *", timezone: "Europe/Paris" };
  const { status, body } = await get(
    `/api/next-moments?${new URLSearchParams({ cron, timezone, limit: "3" })}`,
  );
  // In the second night the clocks are put forward over it.
  const expected = ["2026-03-28T01:30:00.000Z", "2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"];
  expect([status, body.moments]).toEqual([200, expected]);
  expect((await post("/api/schedules", { ...daily, cron, timezone })).body.next_at).toBe(expected[0]);
  const hourly = await get("/api/next-moments?cron=0+*+*+*+*");
  expect(hourly.body.moments).toEqual([13, 14, 15, 16, 17].map((hour) => `2026-03-27T${hour}:00:00.000Z`));
});

test.each([
  ["cron", { cron: "0 0 31 2 *" }],
  ["cron", { cron: "61 * * * *" }],
  ["cron", { cron: "* * *" }],
  ["cron", { cron: "0 0 ? * *" }],
  ["timezone", { cron: "0 7 * * *", timezone: "Europe/Atlantis" }],
])("next moments of a faulty %s are refused as a schedule of it is: %j", async (field, fault) => {
  const { post, get } = await door();
  const asked = await get(`/api/next-moments?${new URLSearchParams(fault)}`);
  expect([asked.status, asked.body.errors[0].field]).toEqual([400, field]);
  const { instance: _asked, request_id: _one, ...why } = asked.body;
  const {
    instance: _made,
    request_id: _other,
    ...refused
  } = (await post("/api/schedules", { ...daily, ...fault })).body;
  expect(why).toEqual(refused);
});

test.each([
  ["cron", ""],
  ["limit", "cron=0+7+*+*+*&limit=21"],
  ["limit", "cron=0+7+*+*+*&limit=0"],
])("next moments are not told without a proper %s: %s", async (field, query) => {
  const { get } = await door();
  const { status, body } = await get(`/api/next-moments?${query}`);
  expect([status, body.errors[0].field]).toEqual([400, field]);
});

test("a change touches what it names, and null takes away", async () => {
  const { post, ask } = await door();
  const { body } = await post("/api/schedules", {
    ...daily,
    end_at: "2999-01-01T00:00:00+02:00",
    budget: { max_steps: 3 },
  });
  expect(body.end_at).toBe("2998-12-31T22:00:00.000Z");
  const changed = await ask("PATCH", `/api/schedules/${body.id}`, {
    body: { end_at: null, budget: null, name: "Hourly", cron: "0 * * * *" },
  });
  expect(changed.status).toBe(200);
  expect(changed.body).toMatchObject({ end_at: null, budget: null, name: "Hourly", input: daily.input });
  expect(Date.parse(changed.body.next_at) - Date.now()).toBeLessThanOrEqual(3_600_000);
});

test("a paused schedule has no next moment until it is resumed", async () => {
  const { post } = await door();
  const { body } = await post("/api/schedules", daily);
  const paused = await post(`/api/schedules/${body.id}/pause`);
  expect(paused.body).toMatchObject({ paused: true, next_at: null });
  const resumed = await post(`/api/schedules/${body.id}/resume`);
  expect(resumed.body).toMatchObject({ paused: false, next_at: body.next_at });
});

test("a run out of turn is a job that names its schedule; one that would overlap is refused as overlap says", async () => {
  const { post, get, work } = await door();
  const { body } = await post("/api/schedules", daily);
  const run = (key: string) =>
    post(`/api/schedules/${body.id}/run`, undefined, { headers: { "idempotency-key": key } });
  const ran = await run("a");
  expect(ran.status).toBe(202);
  expect((await run("a")).body.job_id).toBe(ran.body.job_id);
  expect((await run("b")).status).toBe(409);
  await work();
  const { body: job } = await get(`/api/jobs/${ran.body.job_id}`);
  expect(job).toMatchObject({ status: "completed", schedule_id: body.id, type: "oracle" });
  expect((await get(`/api/schedules/${body.id}`)).body).toMatchObject({
    last_job_id: ran.body.job_id,
    last_at: job.created_at,
  });
  expect((await run("b")).status).toBe(202);
});

test("a request that is sent twice makes one schedule, and its key belongs to it", async () => {
  const { post, get } = await door();
  const create = (body: object) =>
    post("/api/schedules", body, { headers: { "idempotency-key": "daily-1" } });
  const first = await create(daily);
  const again = await create(daily);
  expect(again.body).toEqual(first.body);
  expect(again.headers["idempotent-replayed"]).toBe("true");
  expect((await create({ ...daily, name: "Another" })).status).toBe(422);
  expect((await get("/api/schedules")).body.schedules).toHaveLength(1);
});

test("what is deleted is gone, and its jobs stay", async () => {
  const { post, get, ask } = await door();
  const { body } = await post("/api/schedules", daily);
  const { body: ran } = await post(`/api/schedules/${body.id}/run`);
  expect((await ask("DELETE", `/api/schedules/${body.id}`)).body).toEqual({ id: body.id, deleted: true });
  expect((await ask("DELETE", `/api/schedules/${body.id}`)).status).toBe(404);
  expect((await get(`/api/schedules/${body.id}`)).status).toBe(404);
  expect((await get(`/api/jobs/${ran.job_id}`)).status).toBe(200);
});

test("another tenant's schedule is like none, whatever is asked of it", async () => {
  const { post, get, ask, makeKey } = await door();
  const { body } = await post("/api/schedules", daily);
  const key = await makeKey("globex", ["jobs:read", "jobs:write"]);
  const path = `/api/schedules/${body.id}`;
  const asked = [
    get(path, { key }),
    ask("PATCH", path, { key, body: { name: "Mine" } }),
    ask("DELETE", path, { key }),
    ...["pause", "resume", "run"].map((verb) => post(`${path}/${verb}`, undefined, { key })),
  ];
  expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array(6).fill(404));
  expect((await get("/api/schedules", { key })).body.schedules).toEqual([]);
  expect((await get(path)).body).toEqual(body);
});

test("whoever may only read makes, changes and runs nothing", async () => {
  const { post, ask, makeKey } = await door();
  const { body } = await post("/api/schedules", daily);
  const key = await makeKey("acme", ["jobs:read"]);
  expect((await post("/api/schedules", daily, { key })).status).toBe(403);
  expect((await ask("PATCH", `/api/schedules/${body.id}`, { key, body: {} })).status).toBe(403);
  expect((await post(`/api/schedules/${body.id}/run`, undefined, { key })).status).toBe(403);
});

test("a tenant has as many schedules as it may have, and no more", async () => {
  const { post, get, services } = await door();
  const { maxSchedules } = services.settings;
  for (let n = 0; n < maxSchedules; n += 1) await post("/api/schedules", { ...daily, name: `${n}` });
  const { status, body } = await post("/api/schedules", daily);
  expect(status).toBe(409);
  expect(body.detail).toContain(String(maxSchedules));
  expect((await get("/api/schedules?limit=100")).body.schedules).toHaveLength(maxSchedules);
});
