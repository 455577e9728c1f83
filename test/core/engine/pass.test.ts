import { expect, test } from "vitest";
import type { JobContext } from "../../../core/engine/context.ts";
import { StepError, StepFailed } from "../../../core/protocol/error.ts";
import { engine, jobOf } from "../../support/engine.ts";

test("steps run once, in parallel, and the result is what the job function returns", async () => {
  const calls: string[] = [];
  const job = engine(
    jobOf(async (ctx) => {
      const answers = await Promise.all(
        ["a", "b", "c"].map((name) =>
          ctx.step(name, async () => {
            calls.push(name);
            return `${name}!`;
          }),
        ),
      );
      return ctx.step("sum", async () => answers.join(" "));
    }),
  );
  const key = await job.submit();
  await job.toEnd(key);
  expect(await job.result(key)).toBe("a! b! c!");
  expect(calls).toEqual(["a", "b", "c"]);
});

test("what belongs together is committed together: a council of nine calls is a handful of entries", async () => {
  const job = engine(
    jobOf(async (ctx) => {
      const stage = (name: string) =>
        Promise.all([0, 1, 2, 3].map((i) => ctx.step(`${name}/${i}`, async () => `${name}${i}`)));
      await stage("answer");
      await stage("rank");
      return ctx.step("final", async () => "done");
    }),
  );
  const key = await job.submit();
  await job.toEnd(key);
  const entries = await job.entries(key);
  expect(entries.map((entry) => entry.events.map(({ kind }) => kind).join(","))).toEqual([
    "job.submitted",
    "job.claimed,step.started",
    "step.completed,step.completed,step.completed,step.completed,step.started",
    "step.completed,step.completed,step.completed,step.completed,step.started",
    "step.completed,job.completed",
  ]);
});

test("an intent is recorded before its step runs [A0-03]", async () => {
  let journalled: string[] = [];
  const job = engine(
    jobOf(async (ctx) =>
      ctx.step("pay", async () => {
        journalled = await job.kinds(key);
        return null;
      }),
    ),
  );
  const key = await job.submit();
  await job.toEnd(key);
  expect(journalled).toEqual(["job.submitted", "job.claimed", "step.started"]);
});

test("a step that fails is tried again with backoff, and the attempts are on record", async () => {
  let tries = 0;
  const job = engine(
    jobOf(async (ctx) =>
      ctx.step("flaky", async () => {
        tries += 1;
        if (tries < 3) throw new Error("not yet");
        return tries;
      }),
    ),
  );
  const key = await job.submit();
  await job.toEnd(key);
  expect(await job.result(key)).toBe(3);
  const failed = (await job.events(key)).filter((event) => event.kind === "step.failed");
  expect(failed.map(({ attempt, retryAt, at }) => [attempt, retryAt !== undefined && retryAt >= at])).toEqual(
    [
      [1, true],
      [2, true],
    ],
  );
});

test("a step that says that another try is useless fails at once, and the job may catch it", async () => {
  const job = engine(
    jobOf(async (ctx) => {
      try {
        return await ctx.step("no", async () => {
          throw new StepFailed("teapot", "I am a teapot");
        });
      } catch (error) {
        return error instanceof StepError ? { code: error.code, step: error.failure.step ?? null } : null;
      }
    }),
  );
  const key = await job.submit();
  await job.toEnd(key);
  expect(await job.result(key)).toEqual({ code: "teapot", step: "no" });
});

test("a job function that throws fails with its message and without a stack", async () => {
  const job = engine(
    jobOf(async () => {
      throw new Error("out of luck");
    }),
  );
  const key = await job.submit();
  const ended = await job.toEnd(key);
  expect(ended.status).toBe("failed");
  expect(ended.failure?.message).toBe("out of luck");
  expect(JSON.stringify(await job.events(key))).not.toContain("at ");
});

test("a long wait parks the job without a worker, and it goes on when the time has come", async () => {
  const job = engine(
    jobOf(async (ctx) => {
      await ctx.wait("three days", { days: 3 });
      return "awake";
    }),
  );
  const key = await job.submit();
  for (const { job: woken } of job.services.queue.receive()) {
    expect((await job.pass(woken)).end).toBe("parked");
  }
  const head = await job.services.journal.head(key);
  expect(head?.status).toBe("waiting");
  expect(head?.lease).toBeUndefined();
  expect(head?.due).toBe(job.time.now() + 3 * 86_400_000);
  expect((await job.pass(key)).end).toBe("nothing to do");
  await job.toEnd(key);
  expect(await job.result(key)).toBe("awake");
  expect((await job.job(key)).hops).toBe(2);
});

