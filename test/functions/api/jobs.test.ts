import { describe, expect, test } from "vitest";
import { Unavailable } from "../../../core/protocol/error.ts";
import { applyEntry, type Entry } from "../../../core/protocol/event.ts";
import { door } from "./door.ts";

const question = { type: "oracle", input: { question: "Why is the sky blue?" } };

describe("submitting a job", () => {
  test("[A0-01] [A0-14] is answered before any work is done, with the job's id and how to watch it", async () => {
    const { post, services } = await door({ services: { now: () => 1_790_000_000_000 } });

    const { status, body } = await post("/api/jobs", question);

    expect(status).toBe(202);
    expect(body).toEqual({
      job_id: expect.any(String),
      status: "pending",
      watch: {
        events: `/api/jobs/${body.job_id}/events?after=0`,
        socket: {
          url: "wss://sockets.test/ws",
          ticket: "/api/ws-ticket",
          message: { type: "watch", job_id: body.job_id, after: 0 },
        },
      },
    });
    expect(services.queue.waiting).toMatchObject([
      { lane: "normal", job: { tenant: "acme", jobId: body.job_id } },
    ]);
    const head = await services.journal.head({ tenant: "acme", jobId: body.job_id });
    expect(head?.due).toBe(head!.createdAt + services.settings.submitDueMs);
  });

  test("is accepted although the queue is silent, because the sweeper will send the job", async () => {
    const { post, get, services, lines } = await door();
    services.queue.send = () => Promise.reject(new Unavailable("The queue did not answer"));

    const { status, body } = await post("/api/jobs", question);

    expect(status).toBe(202);
    expect((await get(`/api/jobs/${body.job_id}`)).body.status).toBe("pending");
    expect(lines.map(({ message }) => message)).toContain(
      "the queue was silent; the sweeper will send the job",
    );
  });

  test("takes title, priority and tags from the request, and the rest from the job type", async () => {
    const { submitted, get, services } = await door();

    const id = await submitted({ ...question, title: "The sky", priority: "high", tags: ["physics"] });

    const { body } = await get(`/api/jobs/${id}`);
    expect(body).toMatchObject({
      id,
      type: "oracle",
      version: 2,
      title: "The sky",
      description: "Why is the sky blue?",
      priority: "high",
      tags: ["physics"],
      input_data: { question: "Why is the sky blue?", tone: "mock:ada" },
      result_data: null,
      status: "pending",
    });
    expect(services.queue.waiting[0]?.lane).toBe("high");
  });

  test("with a type that nobody knows names those that exist", async () => {
    const { post } = await door();

    const { status, body } = await post("/api/jobs", { type: "counsel", input: {} });

    expect(status).toBe(400);
    expect(body.code).toBe("invalid_request");
    expect(body.detail).toMatch(
      /^No job type "counsel"; this deployment knows oracle, sleeper, failing, form, council, /,
    );
    expect(body.errors).toEqual([{ field: "type", message: body.detail }]);
  });

  test.each([
    ["a missing input", { type: "oracle" }, "input"],
    ["a wrong field of the input", { type: "oracle", input: { question: 7 } }, "input.question"],
    ["an unknown field of the input", { type: "oracle", input: { question: "?", depth: 1 } }, "input"],
    ["an unknown field of the request", { ...question, tenant: "globex" }, ""],
    ["an unknown priority", { ...question, priority: "urgent" }, "priority"],
    ["a tag that is not text", { ...question, tags: ["a", 1] }, "tags.1"],
    ["a blank title", { ...question, title: "  " }, "title"],
    ["no body at all", undefined, ""],
    ["a body that is no object", [], ""],
  ])("with %s is refused by the name of the field", async (_what, body, field) => {
    const { post, services } = await door();

    const answer = await post("/api/jobs", body);

    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((error: { field: string }) => error.field)).toContain(field);
    expect(services.queue.waiting).toEqual([]);
  });

  test("with a large input keeps it outside the journal and gives it back whole", async () => {
    const { submitted, get, services } = await door();
    const long = "word ".repeat(20_000);

    const id = await submitted({ type: "oracle", input: { question: long } });

    expect(services.payloads.objects.size).toBe(1);
    expect((await get(`/api/jobs/${id}`)).body.input_data.question).toBe(long);
    expect((await get(`/api/jobs/${id}/events`)).body.events[0].input_ref.bytes).toBeGreaterThan(100_000);
  });
});

