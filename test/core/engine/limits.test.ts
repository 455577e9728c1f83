import { describe, expect, test } from "vitest";
import { changeBudget } from "../../../core/engine/change-budget.ts";
import type { JobContext } from "../../../core/engine/context.ts";
import { pause, resume } from "../../../core/engine/pause.ts";
import type { JobKey } from "../../../core/protocol/job.ts";
import { engine, jobOf } from "../../support/engine.ts";

const usage = { model_calls: 1, input_tokens: 70, output_tokens: 30, cost_usd: 0.5 };
const model = {
  generate: async () => ({ text: "text", model: "m", finish: "stop" as const, usage }),
};
const say = (ctx: JobContext, name: string) =>
  ctx.generate(name, { model: "m", messages: [{ role: "user", content: "?" }] });

/** Ten model calls in a row: 100 tokens and half a dollar each. */
function talkative() {
  return engine(
    jobOf(async (ctx) => {
      const left: unknown[] = [];
      for (let n = 0; n < 10; n += 1) {
        await say(ctx, `say ${n}`);
        left.push(ctx.budget().left);
      }
      return left.at(-1);
    }),
    { model },
  );
}

async function work(job: ReturnType<typeof engine>): Promise<void> {
  for (let ready = job.services.queue.receive(); ready.length > 0; ready = job.services.queue.receive())
    for (const { job: woken } of ready) await job.pass(woken);
}

describe("a budget", () => {
  test.each([
    ["max_tokens", { max_tokens: 250 }, 3],
    ["max_cost_usd", { max_cost_usd: 1.2 }, 3],
    ["max_steps", { max_steps: 4 }, 4],
  ] as const)("of %s stops the job before its next step [I13]", async (limit, budget, calls) => {
    const job = talkative();
    const key = await job.submit(null, { budget });
    const ended = await job.toEnd(key);
    expect(ended.failure).toMatchObject({ code: "budget_exceeded", details: { limit } });
    expect(ended.usage.model_calls).toBe(calls);
  });

  test("of max_age_seconds stops a job that waits for somebody", async () => {
    const job = engine(jobOf(async (ctx) => (await ctx.createCallback("for ever"))[0]));
    const key = await job.submit(null, { budget: { max_age_seconds: 3_600 } });
    const begun = job.time.now();
    const ended = await job.toEnd(key);
    expect(ended.failure).toMatchObject({ code: "budget_exceeded", details: { limit: "max_age_seconds" } });
    expect(job.time.now() - begun).toBeLessThan(3_700_000);
  });

  test("of max_hops stops a job that parks too often", async () => {
    const job = engine(
      jobOf(async (ctx) => {
        for (let n = 0; n < 20; n += 1) {
          await ctx.wait(`${n}`, { minutes: 1 });
          await ctx.step(`${n}.`, async () => n);
        }
      }),
    );
    const key = await job.submit(null, { budget: { max_hops: 5 } });
    const ended = await job.toEnd(key);
    expect(ended.failure).toMatchObject({ code: "budget_exceeded", details: { limit: "max_hops" } });
  });

  test("that only warns says so once and goes on", async () => {
    const job = talkative();
    const key = await job.submit(null, { budget: { max_tokens: 250, on_exceeded: "warn" } });
    const ended = await job.toEnd(key);
    expect(ended).toMatchObject({ status: "completed", budgetExceeded: { limit: "max_tokens" } });
    const warned = (await job.kinds(key)).filter((kind) => kind === "job.budget_exceeded");
    expect(warned).toHaveLength(1);
  });

  test("that asks holds the job until somebody raises it, as often as it is too small", async () => {
    const job = talkative();
    const key = await job.submit(null, { budget: { max_tokens: 250, on_exceeded: "ask" } });
    await work(job);
    const held = (await job.services.journal.head(key))!;
    expect(held).toMatchObject({
      status: "waiting",
      budgetExceeded: { limit: "max_tokens", message: expect.stringContaining("300 tokens") },
      usage: { model_calls: 3 },
    });
    expect(held.due! - held.startedAt!).toBeGreaterThan(86_400_000);
    // Nobody is woken by looking at it.
    expect((await job.pass(key)).end).toBe("nothing to do");

    await changeBudget(job.services, key, "ann", { max_tokens: 450 });
    await work(job);
    expect(await job.job(key)).toMatchObject({ status: "waiting", usage: { model_calls: 5 } });

    await changeBudget(job.services, key, "ann", { max_tokens: null });
    const ended = await job.toEnd(key);
    expect(ended).toMatchObject({ status: "completed", usage: { model_calls: 10 } });
    expect(ended.budget).toEqual({ on_exceeded: "ask" });
    expect(ended.budgetExceeded).toBeUndefined();
    expect(ended.hops).toBe(3);
  });

  test("that asks begins nothing in a pass that is one too many", async () => {
    const job = engine(
      jobOf(async (ctx) => {
        for (const n of [1, 2, 3]) {
          await ctx.wait(`nap ${n}`, { minutes: 1 });
          await ctx.step(`step ${n}`, async () => n);
        }
      }),
    );
    const key = await job.submit(null, { budget: { max_hops: 2, on_exceeded: "ask" } });
    await work(job);
    for (const _ of [1, 2, 3]) {
      job.time.advance(61_000);
      await job.pass(key);
    }
    expect(await job.job(key)).toMatchObject({ steps: 1, budgetExceeded: { limit: "max_hops" } });
    await changeBudget(job.services, key, "ann", { max_hops: null });
    expect(await job.toEnd(key)).toMatchObject({ status: "completed", steps: 3 });
  });

  test("that asks lets what is in flight come to its end", async () => {
    const ended: string[] = [];
    const job = engine(
      jobOf(async (ctx) => {
        const long = ctx.step("long", async () => {
          await job.time.sleep(30_000);
          ended.push("long");
        });
        await say(ctx, "quick");
        await ctx.step("never", async () => ended.push("never"));
        await long;
      }),
      { model },
    );
    const key = await job.submit(null, { budget: { max_tokens: 50, on_exceeded: "ask" } });
    await work(job);
    expect(ended).toEqual(["long"]);
    expect(await job.job(key)).toMatchObject({ status: "waiting", budgetExceeded: { limit: "max_tokens" } });
  });

  test("shows the job function what is left of it, the same on every replay", async () => {
    const seen: unknown[] = [];
    const job = engine(
      jobOf(async (ctx) => {
        await say(ctx, "a");
        seen.push(ctx.budget());
        await ctx.wait("night", { hours: 8 });
        await say(ctx, "b");
        seen.push(ctx.budget());
      }),
      { model },
    );
    const limits = { max_tokens: 1_000, max_cost_usd: 5, max_steps: 10 };
    const key = await job.submit(null, { budget: limits });
    await work(job);
    await changeBudget(job.services, key, "ann", { max_tokens: 9_000 });
    await job.toEnd(key);
    const first = { limits, left: { steps: 9, tokens: 900, cost_usd: 4.5 } };
    expect(seen.pop()).toEqual({ limits, left: { steps: 8, tokens: 800, cost_usd: 4 } });
    expect(seen.length).toBeGreaterThan(1);
    expect(new Set(seen.map((view) => JSON.stringify(view)))).toEqual(new Set([JSON.stringify(first)]));
  });
});

