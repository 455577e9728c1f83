import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, expect, test } from "vitest";
import { startTestCloud } from "../support/cloud.ts";
import { eventually } from "../support/eventually.ts";
import { expectFolded, expectWellFormed, journalOf } from "../support/journals.ts";

type Seen = { method: string; path: string; headers: IncomingHttpHeaders; text: string };

const isGoogle = (path: string) => path.startsWith("/v1beta/");
const isBedrock = (path: string) => path.startsWith("/async-invoke");

/** Google and Bedrock, as far as a video needs them. Both need a second look. */
function asProvider(method: string, path: string, text: string, response: ServerResponse): void {
  const looks = seen.filter((one) => one.path === path && one.method === "GET").length;
  const reply = (body: object) =>
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  if (path.endsWith("alt=media")) return void response.writeHead(200).end("the film of Google");
  const name = "models/veo-3.1-fast-generate-preview/operations/1";
  const samples = [{ video: { uri: `${outside}/v1beta/files/1:download?alt=media` } }];
  const gave = { generateVideoResponse: { generatedSamples: samples } };
  if (isGoogle(path)) return void reply(looks < 2 ? { name } : { name, done: true, response: gave });
  const invocationArn = "arn:aws:bedrock:us-east-1:123456789012:async-invoke/1";
  if (method === "POST") {
    reelFolder = JSON.parse(text).outputDataConfig.s3OutputDataConfig.s3Uri;
    return void reply({ invocationArn });
  }
  const outputDataConfig = { s3OutputDataConfig: { s3Uri: `${reelFolder}/1` } };
  reply({ invocationArn, status: looks < 2 ? "InProgress" : "Completed", outputDataConfig });
}
let reelFolder = "";

/** A service that renders for as long as a test wants, and a receiver of webhooks. */
const seen: Seen[] = [];
let done = new Set<string>();
let refusals = 0;
const server = createServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  const [path, method] = [request.url!, request.method!];
  seen.push({ method, path, headers: request.headers, text });
  const reply = (status: number, body: object) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  if (isGoogle(path) || isBedrock(path)) return void asProvider(method, path, text, response);
  if (path === "/hooks") return void (refusals-- > 0 ? reply(503, {}) : reply(200, {}));
  if (method === "POST") return void reply(202, { id: `r${seen.length}` });
  if (method === "DELETE") return void reply(200, {});
  reply(200, done.has(path) ? { status: "done", picture: path } : { status: "running" });
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const outside = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const cloud = await startTestCloud({
  environment: {
    OPERATION_HOSTS: outside,
    WEBHOOK_HOSTS: outside,
    MESSAGE_TYPE: "router",
    VIDEO_MODEL: "mock:4s",
    GOOGLE_API_KEY: "AIza-secret",
    GOOGLE_BASE_URL: `${outside}/v1beta`,
    BEDROCK_BASE_URL: outside,
  },
});
afterAll(async () => {
  await cloud.stop();
  server.closeAllConnections();
  server.close();
});
const plain = await cloud.as({ tenant: "test", scopes: ["jobs:read", "jobs:write"] });

