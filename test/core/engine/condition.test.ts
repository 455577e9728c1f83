import { describe, expect, test } from "vitest";
import { StepError } from "../../../core/protocol/error.ts";
import type { JobKey } from "../../../core/protocol/job.ts";
import { crashes, dieAt } from "../../support/crashes.ts";
import { engine, jobOf } from "../../support/engine.ts";

type State = { polls: number; done: boolean };

/** A long operation elsewhere that is done after so many polls. */
function polling(polls: number, delay: { seconds: number }, config: object = {}) {
  const seen: State[] = [];
  const job = engine(
    jobOf(async (ctx) =>
      ctx.waitForCondition<State>(
        "video",
        async (state) => {
          seen.push(state);
          return { polls: state.polls + 1, done: state.polls + 1 >= polls };
        },
        {
          initialState: { polls: 0, done: false },
          waitStrategy: ({ done }) => (done ? { shouldContinue: false } : { shouldContinue: true, delay }),
          ...config,
        },
      ),
    ),
  );
  return { ...job, seen };
}

describe("waiting for a condition", () => {
  test("pattern A: checks that are close together are made in place, in one invocation [A1-12]", async () => {
    const job = polling(5, { seconds: 0.3 });
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toEqual({ polls: 5, done: true });
    expect((await job.job(key)).hops).toBe(1);
    expect(job.seen.map(({ polls }) => polls)).toEqual([0, 1, 2, 3, 4]);
  });

  test("pattern B: two hours of polls hold no worker between them, and the state goes on [A1-01] [A1-14]", async () => {
    const job = polling(24, { seconds: 300 });
    const key = await job.submit();
    const begun = job.time.now();
    await job.toEnd(key);
    expect(await job.result(key)).toEqual({ polls: 24, done: true });
    expect(job.time.now() - begun).toBeGreaterThanOrEqual(115 * 60_000);
    // One claim for each check and no other.
    expect((await job.job(key)).hops).toBe(24);
    const kinds = await job.kinds(key);
    expect(kinds.filter((kind) => kind === "condition.checked")).toHaveLength(23);
    expect(kinds.filter((kind) => kind === "step.completed")).toHaveLength(1);
  });

  test("is given the number of the check, whatever became of workers in between", async () => {
    const attempts: number[] = [];
    const job = engine(
      jobOf(async (ctx) =>
        ctx.waitForCondition("count", async (n: number) => n + 1, {
          initialState: 0,
          waitStrategy: (n, attempt) => {
            attempts.push(attempt);
            return n < 4 ? { shouldContinue: true, delay: { minutes: 1 } } : { shouldContinue: false };
          },
        }),
      ),
    );
    dieAt(job, 2, "after");
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toBe(4);
    expect([...new Set(attempts)]).toEqual([1, 2, 3, 4]);
  });

  test.each(crashes)("a worker that dies %s its write %i costs a check at most", async (when, place) => {
    const job = polling(4, { seconds: 60 });
    dieAt(job, place, when);
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toEqual({ polls: 4, done: true });
    expect(job.seen.length).toBeLessThanOrEqual(5);
  });

  test("a check that throws is final, unless a retry strategy says otherwise", async () => {
    const flaky = (config: object) => {
      let checks = 0;
      return engine(
        jobOf(async (ctx) => {
          try {
            return await ctx.waitForCondition(
              "flaky",
              async (n: number) => {
                checks += 1;
                if (checks === 2) throw new Error("503");
                return n + 1;
              },
              {
                initialState: 0,
                waitStrategy: (n) =>
                  n < 3 ? { shouldContinue: true, delay: { minutes: 1 } } : { shouldContinue: false },
                ...config,
              },
            );
          } catch (error) {
            return error instanceof StepError ? error.message : "?";
          }
        }),
      );
    };
    const final = flaky({});
    let key: JobKey = await final.submit();
    await final.toEnd(key);
    expect(await final.result(key)).toBe("503");
    const patient = flaky({ retryStrategy: () => ({ shouldRetry: true, delay: { minutes: 2 } }) });
    key = await patient.submit();
    await patient.toEnd(key);
    expect(await patient.result(key)).toBe(3);
  });

  test("gives up when its time is over, after one last check", async () => {
    const job = polling(1_000, { seconds: 600 }, { timeout: { minutes: 25 } });
    const key = await job.submit();
    const ended = await job.toEnd(key);
    expect(ended.failure?.code).toBe("condition_timeout");
    expect(job.seen).toHaveLength(4);
  });

  test("a large state is kept by reference between checks", async () => {
    const job = engine(
      jobOf(async (ctx) => {
        const text = await ctx.waitForCondition("grow", async (state: string) => state + state, {
          initialState: "x".repeat(10_000),
          waitStrategy: (state) =>
            state.length < 80_000 ? { shouldContinue: true, delay: { hours: 1 } } : { shouldContinue: false },
        });
        return text.length;
      }),
    );
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toBe(80_000);
    const checked = (await job.events(key)).filter((event) => event.kind === "condition.checked");
    expect(checked.every(({ state }) => "ref" in state)).toBe(true);
  });

  test("a serdes writes the state as it likes, and the strategy sees what the next check will see", async () => {
    const seen: unknown[] = [];
    const job = engine(
      jobOf(async (ctx) => {
        const days = await ctx.waitForCondition(
          "days",
          async (day: Date) => new Date(day.getTime() + 86_400_000),
          {
            initialState: new Date(0),
            waitStrategy: (day) => {
              seen.push(day instanceof Date);
              return day.getTime() < 3 * 86_400_000
                ? { shouldContinue: true, delay: { hours: 1 } }
                : { shouldContinue: false };
            },
            serdes: {
              serialize: async (day) => day?.toISOString(),
              deserialize: async (text) => new Date(text!),
            },
          },
        );
        return days.getUTCDate();
      }),
    );
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toBe(4);
    expect(seen).toEqual([true, true, true]);
  });

  test("without a strategy or a state throws at once", async () => {
    const job = engine(jobOf(async (ctx) => ctx.waitForCondition("none", async (n) => n, {} as never)));
    const key = await job.submit();
    const ended = await job.toEnd(key);
    expect(ended.failure?.message).toBe(
      "waitForCondition requires config with waitStrategy and initialState",
    );
  });
});

