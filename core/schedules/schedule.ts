import type { Budget, Failure, Lane } from "../protocol/job.ts";
import type { Json, Millis } from "../protocol/json.ts";

export const overlapPolicies = ["skip", "queue", "cancel_previous", "parallel"] as const;
/** What becomes of a moment at which the job of the one before has not ended. */
export type Overlap = (typeof overlapPolicies)[number];

/** When something happens again and again. */
export type Cadence = {
  /** Five fields, or six with seconds first. */
  cron: string;
  /** A name of the IANA database. */
  timezone: string;
  /** There is no moment after this one. */
  endAt?: Millis;
};

/** What its owner wants. */
export type ScheduleDefinition = Cadence & {
  name: string;
  type: string;
  /** As the owner wrote it: each job is submitted with it, so what the deployment fills in is decided then. */
  input: Json;
  overlap: Overlap;
  priority: Lane;
  tags: string[];
  budget?: Budget;
};

export type ScheduleRecord = ScheduleDefinition & {
  tenant: string;
  id: string;
  /** Who made it, in whose name its jobs are submitted. */
  by: string;
  createdAt: Millis;
  updatedAt: Millis;
  paused: boolean;
  /** The moment at which it fires next. Absent while it is paused, and once no moment is left. */
  nextAt?: Millis;
  /** When its last job was submitted. */
  lastAt?: Millis;
  lastJobId?: string;
  /** Why the latest moment gave no job. */
  lastFailure?: Failure;
  /** Of what it was created with, to know a request that is sent again. */
  fingerprint: string;
  /** Counts changes, so that two writers notice each other. */
  version: number;
};

export type ScheduleKey = { tenant: string; id: string };

/** Every method throws `Unavailable` when the store refuses or is silent. */
export interface Schedules {
  /** @param most - how many a tenant may have. */
  create(record: ScheduleRecord, most: number): Promise<"created" | "exists" | "too many">;
  get(key: ScheduleKey): Promise<ScheduleRecord | undefined>;
  /** Newest first. `cursor` is opaque. */
  list(
    tenant: string,
    options: { limit: number; cursor?: string },
  ): Promise<{ schedules: ScheduleRecord[]; cursor?: string }>;
  /**
   * Replaces the schedule if `record.version - 1` is what is stored.
   * @returns false when it is not: read again and decide again.
   */
  update(record: ScheduleRecord): Promise<boolean>;
  /** @returns false when there was none. */
  delete(key: ScheduleKey): Promise<boolean>;
  /** Schedules whose moment has come, the longest overdue first. May be a little behind. */
  due(now: Millis, limit: number): Promise<ScheduleKey[]>;
}
