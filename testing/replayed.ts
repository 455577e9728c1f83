import type { Jobs } from "../core/engine/job-type.ts";
import { checkReplay, type Verdict } from "../core/engine/replay-check.ts";
import { exportedJournals } from "../core/journal/exported.ts";
import { memoryPayloads } from "../core/payloads/memory.ts";

/**
 * What becomes of a job when today's code replays its journal: `{ verdict: "fits" }`, or how it goes another way. No step
 * is performed and no model is asked.
 * @param journal - as `convoke export` prints it. Of several jobs the first that does not fit is the answer.
 */
export async function replayed(jobs: Jobs, journal: string): Promise<Verdict> {
  for (const entries of exportedJournals(journal, "journal")) {
    const verdict = await checkReplay(jobs, entries, memoryPayloads());
    if (verdict.verdict !== "fits") return verdict;
  }
  return { verdict: "fits" };
}
