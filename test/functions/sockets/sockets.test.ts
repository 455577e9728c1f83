import { expect, test } from "vitest";
import { authenticator } from "../../../core/keys/authenticate.ts";
import type { Scope } from "../../../core/keys/keys.ts";
import { memoryServices } from "../../../core/memory.ts";
import { type Entry, type JobEvent, recorded } from "../../../core/protocol/event.ts";
import type { ServerMessage } from "../../../core/protocol/message.ts";
import { sockets } from "../../../functions/sockets/sockets.ts";
import { silent } from "../../support/engine.ts";
import { anEntry, headAfter, submitted } from "../../support/entries.ts";

const minute = 60_000;

function door({ now = Date.now }: { now?: () => number } = {}) {
  const services = memoryServices({ model: { generate: () => Promise.reject(new Error("no model")) }, now });
  const admission = {
    keys: services.keys,
    authenticate: authenticator(services),
    allowedOrigins: ["https://console.example"],
  };
  const handle = sockets(services, admission, silent);
  services.sockets.open("c1");

  const authorize = async (headers: Record<string, string>) => {
    const methodArn = "arn:aws:execute-api:eu-central-1:1:api/ws/$connect";
    const answer = await handle({ type: "REQUEST", methodArn, headers });
    if (!("policyDocument" in answer)) throw new Error("not a policy");
    const [{ Effect, Resource }] = answer.policyDocument.Statement;
    expect(Resource).toBe(methodArn);
    return { effect: Effect, context: answer.context };
  };
  const route = (routeKey: string, more: object = {}) =>
    handle({
      requestContext: {
        routeKey,
        connectionId: "c1",
        requestId: "r1",
        authorizer: { tenant: "acme", principal: "key1", scopes: "jobs:read", expiresAt: "" },
      },
      ...more,
    }) as Promise<{ statusCode: number; headers?: Record<string, string>; body?: string }>;
  /** Everything that the client gets for one message, in order. */
  const say = async (message: unknown, authorizer?: object): Promise<ServerMessage[]> => {
    const before = services.sockets.sent.get("c1")?.length ?? 0;
    const body = typeof message === "string" ? message : JSON.stringify(message);
    const { body: last } = await (authorizer
      ? (handle({
          requestContext: { routeKey: "$default", connectionId: "c1", requestId: "r1", authorizer },
          body,
        }) as ReturnType<typeof route>)
      : route("$default", { body }));
    const posted = services.sockets.sent.get("c1")?.slice(before) ?? [];
    return [...posted, ...(last === undefined ? [] : [last])].map((frame) => JSON.parse(frame));
  };
  const write = async (jobId: string, ...entries: JobEvent[][]) => {
    const written: Entry[] = [];
    for (const events of [[submitted], ...entries]) {
      const entry = anEntry({ tenant: "acme", jobId }, written, events);
      const isClaim = events[0]?.kind === "job.claimed";
      written.push(entry);
      // A worker leaves HEAD behind, but for its claim.
      if (written.length === 1) await services.journal.create({ entry, head: headAfter(written) });
      else await services.journal.append(entry, isClaim ? { head: headAfter(written) } : {});
    }
    return written.flatMap(recorded);
  };
  return { services, authorize, route, say, write };
}

const step = (name: string): JobEvent => ({ kind: "step.started", steps: [{ step: name, attempt: 1 }] });
const claimed: JobEvent = { kind: "job.claimed", by: "worker" };

test("a key in the Authorization header opens a connection for its tenant", async () => {
  const { services, authorize } = door();
  const scopes: Scope[] = ["jobs:read", "jobs:write"];
  const { key, id } = await services.keys.create({ tenant: "acme", scopes, expiresAt: 9_000_000_000_000 });

  expect(await authorize({ authorization: `Bearer ${key}` })).toEqual({
    effect: "Allow",
    context: { tenant: "acme", principal: id, scopes: "jobs:read jobs:write", expiresAt: "9000000000000" },
  });
  expect((await authorize({ Authorization: "Bearer ck_no_no" })).effect).toBe("Deny");
  expect((await authorize({})).effect).toBe("Deny");
});

test("of many who offer the same ticket one gets in", async () => {
  const { services, authorize } = door();
  const { ticket } = await services.keys.issueTicket({ tenant: "acme", id: "k", scopes: ["jobs:read"] }, 30);
  const offer = () => authorize({ "Sec-WebSocket-Protocol": `convoke.v1, ticket.${ticket}` });

  const answers = await Promise.all(Array.from({ length: 20 }, offer));

  expect(answers.filter(({ effect }) => effect === "Allow")).toHaveLength(1);
});

test("a page of another origin is turned away, even with a good key, and keeps its ticket unspent", async () => {
  const { services, authorize } = door();
  const { ticket } = await services.keys.issueTicket({ tenant: "acme", id: "k", scopes: ["jobs:read"] }, 30);
  const protocols = { "Sec-WebSocket-Protocol": `convoke.v1, ticket.${ticket}` };

  expect((await authorize({ ...protocols, Origin: "https://evil.example" })).effect).toBe("Deny");
  expect((await authorize({ ...protocols, Origin: "https://console.example" })).effect).toBe("Allow");
});