describe("a step that may be attempted at most once", () => {
  const paying = (retry: boolean) => {
    const calls: number[] = [];
    const errors: string[] = [];
    const job = engine(
      jobOf(async (ctx) => {
        try {
          return await ctx.step(
            "pay",
            async ({ attempt }) => {
              calls.push(attempt);
              return "paid";
            },
            {
              semantics: "AT_MOST_ONCE_PER_RETRY",
              retryStrategy: (error) => {
                errors.push((error as Error).name);
                return retry ? { shouldRetry: true } : { shouldRetry: false };
              },
            },
          );
        } catch (error) {
          return error instanceof StepError ? error.code : "?";
        }
      }),
    );
    return { ...job, calls, errors };
  };

  test("is not begun again when its worker died after the intent, and says so", async () => {
    const job = paying(false);
    dieAt(job, 0, "after");
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toBe("step_interrupted");
    expect(job.calls).toEqual([]);
    expect(job.errors).toEqual(["StepInterruptedError"]);
  });

  test("nor when it died before the outcome was on record, though the call was made", async () => {
    const job = paying(false);
    dieAt(job, 1, "before");
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toBe("step_interrupted");
    expect(job.calls).toEqual([1]);
  });

  test("unless its retry strategy asks for another attempt", async () => {
    const job = paying(true);
    dieAt(job, 1, "before");
    const key = await job.submit();
    await job.toEnd(key);
    expect(await job.result(key)).toBe("paid");
    expect(job.calls).toEqual([1, 2]);
    const failed = (await job.events(key)).filter((event) => event.kind === "step.failed");
    expect(failed).toMatchObject([{ attempt: 1, failure: { code: "step_interrupted" } }]);
  });
});

test("a step's serdes writes and reads its value, live and on replay", async () => {
  const reads: string[] = [];
  const job = engine(
    jobOf(async (ctx) => {
      const day = await ctx.step("day", async () => new Date(0), {
        serdes: {
          serialize: async (date) => `D${date!.getTime()}`,
          deserialize: async (text) => {
            reads.push(text!);
            return new Date(Number(text!.slice(1)));
          },
        },
      });
      await ctx.wait("night", { hours: 8 });
      return day.toISOString();
    }),
  );
  const key = await job.submit();
  await job.toEnd(key);
  expect(await job.result(key)).toBe("1970-01-01T00:00:00.000Z");
  expect(reads).toEqual(["D0", "D0"]);
});
