import { createHash } from "node:crypto";
import type { Settings } from "../config.ts";
import { listPosition } from "../cursor.ts";
import { bodyOf, type Item, type Packed, withBody } from "../pack.ts";
import type { Entry, JobEvent } from "../protocol/event.ts";
import type { JobKey, JobRecord, Lane } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";
import { jobOf, jobPartition, numbered, table, tenantPartition } from "../table.ts";
import type { ContentClaim, Delta, Dependent, IdempotencyClaim } from "./journal.ts";
import { entryExpiry, headExpiry, longestJournalMs, type Retention } from "./retention.ts";

export type Kept = Retention & Pick<Settings, "deltaKeptSeconds" | "dueShards">;

export const headKey = "HEAD";

/** As DynamoDB's time to live wants it. */
function epochSeconds(at: Millis): number {
  return Math.ceil(at / 1000);
}

export function entrySortKey(seq: number): string {
  return numbered(table.prefixes.entry, seq);
}

export function entryItem(entry: Entry, kept: Kept): Item {
  return withBody(
    {
      pk: jobPartition(entry),
      sk: entrySortKey(entry.seq),
      at: entry.at,
      by: entry.by,
      token: entry.token,
      ttl: epochSeconds(entryExpiry(entry, kept)),
    },
    entry.events,
  );
}

export type EntryItem = { pk: string; sk: string; at: number; by: string; token: string; body: Packed };

export function entryOf(item: EntryItem): Entry {
  return {
    ...keyOf(item.pk),
    seq: Number(item.sk.slice(table.prefixes.entry.length)),
    at: item.at,
    by: item.by,
    token: item.token,
    events: bodyOf<JobEvent[]>(item),
  };
}

function keyOf(partition: string): JobKey {
  const key = jobOf(partition);
  if (!key) throw new Error(`${partition} is not the partition of a job`);
  return key;
}

/**
 * HEAD. What conditions, updates and indexes need is in attributes of its own and nowhere else, so that it cannot
 * contradict the rest.
 */
export function headItem(head: JobRecord, kept: Kept): Item {
  const { tenant, jobId, seq, due, lease, ...rest } = head;
  const expiresAt = headExpiry(head, kept);
  return withBody(
    {
      pk: jobPartition(head),
      sk: headKey,
      seq,
      ...(lease ? { lease_by: lease.by, lease_until: lease.until } : {}),
      ...(due === undefined ? {} : { due_shard: dueShard(jobId, kept.dueShards), due_at: due }),
      list_pk: tenantPartition(tenant),
      list_sk: listPosition(head.createdAt, jobId),
      ...(expiresAt === undefined ? {} : { ttl: epochSeconds(expiresAt) }),
    },
    rest,
  );
}

export type HeadItem = {
  pk: string;
  seq: number;
  lease_by?: string;
  lease_until?: number;
  due_at?: number;
  ttl?: number;
  body: Packed;
};

export function headOf(item: HeadItem): JobRecord {
  const { lease_by: by, lease_until: until, due_at: due } = item;
  return {
    ...bodyOf<JobRecord>(item),
    ...keyOf(item.pk),
    seq: item.seq,
    ...(by === undefined || until === undefined ? {} : { lease: { by, until } }),
    ...(due === undefined ? {} : { due }),
  };
}

/** Spreads the sparse index over partitions: every live job is in it. */
function dueShard(jobId: string, shards: number): string {
  return String(createHash("sha256").update(jobId).digest().readUInt32BE() % shards);
}

export function idempotencyPartition(tenant: string, key: string): string {
  return `${tenantPartition(tenant)}#I#${createHash("sha256").update(key).digest("hex")}`;
}

export function idempotencyItem(job: JobKey, claim: IdempotencyClaim): Item {
  return {
    pk: idempotencyPartition(job.tenant, claim.key),
    sk: "I",
    job_id: job.jobId,
    fingerprint: claim.fingerprint,
    expires_at: claim.expiresAt,
    ttl: epochSeconds(claim.expiresAt),
  };
}

export type ClaimItem = { job_id: string; fingerprint: string; expires_at: number };

export function contentPartition(tenant: string, key: string): string {
  return `${tenantPartition(tenant)}#C#${key}`;
}

export function contentItem(job: JobKey, claim: ContentClaim): Item {
  return {
    pk: contentPartition(job.tenant, claim.key),
    sk: "C",
    job_id: job.jobId,
    expires_at: claim.expiresAt,
    ttl: epochSeconds(claim.expiresAt),
  };
}

/** Lies with the job that is waited for, outside the range of its entries, HEAD and watches. */
export function dependentItem(of: JobKey, { jobId, lane }: Dependent, at: Millis, kept: Kept): Item {
  return {
    pk: jobPartition(of),
    sk: dependentSortKey(jobId),
    lane,
    ttl: epochSeconds(at + longestJournalMs(kept)),
  };
}

export function dependentSortKey(jobId: string): string {
  return table.prefixes.dependent + jobId;
}

export type DependentItem = { sk: string; lane: Lane };

export function dependentOf({ sk, lane }: DependentItem): Dependent {
  return { jobId: sk.slice(table.prefixes.dependent.length), lane };
}

/** One item for what was coalesced. Its key follows from the first delta, so that writing it twice does no harm. */
export function deltasItem(job: JobKey, deltas: [Delta, ...Delta[]], at: Millis, kept: Kept): Item {
  const { step, attempt, index } = deltas[0];
  const name = createHash("sha256").update(step).digest("base64url").slice(0, 16);
  return withBody(
    {
      pk: jobPartition(job),
      sk: numbered(`${table.prefixes.deltas}${name}#${attempt}#`, index),
      ttl: epochSeconds(at + kept.deltaKeptSeconds * 1000),
    },
    deltas,
  );
}

/** What the table's stream tells of a job. */
export type StreamRecord = { entry: Entry } | { job: JobKey; deltas: Delta[] };

type StreamImage = Record<string, { S?: string; N?: string; B?: string }>;

/**
 * Reads the `NewImage` of a stream record as Lambda is given it: AttributeValue JSON, binary as base64.
 * @returns undefined for items that are neither entries nor deltas.
 */
export function fromStream(image: StreamImage | undefined): StreamRecord | undefined {
  const [pk, sk] = [image?.pk?.S, image?.sk?.S];
  if (!image || pk === undefined || sk === undefined) return undefined;
  const job = jobOf(pk);
  const body =
    image.body?.S ?? (image.body?.B === undefined ? undefined : Buffer.from(image.body.B, "base64"));
  if (!job || body === undefined) return undefined;
  if (sk.startsWith(table.prefixes.deltas)) return { job, deltas: bodyOf<Delta[]>({ body }) };
  if (!sk.startsWith(table.prefixes.entry)) return undefined;
  return {
    entry: entryOf({
      pk,
      sk,
      at: Number(image.at?.N),
      by: image.by?.S ?? "",
      token: image.token?.S ?? "",
      body,
    }),
  };
}
