import { availableParallelism } from "node:os";
import { weathers } from "./faults.ts";
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

function seedsOf(weather: Mutant["weather"]): { first: number; every: number } {
  return weather
    ? { first: weathers.indexOf(weather) + weathers.length, every: weathers.length }
    : { first: 1, every: 1 };
}

async function tryMutant(mutant: Mutant, most: number): Promise<Verdict> {
  const { defect, weather } = mutant;
  const thread = new Thread(mutant);
  try {
    const { storms, violated } = await thread.run({ ...seedsOf(weather), count: most, untilViolated: true });
    const [violation] = violated;
    return violation
      ? { defect, killedAfter: storms, by: violation.violations[0]! }
      : { defect, killedAfter: undefined, by: "" };
  } finally {
    await thread.stop();
  }
}
