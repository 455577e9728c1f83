import { availableParallelism } from "node:os";
import { Thread } from "./fleet.ts";
import { type Mutant, mutants } from "./mutants.ts";

export type Verdict = { defect: string; killedAfter: number | undefined; by: string };

/** Runs the storms on every mutant until the first violation, on all cores. */
export async function tryMutants(most: number, of: Mutant[] = mutants): Promise<Verdict[]> {
  const waiting = of.values();
  const verdicts: Verdict[] = [];
  const work = async () => {
    for (const mutant of waiting) verdicts.push(await tryMutant(mutant, most));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return verdicts;
}

async function tryMutant(mutant: Mutant, most: number): Promise<Verdict> {
  const { defect } = mutant;
  const thread = new Thread(mutant);
  try {
    const { storms, violated } = await thread.run({ first: 1, count: most, untilViolated: true });
    const [violation] = violated;
    return violation
      ? { defect, killedAfter: storms, by: violation.violations[0]! }
      : { defect, killedAfter: undefined, by: "" };
  } finally {
    await thread.stop();
  }
}
