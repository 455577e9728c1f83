import { parseArgs } from "node:util";
import { addTo } from "./chunk.ts";
import { type Outcome, sail } from "./fleet.ts";
import { shrink } from "./shrink.ts";
import { storm } from "./storm.ts";

/** `npm run storm -- --seeds 1000000 [--first 1]`, or `--seed 7 [--trace]` for one of them. */

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "20000" },
    first: { type: "string", default: "1" },
    seed: { type: "string" },
    trace: { type: "boolean", default: false },
  },
});

const ok = values.seed === undefined ? await many() : await one(Number(values.seed));
process.exitCode = ok ? 0 : 1;

async function one(seed: number): Promise<boolean> {
  const lines: string[] = [];
  const report = await storm(seed, { lines });
  if (values.trace) console.log(lines.join("\n"));
  const { violations, fingerprint } = report;
  console.log(`seed ${seed}: ${fingerprint}, ${violations.length} violations`);
  if (violations.length === 0) return true;
  await explain(seed, violations);
  return false;
}

async function explain(seed: number, violations: string[]): Promise<void> {
  console.log(`\nSTORM_SEED=${seed}`);
  for (const violation of violations) console.log(`  ${violation}`);
  const { faults, people, faultyMs, report } = await shrink(seed);
  console.log(`still so with ${people} people, ${faultyMs} ms of faults, and of these only:`);
  console.log(`  ${faults.join(", ") || "none"}`);
  for (const violation of report.violations.slice(0, 3)) console.log(`  ${violation}`);
  console.log(`npm run storm -- --seed ${seed} --trace`);
}

async function many(): Promise<boolean> {
  const [first, count] = [Number(values.first), Number(values.seeds)];
  const startedAt = performance.now();
  const sums = { storms: 0, entries: 0, calls: 0, repeated: 0, simulatedMs: 0 };
  const statuses: Record<string, number> = {};
  const faults: Record<string, number> = {};
  let broken: Outcome["violated"][number] | undefined;
  let toldAt = startedAt;
  await sail({ first, count }, (outcome) => {
    const { violated, fingerprints: _, statuses: ended, faults: struck, ...counts } = outcome;
    addTo(sums, counts);
    addTo(statuses, ended);
    addTo(faults, struck);
    broken ??= violated[0];
    if (process.stdout.isTTY && performance.now() - toldAt > 1_000) {
      toldAt = performance.now();
      process.stdout.write(`\r${sums.storms} storms`);
    }
    return broken === undefined;
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const hours = sums.simulatedMs / 3_600_000;
  console.log({
    seeds: `${first} to ${first + sums.storms - 1}`,
    seconds: Math.round(seconds),
    "simulated hours": Math.round(hours),
    "simulated hours per second": Math.round(hours / seconds),
    entries: sums.entries,
    "steps begun": sums.calls,
    "begun again": `${sums.repeated} (${((100 * sums.repeated) / sums.calls).toFixed(2)} %)`,
    jobs: statuses,
    "faults of each kind": faults,
  });
  if (broken) await explain(broken.seed, broken.violations);
  return broken === undefined;
}
