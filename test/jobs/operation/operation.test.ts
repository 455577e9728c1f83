import { expect, test } from "vitest";
import * as z from "zod";
import { completeCallback } from "../../../core/engine/callback.ts";
import { cancel } from "../../../core/engine/cancel.ts";
import { defineJob } from "../../../core/engine/job-type.ts";
import {
  OperationError,
  type Operations,
  type OperationTraits,
  type Poll,
} from "../../../core/operations/operation.ts";
import type { JobKey } from "../../../core/protocol/job.ts";
import type { Json, Millis } from "../../../core/protocol/json.ts";
import { callOff } from "../../../jobs/operation/call-off.ts";
import { callingOff, operation } from "../../../jobs/shared/operation.ts";
import { engine } from "../../support/engine.ts";

const rendering = (timeoutSeconds: number, traits: OperationTraits) =>
  defineJob<Json, Json>({
    type: "test",
    version: 1,
    summary: "Has something rendered",
    input: z.json(),
    result: z.json(),
    example: null,
    title: () => "Rendering",
    description: () => "",
    async run(ctx, _input, services) {
      const { ticket, result } = await operation(ctx, "render", services, {
        operation: "fake:renderer",
        request: { scene: "harbour" },
        timeoutSeconds,
        traits,
        what: "the picture",
      });
      return { operation_id: ticket.operation_id, result };
    },
    callOff: callingOff("render"),
  });

const paid: OperationTraits = { repeatable: false, callsBack: false, expectedMs: 3_600_000 };

type Fake = Partial<Operations> & { traits?: OperationTraits };

/** A provider in virtual time. Says what was asked of it, and when. */
function rendered(fake: Fake = {}, { timeoutSeconds = 86_400, takesMs = 7_200_000 } = {}) {
  const asked: { what: "start" | "poll" | "cancel"; at: Millis }[] = [];
  let begunAt = 0;
  const note = (what: "start" | "poll" | "cancel") => asked.push({ what, at: self.time.now() });
  const operations: Operations = {
    async start(name, request, call) {
      note("start");
      begunAt ||= self.time.now();
      return fake.start
        ? fake.start(name, request, call)
        : { operation: name, operation_id: "renders/1", request };
    },
    async poll(ticket, call) {
      note("poll");
      if (fake.poll) return fake.poll(ticket, call);
      if (self.time.now() - begunAt < takesMs) return { state: "pending" };
      return { state: "done", result: { picture: "harbour.png" } };
    },
    pollAfter: async (said, ticket, call) =>
      fake.pollAfter ? fake.pollAfter(said, ticket, call) : operations.poll(ticket, call),
    async cancel(ticket, call) {
      note("cancel");
      return fake.cancel ? fake.cancel(ticket, call) : true;
    },
    download: async () => new Uint8Array(),
  };
  const self = engine([rendering(timeoutSeconds, fake.traits ?? paid), callOff], { operations });
  const count = (what: string) => asked.filter((one) => one.what === what).length;
  return { ...self, asked, count };
}

/** How long workers were at the job, in virtual time, and how often. */
async function work(job: ReturnType<typeof rendered>, key: JobKey) {
  let claimedAt = 0;
  let [passes, ms] = [0, 0];
  for (const event of await job.events(key)) {
    if (event.kind === "job.claimed") [passes, claimedAt] = [passes + 1, event.at];
    if (event.kind === "job.released" || event.kind === "job.completed") ms += event.at - claimedAt;
  }
  return { passes, ms };
}

test("an operation of two hours costs no compute between two looks at it [A1-01] [A1-09] [A1-14] [A1-18] [A1-23] [A1-24]", async () => {
  const job = rendered();
  const key = await job.submit();

  const { status, startedAt, completedAt } = await job.toEnd(key);

  expect(status).toBe("completed");
  expect(await job.result(key)).toEqual({ operation_id: "renders/1", result: { picture: "harbour.png" } });
  expect(completedAt! - startedAt!).toBeGreaterThanOrEqual(7_200_000);
  expect(job.count("start")).toBe(1);
  const { passes, ms } = await work(job, key);
  // Each look is one invocation, and none of them waits for anything.
  expect(passes).toBe(job.count("poll"));
  expect(passes).toBeLessThan(60);
  expect(ms).toBe(0);
});

