import type { JsonObject, Millis } from "../protocol/json.ts";

/** The job that generates a project, or is about to. */
export type Generation = {
  /** From 1. */
  number: number;
  /** Derived from project and number, and noted before the job is submitted: whoever comes after a crash submits the same. */
  jobId: string;
  at: Millis;
  /** The failed job that it goes on from. */
  retryOf?: string;
  /** Of the request that asked for it. */
  idempotencyKey?: string;
};

/** Something that is to be generated. What becomes of it is in its job's journal and nowhere else. */
export type ProjectRecord = {
  tenant: string;
  id: string;
  /** Who made it. */
  by: string;
  createdAt: Millis;
  name: string;
  description: string;
  /** What else its job is submitted with. */
  request: JsonObject;
  generation?: Generation;
  /** Of what it was created with, to know a request that is sent again. */
  fingerprint: string;
  /** Counts changes, so that two writers notice each other. */
  version: number;
};

export type ProjectKey = { tenant: string; id: string };

/** Every method throws `Unavailable` when the store refuses or is silent. */
export interface Projects {
  /** @param mostADay - how many one person of the tenant may make on one day, in UTC. */
  create(record: ProjectRecord, mostADay: number): Promise<"created" | "exists" | "too many">;
  get(key: ProjectKey): Promise<ProjectRecord | undefined>;
  /** Newest first. `cursor` is opaque. */
  list(
    tenant: string,
    options: { limit: number; cursor?: string },
  ): Promise<{ projects: ProjectRecord[]; cursor?: string }>;
  /**
   * Replaces the project if `record.version - 1` is what is stored.
   * @returns false when it is not: read again and decide again.
   */
  update(record: ProjectRecord): Promise<boolean>;
}

const day = 86_400_000;

/** The day on which a project counts, and when its count may be forgotten. */
export function dayOf({ createdAt }: Pick<ProjectRecord, "createdAt">): { day: string; endsAt: Millis } {
  const endsAt = (Math.floor(createdAt / day) + 1) * day;
  return { day: new Date(createdAt).toISOString().slice(0, 10), endsAt };
}
