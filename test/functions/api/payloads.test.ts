import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import * as z from "zod";
import { defineJob } from "../../../core/engine/job-type.ts";
import { type MemoryPayloads, memoryPayloads } from "../../../core/payloads/memory.ts";
import { uploadRef } from "../../../core/payloads/payloads.ts";
import type { Entry } from "../../../core/protocol/event.ts";
import { door } from "./door.ts";

/** Gives back what it is given, and so many bytes more. */
const echo = defineJob({
  type: "echo",
  version: 1,
  summary: "Gives back what it is given",
  input: z.strictObject({ text: z.string(), more: z.int().optional() }),
  result: z.object({ text: z.string() }),
  example: { text: "a" },
  title: () => "An echo",
  description: () => "Gives back",
  run: async (ctx, { text, more = 0 }) => ctx.step("say", async () => ({ text: text + ".".repeat(more) })),
});

const answerBytes = 4 * 1024 * 1024;

async function echoing() {
  const payloads: MemoryPayloads = memoryPayloads();
  const self = await door({ services: { payloads }, jobs: [echo] });
  /** Puts bytes where a link would have them put. */
  const upload = (json: string, tenant = "acme") => {
    const sha256 = createHash("sha256").update(json).digest("hex");
    const ref = { bytes: Buffer.byteLength(json), sha256 };
    payloads.objects.set(uploadRef(tenant, ref).key, json);
    return ref;
  };
  return { ...self, payloads, upload };
}

const fields = (body: { errors?: { field: string }[] }) => body.errors?.map(({ field }) => field);

test("an uploaded input is the same as one that came with the request", async () => {
  const { post, get, upload, work } = await echoing();
  const text = "x".repeat(300_000);
  const input_ref = upload(JSON.stringify({ text }));

  const { status, body } = await post("/api/jobs", { type: "echo", input_ref });
  expect(status).toBe(202);
  await work();

  const job = (await get(`/api/jobs/${body.job_id}`)).body;
  expect(job).toMatchObject({ status: "completed", input_data: { text }, result_data: { text } });
});

test("a link for an upload is for this tenant, size and content, and no link is given for nonsense", async () => {
  const { post } = await echoing();
  const sha256 = "a".repeat(64);

  const { status, body } = await post("/api/uploads", { bytes: 10, sha256 });

  expect(status).toBe(201);
  expect(body).toMatchObject({ method: "PUT", input_ref: { bytes: 10, sha256 } });
  expect(body.url).toContain(`/.uploads/acme/${sha256}`);
  for (const [wrong, field] of [
    [{ bytes: 50 * 1024 * 1024 + 1, sha256 }, "bytes"],
    [{ bytes: 0, sha256 }, "bytes"],
    [{ bytes: 10, sha256: "../../x" }, "sha256"],
    [{ bytes: 10 }, "sha256"],
  ] as const) {
    const refused = await post("/api/uploads", wrong);
    expect([refused.status, fields(refused.body)]).toEqual([400, [field]]);
  }
});

test("an upload of another tenant is like one that never was", async () => {
  const { post, upload, services } = await echoing();
  const theirs = upload('{"text":"secret"}', "other");

  const { status, body } = await post("/api/jobs", { type: "echo", input_ref: theirs });

  expect([status, fields(body)]).toEqual([400, ["input_ref"]]);
  expect((await services.journal.list("acme", { limit: 10 })).jobs).toEqual([]);
});

test("an upload is held to the rules of a body, and nothing is written for one that breaks them", async () => {
  const { post, upload, services } = await echoing();
  const nested = `${"[".repeat(65)}${"]".repeat(65)}`;
  const many = `[${"0,".repeat(1_000_000)}0]`;
  for (const [json, status, field] of [
    ["{", 400, undefined],
    ['{"text":1}', 400, ["input.text"]],
    ['{"text":"a","__proto__":1}', 400, undefined],
    [nested, 400, undefined],
    [many, 413, undefined],
    ['{"text":"\\ud800"}', 400, undefined],
  ] as const) {
    const answer = await post("/api/jobs", { type: "echo", input_ref: upload(json) });
    expect([json.slice(0, 30), answer.status, fields(answer.body)]).toEqual([
      json.slice(0, 30),
      status,
      field,
    ]);
  }
  const both = await post("/api/jobs", {
    type: "echo",
    input: { text: "a" },
    input_ref: upload('{"text":"a"}'),
  });
  expect([both.status, fields(both.body)]).toEqual([400, ["input"]]);
  expect((await services.journal.list("acme", { limit: 10 })).jobs).toEqual([]);
});

