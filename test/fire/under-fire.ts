import { expect, onTestFinished } from "vitest";
import { Field } from "./field.ts";
import { type Report, scenario, troubles } from "./scenario.ts";

/** Scenarios wait most of their time, so many share the engines. */
const atOnce = 16;

/** Runs these scenarios on engines of their own, and expects that none of them breaks a law. */
export async function underFire(seeds: number[]): Promise<void> {
  const field = await Field.start();
  onTestFinished(() => field.stop());
  const totals: Record<string, number> = {};
  const add = (counts: Record<string, number>) => {
    for (const [name, value] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + value;
  };
  const broken: string[] = [];
  const waiting = seeds.values();
  await Promise.all(
    Array.from({ length: Math.min(atOnce, seeds.length) }, async () => {
      for (const seed of waiting) {
        const { violations, statuses, faults, entries } = await scenario(seed, field).catch(failed);
        broken.push(...violations.map((what) => `FIRE_SEED=${seed}: ${what}`));
        add({ ...statuses, ...faults, entries });
      }
    }),
  );
  console.log(`${seeds.length} scenarios:`, totals);
  expect(broken).toEqual([]);
  if (seeds.length === 1) return;
  expect(totals).toEqual(
    expect.objectContaining(Object.fromEntries(troubles.map((kind) => [kind, expect.any(Number)]))),
  );
  expect(totals.completed).toBeGreaterThan(seeds.length / 2);
}

function failed(error: unknown): Report {
  const why = error instanceof Error ? error.stack : error;
  return { violations: [`It ends with ${why}`], statuses: {}, faults: {}, entries: 0 };
}

/** Half of the scenarios of a run, so that each core has one; or the one that was asked for. */
export function seedsOf(half: 0 | 1): number[] {
  const { FIRE_SEED, FIRE_SEEDS = 300 } = process.env;
  if (FIRE_SEED !== undefined) return Number(FIRE_SEED) % 2 === half ? [Number(FIRE_SEED)] : [];
  return Array.from({ length: Number(FIRE_SEEDS) }, (_, index) => index + 1).filter(
    (seed) => seed % 2 === half,
  );
}
