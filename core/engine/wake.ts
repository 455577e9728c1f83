import { Unavailable } from "../protocol/error.ts";
import type { JobKey, Lane } from "../protocol/job.ts";
import type { Services } from "../services.ts";

/**
 * Asks for a pass over a job whose journal already says that it is due.
 * @returns false when the queue did not take the message. The sweeper will send it, so that is worth a line in the
 * log and nothing more.
 */
export async function wake(
  { queue }: Pick<Services, "queue">,
  job: JobKey & { lane: Lane },
  delaySeconds?: number,
): Promise<boolean> {
  try {
    await queue.send(job.lane, { tenant: job.tenant, jobId: job.jobId }, delaySeconds);
    return true;
  } catch (error) {
    if (error instanceof Unavailable) return false;
    throw error;
  }
}
