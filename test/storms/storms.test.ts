import { expect, test } from "vitest";
import { addTo } from "./chunk.ts";
import { faultKinds } from "./faults.ts";
import { type Outcome, sail, Thread } from "./fleet.ts";
import { mutants } from "./mutants.ts";
import { tryMutants } from "./mutation.ts";
import { shrink } from "./shrink.ts";
import { storm } from "./storm.ts";

/** `npm run storm -- --seeds 1000000` runs more of them. */
const seeds = 20_000;
const mostPerMutant = 10_000;

test(`in ${seeds} storms of crashes, pauses, wrong clocks, losses and cuts no invariant is broken [A0-03] [A3-11]`, async () => {
  const sums = { storms: 0, calls: 0, repeated: 0 };
  const struck: Record<string, number> = {};
  const violated: Outcome["violated"] = [];
  await sail({ first: 1, count: seeds }, (outcome) => {
    const { storms, calls, repeated, faults } = outcome;
    addTo(sums, { storms, calls, repeated });
    addTo(struck, faults);
    violated.push(...outcome.violated);
    return violated.length === 0;
  });
  expect(violated, "npm run storm -- --seed N --trace").toEqual([]);
  expect(sums.storms).toBe(seeds);
  expect(faultKinds.filter((kind) => !(kind in struck))).toEqual([]);
  // What is lost with a process that dies is paid for again, and that is all.
  expect(sums.repeated / sums.calls).toBeLessThan(0.02);
}, 600_000);

test("a seed gives the same storm again, bit by bit, in another thread too", async () => {
  const thread = new Thread();
  const seeds = [7, 77, 777, 7_777];
  for (const seed of seeds) {
    const once: string[] = [];
    const again: string[] = [];
    const reports = [await storm(seed, { lines: once }), await storm(seed, { lines: again })];
    expect(reports[1]).toEqual(reports[0]);
    expect(again).toEqual(once);
    expect(once.length).toBeGreaterThan(10);
    const elsewhere = await thread.run({ first: seed, count: 1, untilViolated: false });
    expect(elsewhere.fingerprints).toEqual([reports[0]!.fingerprint]);
  }
  await thread.stop();
});

test("a storm that breaks something shrinks to fewer faults, people and seconds, and still breaks it", async () => {
  // As if a message that comes twice broke an invariant.
  const suspicious: typeof storm = async (seed, options) => {
    const report = await storm(seed, options);
    return report.faults["message doubled"] ? { ...report, violations: ["I0 for this test"] } : report;
  };
  let seed = 1;
  while ((await suspicious(seed)).violations.length === 0) seed += 1;
  const whole = await suspicious(seed);
  const smallest = await shrink(seed, suspicious);
  // Others may be left: without them no message is doubled in this seed.
  expect(smallest.faults).toContain("message doubled");
  expect(smallest.faults.length).toBeLessThan(Object.keys(whole.faults).length);
  expect(smallest.report.violations).toEqual(["I0 for this test"]);
});

test(`each of ${mutants.length} defects is noticed within ${mostPerMutant} storms`, async () => {
  const verdicts = await tryMutants(mostPerMutant);
  const survivors = verdicts.filter(({ killedAfter }) => killedAfter === undefined);
  expect(survivors).toEqual([]);
  expect(verdicts.length).toBeGreaterThanOrEqual(20);
}, 600_000);
