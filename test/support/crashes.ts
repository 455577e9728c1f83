import type { engine } from "./engine.ts";

type Engine = ReturnType<typeof engine>;

const never = new Promise<never>(() => {});

/**
 * The worker dies once, at one of its writes.
 * @param place - the number of the write, from 0.
 */
export function dieAt(job: Engine, place: number, when: "before" | "after"): void {
  const { journal } = job.services;
  const { append } = journal;
  let writes = 0;
  journal.append = async (entry, along) => {
    // Others write signals; they are no workers, and live.
    if (!job.isAtWork(entry)) return append.call(journal, entry, along);
    const isPlace = writes++ === place;
    if (isPlace && when === "before") {
      job.workersDie();
      return never;
    }
    const written = await append.call(journal, entry, along);
    if (!isPlace) return written;
    job.workersDie();
    return never;
  };
}

/** Every write of a short job, before and after. */
export const crashes = Array.from({ length: 10 }, (_, place) => place).flatMap((place) =>
  (["before", "after"] as const).map((when) => [when, place] as const),
);
