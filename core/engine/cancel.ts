import { isTerminal, type JobKey, type JobRecord } from "../protocol/job.ts";
import type { Services } from "../services.ts";
import { append } from "./append.ts";
import { currentJob } from "./job-reading.ts";
import { wake } from "./wake.ts";

export type Cancelled =
  /** Recorded, now or by an earlier call: the job will end as `cancelled`. */
  { end: "requested"; job: JobRecord; woken: boolean } | { end: "already ended"; job: JobRecord };

/**
 * Records the wish that a job ends. Whoever works on it notices within seconds; the wake-up is for a job that nobody
 * works on.
 * @returns undefined when there is no such job.
 */
export async function cancel(
  services: Pick<Services, "journal" | "queue" | "now" | "newId" | "random" | "sleep">,
  key: JobKey,
  by: string,
  reason?: string,
): Promise<Cancelled | undefined> {
  const known = await currentJob(services, key);
  if (!known) return undefined;
  const outcome = await append(
    services,
    known,
    by,
    (job) =>
      isTerminal(job.status) || job.cancelRequested
        ? undefined
        : {
            events: [{ kind: "job.cancel_requested", by, ...(reason ? { reason } : {}) }],
            along: (next) => ({ head: { ...next, due: services.now() } }),
          },
    () => true,
  );
  // Every foreign entry is absorbed, so nothing overtakes a cancel.
  const job = outcome.end === "overtaken" ? known : outcome.job;
  if (isTerminal(job.status)) return { end: "already ended", job };
  return { end: "requested", job, woken: await wake(services, job) };
}
