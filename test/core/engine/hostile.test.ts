import { describe, expect, test } from "vitest";
import * as z from "zod";
import { newConversation } from "../../../core/conversations/conversation.ts";
import { cancel } from "../../../core/engine/cancel.ts";
import type { JobContext } from "../../../core/engine/context.ts";
import { defineJob } from "../../../core/engine/job-type.ts";
import { registry } from "../../../core/engine/registry.ts";
import { submit } from "../../../core/engine/submit.ts";
import { StepFailed, Unavailable } from "../../../core/protocol/error.ts";
import { virtualTime } from "../../../testing/virtual-time.ts";
import { engine, jobOf } from "../../support/engine.ts";

const once = { retryStrategy: () => ({ shouldRetry: false as const }) };
const usage = { model_calls: 1, input_tokens: 10, output_tokens: 5, cost_usd: 0.01 };
const question = { model: "mock:any", messages: [{ role: "user" as const, content: "?" }] };

/** Runs to the end and gives back how it ended. */
async function outcome(run: (ctx: JobContext) => Promise<unknown>, overrides = {}) {
  const job = engine(jobOf(run), overrides);
  const key = await job.submit();
  const ended = await job.toEnd(key);
  return { job, key, ended, result: await job.result(key) };
}

describe("whatever a job function throws, its job ends", () => {
  const oddities: [string, unknown][] = [
    ["an object without toString", Object.create(null)],
    ["undefined", undefined],
    ["a symbol", Symbol("odd")],
    ["an error whose message is no text", Object.assign(new Error(), { message: { not: "text" } })],
    ["details that are no JSON", new StepFailed("odd", "odd", { details: { big: 1n } as never })],
    ["details that no item can hold", new StepFailed("odd", "odd", { details: noise(900_000) })],
  ];
  test.each(oddities)("in a step: %s", async (_name, oddity) => {
    const { ended } = await outcome((ctx) => ctx.step("odd", async () => Promise.reject(oddity), once));
    expect(ended.status).toBe("failed");
    expect(ended.stalls).toBeLessThan(2);
  });
  test.each(oddities)("outside of a step: %s", async (_name, oddity) => {
    const { ended } = await outcome(async () => Promise.reject(oddity));
    expect(ended.status).toBe("failed");
    expect(ended.hops).toBe(1);
  });
  test("a retry strategy that throws ends the step", async () => {
    const retryStrategy = () => {
      throw new Error("no strategy");
    };
    const { ended } = await outcome((ctx) =>
      ctx.step("a", async () => Promise.reject(new Error("first")), { retryStrategy }),
    );
    expect(ended.failure?.message).toBe("first");
  });
  test("a delay that is no time is no retry, a wait that is none fails", async () => {
    const retryStrategy = () => ({ shouldRetry: true as const, delay: { seconds: Number.NaN } });
    const { result } = await outcome(async (ctx) => {
      const failed = await ctx
        .step("a", async () => Promise.reject(new Error("no")), { retryStrategy })
        .catch(String);
      const waited = await Promise.resolve()
        .then(() => ctx.wait("w", { days: 1e300 }))
        .catch((error: Error) => error.name);
      return [failed, waited];
    });
    expect(result).toEqual(["StepError: no", "RangeError"]);
  });
});

/** Text that no compression makes small. */
function noise(length: number): string {
  let state = 1;
  let text = "";
  while (text.length < length) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    text += state.toString(36);
  }
  return text;
}

test("progress that no item can hold fails the job with a message, once", async () => {
  const { ended, job, key } = await outcome(async (ctx) => {
    ctx.progress({
      current_step: "a",
      total_steps: 1,
      completed_steps: 0,
      percentage: 1,
      details: noise(900_000),
    });
    return ctx.step("a", async () => 1);
  });
  expect(ended.failure?.code).toBe("too_large");
  expect(await job.kinds(key)).toEqual(["job.submitted", "job.claimed", "job.failed"]);
});