describe("a paused job", () => {
  /** Two steps side by side, then a third; the first one pauses its own job. */
  function pausing(calls: string[]) {
    const job = engine(
      jobOf(async (ctx) => {
        const [a, b] = await Promise.all([
          ctx.step("a", async () => {
            calls.push("a");
            await pause(job.services, key(), "ann");
            await job.time.sleep(5_000);
            return "a";
          }),
          ctx.step("b", async () => {
            calls.push("b");
            await job.time.sleep(9_000);
            return "b";
          }),
        ]);
        return ctx.step("c", async () => {
          calls.push("c");
          return [a, b, "c"];
        });
      }),
    );
    let submitted: JobKey | undefined;
    const key = () => submitted!;
    return { ...job, submit: async () => (submitted = await job.submit()) };
  }

  test("lets what is in flight come to its end, and begins nothing until it is resumed", async () => {
    const calls: string[] = [];
    const job = pausing(calls);
    const key = await job.submit();
    await work(job);
    expect(calls).toEqual(["a", "b"]);
    const held = (await job.services.journal.head(key))!;
    expect(held).toMatchObject({ status: "waiting", paused: { by: "ann" } });
    expect((await job.events(key)).at(-1)).toMatchObject({ kind: "job.released", reason: "paused" });
    expect((await job.kinds(key)).filter((kind) => kind === "step.completed")).toHaveLength(2);
    expect(held.due! - held.startedAt!).toBeGreaterThan(86_400_000);
    expect((await job.pass(key)).end).toBe("nothing to do");

    await resume(job.services, key, "ann");
    await job.toEnd(key);
    expect(await job.result(key)).toEqual(["a", "b", "c"]);
    expect(calls).toEqual(["a", "b", "c"]);
  });

  test("that is paused before it begins, or while it sleeps, does nothing either", async () => {
    const calls: string[] = [];
    const job = engine(
      jobOf(async (ctx) => {
        await ctx.step("a", async () => calls.push("a"));
        await ctx.wait("nap", { minutes: 5 });
        await ctx.step("b", async () => calls.push("b"));
      }),
    );
    const key = await job.submit();
    await pause(job.services, key, "ann");
    await work(job);
    expect(calls).toEqual([]);
    await resume(job.services, key, "ann");
    await work(job);
    expect(calls).toEqual(["a"]);
    await pause(job.services, key, "ann");
    job.time.advance(3_600_000);
    await job.pass(key);
    await work(job);
    expect(calls).toEqual(["a"]);
    await resume(job.services, key, "ann");
    await job.toEnd(key);
    expect(calls).toEqual(["a", "b"]);
  });

  test("a pause that comes just before an intent keeps the step from beginning", async () => {
    const calls: string[] = [];
    const job = engine(jobOf(async (ctx) => ctx.step("a", async () => calls.push("a"))));
    const { journal } = job.services;
    const { append } = journal;
    const key = await job.submit();
    let paused = false;
    journal.append = async (entry, along) => {
      if (!paused && entry.events.some(({ kind }) => kind === "step.started")) {
        paused = true;
        await pause(job.services, key, "ann");
      }
      return append.call(journal, entry, along);
    };
    await work(job);
    expect(calls).toEqual([]);
    expect(await job.kinds(key)).not.toContain("step.started");
    await resume(job.services, key, "ann");
    await job.toEnd(key);
    expect(calls).toEqual(["a"]);
  });
});