test("it is asked soon at first, then less and less often, as its time-out allows [A1-15]", async () => {
  const job = rendered();
  await job.toEnd(await job.submit());

  const looks = job.asked.filter(({ what }) => what === "poll").map(({ at }) => at);
  const pauses = looks.slice(1).map((at, index) => at - looks[index]!);

  expect(pauses.slice(0, 3).map((ms) => Math.round(ms / 1000))).toEqual([5, 8, 12]);
  expect(Math.max(...pauses)).toBeLessThan(220_000);
});

test("the operation's id is in the journal at once, shown while it is pending and no longer [A1-05] [A1-10] [A1-12] [A1-16]", async () => {
  const job = rendered({}, { takesMs: 60_000 });
  const key = await job.submit();
  await job.toEnd(key);

  const events = await job.events(key);
  const shown = events.flatMap((event) => ("progress" in event && event.progress ? [event.progress] : []));
  const pending = shown.filter(({ operation }) => operation);

  expect(
    events.find((event) => event.kind === "step.completed" && event.step === "render/start"),
  ).toMatchObject({
    result: { json: { operation_id: "renders/1" } },
  });
  expect(pending.map(({ operation }) => operation!.polls)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(pending.at(-1)).toMatchObject({
    current_step: "Waiting for the picture",
    operation: {
      id: "renders/1",
      state: "pending",
      elapsed_seconds: expect.any(Number),
      eta_seconds: expect.any(Number),
    },
  });
  expect(shown.at(-1)).not.toHaveProperty("operation");
  expect((await job.job(key)).progress).not.toHaveProperty("operation");
  const percentages = shown.map(({ percentage }) => percentage);
  expect(percentages).toEqual([...percentages].sort((a, b) => a - b));
});

test("what its provider calls a failure is the job's failure, and is not asked for again [A1-12]", async () => {
  const failure = { code: "operation_failed", message: "out of paint" };
  const job = rendered({ poll: async () => ({ state: "failed", failure }) });

  const { status, failure: shown } = await job.toEnd(await job.submit());

  expect({ status, shown }).toMatchObject({ status: "failed", shown: failure });
  expect(job.count("poll")).toBe(1);
  expect(job.count("cancel")).toBe(0);
});

test("a provider that cannot be asked for a while is asked again: what it does is paid for", async () => {
  let faults = 0;
  const poll = async (): Promise<Poll> => {
    faults += 1;
    if (faults <= 12) throw new OperationError("operation_unavailable", "no answer");
    return { state: "done", result: {} };
  };
  const job = rendered({ poll });

  expect(await job.toEnd(await job.submit())).toMatchObject({ status: "completed" });
});

test("one that is never heard of again is given up with what is known, and called off", async () => {
  const poll = () => Promise.reject(new OperationError("operation_rejected", "renderer answered with 404"));
  const job = rendered({ poll });

  const { failure } = await job.toEnd(await job.submit());

  expect(failure).toMatchObject({ code: "operation_lost", message: expect.stringContaining("404") });
});

test("a start is not made again when nobody knows whether it was made, as long as it costs money", async () => {
  for (const error of [
    new OperationError("operation_unavailable", "no answer"),
    new Error("socket hang up"),
  ]) {
    const job = rendered({ start: () => Promise.reject(error) });
    expect(await job.toEnd(await job.submit())).toMatchObject({ status: "failed" });
    expect(job.count("start")).toBe(1);
  }
});

test("a start that was refused before it began, or that may be repeated, is made again", async () => {
  const refusals = {
    busy: new OperationError("operation_rate_limited", "429"),
    away: new OperationError("operation_unavailable", "connection refused", { notBegun: true }),
  };
  for (const error of Object.values(refusals)) {
    let refused = 0;
    const start: Operations["start"] = async (name) => {
      refused += 1;
      if (refused < 3) throw error;
      return { operation: name, operation_id: "renders/1" };
    };
    const job = rendered({ start }, { takesMs: 0 });
    expect(await job.toEnd(await job.submit())).toMatchObject({ status: "completed" });
    expect(job.count("start")).toBe(3);
  }
  const keys = new Set<string>();
  const repeatable = rendered(
    {
      traits: { repeatable: true, callsBack: false },
      async start(name, _request, { idempotencyKey }) {
        keys.add(idempotencyKey);
        if (repeatable.count("start") < 3) throw new OperationError("operation_unavailable", "no answer");
        return { operation: name, operation_id: "renders/1" };
      },
    },
    { takesMs: 0 },
  );
  expect(await repeatable.toEnd(await repeatable.submit())).toMatchObject({ status: "completed" });
  expect(keys.size).toBe(1);
});

test("a worker that dies while it begins an operation has begun it once: the job says so instead of paying twice", async () => {
  const job = rendered({
    async start() {
      job.workersDie();
      return { operation: "fake:renderer", operation_id: "renders/1" };
    },
  });

  const { failure } = await job.toEnd(await job.submit());

  expect(failure).toMatchObject({ code: "step_interrupted", step: "render/start" });
  expect(job.count("start")).toBe(1);
});

test("a cancel reaches the provider, by a job of its own that insists", async () => {
  let refused = 0;
  const job = rendered({
    async cancel() {
      refused += 1;
      if (refused < 4) throw new OperationError("operation_unavailable", "no answer");
      return true;
    },
  });
  const key = await job.submit();
  await job.pass(key);
  await cancel(job.services, key, "somebody");

  expect(await job.toEnd(key)).toMatchObject({ status: "cancelled" });

  const { jobs } = await job.services.journal.list("acme", { limit: 10, type: "call-off" });
  const ended = await job.toEnd(jobs[0]!);
  expect(jobs).toHaveLength(1);
  expect(ended).toMatchObject({ status: "completed" });
  expect(await job.result(jobs[0]!)).toEqual({ operation_id: "renders/1", called_off: true });
  expect(job.count("cancel")).toBe(4);
});

test("a cancel of what has ended, or has not begun, calls nothing off", async () => {
  const job = rendered({}, { takesMs: 0 });
  const key = await job.submit();
  await cancel(job.services, key, "somebody");
  expect(await job.toEnd(key)).toMatchObject({ status: "cancelled" });
  expect((await job.services.journal.list("acme", { limit: 10, type: "call-off" })).jobs).toEqual([]);
});

test("an operation that takes longer than it may is called off, and the job fails", async () => {
  const job = rendered({}, { timeoutSeconds: 600 });
  const { failure } = await job.toEnd(await job.submit());

  expect(failure).toMatchObject({ code: "operation_timeout" });
  expect(job.count("cancel")).toBe(1);
});

const callsBack: OperationTraits = { repeatable: false, callsBack: true };

/** The callback that a job waits for, once it does. */
async function openCallback(job: ReturnType<typeof rendered>, key: JobKey) {
  await job.pass(key);
  return (await job.job(key)).callbacks![0]!.id;
}

test("a word of the provider at the callback address ends the operation at once [A1-15]", async () => {
  let url = "";
  const job = rendered({
    traits: callsBack,
    async start(name, _request, { callbackUrl = "" }) {
      url = callbackUrl;
      return { operation: name, operation_id: "renders/1" };
    },
    pollAfter: async (said) => ({ state: "done", result: { said } }),
  });
  const key = await job.submit();
  const id = await openCallback(job, key);
  const polls = job.count("poll");
  const beganAt = job.time.now();
  await completeCallback(job.services, key, id, { result: { status: "done" } }, "the provider");

  expect(await job.toEnd(key)).toMatchObject({ status: "completed" });
  expect(await job.result(key)).toMatchObject({ result: { said: { status: "done" } } });
  expect(job.time.now() - beganAt).toBeLessThan(5_000);
  expect(job.count("poll")).toBe(polls);
  expect(url).toMatch(/^https:\/\/api\.test\/api\/callbacks\/signed\?token=[\w.-]+$/);
  // Whoever reads the journal cannot answer in the provider's place.
  expect(JSON.stringify(await job.events(key))).not.toContain(url.split("token=")[1]);
});

test("a word that says nothing of the outcome makes the provider be asked, and asked on", async () => {
  let looks = 0;
  const job = rendered({
    traits: callsBack,
    pollAfter: async () => ({ state: "pending" }),
    async poll(): Promise<Poll> {
      looks += 1;
      return looks < 3 ? { state: "pending" } : { state: "done", result: {} };
    },
  });
  const key = await job.submit();
  const id = await openCallback(job, key);
  await completeCallback(job.services, key, id, { result: "hello" }, "the provider");

  expect(await job.toEnd(key)).toMatchObject({ status: "completed" });
});

test("whoever calls back without a need is no harm: asking finds the end too", async () => {
  const job = rendered({ traits: callsBack }, { takesMs: 30_000 });
  expect(await job.toEnd(await job.submit())).toMatchObject({ status: "completed" });
});