test("a step whose time-out is longer than any timer is not timed out at once", async () => {
  const setTimeoutMost = 2 ** 31;
  const { services } = engine(jobOf(async () => null));
  const slept: number[] = [];
  const time = virtualTime();
  const { result } = await outcome((ctx) => ctx.step("a", async () => "done", { timeout: { days: 30 } }), {
    ...services,
    now: time.now,
    sleep: async (ms: number, signal?: AbortSignal) => {
      slept.push(ms);
      return new Promise<void>((resolve) => {
        if (signal?.aborted || ms < 60_000) return void setImmediate(resolve);
        signal?.addEventListener("abort", () => resolve());
      });
    },
  });
  expect(result).toBe("done");
  expect(Math.max(0, ...slept)).toBeLessThan(setTimeoutMost);
});

test("a retry that is due while there is no time left does not keep the worker from waiting", async () => {
  let tries = 0;
  const job = engine(
    jobOf((ctx) =>
      Promise.all([
        ctx.step("slow", async () => job.time.sleep(15_000)),
        ctx.step(
          "flaky",
          async () => {
            tries += 1;
            if (tries < 2) throw new Error("no");
            return tries;
          },
          { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 10 } }) },
        ),
      ]),
    ),
    {},
    25_000,
  );
  const key = await job.submit();
  let turns = 0;
  const { read } = job.services.journal;
  job.services.journal.read = (...asked) => {
    turns += 1;
    return read(...asked);
  };
  expect((await job.toEnd(key)).status).toBe("completed");
  expect(tries).toBe(2);
  expect(turns).toBeLessThan(200);
});

test("outcomes that are there when the time is up are all recorded, failures with their price as well", async () => {
  let late: Promise<void> | undefined;
  const atLast = () => {
    late ??= job.time.sleep(58_500);
    return late;
  };
  const job = engine(
    jobOf((ctx) =>
      Promise.allSettled([
        ctx.step("endless", () => new Promise(() => {})),
        ...Array.from({ length: 20 }, (_, i) =>
          ctx.step(`big ${i}`, async () => {
            await atLast();
            return "x".repeat(15_000);
          }),
        ),
        ctx.step(
          "late",
          async () => {
            await atLast();
            throw new Error("late");
          },
          once,
        ),
      ]),
    ),
    {},
    60_000,
  );
  const key = await job.submit();
  job.services.queue.receive();
  expect((await job.pass(key)).end).toBe("out of time");
  const kinds = await job.kinds(key);
  expect(kinds.filter((kind) => kind === "step.completed")).toHaveLength(20);
  expect(kinds.filter((kind) => kind === "step.failed")).toHaveLength(1);
});

test("a step that no invocation is long enough for ends its job after five of them", async () => {
  const job = engine(
    jobOf((ctx) => ctx.step("endless", () => new Promise(() => {}))),
    {},
    60_000,
  );
  const key = await job.submit();
  const ended = await job.toEnd(key);
  expect(ended.failure).toMatchObject({
    code: "worker_died",
    step: "endless",
    message: expect.stringMatching(
      /ran out of time, in "endless", .* a step that is longer than an invocation/,
    ),
    details: { workers: 5, steps: ["endless"] },
  });
  expect(ended.hops).toBeLessThanOrEqual(6);
});

test("what was committed together is delivered together, also when some of it is in the payload store", async () => {
  const seen: string[][] = [];
  const job = engine(
    jobOf(async (ctx) => {
      const order: string[] = [];
      seen.push(order);
      const branch = async (name: string, pause: number) => {
        await ctx.step(name, async () => name.padEnd(name === "second" ? 20_000 : 1, "."));
        for (let i = 0; i < pause; i += 1) await null;
        order.push(name);
        return ctx.step("same name", async () => name);
      };
      const answers = await Promise.all([branch("first", 10), branch("second", 0)]);
      await ctx.wait("pause", { hours: 1 });
      return answers;
    }),
  );
  const { get } = job.services.payloads;
  job.services.payloads.get = async (ref) => {
    await new Promise((resolve) => setImmediate(resolve));
    return get(ref);
  };
  const key = await job.submit();
  await job.toEnd(key);
  expect(seen[1]).toEqual(seen[0]);
  expect(await job.result(key)).toEqual(["first", "second"]);
});

test("ctx.usage() is what the journal has counted, failed calls included, live and in a replay", async () => {
  const seen: number[] = [];
  const { ended, result } = await outcome(
    async (ctx) => {
      const check = () => {
        throw new StepFailed("empty", "nothing");
      };
      await ctx.generate("bad", question, { check }).catch(() => {});
      await ctx.generate("good", question);
      seen.push(ctx.usage().model_calls);
      await ctx.wait("pause", { hours: 1 });
      return { ...ctx.usage() };
    },
    {
      model: {
        generate: async ({ model }: { model: string }) => ({ text: "a", model, finish: "stop", usage }),
      },
    },
  );
  expect(seen).toEqual([2, 2]);
  expect(result).toEqual(ended.usage);
});

