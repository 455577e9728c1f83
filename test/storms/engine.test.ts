import { expect, test } from "vitest";
import { storm } from "../support/storm.ts";

const seeds = Number(process.env.STORM_SEEDS ?? 1_500);
const first = Number(process.env.STORM_FIRST ?? 1);

test(`${seeds} storms from seed ${first}: crashes, pauses, lost and doubled messages, lost answers, cancels [A0-03] [A3-11]`, async () => {
  let calls = 0;
  let repeated = 0;
  const statuses: Record<string, number> = {};
  for (let seed = first; seed < first + seeds; seed += 1) {
    const report = await storm(seed);
    expect(report.violations, `STORM_FIRST=${seed} STORM_SEEDS=1`).toEqual([]);
    calls += report.calls;
    repeated += report.repeated;
    for (const [status, count] of Object.entries(report.statuses)) {
      statuses[status] = (statuses[status] ?? 0) + count;
    }
  }
  if (process.env.STORM_SEEDS) console.log({ calls, repeated, ...statuses });
}, 3_600_000);

test("messages that are doubled, late and lost cost no call: a lease keeps workers apart", async () => {
  for (let seed = 1; seed <= 150; seed += 1) {
    const { violations, repeated } = await storm(seed, { gentle: true });
    expect({ violations, repeated }, `seed ${seed}`).toEqual({ violations: [], repeated: 0 });
  }
}, 60_000);

test("a seed gives the same storm again, bit by bit", async () => {
  for (const seed of [7, 77, 777]) {
    const [once, again] = [await storm(seed), await storm(seed)];
    expect(again).toEqual(once);
    expect(once.entries).toBeGreaterThan(1);
  }
});
