import { describe, expect, test } from "vitest";
import * as z from "zod";
import { newConversation } from "../../../core/conversations/conversation.ts";
import { completeCallback } from "../../../core/engine/callback.ts";
import { cancel } from "../../../core/engine/cancel.ts";
import type { InvokeConfig, JobContext } from "../../../core/engine/context.ts";
import { type AnyJobType, defineJob } from "../../../core/engine/job-type.ts";
import { Conflict, NotFound, StepError, StepFailed, Unavailable } from "../../../core/protocol/error.ts";
import type { JobKey, JobRecord } from "../../../core/protocol/job.ts";
import type { Json } from "../../../core/protocol/json.ts";
import { crashes, dieAt } from "../../support/crashes.ts";
import { engine, jobOf } from "../../support/engine.ts";

const usage = { model_calls: 1, input_tokens: 70, output_tokens: 30, cost_usd: 0.5 };
const model = {
  generate: async () => ({ text: "text", model: "m", finish: "stop" as const, usage }),
};
const ask = (ctx: JobContext, name = "ask") =>
  ctx.generate(name, { model: "m", messages: [{ role: "user", content: "?" }] });

/** Doubles a number, fails for a negative one, takes an hour over 1,000. */
const double: AnyJobType = defineJob({
  type: "double",
  version: 1,
  summary: "Doubles",
  input: z.strictObject({ n: z.int() }),
  result: z.number(),
  example: { n: 1 },
  title: ({ n }) => `Twice ${n}`,
  description: () => "",
  run: async (ctx, { n }) => {
    if (n > 1_000) await ctx.wait("think", { hours: 1 });
    return ctx.step("double", async () => {
      if (n < 0) throw new StepFailed("negative", `${n} is negative`);
      return 2 * n;
    });
  },
});

function calling(input: Json, config: InvokeConfig<Json, Json> = {}, type = "double") {
  return engine(
    [
      jobOf(async (ctx) => {
        try {
          return { value: await ctx.invoke<Json, Json>("call", type, input, config) };
        } catch (error) {
          return error instanceof StepError ? { code: error.code, message: error.message } : String(error);
        }
      }),
      double,
    ],
    { model },
  );
}

async function childOf(job: ReturnType<typeof engine>, key: JobKey): Promise<JobRecord> {
  const created = (await job.events(key)).find((event) => event.kind === "callback.created");
  return (await job.services.journal.head({ ...key, jobId: created!.childJobId! }))!;
}