test("who may not read jobs may not connect", async () => {
  const { services, authorize } = door();
  const { key } = await services.keys.create({ tenant: "acme", scopes: ["jobs:write"] });
  expect((await authorize({ authorization: `Bearer ${key}` })).effect).toBe("Deny");
});

test("connecting echoes the protocol without the ticket and posts nothing", async () => {
  const { services, route } = door();
  const offering = { headers: { "sec-websocket-protocol": "convoke.v1, ticket.secret" } };

  expect(await route("$connect", offering)).toEqual({
    statusCode: 200,
    headers: { "Sec-WebSocket-Protocol": "convoke.v1" },
  });
  expect(await route("$connect", { headers: {} })).toEqual({ statusCode: 200 });
  expect(services.sockets.sent.get("c1")).toEqual([]);
});

test("[A0-28] a watch answers with the head and then replays everything after the given event", async () => {
  const { services, say, write } = door();
  await write("j1", [claimed, step("a")], [step("b")]);

  const answer = await say({ type: "watch", job_id: "j1", after: 2 });

  expect(answer[0]).toMatchObject({ type: "watching", job_id: "j1", head: 4, status: "running" });
  expect(answer.slice(1)).toMatchObject([
    { type: "event", seq: 3, event: { kind: "step.started" } },
    { type: "event", seq: 4, event: { kind: "step.started" } },
  ]);
  expect(await services.watches.ofJob({ tenant: "acme", jobId: "j1" })).toMatchObject([
    { connectionId: "c1", deltas: false, batch: false },
  ]);
});

test("the watch is written before the journal is read, so an event in between is in one of both", async () => {
  const { services, say, write } = door();
  await write("j1");
  const order: string[] = [];
  const { add } = services.watches;
  const { read } = services.journal;
  services.watches.add = (...args) => {
    order.push("watch");
    return add(...args);
  };
  services.journal.read = (...args) => {
    order.push("read");
    return read(...args);
  };

  await say({ type: "watch", job_id: "j1" });

  expect(order).toEqual(["watch", "read"]);
});