async function ask(
  path: string,
  body?: object,
  key: string | undefined = cloud.key,
  method = body ? "POST" : "GET",
) {
  const response = await fetch(path.startsWith("http") ? path : `${cloud.http}${path}`, {
    method,
    redirect: "manual",
    headers: { ...(key ? { authorization: `Bearer ${key}` } : {}), "content-type": "application/json" },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: text ? JSON.parse(text) : undefined,
    location: response.headers.get("location"),
  };
}

const render = {
  start: { url: `${outside}/renders`, body: { scene: "harbour", tell: "{callback_url}" } },
  status: { url: `${outside}/renders/{operation_id}` },
  cancel: { method: "DELETE", url: `${outside}/renders/{operation_id}` },
  poll: { first_seconds: 600, most_seconds: 600 },
};

/** Begins an operation that will be looked at in ten minutes, and waits until it is left alone. */
async function begin(more: object = {}) {
  const { job_id: jobId } = (await ask("/api/jobs", { type: "operation", input: { ...render, ...more } }))
    .body;
  const operation = await eventually(async () => {
    const job = (await ask(`/api/jobs/${jobId}`)).body;
    return job.status === "waiting" && job.progress.operation;
  });
  const { text } = seen.findLast(({ method, path }) => method === "POST" && path === "/renders")!;
  return { jobId, operation, callbackUrl: JSON.parse(text).tell as string };
}

test("a video is a ticket at once, an operation that can be followed, and then a file [A1-01] [A1-04] [A1-05] [A1-07] [A1-09] [A1-10] [A1-12] [A1-23] [A1-24]", async () => {
  const ticket = await ask("/api/videos", { prompt: "A lighthouse in a storm", model: "mock:3s" });
  expect(ticket).toMatchObject({ status: 202, body: { job_id: expect.any(String), status: "pending" } });
  const { job_id: id } = ticket.body;

  const pending = await eventually(async () => {
    const { body } = await ask(`/api/videos/${id}`);
    return body.operation_id !== null && body;
  });
  expect(pending).toMatchObject({
    operation_id: expect.stringMatching(/^mock-operations\//),
    video: null,
    progress: {
      current_step: "Waiting for the video",
      operation: {
        id: pending.operation_id,
        state: "pending",
        polls: expect.any(Number),
        elapsed_seconds: expect.any(Number),
        eta_seconds: expect.any(Number),
      },
    },
  });
  expect((await ask(`/api/videos/${id}/content`)).status).toBe(409);
  expect((await ask(`/api/jobs/${id}`)).body.progress.operation.id).toBe(pending.operation_id);

  await cloud.client.wait(id);
  const { body: made } = await ask(`/api/videos/${id}`);
  expect(made).toMatchObject({ status: "completed", operation_id: pending.operation_id, mock: true });
  expect(made.progress).not.toHaveProperty("operation");
  const { status, location } = await ask(`/api/videos/${id}/content`);
  expect(status).toBe(303);
  const file = await fetch(location!);
  expect(file.headers.get("content-type")).toBe("image/svg+xml");
  expect(await file.text()).toContain("A lighthouse in a storm");
  const events = await journalOf(cloud.client, id);
  expectWellFormed(events);
  expectFolded(await cloud.client.get(id), events);
  // Whoever looks and finds nothing lets go of the worker, and is called again when it is time for the next look.
  const looks = events.filter(({ kind }) => kind === "condition.checked");
  expect(looks.length).toBeGreaterThan(0);
  for (const { seq, retry_at: next } of looks) {
    const after = events.slice(seq);
    const [released, claimed] = ["job.released", "job.claimed"].map((wanted) =>
      after.find(({ kind }) => kind === wanted),
    );
    expect(released).toMatchObject({ reason: "parked" });
    expect(claimed!.at >= String(next)).toBe(true);
  }
});

test("a conversation hands a message to the video maker, stays usable, and is woken by the result [A1-02] [A1-03] [A1-08] [A1-11] [A1-17] [A1-20] [A1-21] [A1-27]", async () => {
  const { id } = await cloud.client.conversations.create();
  const send = async (content: string, more: object = {}) =>
    (await ask(`/api/conversations/${id}/messages`, { content, ...more })).body;
  const talk = async () => (await ask(`/api/conversations/${id}`)).body;

  const first = await send("Make a video of a lighthouse");
  const started = await eventually(async () => {
    const conversation = await talk();
    return conversation.background_job_ids.length === 1 && conversation;
  });
  const [film] = started.background_job_ids;
  expect(started).toMatchObject({ processing_state: "idle", active_job_id: null });
  expect(started.messages).toMatchObject([
    { role: "user", job_id: first.job_id },
    {
      role: "assistant",
      job_id: film,
      answers: 1,
      job_status: "started",
      content: expect.stringContaining("Job started"),
    },
  ]);
  expect((await ask(`/api/jobs/${first.job_id}`)).body).toMatchObject({ type: "router", continued_as: film });

  const second = await send("Why is the sky blue?", { on_busy: "reject" });
  expect(second.queued_behind).toEqual([]);
  const answered = await eventually(async () => {
    const conversation = await talk();
    return (
      conversation.messages.some(({ answers }: { answers: number }) => answers === second.message_number) &&
      conversation
    );
  }, 20_000);
  expect(answered.processing_state).toBe("idle");

  await cloud.client.wait(film);
  expect(
    (await talk()).messages.find((message: { content: string }) => message.content.includes("is ready")),
  ).toMatchObject({
    role: "assistant",
    job_id: film,
    answers: 1,
    job_status: "completed",
    content: expect.stringContaining(`/api/videos/${film}/content`),
  });
});

test("an operation costs nothing until its provider calls back, which it may do without a key, after every worker has died, and again [A1-06] [A1-14] [A1-15] [A1-16] [A1-18] [A1-19]", async () => {
  const { jobId, operation, callbackUrl } = await begin();
  expect(callbackUrl.startsWith(`${cloud.http}/api/callbacks/signed?token=`)).toBe(true);
  for (const pid of cloud.sandboxes("WorkerFunction")) process.kill(pid, "SIGKILL");
  const looks = seen.length;
  // Whoever looked at the job would claim it.
  const waited = await ask(`/api/jobs/${jobId}/events?after=0&limit=100`);
  expect((await ask(`/api/jobs/${jobId}/events?after=${waited.body.head}&wait=3`)).body.events).toEqual([]);
  expect(seen).toHaveLength(looks);

  done = new Set([...done, `/renders/${operation.id}`]);
  const told = { status: "done", picture: "harbour.png" };
  expect(await ask(callbackUrl, told, "")).toMatchObject({ status: 200, body: { counts: true } });
  const job = await cloud.client.wait(jobId);
  expect(job).toMatchObject({
    status: "completed",
    result_data: { operation_id: operation.id, result: told },
  });

  expect((await ask(callbackUrl, told, "")).body).toEqual({ counts: true });
  expect((await ask(callbackUrl, { status: "failed" }, "")).body).toEqual({ counts: false });
  expect((await ask(`${callbackUrl.slice(0, -3)}AAA`, told, "")).status).toBe(404);
  expect((await ask("/api/callbacks/signed", told, "")).status).toBe(400);
  expect((await ask(`/api/jobs/${jobId}`)).body.result_data).toEqual(job.result_data);
});

test("a cancel reaches the provider", async () => {
  const { jobId, operation } = await begin();
  await cloud.client.cancel(jobId);
  await eventually(() =>
    seen.some(({ method, path }) => method === "DELETE" && path === `/renders/${operation.id}`),
  );
  await eventually(async () => (await ask(`/api/jobs/${jobId}`)).body.status === "cancelled");
});

test("a webhook tells of the end, signed with the tenant's own secret, and again when its receiver was away [A1-13]", async () => {
  const { secrets } = (await ask("/api/webhook-secrets")).body;
  expect((await ask("/api/webhook-secrets", undefined, plain.key)).status).toBe(403);
  refusals = 1;
  const notify = { url: `${outside}/hooks` };
  const { job_id: id } = (await ask("/api/videos", { prompt: "A lighthouse", model: "mock:1s", notify }))
    .body;

  const hook = await eventually(() => {
    const hooks = seen.filter(({ path }) => path === "/hooks");
    return hooks.length === 2 && hooks[1];
  }, 30_000);

  const headers = hook.headers as Record<string, string>;
  expect(new Webhook(secrets[0]).verify(hook.text, headers)).toMatchObject({
    type: "job.completed",
    data: { job_id: id, type: "video", status: "completed", result_data: { id } },
  });
  expect(() => new Webhook(secrets[0]).verify(`${hook.text} `, headers)).toThrow();
});

test("addresses that this deployment does not call are refused before anything is written", async () => {
  const count = async () => (await cloud.client.list({ limit: 100 })).jobs.length;
  const before = await count();
  const inside = "http://169.254.169.254/latest/meta-data";
  expect(
    await ask("/api/jobs", { type: "operation", input: { ...render, status: { url: inside } } }),
  ).toMatchObject({
    status: 400,
    body: { errors: [{ field: "input.status.url" }] },
  });
  expect(await ask("/api/videos", { prompt: "A", notify: { url: "https://localhost/x" } })).toMatchObject({
    status: 400,
    body: { errors: [{ field: "notify.url" }] },
  });
  const key = { ...render.start, headers: { Authorization: "Bearer mine" } };
  expect(await ask("/api/jobs", { type: "operation", input: { ...render, start: key } })).toMatchObject({
    status: 400,
    body: { errors: [{ field: "input.start.headers" }] },
  });
  expect(await count()).toBe(before);
});

test("another tenant has no such video", async () => {
  const { job_id: id } = (await ask("/api/videos", { prompt: "A lighthouse", model: "mock:1s" })).body;
  const other = await cloud.as({ tenant: "globex" });
  expect((await ask(`/api/videos/${id}`, undefined, other.key)).status).toBe(404);
  expect((await ask(`/api/videos/${id}/content`, undefined, other.key)).status).toBe(404);
});

test.each([
  ["Veo", "google:veo-3.1-fast-generate-preview"],
  ["Nova Reel", "bedrock:amazon.nova-reel-v1:1"],
])("%s is spoken to by the deployed code, and no key leaves it", async (_, model) => {
  const { job_id: id } = (await ask("/api/videos", { prompt: "A lighthouse", model })).body;

  const job = await cloud.client.wait(id);

  expect(job).toMatchObject({
    status: "completed",
    result_data: { model, mock: false, video: { media_type: "video/mp4" } },
  });
  const { location } = await ask(`/api/videos/${id}/content`);
  if (model.startsWith("google:")) expect(await (await fetch(location!)).text()).toBe("the film of Google");
  else expect(location).toContain(`/test/${id}/reel/1/output.mp4`);
  expect(JSON.stringify(await journalOf(cloud.client, id))).not.toContain("AIza");
});