describe("a job that calls another one", () => {
  test("is given its result, and holds no worker meanwhile", async () => {
    const job = calling({ n: 2_000 });
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toEqual({ value: 4_000 });
    const child = await childOf(job, key);
    expect(child).toMatchObject({
      type: "double",
      status: "completed",
      lane: "normal",
      title: "Twice 2000",
      parent: { job_id: key.jobId, depth: 1 },
    });
    // An hour of looking at the child leaves no trace.
    expect((await job.job(key)).hops).toBe(2);
    const answered = (await job.events(key)).find((event) => event.kind === "callback.completed");
    expect(answered).toMatchObject({ by: child.jobId, result: { json: 4_000 } });
    // The child says so itself, without waiting to be looked at.
    expect(answered!.at).toBe(child.completedAt);
  });

  test("is given its failure as a StepError", async () => {
    const job = calling({ n: -1 });
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toEqual({ code: "negative", message: "-1 is negative" });
  });

  test.each([
    ["an input that does not fit", { n: "two" }, "double", /n: Invalid input/],
    ["a type that does not exist", { n: 2 }, "treble", /No job type "treble"/],
  ])("with %s is told so, and there is no child", async (_what, input, type, message) => {
    const job = calling(input, {}, type);
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toMatchObject({
      code: "invalid_request",
      message: expect.stringMatching(message),
    });
    expect(await childOf(job, key)).toBeUndefined();
  });

  test.each(crashes)("a worker that dies %s its write %i: one child, one answer", async (when, place) => {
    const job = calling({ n: 21 });
    dieAt(job, place, when);
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toEqual({ value: 42 });
    const { jobs } = await job.services.journal.list("acme", { limit: 10 });
    expect(jobs).toHaveLength(2);
    const kinds = await job.kinds(key);
    expect(kinds.filter((kind) => kind === "callback.completed")).toHaveLength(1);
  });

  test("finds out itself when its child could not tell it the end", async () => {
    const job = calling({ n: 21 });
    const { journal } = job.services;
    const { append } = journal;
    let lost = 0;
    journal.append = async (entry, along) => {
      if (entry.events[0]?.kind === "callback.completed" && lost < 50) {
        lost += 1;
        throw new Unavailable("throttled");
      }
      return append.call(journal, entry, along);
    };
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toEqual({ value: 42 });
    expect(lost).toBe(50);
  });

  test("takes its child along when it is cancelled", async () => {
    const job = calling({ n: 2_000 });
    const key = await job.submit();
    for (let round = 0; round < 3; round += 1)
      for (const { job: woken } of job.services.queue.receive()) await job.pass(woken);
    expect((await childOf(job, key)).status).toBe("waiting");
    await cancel(job.services, key, "ann");
    await job.toEnd(key);
    expect((await job.job(key)).status).toBe("cancelled");
    const child = await childOf(job, key);
    await job.toEnd(child);
    expect((await childOf(job, key)).status).toBe("cancelled");
  });

  test("is told when its child is cancelled, and when it takes too long the child is cancelled", async () => {
    const cancelled = calling({ n: 2_000 });
    let key = await cancelled.submit();
    for (let round = 0; round < 3; round += 1)
      for (const { job: woken } of cancelled.services.queue.receive()) await cancelled.pass(woken);
    await cancel(cancelled.services, await childOf(cancelled, key), "ann");
    await cancelled.toEnd(key);
    expect(await cancelled.result(key)).toMatchObject({ code: "child_cancelled" });

    const slow = calling({ n: 2_000 }, { timeout: { minutes: 10 } });
    key = await slow.submit();
    await slow.toEnd(key);
    expect(await slow.result(key)).toMatchObject({ code: "callback_timeout" });
    await slow.toEnd(await childOf(slow, key));
    expect((await childOf(slow, key)).status).toBe("cancelled");
  });

  test("ends when jobs call each other without end", async () => {
    const job = engine(
      jobOf(async (ctx, depth) => {
        const below = await ctx.invoke("deeper", "test", Number(depth) + 1).catch((error) => error);
        return below instanceof Error ? { depth, message: below.message } : below;
      }),
    );
    const key = await job.submit(0);
    await job.toEnd(key);
    expect(await job.result(key)).toEqual({
      depth: 10,
      message: "Jobs call each other more than 10 deep",
    });
  });

  test("counts what its children consume as its own, and leaves them what it has left", async () => {
    const child = { ...double, run: async (ctx: JobContext) => (await ask(ctx)) && 1 };
    const job = engine(
      [
        jobOf(async (ctx) => {
          await ask(ctx);
          await ctx.invoke("call", "double", { n: 1 });
          return ctx.usage();
        }),
        child,
      ],
      { model },
    );
    const key = await job.submit(null, { budget: { max_tokens: 1_000, on_exceeded: "stop" } });
    await job.toEnd(key);
    expect((await job.job(key)).usage).toMatchObject({ model_calls: 2, cost_usd: 1 });
    expect(await job.result(key)).toMatchObject({ model_calls: 2, cost_usd: 1 });
    expect((await childOf(job, key)).budget).toEqual({ max_tokens: 900, on_exceeded: "stop" });
  });
});

