import { expect, test } from "vitest";
import type { JobContext } from "../../../core/engine/context.ts";
import { type ChaosOptions, chaos } from "../../../testing/index.ts";
import { engine, jobOf } from "../../support/engine.ts";

/** Of branches that nobody waits for, one may have begun more or less when its worker died. */
const sameResult: ChaosOptions = {
  isSame: (undisturbed, disturbed) => JSON.stringify(undisturbed.result) === JSON.stringify(disturbed.result),
};

const answerAfter = (seconds: number) => async (branch: JobContext) => {
  await branch.wait("pause", { seconds });
  return branch.step("answer", async () => seconds);
};

test("the branches that are quickest win, also when a worker dies and the next one comes late", async () => {
  const job = jobOf(async (ctx) => {
    const batch = await ctx.map("models", [60, 1, 2, 61], (model, seconds) => answerAfter(seconds)(model), {
      completionConfig: { minSuccessful: 2 },
    });
    await ctx.wait("a while", { hours: 1 });
    return batch.all.map(({ status }) => status);
  });

  const { outcome, runs } = await chaos(job, null, sameResult);

  expect(outcome.result).toEqual(["STARTED", "SUCCEEDED", "SUCCEEDED", "STARTED"]);
  expect(runs).toBeGreaterThan(5);
});

test("of an answer and a deadline the earlier one is given, however late the worker", async () => {
  const job = jobOf(async (ctx) => {
    const [answer] = await ctx.createCallback<string>("answer");
    return Promise.race([ctx.wait("deadline", { hours: 1 }).then(() => "too late"), answer]);
  });

  const { outcome } = await chaos(job, null, { answers: { answer: "in time" } });

  expect(outcome.result).toBe("in time");
});

test("a branch that is no longer waited for is not tried again, wakes nobody, and begins nothing more", async () => {
  const calls: string[] = [];
  const job = engine(
    jobOf(async (ctx) => {
      const batch = await ctx.parallel(
        "stage",
        [
          answerAfter(10),
          (branch) =>
            branch.step(
              "flaky",
              async () => {
                calls.push("flaky");
                throw new Error("not yet");
              },
              { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 20 } }) },
            ),
          async (branch) => {
            await branch.wait("long", { minutes: 30 });
            return branch.step("never", async () => calls.push("never"));
          },
        ],
        { completionConfig: { minSuccessful: 1 } },
      );
      await ctx.wait("a day", { days: 1 });
      return batch.completionReason;
    }),
  );
  const key = await job.submit();

  const { hops } = await job.toEnd(key);

  expect(await job.result(key)).toBe("MIN_SUCCESSFUL_REACHED");
  expect(calls).toEqual(["flaky"]);
  // The first pass, the answer after ten seconds, the end of the day.
  expect(hops).toBe(3);
});

test("a step that is running in such a branch is let run, and recorded: it is paid for", async () => {
  const job = engine(
    jobOf(async (ctx) => {
      await ctx.parallel(
        "stage",
        [
          answerAfter(1),
          async (branch) => {
            await branch.step("slow", () => job.time.sleep(30_000));
            return branch.step("never", async () => 0);
          },
        ],
        { completionConfig: { minSuccessful: 1 } },
      );
      await ctx.wait("a day", { days: 1 });
    }),
  );
  const key = await job.submit();

  await job.toEnd(key);

  const completed = (await job.events(key)).flatMap((event) =>
    event.kind === "step.completed" ? [event.step] : [],
  );
  expect(completed).toEqual(["stage/parallel-branch-0/answer", "stage/parallel-branch-1/slow"]);
});

test("a predicate that throws fails the batch, and the job function sees why", async () => {
  const job = engine(
    jobOf(async (ctx) => {
      const shouldComplete = ({ completedCount }: { completedCount: number }) => {
        if (completedCount === 1) throw new RangeError("not thought of");
        return { complete: false } as const;
      };
      const batch = ctx.parallel("stage", [answerAfter(1), answerAfter(2)], {
        completionConfig: { shouldComplete },
      });
      return batch.catch((error: Error) => error.message);
    }),
  );
  const key = await job.submit();

  await job.toEnd(key);

  expect(await job.result(key)).toBe("not thought of");
});
