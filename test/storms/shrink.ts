import type { Millis } from "../../core/protocol/json.ts";
import { type Fault, faultKinds } from "./faults.ts";
import { type StormOptions, type StormReport, storm } from "./storm.ts";

export type Smallest = { faults: Fault[]; people: number; faultyMs: Millis; report: StormReport };

const shortestMs = 500;

/**
 * The smallest storm of a seed that still breaks the same invariant: fault kinds are switched off one by one, then
 * fewer people come, then the faults end earlier.
 */
export async function shrink(seed: number, run = storm): Promise<Smallest> {
  let report = await run(seed, {});
  const broken = invariantOf(report);
  const off = new Set<Fault>(faultKinds.filter((kind) => !(kind in report.faults)));
  let options: StormOptions = {};

  const stillBreaks = async (smaller: StormOptions): Promise<boolean> => {
    const again = await run(seed, smaller);
    if (invariantOf(again) !== broken) return false;
    report = again;
    options = smaller;
    return true;
  };

  for (const kind of faultKinds.filter((kind) => !off.has(kind))) {
    if (await stillBreaks({ ...options, off: new Set([...off, kind]) })) off.add(kind);
  }
  let people = 4;
  while (people > 1 && (await stillBreaks({ ...options, people: people - 1 }))) people -= 1;
  let faultyMs = 60_000;
  while (faultyMs > shortestMs && (await stillBreaks({ ...options, faultyMs: faultyMs / 2 }))) faultyMs /= 2;
  return { faults: faultKinds.filter((kind) => !off.has(kind)), people, faultyMs, report };
}

/** `I2`, `L1`, ... of the first violation. */
function invariantOf({ violations }: StormReport): string | undefined {
  return violations[0]?.split(" ")[0];
}
