import { expect, test } from "vitest";
import * as z from "zod";
import { newConversation } from "../../../core/conversations/conversation.ts";
import { cancel } from "../../../core/engine/cancel.ts";
import type { JobContext } from "../../../core/engine/context.ts";
import { type ForkRequest, fork, retry } from "../../../core/engine/fork.ts";
import { type AnyJobType, defineJob } from "../../../core/engine/job-type.ts";
import type { MemoryOverrides } from "../../../core/memory.ts";
import {
  Conflict,
  ConversationBusy,
  NotFound,
  StepFailed,
  Unavailable,
} from "../../../core/protocol/error.ts";
import { applyEntry, type Entry, type JobEvent } from "../../../core/protocol/event.ts";
import type { JobKey, JobRecord } from "../../../core/protocol/job.ts";
import type { Json, JsonObject } from "../../../core/protocol/json.ts";
import { jobOf } from "../../support/engine.ts";
import { faultyFields, lifecycle, who } from "../../support/lifecycle.ts";

/** A job whose model calls are counted by what they are asked. */
function paid(type: AnyJobType, overrides: Partial<MemoryOverrides> = {}) {
  const calls: string[] = [];
  const broken = new Set<string>();
  const job = lifecycle(type, {
    model: {
      generate: async ({ messages }) => {
        const asked = String(messages.at(-1)?.content);
        calls.push(asked);
        if (broken.has(asked)) throw new StepFailed("model_unavailable", `${asked} is down`);
        return {
          text: `${asked}!`,
          model: "m",
          finish: "stop",
          usage: { model_calls: 1, input_tokens: 10, output_tokens: 5, cost_usd: 0.01 },
        };
      },
    },
    ...overrides,
  });
  const keyOf = ({ job: { tenant, jobId } }: { job: JobRecord }): JobKey => ({ tenant, jobId });
  return {
    ...job,
    calls,
    broken,
    retry: async (key: JobKey) => keyOf(await retry(job.services, job.jobs, who.by, key)),
    fork: async (key: JobKey, request?: ForkRequest) =>
      keyOf(await fork(job.services, job.jobs, who.by, key, request)),
  };
}

const asked = (content: string) => ({ model: "m", messages: [{ role: "user" as const, content }] });

async function ask(ctx: JobContext, content: string): Promise<string> {
  return (await ctx.generate(content, asked(content))).text;
}

const three = jobOf(async (ctx) => {
  const answers = [await ask(ctx, "a"), await ask(ctx, "b")];
  await ctx.wait("nap", { seconds: 1 });
  return [...answers, await ask(ctx, "c")];
});

test("a retry tries the failed step again and pays for nothing that is done", async () => {
  const job = paid(three);
  job.broken.add("c");
  const failed = await job.make();
  expect(await job.toEnd(failed)).toMatchObject({ status: "failed", usage: { model_calls: 2 } });
  job.broken.clear();
  const key = await job.retry(failed);
  const ended = await job.toEnd(key);
  expect(await job.result(key)).toEqual(["a!", "b!", "c!"]);
  expect(ended).toMatchObject({ status: "completed", usage: { model_calls: 1, cost_usd: 0.01 } });
  expect(ended.forkOf).toEqual({ job_id: failed.jobId, seq: (await job.job(failed)).seq });
  expect(job.calls).toEqual(["a", "b", "c", "c"]);
  expect(await job.job(failed)).toMatchObject({ status: "failed" });
});