test("a retry that is far away parks the job instead of holding the invocation", async () => {
  let tries = 0;
  const job = engine(
    jobOf(async (ctx) =>
      ctx.step(
        "slow to recover",
        async () => {
          tries += 1;
          if (tries === 1) throw new Error("down");
          return "up";
        },
        { retryStrategy: () => ({ shouldRetry: true, delay: { minutes: 20 } }) },
      ),
    ),
  );
  const key = await job.submit();
  for (const { job: woken } of job.services.queue.receive()) {
    expect((await job.pass(woken)).end).toBe("parked");
  }
  await job.toEnd(key);
  expect(await job.result(key)).toBe("up");
});

test("steps that a dead worker left behind run again, those that it finished do not [A3-11]", async () => {
  const calls: string[] = [];
  const run = async (ctx: JobContext) => {
    const step = (name: string) =>
      ctx.step(name, async () => {
        calls.push(name);
        if (name === "slow" && calls.length < 4) await new Promise(() => {});
        return name;
      });
    await step("first");
    return Promise.all([step("slow"), step("quick")]);
  };
  const job = engine(jobOf(run));
  const key = await job.submit();
  job.services.queue.receive();
  // A worker that dies: its pass simply never ends.
  const dying = job.pass(key);
  while (!(await job.kinds(key)).slice(-1).includes("step.completed") || calls.length < 3) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  job.time.advance(120_000);
  await job.toEnd(key);
  expect(calls).toEqual(["first", "slow", "quick", "slow"]);
  expect(await job.result(key)).toEqual(["slow", "quick"]);
  expect((await dying).end).toBe("overtaken");
});

test("a race is decided once: a replay finds the same winner whatever the order of the branches", async () => {
  const job = engine(
    jobOf(async (ctx) => {
      const winner = await Promise.race([
        ctx.step("tortoise", async () => {
          await job.time.sleep(500);
          return "tortoise";
        }),
        ctx.step("hare", async () => "hare"),
      ]);
      await ctx.wait("night", { hours: 8 });
      return winner;
    }),
  );
  const key = await job.submit();
  await job.toEnd(key);
  expect(await job.result(key)).toBe("hare");
});

test("a replay that meets another step blocks the job, does nothing, and goes on when the code fits again", async () => {
  const calls: string[] = [];
  const version = (name: string) =>
    jobOf(async (ctx) => {
      await ctx.step(name, async () => {
        calls.push(name);
      });
      await ctx.wait("pause", { hours: 1 });
      return name;
    });
  const job = engine(version("before"));
  const key = await job.submit();
  for (const { job: woken } of job.services.queue.receive()) await job.pass(woken);
  job.deploy(version("after"));
  job.time.advance(2 * 3_600_000);
  expect((await job.pass(key)).end).toBe("blocked");
  expect((await job.job(key)).blocked?.message).toContain('"before"');
  expect(calls).toEqual(["before"]);
  job.deploy(version("before"));
  await job.toEnd(key);
  expect(await job.result(key)).toBe("before");
  expect(calls).toEqual(["before"]);
});

test("a version that this deployment no longer has blocks its jobs and names what is missing", async () => {
  const job = engine(jobOf(async () => "one", 1));
  const key = await job.submit();
  job.deploy(jobOf(async () => "two", 2));
  expect((await job.pass(key)).end).toBe("blocked");
  expect((await job.job(key)).blocked?.message).toBe("This deployment has no test@1");
});

test("an invocation that runs out of time hands over and nothing that finished is repeated", async () => {
  const calls: string[] = [];
  const job = engine(
    jobOf(async (ctx) => {
      for (const name of ["one", "two", "three", "four"]) {
        await ctx.step(name, async () => {
          calls.push(name);
          await job.time.sleep(15_000);
          return name;
        });
      }
      return calls.length;
    }),
    {},
    60_000,
  );
  const key = await job.submit();
  for (const { job: woken } of job.services.queue.receive()) {
    expect((await job.pass(woken)).end).toBe("out of time");
  }
  await job.toEnd(key);
  expect(calls).toEqual(["one", "two", "three", "four"]);
  expect((await job.job(key)).hops).toBeGreaterThan(1);
});