test("commas in texts are no values", async () => {
  const { post, upload } = await echoing();
  const input_ref = upload(JSON.stringify({ text: `,:"\\${",".repeat(1_000_001)}` }));
  expect((await post("/api/jobs", { type: "echo", input_ref })).status).toBe(202);
});

test("a repeated submit of the same upload is the same job, one of another upload is refused", async () => {
  const { ask, upload } = await echoing();
  const submit = (text: string) => {
    const body = { type: "echo", input_ref: upload(JSON.stringify({ text })) };
    return ask("POST", "/api/jobs", { body, headers: { "idempotency-key": "k" } });
  };
  const first = await submit("a");
  expect((await submit("a")).body).toMatchObject({ job_id: first.body.job_id, deduplicated: true });
  expect((await submit("b")).status).toBe(422);
});

test("a result that fits is answered, a larger one is where the answer points to", async () => {
  const { post, get, work } = await echoing();
  const small = (await post("/api/jobs", { type: "echo", input: { text: "a" } })).body.job_id;
  const medium = (await post("/api/jobs", { type: "echo", input: { text: "", more: 100_000 } })).body.job_id;
  const large = (await post("/api/jobs", { type: "echo", input: { text: "", more: answerBytes } })).body
    .job_id;
  await work();

  expect((await get(`/api/jobs/${small}/result`)).body).toEqual({ text: "a" });
  expect((await get(`/api/jobs/${medium}/result`)).body).toEqual({ text: ".".repeat(100_000) });
  const { status, headers } = await get(`/api/jobs/${large}/result`);
  const { result_ref, result_data } = (await get(`/api/jobs/${large}`)).body;
  expect([status, headers.location, result_data]).toEqual([
    303,
    `https://payloads.test/${result_ref.key}`,
    null,
  ]);
  expect(result_ref.key).toMatch(new RegExp(`^acme/${large}/`));
});

test("an input and a result that are too large together for one answer do not break it", async () => {
  const { post, get, work, upload } = await echoing();
  const text = "x".repeat(3 * 1024 * 1024);
  const { job_id } = (await post("/api/jobs", { type: "echo", input_ref: upload(JSON.stringify({ text })) }))
    .body;
  await work();

  const { body } = await get(`/api/jobs/${job_id}`);

  expect(body.result_data).toEqual({ text });
  expect(body.input_data).toBeNull();
  expect(body.input_ref.bytes).toBeGreaterThan(text.length);
});

test("every value of a journal can be read by the number of its event", async () => {
  const { post, get, work } = await echoing();
  const { job_id } = (await post("/api/jobs", { type: "echo", input: { text: "a", more: 20_000 } })).body;
  await work();
  const { events } = (await get(`/api/jobs/${job_id}/events`)).body;
  const seqOf = (kind: string) => events.find((event: { kind: string }) => event.kind === kind).seq;
  const value = (seq: number) => get(`/api/jobs/${job_id}/events/${seq}/value`);

  expect((await value(1)).body).toEqual({ text: "a", more: 20_000 });
  expect((await value(seqOf("step.completed"))).body).toEqual({ text: `a${".".repeat(20_000)}` });
  expect((await value(seqOf("step.started"))).status).toBe(404);
  expect((await value(99)).status).toBe(404);
  expect((await get(`/api/jobs/${job_id}/events/0/value`)).status).toBe(404);
});

test("a job without a result says so", async () => {
  const { post, get } = await echoing();
  const { job_id } = (await post("/api/jobs", { type: "echo", input: { text: "a" } })).body;
  const { status, body } = await get(`/api/jobs/${job_id}/result`);
  expect(status).toBe(409);
  expect(body).toMatchObject({ job_status: "pending", detail: expect.stringContaining("no result") });
});

test("what belongs to another tenant is not there: no result, no value, no journal", async () => {
  const { post, get, work, makeKey } = await echoing();
  const { job_id } = (await post("/api/jobs", { type: "echo", input: { text: "", more: answerBytes } })).body;
  await work();
  const key = await makeKey("other", ["jobs:read"]);
  for (const path of ["result", "events/1/value", "journal"]) {
    expect((await get(`/api/jobs/${job_id}/${path}`, { key })).status).toBe(404);
  }
});

test("a journal is read page by page, as it is stored", async () => {
  const { post, get, work, services } = await echoing();
  const { job_id } = (await post("/api/jobs", { type: "echo", input: { text: "a" } })).body;
  await work();
  const stored = (await services.journal.read({ tenant: "acme", jobId: job_id }, 0)).entries;

  const entries: Entry[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const { body } = await get(`/api/jobs/${job_id}/journal?after=${after}&limit=1`);
    expect(body.entries).toHaveLength(1);
    entries.push(...body.entries);
    after = body.next_after;
  }
  expect(entries).toEqual(stored);
});
