import { expect, onTestFinished, test } from "vitest";
import { Field } from "./field.ts";
import { scenario } from "./scenario.ts";

const count = Number(process.env.FIRE_SEEDS ?? 300);
const first = Number(process.env.FIRE_FIRST ?? 1);
/** Scenarios wait most of their time, so many share the engines. */
const atOnce = 30;
const nothing = { statuses: {}, faults: {}, entries: 0 };

test(`${count} scenarios from seed ${first} on the real engines: their faults break none of the laws [A0-03] [A3-11]`, async () => {
  const field = await Field.start();
  onTestFinished(() => field.stop());
  const totals: Record<string, number> = {};
  const add = (counts: Record<string, number>) => {
    for (const [name, value] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + value;
  };
  const broken: string[] = [];
  const seeds = Array.from({ length: count }, (_, index) => first + index).values();

  await Promise.all(
    Array.from({ length: Math.min(atOnce, count) }, async () => {
      for (const seed of seeds) {
        const report = await scenario(seed, field).catch((error: unknown) => ({
          ...nothing,
          violations: [`It ends with ${error instanceof Error ? error.stack : error}`],
        }));
        broken.push(...report.violations.map((what) => `FIRE_FIRST=${seed} FIRE_SEEDS=1: ${what}`));
        add({ ...report.statuses, ...report.faults, entries: report.entries });
      }
    }),
  );

  console.log(`${count} scenarios:`, totals);
  expect(broken).toEqual([]);
}, 900_000);
