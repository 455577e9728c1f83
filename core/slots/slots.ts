import type { JobKey, Lane } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";

/** So many of a kind may be at work at the same time. */
export type Pool = { name: string; limit: number };

/** A job that waits for a slot, with what is needed to wake it. */
export type Waiting = JobKey & { lane: Lane; createdAt: Millis };

/**
 * Leased slots, and for each pool a line of jobs that wait for one. A slot whose holder has died comes free by itself.
 *
 * Every method throws `Unavailable` when the store refuses or is silent.
 */
export interface Slots {
  /**
   * One conditional write.
   * @param by - who wants the slot, and no other: asked again, a holder is told that it has it.
   * @returns false when all slots are held.
   */
  take(pool: Pool, by: string, until: Millis): Promise<boolean>;
  /** The holder is alive. Of a slot that was taken for free nothing changes. */
  extend(pool: Pool, by: string, until: Millis): Promise<void>;
  giveBack(pool: Pool, by: string): Promise<void>;

  /** Puts a job in the line, which is in the order of age. Once, however often it is put. */
  enter(pool: Pool, job: Waiting): Promise<void>;
  leave(pool: Pool, job: Waiting): Promise<void>;
  /** @returns 1 for the first in the line; undefined for a job that is not in it. */
  position(pool: Pool, job: Waiting): Promise<number | undefined>;
  /** Takes the first job out of the line. Of several callers each is given another. */
  next(pool: Pool): Promise<Waiting | undefined>;
}
