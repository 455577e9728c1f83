import { expect, test } from "vitest";
import { ConvokeError, type ConvokeOptions, convoke, type ErrorCode } from "../../client/index.ts";

type Sent = { path: string; init: RequestInit; headers: Headers };
type Answer = { status?: number; body: unknown };

/** A client whose requests are answered from a list, and what they were. */
function against(answers: Answer[], options: Partial<ConvokeOptions> = {}) {
  const sent: Sent[] = [];
  const client = convoke({
    url: "http://convoke.test/",
    times: { retryMs: 1 },
    fetch: async (input, init = {}) => {
      const { pathname, search } = new URL(String(input));
      sent.push({ path: pathname + search, init, headers: new Headers(init.headers) });
      const { status = 200, body } = answers.shift()!;
      return new Response(JSON.stringify(body), { status });
    },
    ...options,
  });
  return { client, sent };
}

const ended = { id: "j1", status: "completed", result_data: { answer: 42 } };

test("with a key it is the key that says who asks, and no cookie goes along", async () => {
  const { client, sent } = against([{ body: { jobs: [] } }], { key: "ck_1" });
  await client.list();
  expect(sent[0]!.headers.get("authorization")).toBe("Bearer ck_1");
  expect(sent[0]!.headers.has("x-convoke-session")).toBe(false);
  expect(sent[0]!.init.credentials).toBe("omit");
});

test("without a key it is the cookie of the page's own origin, beside a header that no form of another site can send", async () => {
  const { client, sent } = against([{ body: { jobs: [] } }]);
  await client.list();
  expect(sent[0]!.headers.get("x-convoke-session")).toBe("1");
  expect(sent[0]!.headers.has("authorization")).toBe(false);
  expect(sent[0]!.init.credentials).toBe("same-origin");
});

test("whoever waits is given the job if it has ended, with a result of any size, and else its ticket", async () => {
  const bytes = new TextEncoder().encode('{"answer":43}');
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const large = { ...ended, result_data: null, result_ref: { key: "k", bytes: bytes.length, sha256 } };
  const { client, sent } = against([
    { body: ended },
    { status: 202, body: { job_id: "j1", status: "running" } },
    { body: large },
    { body: { answer: 43 } },
    { body: ended },
  ]);

  expect(await client.submit("council", {}, { wait: 10 })).toEqual({
    job_id: "j1",
    status: "completed",
    job: ended,
  });
  expect(sent[0]!.headers.get("prefer")).toBe("wait=10");
  expect(await client.submit("council", {}, { wait: 10 })).toEqual({ job_id: "j1", status: "running" });
  expect((await client.retry("j0", { wait: 5 })).job?.result_data).toEqual({ answer: 43 });
  expect(await client.schedules.run("s1", { wait: 5 })).toMatchObject({ job_id: "j1", schedule_id: "s1" });
  expect(sent.map(({ path }) => path)).toEqual([
    "/api/jobs",
    "/api/jobs",
    "/api/jobs/j0/retry",
    "/api/jobs/j1/result",
    "/api/schedules/s1/run",
  ]);
});

test("what is sent again has the key of the first time, each call has its own, and one's own key is kept", async () => {
  const down = { status: 503, body: {} };
  const made = { status: 202, body: { job_id: "j1", status: "pending" } };
  const { client, sent } = against([down, down, made, made, made]);
  await client.projections.create({ narrative: "Once" });
  await client.projections.create({ narrative: "Once" });
  await client.videos.create({ prompt: "Rain" }, { idempotencyKey: "mine" });

  const keys = sent.map(({ headers }) => headers.get("idempotency-key"));
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).toBe(keys[0]);
  expect(keys[3]).not.toBe(keys[0]);
  expect(keys[4]).toBe("mine");
});

test("what would count twice is sent once", async () => {
  const { client, sent } = against([{ status: 503, body: {} }]);
  await expect(client.workflows.feedback("audit_j1", "Shorter")).rejects.toMatchObject({
    code: "unavailable",
  });
  expect(sent).toHaveLength(1);
});

test("an id is never more than a part of the path", async () => {
  const { client, sent } = against([{ body: {} }]);
  await client.conversations.get("../jobs?x=1#");
  expect(sent[0]!.path).toBe("/api/conversations/..%2Fjobs%3Fx%3D1%23");
});

test("an error has its code, its request and what else was said; programs know the codes by their type", async () => {
  const problem = { code: "conflict", detail: "Too late", request_id: "r1", job_status: "failed" };
  const { client } = against([{ status: 409, body: problem }]);
  const error = await client.cancel("j1").then(
    () => expect.unreachable(),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConvokeError);
  if (!(error instanceof ConvokeError)) return;
  expect(error).toMatchObject({ status: 409, requestId: "r1", message: "Too late", retryable: false });
  expect(error.details).toMatchObject({ job_status: "failed" });
  const known: ErrorCode = "conversation_busy";
  expect([error.code, known]).toEqual(["conflict", "conversation_busy"]);
});

test("a signal that is aborted ends a request, and the pause before its next try, with its reason", async () => {
  const stop = new AbortController();
  const { client, sent } = against([{ status: 503, body: {} }], { times: { retryMs: 60_000 } });
  const asking = client.get("j1", { signal: stop.signal });
  stop.abort(new Error("enough"));
  await expect(asking).rejects.toThrow("enough");
  await expect(client.get("j1", { signal: stop.signal })).rejects.toThrow("enough");
  expect(sent.length).toBeLessThan(2);
});
