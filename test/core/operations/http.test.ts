import { afterAll, beforeEach, expect, test } from "vitest";
import type { OperationCall, Ticket } from "../../../core/operations/operation.ts";
import { operations } from "../../../core/operations/operations.ts";
import { hangsUp, refuses, scriptedServer } from "../../support/scripted-server.ts";

const renderer = await scriptedServer();
afterAll(() => renderer.close());
beforeEach(() => renderer.script());

const { host } = new URL(renderer.url);
const outside = operations({
  OPERATION_HOSTS: `renderer.example.com, ${renderer.url}`,
  OPERATION_HEADERS: JSON.stringify({ [host]: { authorization: "Bearer of the deployment" } }),
});
const call: OperationCall = {
  job: { tenant: "acme", jobId: "job-1" },
  signal: new AbortController().signal,
  idempotencyKey: "step-key",
};
const request = {
  start: {
    url: `${renderer.url}/renders`,
    headers: { "x-flavour": "vanilla" },
    body: { scene: "harbour", tell: "{callback_url}" },
  },
  status: { url: `${renderer.url}/renders/{operation_id}` },
  cancel: { method: "DELETE", url: `${renderer.url}/renders/{operation_id}` },
};
const ticket: Ticket = {
  operation: "http:",
  operation_id: "r/1",
  status: request.status,
  cancel: request.cancel,
};

test("an operation is begun with the job's words and the deployment's keys, and known by what it is called", async () => {
  renderer.script(refuses(202, { id: "r/1", status: "queued" }));

  const begun = await outside.start("http:", request, {
    ...call,
    callbackUrl: "https://api.test/cb?token=t",
  });

  expect(begun).toEqual(ticket);
  expect(renderer.requests[0]).toMatchObject({
    method: "POST",
    path: "/renders",
    headers: {
      authorization: "Bearer of the deployment",
      "x-flavour": "vanilla",
      "idempotency-key": "step-key",
      "content-type": "application/json",
    },
    body: { scene: "harbour", tell: "https://api.test/cb?token=t" },
  });
  // Neither the keys nor the address that answers in the provider's place go into the journal.
  expect(JSON.stringify(begun)).not.toMatch(/Bearer|token/);
});

test("its state is read where the job says that it is [A1-11] [A1-12]", async () => {
  const poll = async (said: unknown, read?: object) => {
    renderer.script(refuses(200, said));
    return outside.poll({ ...ticket, ...(read ? { read } : {}) } as Ticket, call);
  };

  expect(await poll({ status: "running" })).toEqual({ state: "pending" });
  expect(renderer.requests[0]).toMatchObject({ method: "GET", path: "/renders/r%2F1" });
  expect(await poll({ status: "succeeded", url: "x" })).toEqual({
    state: "done",
    result: { status: "succeeded", url: "x" },
  });
  expect(await poll({ status: "FAILED", error: "out of paint" })).toMatchObject({
    state: "failed",
    failure: { code: "operation_failed", message: "out of paint" },
  });
  const read = { state: "/job/phase", done: ["ready"], result: "/job/files/0", percentage: "/job/percent" };
  expect(await poll({ job: { phase: "busy", percent: 42 } }, read)).toEqual({
    state: "pending",
    percentage: 42,
  });
  expect(await poll({ job: { phase: "ready", files: ["a.png"] } }, read)).toEqual({
    state: "done",
    result: { value: "a.png" },
  });
});

test("what the service posts is read alike, and when it says nothing the service is asked", async () => {
  expect(await outside.pollAfter({ status: "done", picture: 1 }, ticket, call)).toMatchObject({
    state: "done",
  });
  expect(renderer.requests).toHaveLength(0);
  renderer.script(refuses(200, { status: "completed" }));
  expect(await outside.pollAfter("hello", ticket, call)).toMatchObject({ state: "done" });
});

test("a cancel is forwarded", async () => {
  renderer.script((response) => void response.writeHead(204).end());
  expect(await outside.cancel(ticket, call)).toBe(true);
  expect(renderer.requests[0]).toMatchObject({ method: "DELETE", path: "/renders/r%2F1" });
});

test.each([
  ["429", refuses(429, {}), { code: "operation_rate_limited", notBegun: true }],
  [
    "400",
    refuses(400, { message: "secret" }),
    { code: "operation_rejected", message: expect.not.stringContaining("secret") },
  ],
  ["a redirect", refuses(302, {}, { location: "http://169.254.169.254/" }), { code: "operation_rejected" }],
  ["500", refuses(500, {}), { code: "operation_unavailable", notBegun: false }],
  ["nothing", hangsUp, { code: "operation_unavailable", notBegun: false }],
  ["no id", refuses(200, { status: "ok" }), { code: "operation_garbled" }],
  ["an id that leads elsewhere", refuses(200, { id: ".." }), { code: "operation_garbled" }],
  [
    "no JSON",
    (response: import("node:http").ServerResponse) => void response.end("<html>"),
    { code: "operation_garbled" },
  ],
  [
    "too much",
    (response: import("node:http").ServerResponse) => void response.end(`"${"x".repeat(2 ** 20)}"`),
    { code: "operation_unavailable" },
  ],
])("a start that is answered with %s says what may be done", async (_, act, wanted) => {
  renderer.script(act);
  await expect(outside.start("http:", request, call)).rejects.toMatchObject(wanted);
  expect(renderer.requests).toHaveLength(1);
});

test("hosts that the deployment has not named are not called, whatever an id makes of an address", async () => {
  const elsewhere = { ...request, start: { url: "https://somewhere.example.org/renders" } };
  await expect(outside.start("http:", elsewhere, call)).rejects.toMatchObject({ code: "operation_unknown" });
  const tricky = {
    ...ticket,
    status: { url: `${renderer.url}{operation_id}` },
    operation_id: "@evil.example.org/",
  };
  await expect(outside.poll(tricky, call)).rejects.toMatchObject({ name: "OperationError" });
  expect(renderer.requests).toHaveLength(0);
});