test("a doubled message while a worker is at work is dropped without a second call", async () => {
  let calls = 0;
  const job = engine(
    jobOf(async (ctx) =>
      ctx.step("long", async () => {
        calls += 1;
        await job.time.sleep(10_000);
        return calls;
      }),
    ),
  );
  const key = await job.submit();
  const [first, second] = [job.pass(key), job.pass(key)];
  const ends = [(await first).end, (await second).end].sort();
  expect(ends).toEqual(["finished", "overtaken"]);
  expect(calls).toBe(1);
});

test("two workers that claim at the same moment: one goes on, the other stops before any call", async () => {
  let calls = 0;
  const job = engine(jobOf(async (ctx) => ctx.step("once", async () => ++calls)));
  const key = await job.submit();
  const ends = await Promise.all([1, 2, 3, 4, 5].map(() => job.pass(key)));
  expect(ends.filter(({ end }) => end === "finished")).toHaveLength(1);
  expect(calls).toBe(1);
});

test("large results go to the payload store and come back whole", async () => {
  const text = "a long answer ".repeat(10_000);
  const job = engine(
    jobOf(async (ctx) => {
      const answer = await ctx.step("write", async () => text);
      await ctx.wait("pause", { hours: 1 });
      return answer;
    }),
  );
  const key = await job.submit();
  await job.toEnd(key);
  expect(await job.result(key)).toBe(text);
  const completed = (await job.events(key)).find((event) => event.kind === "step.completed");
  expect(completed).toMatchObject({ result: { ref: { bytes: text.length + 2 } } });
});

test("a result that is no JSON fails the job with a message that helps", async () => {
  const job = engine(jobOf(async () => ({ big: 1n })));
  const key = await job.submit();
  const ended = await job.toEnd(key);
  expect(ended.failure).toMatchObject({ code: "not_serializable" });
});

test("a step that takes longer than its time-out is aborted and counts as failed", async () => {
  let aborted = false;
  const job = engine(
    jobOf(async (ctx) =>
      ctx.step(
        "hang",
        (step) =>
          new Promise(() => {
            step.signal.addEventListener("abort", () => {
              aborted = true;
            });
          }),
        { timeout: { seconds: 5 }, retryStrategy: () => ({ shouldRetry: false }) },
      ),
    ),
  );
  const key = await job.submit();
  const ended = await job.toEnd(key);
  expect(ended.failure).toMatchObject({ code: "step_timeout" });
  expect(aborted).toBe(true);
});

test("a job that waits for what is not a step fails with a message instead of holding its worker for ever", async () => {
  const job = engine(jobOf(() => new Promise(() => {})));
  const key = await job.submit();
  const ended = await job.toEnd(key);
  expect(ended.failure).toMatchObject({ code: "job_stuck" });
});

test("a job that kills its workers before they record anything ends after five of them", async () => {
  const job = engine(jobOf(async (ctx) => ctx.step("crash", () => new Promise(() => {}))));
  const key = await job.submit();
  for (let death = 0; death < 5; death += 1) {
    const claims = async () => (await job.kinds(key)).filter((kind) => kind === "job.claimed").length;
    void job.pass(key);
    while ((await claims()) <= death) await new Promise((resolve) => setImmediate(resolve));
    job.time.advance(100_000);
  }
  expect(await job.pass(key)).toEqual({ end: "finished", status: "failed" });
  expect((await job.job(key)).failure).toMatchObject({ code: "worker_died" });
});

test("more steps than the budget allows end the job", async () => {
  const job = engine(
    jobOf(async (ctx) => {
      for (let i = 0; ; i += 1) await ctx.step("again", async () => i);
    }),
  );
  const key = await job.submit();
  const ended = await job.toEnd(key);
  expect(ended.failure).toMatchObject({ code: "budget_exceeded" });
  expect(ended.steps).toBe(500);
});

test("a name that comes again is numbered in the order of the calls", async () => {
  const job = engine(
    jobOf(async (ctx) => {
      await ctx.step("poll", async () => 1);
      await ctx.step("poll", async () => 2);
      return ctx.runInChildContext("child", (inner) => inner.step("poll", async () => 3));
    }),
  );
  const key = await job.submit();
  await job.toEnd(key);
  const paths = (await job.events(key)).flatMap((event) =>
    event.kind === "step.completed" ? [event.step] : [],
  );
  expect(paths).toEqual(["poll", "poll#2", "child/poll"]);
});

