import type { ConversationWrite } from "../conversations/conversation.ts";
import type { Entry } from "../protocol/event.ts";
import type { JobKey, JobRecord, JobStatus, Lane, OpenCallback } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";

/** A client's promise not to mean two jobs by one key. `fingerprint` is a hash of everything that it asked for. */
export type IdempotencyClaim = { key: string; fingerprint: string; expiresAt: Millis };

/**
 * Of all jobs with the same content one stands for them: whoever asks for the same may be given that one instead of a
 * job of its own. `replaces` is the job that stood for it so far and will not do any more.
 */
export type ContentClaim = { key: string; expiresAt: Millis; replaces?: string };

export type Submission = {
  entry: Entry;
  /** The fold of `entry`, and of the inherited entries behind it where the job is a fork. */
  head: JobRecord;
  idempotency?: IdempotencyClaim;
  content?: ContentClaim;
  conversation?: ConversationWrite;
  /** The jobs whose end is to wake this one. */
  wokenBy?: string[];
};

export type Created =
  | { end: "stored" }
  /** The idempotency key was used before. The caller compares the fingerprints. */
  | { end: "duplicate"; jobId: string; fingerprint: string }
  /** Another job stands for this content. It is up to the caller whether that one will do. */
  | { end: "same content"; jobId: string }
  /** Somebody else changed the conversation since it was read: read it again and decide again. */
  | { end: "conversation changed" };

export type Appended =
  | { end: "stored" }
  /** Another entry stands in that place. It may be the caller's own: compare the tokens. */
  | { end: "taken"; entry: Entry }
  | { end: "conversation changed" };

/** What changes in the same transaction as an entry. */
export type Along = {
  head?: JobRecord;
  conversation?: ConversationWrite;
  /** A job that begins where this one ends. */
  create?: { entry: Entry; head: JobRecord };
};

export type Reading = {
  /** In order, contiguous, the first one begins at or before `after + 1` and ends behind it. */
  entries: Entry[];
  /** Present in the last page of a reading (`more` is false), when the job exists. */
  head?: JobRecord;
  /** True when the reading stopped at its limit: read on after the last entry. */
  more: boolean;
  /** Somebody watches and wants token deltas. Known in the last page only. */
  deltasWanted: boolean;
};

export type DueJob = JobKey & { due: Millis };

/** A job that waits for the end of another one. */
export type Dependent = { jobId: string; lane: Lane };

export type JobFilter = {
  status?: JobStatus | JobStatus[];
  type?: string;
  tag?: string;
  createdBefore?: Millis;
  /** With an open question that this person may answer. */
  asks?: string;
};

export function matches(job: JobRecord, { status, type, tag, createdBefore, asks }: JobFilter): boolean {
  return (
    (asks === undefined || questionsTo(job, asks).length > 0) &&
    (status === undefined || [status].flat().includes(job.status)) &&
    (type === undefined || job.type === type) &&
    (tag === undefined || job.tags.includes(tag)) &&
    (createdBefore === undefined || job.createdAt < createdBefore)
  );
}

/** What nobody has answered yet and this person may answer. */
export function questionsTo({ callbacks = [] }: JobRecord, person: string): OpenCallback[] {
  return callbacks.filter(
    ({ ask, decided }) => ask && !decided && (!ask.answerers || ask.answerers.includes(person)),
  );
}

export type JobPage = { jobs: JobRecord[]; cursor?: string };

export type Delta = { step: string; attempt: number; index: number; text: string };

/**
 * One journal per job: checkpoint, progress feed, replay log and audit trail. Position in the log is all that
 * decides a race; nothing here depends on a clock.
 *
 * Every method throws `Unavailable` when the store refuses or is silent. After that a write may or may not have
 * happened: read its place to know.
 */
export interface Journal {
  /** Writes a job's first entry, its HEAD and whatever must appear with them, or nothing. */
  create(submission: Submission): Promise<Created>;

  /**
   * Writes one entry if its place is free; a fork's entries may stand before its first. A plain conditional put; with `along` one transaction that also replaces
   * HEAD and changes the conversation.
   */
  append(entry: Entry, along?: Along): Promise<Appended>;

  /**
   * Everything after event `after`, consistently, with HEAD. `limit` counts entries. Of a job that has expired entries
   * may be left, but never HEAD: without one there is no job.
   */
  read(job: JobKey, after: number, limit?: number): Promise<Reading>;

  /**
   * The same, for a caller who knows that an entry ends with `after`: one request, however far HEAD is behind.
   * @param stale - for half the price, from a copy that may be a second behind and lack the last entries.
   */
  news(job: JobKey, after: number, options?: { stale?: boolean }): Promise<Reading>;

  /** HEAD as last written: exact for a job at rest, a little behind for a running one. */
  head(job: JobKey): Promise<JobRecord | undefined>;

  /**
   * Heartbeat: replaces HEAD with a newer fold and lease, if the lease is still the caller's and no newer HEAD has
   * been written. `due` stays as it is: a sweeper that looks too early finds the lease.
   * @returns false when it is not.
   */
  renew(head: JobRecord): Promise<boolean>;

  /** A tenant's jobs, newest first. `cursor` is opaque. */
  list(tenant: string, options: JobFilter & { limit: number; cursor?: string }): Promise<JobPage>;

  /** The job that a key was used for, as long as the key is kept. */
  claimed(
    tenant: string,
    key: string,
  ): Promise<(Omit<IdempotencyClaim, "key"> & { jobId: string }) | undefined>;

  /** The jobs that the end of this one wakes (`wokenBy` of their submission), in pages. */
  dependents(
    job: JobKey,
    options: { limit: number; cursor?: string },
  ): Promise<{ dependents: Dependent[]; cursor?: string }>;

  /** Jobs whose `due` has passed, the longest overdue first. May be a little behind. */
  due(now: Millis, limit: number): Promise<DueJob[]>;

  /**
   * Moves a job's `due`, if it still is what the caller saw, so that of two sweepers one acts.
   * @returns false when it is not.
   */
  postpone(job: DueJob, to: Millis): Promise<boolean>;

  /** Token deltas: outside the journal, short-lived, numbered within step and attempt. Losing one does no harm. */
  putDeltas(job: JobKey, deltas: Delta[]): Promise<void>;
}