describe("an idempotency key", () => {
  const headers = { "Idempotency-Key": "order-66" };

  test("gives the same job for the same request, in whatever order its fields stand", async () => {
    const { ask, services } = await door();

    const first = await ask("POST", "/api/jobs", {
      raw: '{"type":"oracle","input":{"question":"?","tone":"dry"}}',
      headers,
    });
    const again = await ask("POST", "/api/jobs", {
      raw: '{"input":{"tone":"dry","question":"?"},"type":"oracle"}',
      headers,
    });

    expect(first.body.deduplicated).toBeUndefined();
    expect(again.status).toBe(202);
    expect(again.body).toMatchObject({ job_id: first.body.job_id, deduplicated: true });
    expect(again.headers["idempotent-replayed"]).toBe("true");
    expect(services.queue.waiting).toHaveLength(1);
  });

  test("is refused for another request", async () => {
    const { post } = await door();
    await post("/api/jobs", question, { headers });

    const other = await post("/api/jobs", { ...question, priority: "low" }, { headers });

    expect(other.status).toBe(422);
    expect(other.body.code).toBe("idempotency_key_reused");
  });

  test("means nothing to another tenant", async () => {
    const { post, makeKey } = await door();
    const first = await post("/api/jobs", question, { headers });

    const key = await makeKey("globex", ["jobs:write"]);
    const other = await post("/api/jobs", question, { headers, key });

    expect(other.body.deduplicated).toBeUndefined();
    expect(other.body.job_id).not.toBe(first.body.job_id);
  });

  test("used by twenty requests at once makes one job", async () => {
    const { post, services } = await door();

    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post("/api/jobs", question, { headers })),
    );

    expect(new Set(answers.map(({ body }) => body.job_id)).size).toBe(1);
    expect(answers.filter(({ body }) => !body.deduplicated)).toHaveLength(1);
    expect((await services.journal.list("acme", { limit: 10 })).jobs).toHaveLength(1);
  });

  test.each(["two words", "x".repeat(201)])("that is %j is refused", async (key) => {
    const { post } = await door();

    const { status } = await post("/api/jobs", question, { headers: { "Idempotency-Key": key } });

    expect(status).toBe(400);
  });
});

describe("reading a job", () => {
  test("shows its result once it has completed", async () => {
    const { submitted, work, get } = await door();
    const id = await submitted(question);

    await work();

    const { body } = await get(`/api/jobs/${id}`);
    expect(body).toMatchObject({
      status: "completed",
      result_data: { answer: "Why is the sky blue? 42." },
      error: null,
      started_at: expect.stringMatching(/Z$/),
      completed_at: expect.stringMatching(/Z$/),
    });
  });

  test("shows why it failed", async () => {
    const { submitted, work, get } = await door();
    const id = await submitted({ type: "failing", input: { question: "?" } });

    await work();

    const { body } = await get(`/api/jobs/${id}`);
    expect(body).toMatchObject({ status: "failed", result_data: null, error_message: "No member answered" });
    expect(body.error.code).toBe("quorum_not_reached");
  });

  test("of a running one counts what happened after its record was last written", async () => {
    const { submitted, get, services } = await door();
    const id = await submitted(question);
    const progress = {
      current_step: "Stage 1",
      total_steps: 3,
      completed_steps: 1,
      percentage: 33.3,
      details: "two of four",
    };
    for (const [index, event] of [
      { kind: "job.claimed" as const, by: "worker" },
      { kind: "progress" as const, progress },
    ].entries()) {
      await services.journal.append({
        tenant: "acme",
        jobId: id,
        seq: index + 2,
        at: services.now(),
        by: "worker",
        token: `${index}`,
        events: [event],
      });
    }

    const { body } = await get(`/api/jobs/${id}`);

    expect(body.status).toBe("running");
    expect(body.seq).toBe(3);
    expect(body.progress).toEqual({ ...progress, timestamp: expect.any(String) });
  });

  test("counts what its last steps consumed once, though they were committed with its end", async () => {
    const { submitted, get, services } = await door();
    const key = { tenant: "acme", jobId: await submitted(question) };
    const usage = { model_calls: 1, input_tokens: 10, output_tokens: 20, cost_usd: 0.5 };
    const entry: Entry = {
      ...key,
      seq: 2,
      at: services.now(),
      by: "worker",
      token: "last",
      events: [
        { kind: "step.completed", step: "think", attempt: 1, result: { json: "42" }, usage },
        { kind: "job.completed", result: { json: "42" } },
      ],
    };
    await services.journal.append(entry, { head: applyEntry(await services.journal.head(key), entry) });

    const { body } = await get(`/api/jobs/${key.jobId}`);

    expect(body).toMatchObject({ status: "completed", result_data: "42", usage });
  });

  test("gives a result that is too large for an answer by reference", async () => {
    const { submitted, work, get, services } = await door();
    Object.assign(services, { settings: { ...services.settings, answerBytes: 50_000 } });
    const id = await submitted({ type: "oracle", input: { question: "x".repeat(60_000) } });

    await work();

    const { body } = await get(`/api/jobs/${id}`);
    expect(body.result_data).toBeNull();
    expect(body.result_ref).toMatchObject({ bytes: expect.any(Number), sha256: expect.any(String) });
  });

  test("that does not exist and one of another tenant are the same: not found", async () => {
    const { submitted, ask, makeKey } = await door();
    const id = await submitted();
    const key = await makeKey("globex", ["jobs:read", "jobs:write"]);

    for (const [method, path] of [
      ["GET", `/api/jobs/${id}`],
      ["GET", `/api/jobs/${id}/events?wait=5`],
      ["POST", `/api/jobs/${id}/cancel`],
    ] as const) {
      const foreign = await ask(method, path, { key });
      const absent = await ask(method, path.replace(id, "absent"), { key });
      expect(foreign.status).toBe(404);
      expect(JSON.stringify(foreign.body).replaceAll(id, "absent")).toBe(JSON.stringify(absent.body));
    }
  });

  test.each(["..", "a%2Fb", "a%00b", "%E0%A4%A", "x".repeat(65), "a%20b", "T%23globex"])(
    "by the id %j is not found",
    async (id) => {
      const { get } = await door();
      expect((await get(`/api/jobs/${id}`)).status).toBe(404);
    },
  );
});

