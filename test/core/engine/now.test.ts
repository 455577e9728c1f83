import { expect, test } from "vitest";
import { engine, jobOf } from "../../support/engine.ts";

test("a job is told the time of its journal: it moves on with what the job is given, and is the same in every replay", async () => {
  const told: number[][] = [];
  const others = new Set<number>();
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
      await look(ctx.step("again", async () => job.time.sleep(1_300)));
      await look(ctx.wait("another hour", { hours: 1 }));
      return times;
    }),
  );
  // Others write first, so that what the job has been given is written later than it was given.
  const { journal } = job.services;
  const { append } = journal;
  journal.append = async (entry, along) => {
    await job.time.sleep(50);
    const isOutcome = entry.events.some(({ kind }) => kind === "step.completed" || kind === "wait.ended");
    if (isOutcome && !others.has(entry.seq)) {
      others.add(entry.seq + 1);
      const signal = { kind: "job.budget_changed", by: "somebody", budget: {} } as const;
      await append.call(journal, { ...entry, by: "somebody", token: `other-${entry.seq}`, events: [signal] });
    }
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
