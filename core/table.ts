/** Names of the table's attributes and indexes: built by lib/, used by the adapters. Imports nothing, so that both may read it. */
export const table = {
  partitionKey: "pk",
  sortKey: "sk",
  /** Epoch seconds, as DynamoDB's time to live wants them. */
  ttl: "ttl",
  indexes: {
    /** Sparse: jobs that the sweeper must look at. Sharded, because every live job is in here. Projection KEYS_ONLY. */
    due: { name: "due", partitionKey: "due_shard", sortKey: "due_at" },
    /** A tenant's jobs, and apart from them its conversations, by creation. KEYS_ONLY, so that rewriting a HEAD costs no index write. */
    list: { name: "list", partitionKey: "list_pk", sortKey: "list_sk" },
  },
  /** What the stream's readers select by: journal entries and token deltas. */
  prefixes: { entry: "E#", deltas: "D#", watch: "W#", dependent: "A#" },
} as const;

/** Every key of a tenant's things begins with this, and no tenant's name can reach into another's. */
export function tenantPartition(tenant: string): string {
  return `T#${encodeURIComponent(tenant)}`;
}

/** A job's journal, HEAD, watches and deltas. */
export function jobPartition(job: { tenant: string; jobId: string }): string {
  return `${tenantPartition(job.tenant)}#J#${job.jobId}`;
}

/** Watches of all jobs of a tenant. */
export function tenantWatchesPartition(tenant: string): string {
  return `${tenantPartition(tenant)}#MINE`;
}

/** The inverse of `jobPartition`; undefined for any other partition. */
export function jobOf(partition: string): { tenant: string; jobId: string } | undefined {
  const match = /^T#([^#]*)#J#(.*)$/s.exec(partition);
  return match ? { tenant: decodeURIComponent(match[1]!), jobId: match[2]! } : undefined;
}

/** Sort keys compare as text, so their numbers have a fixed width. */
export function numbered(prefix: string, number: number): string {
  return prefix + String(number).padStart(10, "0");
}