describe("listing jobs", () => {
  test("goes from the newest to the oldest, page by page", async () => {
    const { submitted, get } = await door();
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) ids.push(await submitted());

    const first = await get("/api/jobs?limit=3");
    const second = await get(`/api/jobs?limit=3&cursor=${first.body.next_cursor}`);

    const listed = [...first.body.jobs, ...second.body.jobs].map((job: { id: string }) => job.id);
    expect(listed).toEqual(ids.reverse());
    expect(second.body.next_cursor).toBeNull();
  });

  test("can be narrowed to a status and a type", async () => {
    const { submitted, work, get } = await door();
    const done = await submitted();
    const failed = await submitted({ type: "failing", input: { question: "?" } });
    await work();
    await submitted();

    const byStatus = await get("/api/jobs?status=completed");
    const byType = await get("/api/jobs?type=failing");

    expect(byStatus.body.jobs.map((job: { id: string }) => job.id)).toEqual([done]);
    expect(byType.body.jobs.map((job: { id: string }) => job.id)).toEqual([failed]);
  });

  test.each([
    "status=lost",
    "limit=0",
    "limit=101",
    "limit=1e1",
    "limit=-1",
    "cursor=nonsense",
    "tenant=globex",
  ])("with %s is refused", async (query) => {
    const { get } = await door();
    expect((await get(`/api/jobs?${query}`)).status).toBe(400);
  });

  test("refuses a cursor of another tenant", async () => {
    const { submitted, get, makeKey } = await door();
    await submitted();
    await submitted();
    const { body } = await get("/api/jobs?limit=1");

    const key = await makeKey("globex", ["jobs:read"]);
    const stolen = await get(`/api/jobs?cursor=${body.next_cursor}`, { key });

    expect(stolen.status).toBe(400);
  });
});

