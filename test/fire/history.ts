import { isDeepStrictEqual } from "node:util";
import { fromStream, headKey } from "../../core/journal/items.ts";
import type { Journal } from "../../core/journal/journal.ts";
import { bodyOf } from "../../core/pack.ts";
import type { Payloads } from "../../core/payloads/payloads.ts";
import { isTerminal, type JobKey, type JobRecord, type PayloadRef } from "../../core/protocol/job.ts";
import type { Millis } from "../../core/protocol/json.ts";
import { jobOf, table } from "../../core/table.ts";
import type { StreamRow } from "../../local/dynamo-engine.ts";
import { Ledger } from "../storms/ledger.ts";

type Image = Record<string, { S?: string; N?: string; B?: string }>;

/** `due` lies no further ahead than anything in a scenario takes. */
const longestDueMs = 60_000;

/**
 * Everything that was ever written of one tenant's jobs, in the order of the writes. What the storms check at every
 * commit is checked here at every record of the table's stream.
 */
export class History {
  readonly ledger: Ledger;

  /**
   * @param skewMs - how far apart clocks are, and how late a write may be noticed.
   * @param asked - is told of a callback that waits for an answer from outside.
   */
  constructor(skewMs: Millis, asked: (key: JobKey, callbackId: string) => void) {
    // What a reference leads to is looked at in the end: no stream tells of the payload store.
    const world = { now: Date.now, asked, skewMs: () => skewMs, resolves: () => true, trace: () => {} };
    this.ledger = new Ledger(world);
  }

  /** Takes down a write, and checks what holds for every single one. */
  add(row: StreamRow): void {
    const keys = JSON.parse(row.keys_json) as { pk: { S: string }; sk: { S: string } };
    const job = jobOf(keys.pk.S);
    if (!job) return;
    if (keys.sk.S === headKey) this.#head(job, row);
    if (keys.sk.S.startsWith(table.prefixes.entry)) this.#entry(job, row);
  }

  #head({ jobId }: JobKey, row: StreamRow): void {
    if (row.new_image === null) {
      this.ledger.violated(`I15 job ${jobId} has lost its HEAD`);
      return;
    }
    const image = JSON.parse(row.new_image) as Image;
    const body = image.body!.S ?? Buffer.from(image.body!.B!, "base64");
    if (isTerminal(bodyOf<JobRecord>({ body }).status)) return;
    const dueAt = Number(image.due_at?.N ?? Number.NaN);
    if (!(dueAt < row.created_at * 1000 + longestDueMs))
      this.ledger.violated(`I4 job ${jobId} is alive and is due at ${dueAt}`);
  }

  #entry({ jobId }: JobKey, row: StreamRow): void {
    const record = row.new_image === null ? undefined : fromStream(JSON.parse(row.new_image));
    if (row.event_name === "INSERT" && record && "entry" in record) this.ledger.committed(record.entry);
    else this.ledger.violated(`I1 job ${jobId}: an entry of the past was ${row.event_name}`);
  }

  /** What the table holds when all is quiet, read through the adapters that the functions use. */
  async checkTable(journal: Journal, payloads: Payloads): Promise<void> {
    const { ledger } = this;
    for (const { tenant, jobId, entries, state } of ledger.pasts.values()) {
      const key = { tenant, jobId };
      const read = await journal.read(key, 0);
      if (!isDeepStrictEqual(read.entries, entries)) ledger.violated(`I1 job ${jobId} has changed its past`);
      const { due: _due, lease: _lease, ...head } = (await journal.head(key)) ?? ({} as JobRecord);
      if (!isDeepStrictEqual(head, state)) ledger.violated(`I15 job ${jobId}: HEAD is not the fold`);
      for (const ref of refsIn(entries)) {
        // Reading checks the hash.
        await payloads
          .get(ref)
          .catch((error: unknown) => ledger.violated(`I16 job ${jobId}: ${ref.key}: ${error}`));
      }
    }
  }
}

/** Every reference to the payload store, wherever in an event it stands. */
function refsIn(value: unknown): PayloadRef[] {
  if (value === null || typeof value !== "object") return [];
  if ("sha256" in value && "key" in value) return [value as PayloadRef];
  return Object.values(value).flatMap(refsIn);
}
