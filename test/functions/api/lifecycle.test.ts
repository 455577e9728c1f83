import { describe, expect, test } from "vitest";
import { type Answer, door } from "./door.ts";

type Door = Awaited<ReturnType<typeof door>>;

const why = { type: "oracle", input: { question: "Why?" } };
const failing = { type: "failing", input: { question: "?" } };
const nap = { type: "sleeper", input: null };

const fields = ({ status, body }: Answer) => [
  status,
  ...body.errors.map(({ field }: { field: string }) => field),
];
const ids = async ({ get }: Door) =>
  (await get("/api/jobs")).body.jobs.map(({ id }: { id: string }) => id) as string[];

/** A job that has failed. */
async function failed(api: Door, more: object = {}): Promise<string> {
  const id = await api.submitted({ ...failing, ...more });
  await api.work();
  return id;
}

describe("submitting a job for later", () => {
  test("shows it as scheduled until its moment, and takes moments of any time zone [A2-82]", async () => {
    const api = await door();
    const at = new Date(Date.now() + 3_600_000);
    const { body } = await api.post("/api/jobs", {
      ...why,
      run_at: at.toISOString().replace("Z", "+00:00"),
      budget: { max_steps: 3 },
    });
    expect(body.status).toBe("scheduled");
    const { body: job } = await api.get(`/api/jobs/${body.job_id}`);
    expect(job).toMatchObject({ status: "scheduled", run_at: at.toISOString(), budget: { max_steps: 3 } });
    const later = await api.post("/api/jobs", { ...why, delay_seconds: 60, start_within_seconds: 120 });
    expect(later.body.status).toBe("scheduled");
  });

  test.each([
    [{ run_at: "2020-01-01T00:00:00Z" }, "run_at"],
    [{ run_at: "tomorrow" }, "run_at"],
    [{ run_at: "2026-01-01 00:00" }, "run_at"],
    [{ run_at: 1 }, "run_at"],
    [{ delay_seconds: -1 }, "delay_seconds"],
    [{ delay_seconds: 1.5 }, "delay_seconds"],
    [{ start_by: "2020-01-01T00:00:00Z" }, "start_by"],
    [{ start_within_seconds: 0 }, "start_within_seconds"],
    [{ depends_on: ["nobody"] }, "depends_on.0"],
    [{ depends_on: ["a b"] }, "depends_on.0"],
    [{ depends_on: "a" }, "depends_on"],
    [{ depends_on: [], on_dependency_failure: "panic" }, "on_dependency_failure"],
    [{ cache: {} }, "cache.ttl_seconds"],
    [{ cache: { ttl_seconds: 0 } }, "cache.ttl_seconds"],
    [{ cache: true }, "cache"],
    [{ single_flight: "yes" }, "single_flight"],
    [{ budget: { max_steps: -1 } }, "budget.max_steps"],
    [{ budget: { max_cost_usd: 0 } }, "budget.max_cost_usd"],
  ])("refuses %j, names the field, and writes nothing", async (more, field) => {
    const api = await door();
    expect(fields(await api.post("/api/jobs", { ...why, ...more }))).toEqual([400, field]);
    expect(await ids(api)).toEqual([]);
  });
});

test("a job that depends on another begins when that has ended; another tenant's job is none [A2-85]", async () => {
  const api = await door();
  const first = await api.submitted();
  const second = await api.submitted({ ...why, depends_on: [first], on_dependency_failure: "skip" });
  expect((await api.get(`/api/jobs/${second}`)).body).toMatchObject({
    status: "scheduled",
    depends_on: [first],
  });
  await api.work();
  expect((await api.get(`/api/jobs/${second}`)).body.status).toBe("completed");
  const stranger = await api.makeKey("other", ["jobs:write"]);
  const asked = await api.post("/api/jobs", { ...why, depends_on: [first] }, { key: stranger });
  expect(fields(asked)).toEqual([400, "depends_on.0"]);
});

test("the same content is answered by the job at work, then by the one that has completed, until it is bypassed [A2-83]", async () => {
  const api = await door();
  const request = { ...why, cache: { ttl_seconds: 60 } };
  const first = (await api.post("/api/jobs", request)).body;
  expect((await api.post("/api/jobs", request)).body).toMatchObject({
    job_id: first.job_id,
    deduplicated: true,
  });
  await api.work();
  const { body } = await api.post("/api/jobs", request);
  expect(body).toMatchObject({ job_id: first.job_id, status: "completed", cached: true });
  expect(body.deduplicated).toBeUndefined();
  const fresh = await api.post("/api/jobs", { ...why, cache: { bypass: true } });
  expect(fresh.body.job_id).not.toBe(first.job_id);
});