test("progress that was recorded is not recorded again by a replay, clamped or not", async () => {
  const { job, key } = await outcome(async (ctx) => {
    ctx.progress({ current_step: "a", total_steps: 1, completed_steps: 1, percentage: 100, details: "" });
    await ctx.step("a", async () => 1);
    await ctx.wait("pause", { hours: 1 });
    await ctx.step("b", async () => 1);
    return 1;
  });
  const shown = (await job.events(key)).filter((event) => "progress" in event && event.progress);
  expect(shown.map(({ kind }) => kind)).toEqual(["step.started", "job.completed"]);
});

describe("a context that is used where no replay could follow", () => {
  test("inside a step: the call fails and says why", async () => {
    const { ended } = await outcome((ctx) =>
      ctx.step("outer", async () => ctx.step("inner", async () => 1), once),
    );
    expect(ended.failure).toMatchObject({ code: "nested_step", step: "outer" });
  });
  test("twice at one path: the second call fails instead of being given the first one's result", async () => {
    const { ended } = await outcome(async (ctx) => {
      await ctx.step("a/b", async () => 1);
      return ctx.runInChildContext("a", (inner) => inner.step("b", async () => 2));
    });
    expect(ended.failure?.code).toBe("duplicate_step");
  });
  test("after the job has ended: nothing happens", async () => {
    let kept: JobContext | undefined;
    const { job, key } = await outcome(async (ctx) => {
      kept = ctx;
      return 1;
    });
    let began = false;
    void kept!.step("late", async () => {
      began = true;
    });
    await job.time.until(job.time.sleep(60_000));
    expect(began).toBe(false);
    expect(await job.kinds(key)).toEqual(["job.submitted", "job.claimed", "job.completed"]);
  });
});

test("a loop of waits ends at the limit of events", async () => {
  const { ended } = await outcome(async (ctx) => {
    for (;;) await ctx.wait("again", { seconds: 0 });
  });
  expect(ended.failure?.code).toBe("budget_exceeded");
  expect(ended.seq).toBeLessThan(5_010);
});

test("a job function that takes its worker down before anything is recorded is not tried for ever", async () => {
  const job = engine(jobOf(async () => "never asked"));
  const key = await job.submit();
  // What a job function that never yields looks like from outside: it begins, and its worker is heard of no more.
  let begun = 0;
  const spinning = jobOf(() => {
    begun += 1;
    job.workersDie();
    return new Promise(() => {});
  });
  job.deploy(spinning);
  const { failure } = await job.toEnd(key);
  expect(failure?.code).toBe("worker_died");
  expect(failure?.message).toMatch(
    /5 workers in a row died over this job, .* outside of its steps.*process\.exit/,
  );
  // Five deaths are counted, and up to five sweeps pass until a pass is late enough to count.
  expect(begun).toBeLessThanOrEqual(5 * 5);
});

test("a payload that is gone fails the job and says so; a store that is silent only delays it", async () => {
  const run = async (ctx: JobContext) => {
    await ctx.step("large", async () => "x".repeat(20_000));
    await ctx.wait("pause", { hours: 1 });
    return 1;
  };
  const quiet = engine(jobOf(run));
  const { get, put } = quiet.services.payloads;
  let silence = 3;
  quiet.services.payloads.put = async (...asked) => {
    if (silence-- > 0) throw new Unavailable("silent");
    return put(...asked);
  };
  const first = await quiet.submit();
  expect((await quiet.toEnd(first)).status).toBe("completed");
  expect((await quiet.kinds(first)).filter((kind) => kind === "step.failed")).toEqual([]);
  expect(get).toBeDefined();

  const lost = engine(jobOf(run));
  const second = await lost.submit();
  for (const { job } of lost.services.queue.receive()) await lost.pass(job);
  lost.services.payloads.objects.clear();
  expect((await lost.toEnd(second)).failure?.code).toBe("payload_gone");
});