test("what a fork takes over are final outcomes, flagged, in their order and together as they were", async () => {
  const job = paid(three);
  const source = await job.make();
  await job.toEnd(source);
  const key = await job.fork(source);
  const outcomes = ["step.completed", "wait.ended"];
  const given = (await job.entries(source))
    .map(({ events }) => events.filter(({ kind }) => outcomes.includes(kind)))
    .filter((events) => events.length > 0);
  const [first, ...inherited] = await job.entries(key);
  expect(first?.events).toMatchObject([
    { kind: "job.submitted", forkOf: { job_id: source.jobId, seq: (await job.job(source)).seq } },
  ]);
  expect(inherited.map(({ events }) => events)).toEqual(
    given.map((events) => events.map((event) => ({ ...event, inherited: true }))),
  );
  expect((await job.events(key)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
  expect(await job.services.journal.head(key)).toMatchObject({ seq: 5, status: "pending", steps: 0 });
  await job.toEnd(key);
  expect(await job.result(key)).toEqual(await job.result(source));
  expect(job.calls).toEqual(["a", "b", "c"]);
});

test("a fork after an event goes on from there", async () => {
  const job = paid(three);
  const source = await job.make();
  await job.toEnd(source);
  const afterA = (await job.events(source)).find(({ kind }) => kind === "step.completed")!;
  const key = await job.fork(source, { afterSeq: afterA.seq });
  expect(await job.toEnd(key)).toMatchObject({ usage: { model_calls: 2 }, forkOf: { seq: afterA.seq } });
  const fresh = await job.fork(source, { afterSeq: 1 });
  expect(await job.toEnd(fresh)).toMatchObject({ usage: { model_calls: 3 } });
  expect(job.calls).toEqual(["a", "b", "c", "b", "c", "a", "b", "c"]);
});

test("a job at work can be forked, and a fork as well", async () => {
  const job = paid(jobOf(async (ctx) => [await ask(ctx, "a"), await ctx.wait("long", { hours: 1 })]));
  const source = await job.make();
  await job.pass(source);
  const second = await job.fork(await job.fork(source));
  expect(await job.toEnd(second)).toMatchObject({ status: "completed", usage: { model_calls: 0 } });
  expect(job.calls).toEqual(["a"]);
});

test("a failure that the job has lived with is part of its way", async () => {
  const job = paid(
    jobOf(async (ctx) => {
      const members = await Promise.allSettled([ask(ctx, "a"), ask(ctx, "b")]);
      return [members.map(({ status }) => status), await ask(ctx, "c")];
    }),
  );
  job.broken.add("b").add("c");
  const failed = await job.make();
  await job.toEnd(failed);
  job.broken.clear();
  const key = await job.retry(failed);
  await job.toEnd(key);
  expect(await job.result(key)).toEqual([["fulfilled", "rejected"], "c!"]);
  expect(job.calls).toEqual(["a", "b", "c", "c"]);
});

test("all that the job failed of together is tried again, though its failure names one step or none", async () => {
  for (const quorum of [false, true]) {
    const job = paid(
      jobOf(async (ctx) => {
        const members = ["a", "b", "c"].map((name) => ask(ctx, name));
        if (!quorum) return Promise.all(members);
        const answers = await Promise.allSettled(members);
        if (answers.filter(({ status }) => status === "fulfilled").length < 2)
          throw new StepFailed("quorum_not_reached", "Too few");
        return answers.length;
      }),
    );
    job.broken.add("a").add("b");
    const failed = await job.make();
    await job.toEnd(failed);
    job.broken.clear();
    expect(await job.toEnd(await job.retry(failed))).toMatchObject({ status: "completed" });
    expect(job.calls).toEqual(["a", "b", "c", "a", "b"]);
  }
});

test("a cancelled job can be retried; one that completed or is alive cannot", async () => {
  const job = paid(jobOf(async (ctx) => [await ask(ctx, "a"), await ctx.wait("nap", { minutes: 1 })]));
  const source = await job.make();
  await job.pass(source);
  await expect(job.retry(source)).rejects.toThrow(Conflict);
  await cancel(job.services, source, who.by);
  await job.toEnd(source);
  const key = await job.retry(source);
  expect(await job.toEnd(key)).toMatchObject({ status: "completed", usage: { model_calls: 0 } });
  await expect(job.retry(key)).rejects.toThrow(Conflict);
  await expect(job.retry({ ...key, jobId: "nobody" })).rejects.toThrow(NotFound);
});

test("what failed as its job was cancelled is tried again, what the job has lived with is not", async () => {
  let mended = false;
  const job = paid(
    jobOf(async (ctx) => {
      const lived = await ctx
        .step("lived with", async () => {
          if (!mended) throw new StepFailed("flawed", "Not yet");
          return "mended";
        })
        .catch(() => "failed");
      await ctx.step("last", async () => {
        if (mended) return;
        await cancel(job.services, source, who.by);
        throw new StepFailed("flawed", "Not yet");
      });
      return lived;
    }),
  );
  const source = await job.make();
  expect((await job.toEnd(source)).status).toBe("cancelled");
  expect(await job.kinds(source)).toContain("step.failed");
  mended = true;
  const key = await job.retry(source);
  expect((await job.toEnd(key)).status).toBe("completed");
  expect(await job.result(key)).toBe("failed");
});

test("a fork is given the default of a question that nobody had answered", async () => {
  const question = { question: "How many?", schema: { type: "integer" } as JsonObject };
  const job = paid(
    jobOf(async (ctx) => {
      await ask(ctx, "a");
      return ctx.ask("many", { ...question, deadline: { minutes: 1 }, default: 7 });
    }),
  );
  const source = await job.make();
  await job.toEnd(source);
  const key = await job.fork(source);
  await job.toEnd(key);
  expect([await job.result(source), await job.result(key)]).toEqual([7, 7]);
});

test("a fork beyond the end is refused by name, and nothing is written", async () => {
  const job = paid(three);
  const source = await job.make();
  await job.toEnd(source);
  const { seq } = await job.job(source);
  expect(await faultyFields(job.fork(source, { afterSeq: seq + 1 }))).toEqual(["after_seq"]);
  expect(await job.all()).toHaveLength(1);
  await job.fork(source, { afterSeq: seq });
});

test("a changed input is a merge patch, and must be an input still", async () => {
  const typed = defineJob({
    type: "test",
    version: 1,
    summary: "",
    input: z.strictObject({
      question: z.string(),
      members: z.array(z.string()),
      tone: z.string().optional(),
    }),
    result: z.unknown(),
    example: { question: "", members: [] },
    title: ({ question }) => question,
    description: ({ question }) => question,
    run: async (_ctx, input) => input,
  });
  const job = paid(typed);
  const source = await job.make({ input: { question: "Why?", members: ["a", "b"], tone: "dry" } });
  const key = await job.fork(source, { input: { members: ["c"], tone: null } });
  await job.toEnd(key);
  expect(await job.result(key)).toEqual({ question: "Why?", members: ["c"] });
  expect((await job.job(key)).title).toBe("Why?");
  expect(await faultyFields(job.fork(source, { input: { question: 7 } }))).toEqual(["input.question"]);
  expect(await faultyFields(job.fork(source, { input: { members: [1] } }))).toEqual(["input.members.0"]);
  expect(await job.all()).toHaveLength(2);
});

test("with a changed input the outcomes are a memo: handed out where the fork asks for the same, else ignored", async () => {
  const job = paid(
    jobOf(async (ctx, input) => {
      const answers = [];
      for (const name of input as string[]) answers.push(await ask(ctx, name));
      return answers;
    }),
  );
  const source = await job.make({ input: ["a", "b", "c"] });
  await job.toEnd(source);
  const key = await job.fork(source, { input: ["c", "d", "a"] });
  const ended = await job.toEnd(key);
  expect(ended).toMatchObject({ status: "completed", usage: { model_calls: 1 } });
  expect(await job.result(key)).toEqual(["c!", "d!", "a!"]);
  expect(job.calls).toEqual(["a", "b", "c", "d"]);
});

test("a crash between a fork's entries leaves nothing that anybody can see", async () => {
  const job = paid(three);
  const source = await job.make();
  await job.toEnd(source);
  const { create } = job.services.journal;
  let made: JobKey | undefined;
  job.services.journal.create = async ({ entry }) => {
    made = { tenant: entry.tenant, jobId: entry.jobId };
    throw new Unavailable("The function died here");
  };
  await expect(job.fork(source)).rejects.toThrow(Unavailable);
  job.services.journal.create = create;
  expect(await job.all()).toHaveLength(1);
  expect(await job.services.journal.head(made!)).toBeUndefined();
  expect(await job.pass(made!)).toEqual({ end: "gone" });
});

test("large values are the fork's own: it outlives the payloads of the original", async () => {
  const large = "x".repeat(100_000);
  const job = paid(
    jobOf(async (ctx, input) => {
      const value = await ctx.step("large", async () => large);
      await ctx.wait("nap", { hours: 1 });
      return [value.length, String(input).length];
    }),
  );
  const source = await job.make({ input: large });
  await job.pass(source);
  const key = await job.fork(source);
  const { objects } = job.services.payloads;
  for (const name of objects.keys()) if (name.includes(source.jobId)) objects.delete(name);
  await job.toEnd(key);
  expect(await job.result(key)).toEqual([100_000, 100_000]);
});

test("a journal of 5,000 events is forked whole", async () => {
  const job = paid(
    jobOf(async (ctx) => {
      for (let index = 0; index < 2_400; index += 1) await ctx.step(`s${index}`, async () => index);
      return "done";
    }),
  );
  const source = await job.make();
  let state: JobRecord = await job.job(source);
  for (let index = 0; index < 2_400; index += 1) {
    const step = `s${index}`;
    const events: JobEvent[] = [
      { kind: "step.started", steps: [{ step, attempt: 1 }] },
      { kind: "step.completed", step, attempt: 1, result: { json: index } },
    ];
    const entry: Entry = { ...source, seq: state.seq + 1, at: 1, by: "w", token: step, events };
    await job.services.journal.append(entry);
    state = applyEntry(state, entry);
  }
  const key = await job.fork(source);
  expect(await job.services.journal.head(key)).toMatchObject({ seq: 2_401, steps: 0 });
  expect(await job.toEnd(key)).toMatchObject({ status: "completed", steps: 0 });
});

test("of any number of forks with one key there is one", async () => {
  const job = paid(three);
  const source = await job.make();
  await job.toEnd(source);
  const forked = () => fork(job.services, job.jobs, who.by, source, { idempotencyKey: "k", afterSeq: 3 });
  const [first, ...others] = [await forked(), ...(await Promise.all([forked(), forked()]))];
  for (const other of others) {
    expect(other).toMatchObject({ job: { jobId: first!.job.jobId }, deduplicated: true });
  }
  await expect(
    fork(job.services, job.jobs, who.by, source, { idempotencyKey: "k", afterSeq: 2 }),
  ).rejects.toThrow("idempotency key");
});

test("without the version that a job began with, its retry runs the newest", async () => {
  const job = paid(jobOf(async () => Promise.reject(new StepFailed("bug", "A bug")), 1));
  const failed = await job.make();
  await job.toEnd(failed);
  const mended = lifecycle(jobOf(async () => "mended", 2)).jobs;
  const { job: made } = await retry(job.services, mended, who.by, failed);
  expect(made.version).toBe(2);
});

const chatting = (run: (ctx: JobContext, input: Json) => Promise<string>): AnyJobType => ({
  ...jobOf(run),
  reply: (content: string) => ({ content, data: {} }),
});

async function failedMessage() {
  const job = paid(chatting((ctx) => ask(ctx, "a")));
  await job.services.conversations.create(newConversation(who.tenant, "c", job.time.now()));
  const say = (question: string) =>
    job.make({ input: { question }, conversation: { id: "c", onBusy: "enqueue" } });
  const conversation = async () => (await job.services.conversations.get(who.tenant, "c"))!;
  job.broken.add("a");
  const failed = await say("First?");
  await job.toEnd(failed);
  job.broken.clear();
  return { job, failed, say, conversation };
}

test("the retry of a conversation's failed job takes its place: the error is over, and the answer comes", async () => {
  const { job, failed, conversation } = await failedMessage();
  expect(await conversation()).toMatchObject({ processingState: "error", failedJobId: failed.jobId });
  const key = await job.retry(failed);
  const during = await conversation();
  expect(during).toMatchObject({ processingState: "active", activeJobId: key.jobId, messageCount: 1 });
  expect(during.failure).toBeUndefined();
  await expect(job.retry(failed)).rejects.toThrow(ConversationBusy);
  await job.toEnd(key);
  expect(await conversation()).toMatchObject({ processingState: "idle", messageCount: 2 });
  const messages = await job.services.conversations.messages(who.tenant, "c");
  expect(messages.map(({ role, content }) => [role, content])).toEqual([
    ["user", "First?"],
    ["assistant", "a!"],
  ]);
  await expect(job.retry(failed)).rejects.toThrow("has gone on");
});

test("a conversation that has gone on is not answered out of turn", async () => {
  const { job, failed, say } = await failedMessage();
  const next = await say("Second?");
  await expect(job.retry(failed)).rejects.toThrow(ConversationBusy);
  await job.toEnd(next);
  await expect(job.retry(failed)).rejects.toThrow("has gone on");
  expect(await job.all()).toHaveLength(2);
});