describe("pausing and resuming", () => {
  test("is on record at once, may be repeated, and holds scheduled jobs too", async () => {
    const api = await door();
    for (const body of [nap, { ...nap, delay_seconds: 3_600 }]) {
      const id = await api.submitted(body);
      for (const again of [1, 2]) {
        const { status, body: paused } = await api.post(`/api/jobs/${id}/pause`, { reason: "lunch" });
        expect([again, status, paused.paused]).toEqual([again, 202, true]);
      }
      expect((await api.get(`/api/jobs/${id}`)).body.paused).toBe(true);
      for (const _again of [1, 2]) {
        expect((await api.post(`/api/jobs/${id}/resume`)).body).toMatchObject({ job_id: id, paused: false });
      }
      expect((await api.get(`/api/jobs/${id}`)).body.paused).toBe(false);
      const { events } = (await api.get(`/api/jobs/${id}/events`)).body;
      const kinds = events.map(({ kind }: { kind: string }) => kind);
      expect(kinds.filter((kind: string) => /paused|resumed/.test(kind))).toEqual([
        "job.paused",
        "job.resumed",
      ]);
    }
  });

  test("of a job that has ended is a conflict, of one that is not there is not found", async () => {
    const api = await door();
    const id = await api.submitted();
    await api.work();
    for (const action of ["pause", "resume"]) {
      expect((await api.post(`/api/jobs/${id}/${action}`)).status).toBe(409);
      expect((await api.post(`/api/jobs/nobody/${action}`)).status).toBe(404);
    }
  });
});

describe("retrying and forking", () => {
  test("give a new job that says what it comes from", async () => {
    const api = await door();
    const id = await failed(api, { tags: ["x"], priority: "low" });
    const retried = await api.post(`/api/jobs/${id}/retry`);
    expect(retried.status).toBe(202);
    const forked = await api.post(`/api/jobs/${id}/fork`, {
      after_seq: 1,
      input: { question: "!" },
      title: "Another way",
    });
    for (const { body } of [retried, forked]) {
      const { body: job } = await api.get(`/api/jobs/${body.job_id}`);
      expect(job).toMatchObject({ fork_of: { job_id: id }, tags: ["x"], priority: "low" });
    }
    expect((await api.get(`/api/jobs/${forked.body.job_id}`)).body).toMatchObject({
      title: "Another way",
      input_data: { question: "!" },
      fork_of: { seq: 1 },
    });
  });

  test("with one idempotency key give one job", async () => {
    const api = await door();
    const id = await failed(api);
    const headers = { "idempotency-key": "again" };
    const first = await api.post(`/api/jobs/${id}/retry`, undefined, { headers });
    const second = await api.post(`/api/jobs/${id}/retry`, undefined, { headers });
    expect(second.body).toMatchObject({ job_id: first.body.job_id, deduplicated: true });
    expect((await api.post(`/api/jobs/${id}/fork`, undefined, { headers })).status).toBe(422);
  });

  test("that cannot be are refused, and nothing is written", async () => {
    const api = await door();
    const id = await failed(api);
    const alive = await api.submitted(nap);
    const before = await ids(api);
    expect((await api.post(`/api/jobs/${alive}/retry`)).status).toBe(409);
    expect((await api.post("/api/jobs/nobody/retry")).status).toBe(404);
    expect((await api.post("/api/jobs/nobody/fork")).status).toBe(404);
    const stranger = await api.makeKey("other", ["jobs:write"]);
    expect((await api.post(`/api/jobs/${id}/fork`, undefined, { key: stranger })).status).toBe(404);
    for (const [body, field] of [
      [{ after_seq: 0 }, "after_seq"],
      [{ after_seq: 1_000 }, "after_seq"],
      [{ after_seq: "1" }, "after_seq"],
      [{ input: { question: 1 } }, "input.question"],
      [{ budget: { max_tokens: -5 } }, "budget.max_tokens"],
    ] as const) {
      expect(fields(await api.post(`/api/jobs/${id}/fork`, body))).toEqual([400, field]);
    }
    expect(await ids(api)).toEqual(before);
  });

  test("of a conversation's failed job ends the error", async () => {
    const api = await door();
    const { id } = (await api.post("/api/conversations")).body;
    const { body: sent } = await api.post(`/api/conversations/${id}/messages`, {
      content: "?",
      type: "failing",
    });
    await api.work();
    const conversation = async () => (await api.get(`/api/conversations/${id}`)).body;
    expect(await conversation()).toMatchObject({ processing_state: "error", failed_job_id: sent.job_id });
    const { body } = await api.post(`/api/jobs/${sent.job_id}/retry`);
    expect(body).toMatchObject({ conversation_id: id, message_number: 1 });
    expect(await conversation()).toMatchObject({
      processing_state: "active",
      error: null,
      failed_job_id: null,
      active_job_id: body.job_id,
    });
    expect((await api.post(`/api/jobs/${sent.job_id}/retry`)).body.code).toBe("conversation_busy");
  });
});