test("a watcher that understands batches is sent a replay in as few frames as fit", async () => {
  const { services, say, write } = door();
  const long = "x".repeat(10_000);
  await write("j1", ...Array.from({ length: 8 }, (_, index) => [step(`${index}${long}`)]));

  const answer = await say({ type: "watch", job_id: "j1", batch: true });

  const sizes = answer.map((message) => Buffer.byteLength(JSON.stringify(message)));
  expect(Math.max(...sizes)).toBeLessThanOrEqual(services.settings.frameBytes);
  expect(answer.map((message) => message.type)).toEqual(["batch", "batch", "batch"]);
  const seqs = answer.flatMap((message) =>
    message.type === "batch" ? message.messages.map((one) => ("seq" in one ? one.seq : one.type)) : [],
  );
  expect(seqs).toEqual(["watching", 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("a short replay is the function's return value, without a request to the connection", async () => {
  const { services, say, write } = door();
  await write("j1", [claimed]);
  const answer = await say({ type: "watch", job_id: "j1", batch: true });
  expect(answer).toMatchObject([{ type: "batch", messages: [{ type: "watching" }, { seq: 1 }, { seq: 2 }] }]);
  expect(services.sockets.sent.get("c1")).toEqual([]);
});

test("an event that is larger than a frame carries a reference in place of its values", async () => {
  const { say, write } = door();
  await write("j1", [{ kind: "job.completed", result: { json: "ü".repeat(16_000) } }]);

  const [, , last] = await say({ type: "watch", job_id: "j1" });

  expect(last).toEqual({
    type: "status",
    job_id: "j1",
    seq: 2,
    at: expect.any(String),
    status: "completed",
    event: { seq: 2, at: expect.any(String), kind: "job.completed" },
    ref: "/api/jobs/j1/events?after=1&limit=1",
  });
});

test("a long journal is replayed page by page, in order and whole", async () => {
  const { say, write } = door();
  await write("j1", ...Array.from({ length: 450 }, (_, index) => [step(`s${index}`)]));

  const answer = await say({ type: "watch", job_id: "j1" });

  const seqs = answer.flatMap((message) => ("seq" in message ? [message.seq] : []));
  expect(seqs).toEqual(Array.from({ length: 451 }, (_, index) => index + 1));
});

test("a job of another tenant is not found, exactly like one that does not exist, and leaves no watch", async () => {
  const { services, say, write } = door();
  await write("j1");
  const stranger = { tenant: "other", principal: "k", scopes: "admin", expiresAt: "" };

  const foreign = await say({ type: "watch", job_id: "j1" }, stranger);
  const absent = await say({ type: "watch", job_id: "j2" }, stranger);

  expect(foreign).toEqual([{ type: "error", code: "not_found", message: "No job j1", job_id: "j1" }]);
  expect(absent).toEqual([{ type: "error", code: "not_found", message: "No job j2", job_id: "j2" }]);
  expect(await say({ type: "ping", job_id: "j1" }, stranger)).toMatchObject([{ code: "not_found" }]);
  expect(await services.watches.ofJob({ tenant: "acme", jobId: "j1" })).toEqual([]);
  expect(await services.watches.ofJob({ tenant: "other", jobId: "j1" })).toEqual([]);
});

test("a tenant in the message changes nothing", async () => {
  const { say, write } = door();
  await write("j1");
  const stranger = { tenant: "other", principal: "k", scopes: "jobs:read", expiresAt: "" };
  expect(await say({ type: "watch", job_id: "j1", tenant: "acme" }, stranger)).toMatchObject([
    { code: "not_found" },
  ]);
});

test("a right that has ended since the connection began is checked with every message", async () => {
  let now = 1_000_000;
  const { say, write } = door({ now: () => now });
  await write("j1");
  const until = { tenant: "acme", principal: "k", scopes: "jobs:read", expiresAt: String(now + minute) };

  expect((await say({ type: "ping" }, until))[0]).toEqual({ type: "pong" });
  now += minute;
  expect(await say({ type: "watch", job_id: "j1" }, until)).toMatchObject([
    { type: "error", code: "unauthorized" },
  ]);
  expect(await say({ type: "ping" }, {})).toMatchObject([{ type: "error", code: "unauthorized" }]);
});

test("a ping tells the head of a job's journal, also when HEAD is behind", async () => {
  const { say, write } = door();
  await write("j1", [claimed], [step("a"), step("b")]);
  expect(await say({ type: "ping", job_id: "j1" })).toEqual([{ type: "pong", job_id: "j1", head: 4 }]);
});

test("unwatching and disconnecting end watches", async () => {
  const { services, say, route, write } = door();
  const watched = async () => (await services.watches.ofJob({ tenant: "acme", jobId: "j1" })).length;
  await write("j1");

  await say({ type: "watch", job_id: "j1" });
  expect(await say({ type: "unwatch", job_id: "j1" })).toEqual([]);
  expect(await watched()).toBe(0);

  await say({ type: "watch", job_id: "j1" });
  expect(await say({ type: "unwatch", job_ids: ["j1", "j1", "unknown"] })).toEqual([]);
  expect(await watched()).toBe(0);

  await say({ type: "watch", job_id: "j1" });
  await say({ type: "watch", scope: "mine" });
  await route("$disconnect");
  expect(await watched()).toBe(0);
  expect(await services.watches.ofTenant("acme")).toEqual([]);
});

test("one can watch all of one's jobs", async () => {
  const { services, say } = door();
  expect(await say({ type: "watch", scope: "mine", batch: true })).toEqual([
    { type: "watching", scope: "mine" },
  ]);
  expect(await services.watches.ofTenant("acme")).toMatchObject([{ connectionId: "c1", batch: true }]);
  await say({ type: "unwatch", scope: "mine" });
  expect(await services.watches.ofTenant("acme")).toEqual([]);
});

test("more watches than a connection may have are refused", async () => {
  const { services, say, write } = door();
  for (let count = 1; count <= services.settings.maxWatchesPerConnection; count++) {
    await write(`j${count}`);
    expect((await say({ type: "watch", job_id: `j${count}` }))[0]).toMatchObject({ type: "watching" });
  }
  await write("one-more");
  expect(await say({ type: "watch", job_id: "one-more" })).toMatchObject([
    { type: "error", code: "too_many_watches", job_id: "one-more" },
  ]);
  expect((await say({ type: "watch", job_id: "j1" }))[0]).toMatchObject({ type: "watching" });
});

test.each([
  ["nothing", ""],
  ["no JSON", "{"],
  ["no object", "[1]"],
  ["null", "null"],
  ["an unknown type", { type: "shout" }],
  ["no job", { type: "watch" }],
  ["an impossible id", { type: "watch", job_id: "a#b" }],
  ["a negative place", { type: "watch", job_id: "j1", after: -1 }],
  ["a broken place", { type: "watch", job_id: "j1", after: 1.5 }],
  ["a word for a flag", { type: "watch", job_id: "j1", deltas: "yes" }],
  ["deep nesting", "[".repeat(100_000)],
])("%s is answered with an error, and the connection stays", async (_name, message) => {
  const { say } = door();
  expect(await say(message)).toMatchObject([{ type: "error", code: "invalid_request" }]);
  expect(await say({ type: "ping" })).toEqual([{ type: "pong" }]);
});

test("a surprise is told without its cause", async () => {
  const { services, say } = door();
  services.journal.read = () => Promise.reject(new Error("secret detail"));
  const answer = await say({ type: "watch", job_id: "j1" });
  expect(answer).toEqual([
    { type: "error", code: "internal_error", message: "Something went wrong", job_id: "j1" },
  ]);
});

test("a replay to a connection that is gone stops", async () => {
  const { services, say, write } = door();
  await write("j1", [step("a")], [step("b")], [step("c")]);
  await services.sockets.close("c1");
  expect(await say({ type: "watch", job_id: "j1" })).toEqual([]);
});
