import type { Entry, JobEvent } from "../protocol/event.ts";
import { isTerminal, type JobKey, type JobRecord } from "../protocol/job.ts";
import type { Services } from "../services.ts";
import { append } from "./append.ts";
import { currentJob } from "./job-reading.ts";
import { wake } from "./wake.ts";

export type SignalServices = Pick<
  Services,
  "journal" | "queue" | "settings" | "now" | "newId" | "random" | "sleep"
>;

export type Signalled =
  /** Recorded, in `entry` or by an earlier call. `woken` is false when the queue was silent: the sweeper will send the job. */
  | { end: "requested"; job: JobRecord; woken: boolean; entry?: Entry }
  | { end: "already ended"; job: JobRecord };

/**
 * Puts a wish on a job's record. Whoever works on the job notices within seconds; the wake-up is for a job that nobody
 * works on.
 * @param wish - undefined where the record says it already.
 * @returns undefined when there is no such job.
 */
export async function signal(
  services: SignalServices,
  key: JobKey,
  by: string,
  wish: (job: JobRecord) => JobEvent | undefined,
): Promise<Signalled | undefined> {
  const known = await currentJob(services, key);
  return known && signalTo(services, known, by, wish);
}

/** The same for a job as the caller knows it. What has happened to it since is seen before anything is written. */
export async function signalTo(
  services: SignalServices,
  known: JobRecord,
  by: string,
  wish: (job: JobRecord) => JobEvent | undefined,
): Promise<Signalled> {
  const outcome = await append(
    services,
    known,
    by,
    (job) => {
      const event = isTerminal(job.status) ? undefined : wish(job);
      if (!event) return undefined;
      return {
        events: [event],
        along: async (next) => ({
          // The message is on its way, so a sweeper need not send another at once.
          head: {
            ...(await asHeadHas(services, known, next)),
            due: services.now() + services.settings.submitDueMs,
          },
        }),
      };
    },
    () => true,
  );
  // Every foreign entry is absorbed, so nothing overtakes a signal.
  const job = outcome.end === "overtaken" ? known : outcome.job;
  if (isTerminal(job.status)) return { end: "already ended", job };
  const entry = outcome.end === "appended" ? { entry: outcome.entry } : {};
  return { end: "requested", job, woken: await wake(services, job), ...entry };
}

/**
 * A job with lease and due as they are now. They are in no event: where others have written since the job was read, a
 * worker that has just claimed it above all, only HEAD knows them.
 */
export async function asHeadHas(
  { journal }: Pick<Services, "journal">,
  known: JobRecord,
  next: JobRecord,
): Promise<JobRecord> {
  if (next.seq === known.seq + 1) return next;
  const { lease: _lease, due: _due, ...rest } = next;
  const { lease, due } = (await journal.head(next)) ?? next;
  return { ...rest, ...(lease ? { lease } : {}), ...(due === undefined ? {} : { due }) };
}