describe("a batch", () => {
  test("is a job, read by its id", async () => {
    const api = await door();
    const { status, body } = await api.post("/api/batches", { jobs: [why, failing], title: "Both" });
    expect(status).toBe(202);
    await api.work();
    expect((await api.get(`/api/jobs/${body.job_id}`)).body).toMatchObject({
      type: "batch",
      title: "Both",
      status: "completed",
      result_data: { completed: 1, failed: 1 },
    });
    expect(await ids(api)).toHaveLength(3);
  });

  test("with one entry that is wrong is refused whole, and named as it stands in the body", async () => {
    const api = await door();
    const jobs = [
      why,
      why,
      why,
      { type: "oracle", input: { question: 7 } },
      { type: "nothing", input: null },
    ];
    expect(fields(await api.post("/api/batches", { jobs }))).toEqual([
      400,
      "jobs.3.input.question",
      "jobs.4.type",
    ]);
    expect(fields(await api.post("/api/batches", { jobs: [] }))).toEqual([400, "jobs"]);
    expect(fields(await api.post("/api/batches", { jobs: Array(101).fill(why) }))).toEqual([400, "jobs"]);
    expect(fields(await api.post("/api/batches", { jobs: [{ type: "oracle" }] }))).toEqual([
      400,
      "jobs.0.input",
    ]);
    expect(await ids(api)).toEqual([]);
  });
});

describe("many jobs at once", () => {
  test("are cancelled by tag, page by page; what has ended is none of them", async () => {
    const api = await door();
    await api.submitted({ ...why, tags: ["x"] });
    await api.work();
    const mine = [];
    for (let index = 0; index < 5; index += 1) mine.push(await api.submitted({ ...nap, tags: ["x", "y"] }));
    const other = await api.submitted(nap);
    const cancelled: string[] = [];
    let cursor: string | undefined;
    do {
      const { body } = await api.post("/api/jobs/cancel", { tag: "x", limit: 2, cursor });
      expect(body.count).toBeLessThanOrEqual(2);
      cancelled.push(...body.job_ids);
      cursor = body.next_cursor ?? undefined;
    } while (cursor);
    expect(cancelled.toSorted()).toEqual(mine.toSorted());
    expect((await api.get(`/api/jobs/${other}`)).body.cancel_requested).toBe(false);
  });

  test("are named, and for those where it cannot be done it is said why", async () => {
    const api = await door();
    const [alive, done] = [await api.submitted(nap), await failed(api)];
    const { body } = await api.post("/api/jobs/cancel", { ids: [alive, done, "nobody"], reason: "enough" });
    expect(body).toMatchObject({
      count: 1,
      job_ids: [alive],
      skipped: [
        { job_id: done, code: "conflict" },
        { job_id: "nobody", code: "not_found" },
      ],
      next_cursor: null,
    });
  });

  test("that have failed are retried, and none of them twice", async () => {
    const api = await door();
    const mine = [await failed(api), await failed(api)];
    const first = (await api.post("/api/jobs/retry", { type: "failing" })).body;
    expect(first.jobs.map(({ retry_of }: { retry_of: string }) => retry_of).toSorted()).toEqual(
      mine.toSorted(),
    );
    const again = (await api.post("/api/jobs/retry", { ids: mine })).body;
    expect(again.jobs.map(({ job_id }: { job_id: string }) => job_id).toSorted()).toEqual(
      first.jobs.map(({ job_id }: { job_id: string }) => job_id).toSorted(),
    );
    expect(await ids(api)).toHaveLength(4);
  });

  test.each([
    [{}, "status"],
    [{ limit: 5 }, "status"],
    [{ ids: ["a"], tag: "x" }, "ids"],
    [{ ids: [] }, "ids"],
    [{ status: "completed" }, "status"],
    [{ tag: "x", limit: 101 }, "limit"],
    [{ created_before: "soon" }, "created_before"],
  ])("are not guessed from %j", async (body, field) => {
    const api = await door();
    await api.submitted(nap);
    for (const action of ["cancel", "retry"]) {
      expect(fields(await api.post(`/api/jobs/${action}`, body))).toEqual([400, field]);
    }
  });

  test("are listed by tag and by age", async () => {
    const api = await door();
    const tagged = await api.submitted({ ...why, tags: ["x"] });
    await api.submitted(why);
    const listed = async (query: string) =>
      (await api.get(`/api/jobs?${query}`)).body.jobs.map(({ id }: { id: string }) => id);
    expect(await listed("tag=x")).toEqual([tagged]);
    expect(await listed("created_before=2020-01-01T00:00:00Z")).toEqual([]);
    expect(
      await listed(`created_before=${encodeURIComponent(new Date(Date.now() + 1_000).toISOString())}`),
    ).toHaveLength(2);
  });
});