describe("a job that goes on as a new one", () => {
  const counting = (ends: number) => async (ctx: JobContext, input: Json) => {
    const n = await ctx.step("count", async () => Number(input) + 1);
    if (n < ends) return ctx.continueAsNew(n);
    return n;
  };

  test("has what is left, the cost of the last step included", async () => {
    const run = async (ctx: JobContext, input: Json) => {
      await ask(ctx);
      return input === "again" ? ctx.budget().limits : ctx.continueAsNew("again");
    };
    const job = engine(jobOf(run), { model });
    const key = await job.submit(null, { budget: { max_tokens: 250 } });
    expect(await job.result(await lastOf(job, key))).toEqual({ max_tokens: 150 });
  });

  async function lastOf(job: ReturnType<typeof engine>, key: JobKey): Promise<JobKey> {
    for (let at = key; ; ) {
      await job.toEnd(at);
      const { continuedAs } = await job.job(at);
      if (continuedAs === undefined) return at;
      at = { ...at, jobId: continuedAs };
    }
  }

  test("has a fresh journal each time, and the chain can be followed", async () => {
    const job = engine(jobOf(counting(50)));
    const key = await job.submit(0);
    const last = await lastOf(job, key);
    expect(await job.result(last)).toBe(50);
    const first = await job.job(key);
    expect(first).toMatchObject({ status: "completed", continuedAs: expect.any(String) });
    const second = await job.job({ ...key, jobId: first.continuedAs! });
    expect(second).toMatchObject({ continues: key.jobId, title: first.title, lane: first.lane });
    const { jobs } = await job.services.journal.list("acme", { limit: 100 });
    expect(jobs).toHaveLength(50);
    expect(Math.max(...jobs.map(({ seq }) => seq))).toBeLessThan(10);
  });

  test.each(crashes.slice(0, 8))(
    "a worker that dies %s its write %i makes no second chain",
    async (when, place) => {
      const job = engine(jobOf(counting(4)));
      dieAt(job, place, when);
      const last = await lastOf(job, await job.submit(0));
      expect(await job.result(last)).toBe(4);
      expect((await job.services.journal.list("acme", { limit: 100 })).jobs).toHaveLength(4);
    },
  );

  test("moves to the newest version of its type, and fails where that cannot take its input", async () => {
    const job = engine(jobOf(counting(3)));
    const key = await job.submit(0);
    const strict = { ...jobOf(async (_ctx, n) => `v2 ${n}`, 2), input: z.number().min(1) };
    job.deploy(jobOf(counting(3)), strict);
    expect(await job.result(await lastOf(job, key))).toBe("v2 1");

    const other = engine(jobOf(counting(3)));
    const begun = await other.submit(0);
    other.deploy(jobOf(counting(3)), { ...strict, input: z.string() });
    expect((await other.toEnd(begun)).failure?.code).toBe("invalid_request");
  });

  test("answers whoever waits for it when the last one has ended", async () => {
    const loop = { ...jobOf(counting(5)), type: "loop" };
    const job = engine([jobOf(async (ctx) => ctx.invoke("loop", "loop", 0)), loop]);
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toBe(5);
  });

  test("keeps its place in its conversation until the last one answers", async () => {
    const talker: AnyJobType = {
      ...jobOf(async (ctx, input) => {
        const { question } = input as { question: string };
        if (question.length < 5) return ctx.continueAsNew({ question: `${question}?` });
        return question;
      }),
      input: z.object({ question: z.string() }),
      reply: (content: string) => ({ content, data: {} }),
    };
    const job = engine(talker);
    const { conversations } = job.services;
    await conversations.create(newConversation("acme", "talk", job.time.now()));
    const talk = { conversation: { id: "talk", onBusy: "enqueue" as const } };
    const first = await job.submit({ question: "a" }, talk);
    const next = await job.submit({ question: "long enough" }, talk);
    await job.toEnd(next);
    await lastOf(job, first);
    const messages = await conversations.messages("acme", "talk");
    const answers = messages.filter(({ role }) => role === "assistant").map(({ content }) => content);
    expect(answers).toEqual(["a????", "long enough"]);
    expect(await conversations.get("acme", "talk")).toMatchObject({
      processingState: "idle",
      waitingJobIds: [],
    });
  });
});

test("a callback belongs to its job and tenant", async () => {
  const job = calling({ n: 2_000 });
  const key = await job.submit();
  for (const { job: woken } of job.services.queue.receive()) await job.pass(woken);
  const [open] = (await job.services.journal.head(key))!.callbacks!;
  const answer = { result: 1 };
  const elsewhere = completeCallback(job.services, { ...key, tenant: "other" }, open!.id, answer, "eve");
  await expect(elsewhere).rejects.toThrow(NotFound);
  await completeCallback(job.services, key, open!.id, answer, "ann");
  await expect(completeCallback(job.services, key, open!.id, { result: 2 }, "ann")).rejects.toThrow(Conflict);
});
