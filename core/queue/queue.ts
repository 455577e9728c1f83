import type { JobKey, Lane } from "../protocol/job.ts";

/** A wake-up call. It carries ids only, so it may be lost, doubled, late or swapped without harm. */
export type WakeUp = JobKey;

/** What is ready, what a worker has taken, and what is not ready before its time. Approximate: SQS counts in many places. */
export type LaneLength = { ready: number; taken: number; delayed: number };

export interface WorkQueue {
  /** @throws Unavailable when the queue refuses or is silent. */
  lengths(): Promise<Record<Lane, LaneLength>>;

  /**
   * Asks for another pass over a job.
   * @param delaySeconds - 0 to 900. SQS accepts no more, so the sweeper carries longer waits.
   * @throws Unavailable when the queue refuses or is silent; sending twice does no harm.
   * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html
   */
  send(lane: Lane, job: WakeUp, delaySeconds?: number): Promise<void>;
}

/** What SQS accepts as a delay. */
export const longestDelaySeconds = 900;

/** @returns undefined for anything but a wake-up call: a queue may hold what we did not write. */
export function parseWakeUp(body: string): WakeUp | undefined {
  try {
    const { tenant, jobId } = JSON.parse(body) as Partial<WakeUp>;
    return typeof tenant === "string" && typeof jobId === "string" ? { tenant, jobId } : undefined;
  } catch {
    return undefined;
  }
}

/** @throws RangeError for a delay that SQS would refuse, which is a mistake of the caller. */
export function checkDelay(seconds: number): void {
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= longestDelaySeconds) return;
  throw new RangeError(`A delay is 0 to ${longestDelaySeconds} whole seconds, not ${seconds}`);
}
