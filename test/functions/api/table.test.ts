import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { workerServices } from "../../../core/worker-services.ts";
import { type Engines, startEngines } from "../../support/engines.ts";
import { door, type TableServices } from "./door.ts";

// What depends on how a real table decides races: the same requests as elsewhere, many at once.
let engines: Engines;
let table: TableServices;

beforeAll(async () => {
  engines = await startEngines();
  const { journal, conversations, keys, newId } = workerServices(engines.environment);
  table = { journal, conversations, keys, newId };
});
afterAll(() => engines.stop());

const question = { type: "oracle", input: { question: "Why?" } };

async function talking() {
  const api = await door({ table });
  const id: string = (await api.post("/api/conversations")).body.id;
  const path = `/api/conversations/${id}`;
  return {
    ...api,
    say: (body: object = {}, headers = {}) =>
      api.post(`${path}/messages`, { type: "oracle", content: "Why?", ...body }, { headers }),
    read: async () => (await api.get(path)).body,
  };
}

describe("in the table", () => {
  test("[A0-01] a job is there when its submit is answered, and can be read to its end", async () => {
    const { post, get, work } = await door({ table });

    const { job_id } = (await post("/api/jobs", question)).body;

    expect((await get(`/api/jobs/${job_id}`)).body).toMatchObject({ status: "pending", seq: 1 });
    await work();
    const job = (await get(`/api/jobs/${job_id}`)).body;
    expect(job).toMatchObject({ status: "completed", result_data: { answer: "Why? 42." } });
    const { events, done } = (await get(`/api/jobs/${job_id}/events?after=1`)).body;
    expect(events.map(({ seq }: { seq: number }) => seq)).toEqual(
      Array.from({ length: job.seq - 1 }, (_, index) => index + 2),
    );
    expect(done).toBe(true);
  });

  test("an idempotency key used by twenty requests at once makes one job", async () => {
    const { post, makeKey, get } = await door({ table });
    const key = await makeKey("twenty", ["jobs:read", "jobs:write"]);
    const headers = { "Idempotency-Key": "once" };

    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post("/api/jobs", question, { headers, key })),
    );

    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(202));
    expect(new Set(answers.map(({ body }) => body.job_id)).size).toBe(1);
    expect(answers.filter(({ body }) => !body.deduplicated)).toHaveLength(1);
    expect((await get("/api/jobs", { key })).body.jobs).toHaveLength(1);
    const other = await post("/api/jobs", { ...question, priority: "low" }, { headers, key });
    expect(other.status).toBe(422);
  });

  test("ten messages sent at once into one conversation each have their place", async () => {
    const { say, read, work } = await talking();

    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => say({ content: `${index}?` })),
    );

    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(202));
    expect(answers.map(({ body }) => body.message_number).sort((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    ]);
    await work();
    expect(await read()).toMatchObject({ processing_state: "idle", message_count: 20, waiting_job_ids: [] });
  });

  test("a message sent again with on_busy=reject finds its own job, another one is refused", async () => {
    const { say, read } = await talking();
    const first = await say({ on_busy: "reject" }, { "Idempotency-Key": "own" });

    const again = await say({ on_busy: "reject" }, { "Idempotency-Key": "own" });
    const other = await say({ on_busy: "reject" }, { "Idempotency-Key": "other" });

    expect(again.body).toMatchObject({ job_id: first.body.job_id, deduplicated: true });
    expect(other.body).toMatchObject({ code: "conversation_busy", active_job_id: first.body.job_id });
    expect((await read()).message_count).toBe(1);
  });

  test("an interrupt hands over the turn", async () => {
    const { say, read, work, get } = await talking();
    const first = (await say({ content: "One?" })).body.job_id;

    await say({ content: "Two?", on_busy: "interrupt" });
    await work();

    expect((await get(`/api/jobs/${first}`)).body.status).toBe("cancelled");
    const { messages, processing_state } = await read();
    expect(processing_state).toBe("idle");
    expect(messages.at(-1).content).toBe("Two? 42.");
  });

  test("twenty cancels at once are one, and all are told the same", async () => {
    const { submitted, post, get, work } = await door({ table });
    const id = await submitted();

    const answers = await Promise.all(Array.from({ length: 20 }, () => post(`/api/jobs/${id}/cancel`)));

    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(202));
    await work();
    const { events } = (await get(`/api/jobs/${id}/events`)).body;
    const cancels = events.filter(({ kind }: { kind: string }) => kind === "job.cancel_requested");
    expect(cancels).toHaveLength(1);
    expect(events.at(-1).kind).toBe("job.cancelled");
  });

  test("jobs are listed page by page, and a page's end is no other tenant's beginning", async () => {
    const { post, get, makeKey } = await door({ table });
    const key = await makeKey("lister", ["jobs:read", "jobs:write"]);
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      ids.push((await post("/api/jobs", question, { key })).body.job_id);
    }

    const first = (await get("/api/jobs?limit=3", { key })).body;
    const cursor = `/api/jobs?limit=3&cursor=${first.next_cursor}`;
    const second = (await get(cursor, { key })).body;

    const listed = [...first.jobs, ...second.jobs].map((job: { id: string }) => job.id);
    expect(listed).toEqual(ids.reverse());
    expect((await get(cursor)).status).toBe(400);
  });
});