test("a cancel that meets a job about to be blocked ends it at once", async () => {
  const job = engine(jobOf(async () => 1));
  const key = await job.submit();
  job.deploy(jobOf(async () => 2, 2));
  const { append } = job.services.journal;
  let asked = false;
  job.services.journal.append = async (entry, along) => {
    if (!asked) {
      asked = true;
      await cancel(job.services, key, "somebody");
    }
    return append(entry, along);
  };
  expect(await job.pass(key)).toEqual({ end: "finished", status: "cancelled" });
});

test("a wake-up that comes early puts the sweeper's look back to the moment that counts", async () => {
  const job = engine(jobOf((ctx) => ctx.wait("long", { days: 2 })));
  const key = await job.submit();
  for (const { job: woken } of job.services.queue.receive()) await job.pass(woken);
  const { due } = (await job.services.journal.head(key))!;
  await job.services.journal.postpone({ ...key, due: due! }, job.time.now() + 5_000);
  expect((await job.pass(key)).end).toBe("nothing to do");
  expect((await job.services.journal.head(key))?.due).toBe(due);
});

test("what has settled when a cancel is seen is recorded: it has been paid for", async () => {
  const { ended } = await outcome(() => Promise.resolve(1));
  expect(ended.status).toBe("completed");
  const job = engine(
    jobOf((ctx) =>
      Promise.all([ctx.generate("paid", question), ctx.step("long", () => new Promise(() => {}))]),
    ),
    {
      model: {
        generate: async ({ model }) => {
          void cancel(job.services, key, "somebody");
          await job.time.sleep(500);
          return { text: "a", model, finish: "stop", usage };
        },
      },
    },
  );
  const key = await job.submit();
  expect(await job.pass(key)).toEqual({ end: "finished", status: "cancelled" });
  expect((await job.job(key)).usage).toEqual(usage);
});

describe("the end of a job in a conversation", () => {
  const world = async (reply: (result: unknown) => { content: string; data: object }) => {
    const talker = defineJob<{ question: string }, unknown>({
      type: "test",
      version: 1,
      summary: "Talks",
      input: z.object({ question: z.string() }),
      result: z.unknown(),
      example: { question: "?" },
      title: () => "Talk",
      description: () => "Talk",
      run: (ctx) => ctx.step("answer", async () => "answer"),
      reply: (result) => reply(result) as { content: string; data: Record<string, never> },
    });
    const job = engine(talker);
    const { conversations } = job.services;
    await conversations.create(newConversation("acme", "talk", job.time.now()));
    const ask = async () => {
      const who = { tenant: "acme", by: "test" };
      const asked = await submit(job.services, registry([talker]), who, {
        type: "test",
        input: { question: "?" },
        conversation: { id: "talk", onBusy: "enqueue" },
      });
      return asked.job;
    };
    return { job, ask, talk: () => conversations.get("acme", "talk") };
  };

  test("an answer that the conversation cannot hold fails the job instead of being tried for ever", async () => {
    const { job, ask, talk } = await world(() => ({ content: noise(900_000), data: {} }));
    const key = await ask();
    expect((await job.toEnd(key)).failure?.code).toBe("too_large");
    expect(await job.kinds(key)).toContain("step.completed");
    expect(await talk()).toMatchObject({ processingState: "error", failure: { code: "too_large" } });
  });

  test("a result that its job type cannot read as an answer fails the job", async () => {
    const { job, ask, talk } = await world(() => {
      throw new Error("unreadable");
    });
    const key = await ask();
    expect((await job.toEnd(key)).failure?.message).toBe("unreadable");
    expect((await talk())?.processingState).toBe("error");
  });

  test("the next job is woken even when the answer to the last write got lost", async () => {
    const { job, ask } = await world(() => ({ content: "a", data: {} }));
    const first = await ask();
    const second = await ask();
    const { journal } = job.services;
    const { append, read } = journal;
    let silent = false;
    journal.append = async (entry, along) => {
      const written = await append(entry, along);
      if (!along?.conversation || silent) return written;
      silent = true;
      throw new Unavailable("the answer got lost");
    };
    let unread = 1;
    journal.read = async (...asked) => {
      if (silent && unread-- > 0) throw new Unavailable("silent");
      return read(...asked);
    };
    job.services.queue.waiting = [];
    expect((await job.pass(first)).end).toBe("finished");
    expect(job.services.queue.waiting.map((one) => one.job.jobId)).toEqual([second.jobId]);
  });
});
