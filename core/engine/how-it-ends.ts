import type { Entry } from "../protocol/event.ts";
import type { Failure, JobRecord } from "../protocol/job.ts";
import type { Json } from "../protocol/json.ts";

/** What comes of a job. */
export type HowItEnds =
  | { end: "completed"; result: Json; degraded: boolean }
  /** With a fresh journal as another job, which is made in the same transaction. */
  | {
      end: "continued";
      as: { entry: Entry; head: JobRecord };
      /** What the conversation is told at once, where it does not wait for the one that goes on. */
      acknowledgement?: string;
      degraded?: boolean;
    }
  | { end: "failed"; failure: Failure }
  | { end: "cancelled"; by: string; reason?: string };