test("parallel and map: partial failure is a value, and the completion condition decides", async () => {
  const job = engine(
    jobOf(async (ctx) => {
      const once = { retryStrategy: () => ({ shouldRetry: false as const }) };
      const batch = await ctx.map(
        "items",
        [1, 2, 3, 4],
        (inner, item) =>
          inner.step(
            "work",
            async () => {
              if (item === 2) throw new Error("two");
              return item * 10;
            },
            once,
          ),
        { completionConfig: { toleratedFailureCount: 1 }, maxConcurrency: 2 },
      );
      const enough = await ctx.parallel(
        "race",
        [(inner) => inner.step("a", async () => {}), (inner) => inner.wait("never", { days: 1 })],
        { completionConfig: { minSuccessful: 1 } },
      );
      return {
        results: batch.getResults(),
        errors: batch.getErrors().map(({ message }) => message),
        reason: batch.completionReason,
        enough: enough.completionReason,
        states: enough.all.map(({ status }) => status),
      };
    }),
  );
  const key = await job.submit();
  await job.toEnd(key);
  expect(await job.result(key)).toEqual({
    results: [10, 30, 40],
    errors: ["two"],
    reason: "ALL_COMPLETED",
    enough: "MIN_SUCCESSFUL_REACHED",
    states: ["SUCCEEDED", "STARTED"],
  });
});

test("progress rides on what happens next, never falls, and is 100 only at the end", async () => {
  const job = engine(
    jobOf(async (ctx) => {
      const show = (current_step: string, percentage: number) =>
        ctx.progress({ current_step, total_steps: 3, completed_steps: 0, percentage, details: "" });
      show("one", 40);
      await ctx.step("a", async () => 1);
      show("two", 20);
      await ctx.step("b", async () => 2);
      show("three", 100);
      await ctx.step("c", async () => 3);
      return "done";
    }),
  );
  const key = await job.submit();
  await job.toEnd(key);
  const shown = (await job.events(key)).flatMap((event) =>
    "progress" in event && event.progress ? [[event.kind, event.progress.percentage]] : [],
  );
  expect(shown).toEqual([
    ["step.started", 40],
    ["step.started", 40],
    ["step.started", 99.9],
    ["job.completed", 100],
  ]);
});

test("once something is less than what was asked for, all progress says so, and the same progress is not shown again for that", async () => {
  const job = engine(
    jobOf(async (ctx) => {
      const show = (current_step: string) =>
        ctx.progress({ current_step, total_steps: 3, completed_steps: 0, percentage: 10, details: "" });
      show("one");
      await ctx.step("a", async () => 1);
      ctx.degraded();
      show("two");
      await ctx.step("b", async () => 2);
      show("two");
      await ctx.step("c", async () => 3);
      return "done";
    }),
  );
  const key = await job.submit();
  expect(await job.toEnd(key)).toMatchObject({ degraded: true, progress: { degraded: true } });
  const shown = (await job.events(key)).flatMap((event) =>
    "progress" in event && event.progress ? [[event.progress.current_step, event.progress.degraded]] : [],
  );
  expect(shown).toEqual([
    ["one", undefined],
    ["two", true],
    ["two", true],
  ]);
});

test("HEAD equals the fold of the journal whenever the job is at rest", async () => {
  const job = engine(
    jobOf(async (ctx) => {
      await ctx.step("a", async () => 1);
      await ctx.wait("pause", { hours: 2 });
      return 1;
    }),
  );
  const key = await job.submit();
  const atRest = async () => {
    const { due: _due, ...head } = (await job.services.journal.head(key))!;
    expect(head).toEqual(await job.job(key));
  };
  await atRest();
  for (const { job: woken } of job.services.queue.receive()) await job.pass(woken);
  await atRest();
  await job.toEnd(key);
  await atRest();
  expect((await job.services.journal.head(key))?.due).toBeUndefined();
});

test("an answer that was paid for and will not do is counted", async () => {
  const usage = { model_calls: 1, input_tokens: 10, output_tokens: 5, cost_usd: 0.01 };
  const job = engine(
    jobOf(async (ctx) =>
      ctx.generate(
        "ask",
        { model: "mock:any", messages: [{ role: "user", content: "?" }] },
        {
          check: () => {
            throw new StepFailed("answer_empty", "nothing");
          },
        },
      ),
    ),
    { model: { generate: async ({ model }) => ({ text: "", model, finish: "stop", usage }) } },
  );
  const key = await job.submit();
  const ended = await job.toEnd(key);
  expect(ended.failure).toMatchObject({ code: "answer_empty" });
  expect(ended.usage).toEqual(usage);
});
