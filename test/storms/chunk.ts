import type { Chunk, Outcome } from "./fleet.ts";
import { storm } from "./storm.ts";

/** Storms from one seed on, summed up. */
export async function runChunk({ first, count, every = 1, untilViolated }: Chunk): Promise<Outcome> {
  const outcome: Outcome = {
    storms: 0,
    violated: [],
    fingerprints: [],
    entries: 0,
    calls: 0,
    repeated: 0,
    simulatedMs: 0,
    statuses: {},
    faults: {},
  };
  for (let seed = first; seed < first + count * every; seed += every) {
    const report = await storm(seed);
    outcome.storms += 1;
    outcome.fingerprints.push(report.fingerprint);
    for (const key of ["entries", "calls", "repeated", "simulatedMs"] as const) outcome[key] += report[key];
    for (const key of ["statuses", "faults"] as const) addTo(outcome[key], report[key]);
    if (report.violations.length > 0) {
      outcome.violated.push({ seed, violations: report.violations });
      if (untilViolated) break;
    }
  }
  return outcome;
}

export function addTo(sums: Record<string, number>, more: Record<string, number>): void {
  for (const [key, count] of Object.entries(more)) sums[key] = (sums[key] ?? 0) + count;
}
