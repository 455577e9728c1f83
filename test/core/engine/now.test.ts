import { expect, test } from "vitest";
import { engine, jobOf } from "../../support/engine.ts";

test("a job is told the time of its journal: it moves on with what the job is given, and is the same in every replay", async () => {
  const told: number[][] = [];
  const job = engine(
    jobOf(async (ctx) => {
      const times = [ctx.now()];
      told.push(times);
      const look = async (what: Promise<unknown>) => {
        await what;
        times.push(ctx.now());
      };
      await look(ctx.step("quick", async () => job.time.sleep(700)));
      await look(ctx.wait("an hour", { hours: 1 }));
      // The store is slow: what is given before it is written must be told the same time later.
      await look(ctx.step("again", async () => job.time.sleep(1_300)));
      await look(ctx.wait("another hour", { hours: 1 }));
      return times;
    }),
  );
  const { journal } = job.services;
  const { append } = journal;
  journal.append = async (entry, along) => {
    await job.time.sleep(50);
    return append.call(journal, entry, along);
  };
  const key = await job.submit();
  const { createdAt } = await job.job(key);
  await job.toEnd(key);

  const whole = told.at(-1)!;
  expect(await job.result(key)).toEqual(whole);
  expect(told.length).toBeGreaterThan(2);
  for (const times of told) expect(times).toEqual(whole.slice(0, times.length));
  expect(whole[0]).toBe(createdAt);
  expect(whole[1]! - whole[0]!).toBeGreaterThanOrEqual(700);
  expect(whole[2]! - whole[1]!).toBeGreaterThanOrEqual(3_600_000);
  expect(whole.toSorted((a, b) => a - b)).toEqual(whole);
});
