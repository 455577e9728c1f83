import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Mutant } from "./mutants.ts";

/** `every`: only each so manieth seed. */
export type Chunk = { first: number; count: number; every?: number; untilViolated: boolean };
export type ThreadData = { mutant?: Mutant };

/** What came of some storms. */
export type Outcome = {
  storms: number;
  violated: { seed: number; violations: string[] }[];
  /** In the order of the seeds. */
  fingerprints: string[];
  entries: number;
  calls: number;
  repeated: number;
  simulatedMs: number;
  statuses: Record<string, number>;
  faults: Record<string, number>;
};

const storms = 50;

/** One thread, for storms on the code as it is or with a defect. */
export class Thread {
  readonly #worker: Worker;

  constructor(mutant?: Mutant) {
    const workerData: ThreadData = mutant ? { mutant } : {};
    this.#worker = new Worker(new URL("./thread.ts", import.meta.url), {
      workerData,
      execArgv: [],
    });
  }

  run(chunk: Chunk): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const settle = (done: () => void) => {
        this.#worker.off("message", given).off("error", failed);
        done();
      };
      const given = (outcome: Outcome) => settle(() => resolve(outcome));
      const failed = (error: unknown) => settle(() => reject(error));
      this.#worker.on("message", given).on("error", failed).postMessage(chunk);
    });
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

/**
 * Storms from a seed on, on all cores.
 * @param onChunk - is given what came of some of them, in any order; false ends it all.
 */
export async function sail(
  { first, count }: { first: number; count: number },
  onChunk: (outcome: Outcome) => boolean,
): Promise<void> {
  let next = first;
  let goesOn = true;
  const work = async () => {
    const thread = new Thread();
    try {
      while (goesOn && next < first + count) {
        const from = next;
        next += storms;
        const chunk = { first: from, count: Math.min(storms, first + count - from), untilViolated: false };
        goesOn = onChunk(await thread.run(chunk)) && goesOn;
      }
    } finally {
      await thread.stop();
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}