describe("reading events", () => {
  test("gives those after a number, in order and without gaps, page by page", async () => {
    const { submitted, work, get } = await door();
    const id = await submitted();
    await work();
    const all = (await get(`/api/jobs/${id}/events`)).body;

    const pages: { seq: number }[] = [];
    for (let after = 0, done = false; !done; ) {
      const { body } = await get(`/api/jobs/${id}/events?after=${after}&limit=2`);
      expect(body.head).toBe(all.head);
      pages.push(...body.events);
      after = body.events.at(-1).seq;
      done = body.done;
    }

    expect(all.done).toBe(true);
    expect(pages).toEqual(all.events);
    expect(pages.map(({ seq }) => seq)).toEqual(Array.from({ length: all.head }, (_, index) => index + 1));
    expect(all.events[0]).toMatchObject({ kind: "job.submitted", at: expect.stringMatching(/Z$/) });
    expect(all.events.at(-1).kind).toBe("job.completed");
  });

  test("[A0-05] with `wait` holds the answer until something newer exists", async () => {
    const { submitted, work, get } = await door();
    const id = await submitted();

    const polling = get(`/api/jobs/${id}/events?after=1&wait=10`);
    await work();
    const { body } = await polling;

    expect(body.events[0].seq).toBe(2);
  });

  test("with `wait` answers empty when the time is over", async () => {
    const slept: number[] = [];
    const { submitted, get } = await door({ services: { sleep: async (ms) => void slept.push(ms) } });
    const id = await submitted();

    const { body } = await get(`/api/jobs/${id}/events?after=1&wait=3`);

    expect(body).toEqual({ events: [], head: 1, done: false });
    expect(slept.reduce((sum, ms) => sum + ms, 0)).toBe(3_000);
    expect(Math.max(...slept)).toBe(500);
  });

  test("with `wait` does not wait for a job that has ended", async () => {
    const { submitted, work, get } = await door();
    const id = await submitted();
    await work();
    const { seq } = (await get(`/api/jobs/${id}`)).body;

    const { body } = await get(`/api/jobs/${id}/events?after=${seq}&wait=20`);

    expect(body).toMatchObject({ events: [], done: true });
  });

  test.each(["wait=21", "limit=251", "after=-1", "after=x"])("with %s is refused", async (query) => {
    const { submitted, get } = await door();
    expect((await get(`/api/jobs/${await submitted()}/events?${query}`)).status).toBe(400);
  });
});

describe("cancelling a job", () => {
  test("is recorded at once and ends a job that nobody works on", async () => {
    const { submitted, post, work, get } = await door();
    const id = await submitted({ type: "sleeper", input: null });
    await work();
    expect((await get(`/api/jobs/${id}`)).body.status).toBe("waiting");

    const { status, body } = await post(`/api/jobs/${id}/cancel`, { reason: "changed my mind" });

    expect(status).toBe(202);
    expect(body).toEqual({ job_id: id, status: "waiting", cancel_requested: true });
    expect((await get(`/api/jobs/${id}`)).body.cancel_requested).toBe(true);
    await work();
    expect((await get(`/api/jobs/${id}`)).body.status).toBe("cancelled");
  });

  test("twice is the same as once", async () => {
    const { submitted, post, get } = await door();
    const id = await submitted();

    const [first, second] = [await post(`/api/jobs/${id}/cancel`), await post(`/api/jobs/${id}/cancel`)];

    expect(second.status).toBe(202);
    expect(second.body).toEqual(first.body);
    const { events } = (await get(`/api/jobs/${id}/events`)).body;
    expect(events.filter(({ kind }: { kind: string }) => kind === "job.cancel_requested")).toHaveLength(1);
  });

  test("that has ended is refused, and the answer says how it ended", async () => {
    const { submitted, post, work } = await door();
    const id = await submitted();
    await work();

    const { status, body } = await post(`/api/jobs/${id}/cancel`);

    expect(status).toBe(409);
    expect(body).toMatchObject({ code: "conflict", job_status: "completed" });
    expect(body.detail).toBe(`Job ${id} has already ended: it is completed`);
  });
});

test("a client does not choose the version of its job", async () => {
  const { post, get } = await door();
  for (const version of [1, 7]) {
    const { status, body } = await post("/api/jobs", {
      type: "oracle",
      version,
      input: { question: "Why?" },
    });
    expect(status).toBe(400);
    expect(body.detail).toContain('"version"');
  }
  expect((await get("/api/jobs")).body.jobs).toEqual([]);
});

test("the job types are listed in their newest version, with the schemas of input and result", async () => {
  const { get } = await door();

  const { body } = await get("/api/job-types");

  const types = body.job_types.map(({ type }: { type: string }) => type);
  expect(types.slice(0, 5)).toEqual(["oracle", "sleeper", "failing", "form", "council"]);
  expect(body.job_types[0]).toMatchObject({
    version: 2,
    versions: [2, 1],
    conversational: true,
    input_schema: {
      type: "object",
      required: ["question"],
      properties: { question: { type: "string" } },
      additionalProperties: false,
    },
    result_schema: { properties: { answer: { type: "string" } } },
    example: { question: "Why is the sky blue?" },
  });
});
