import { isDeepStrictEqual } from "node:util";
import { isSignal } from "../../core/engine/append.ts";
import { fromStream, headKey } from "../../core/journal/items.ts";
import type { Journal } from "../../core/journal/journal.ts";
import { bodyOf } from "../../core/pack.ts";
import type { Payloads } from "../../core/payloads/payloads.ts";
import { applyEntry, type Entry, isTerminalEvent, lastSeq } from "../../core/protocol/event.ts";
import { isTerminal, type JobKey, type JobRecord, type PayloadRef } from "../../core/protocol/job.ts";
import { jobOf, table } from "../../core/table.ts";
import type { StreamRow } from "../../local/dynamo-engine.ts";

type Image = Record<string, { S?: string; N?: string; B?: string }>;

/** A step's function has begun; `after` is the last write to the table that had happened by then. */
export type Beginning = { jobId: string; path: string; attempt: number; after: number };

/** `due` lies further ahead than anything in a scenario takes. */
const longestDueMs = 60_000;

/** Everything that was ever written of one tenant's jobs, in the order of the writes. */
export class History {
  readonly violations: string[] = [];
  readonly #journals = new Map<string, { entry: Entry; row: number }[]>();

  get jobIds(): string[] {
    return [...this.#journals.keys()];
  }

  entries(jobId: string): Entry[] {
    return this.#written(jobId).map(({ entry }) => entry);
  }

  folded(jobId: string): JobRecord {
    return this.entries(jobId).reduce<JobRecord | undefined>(applyEntry, undefined)!;
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
    if (row.new_image === null) return void this.violations.push(`I15 job ${jobId} has lost its HEAD`);
    const image = JSON.parse(row.new_image) as Image;
    const body = image.body!.S ?? Buffer.from(image.body!.B!, "base64");
    if (isTerminal(bodyOf<JobRecord>({ body }).status)) return;
    const dueAt = Number(image.due_at?.N ?? Number.NaN);
    if (!(dueAt < row.created_at * 1000 + longestDueMs))
      this.violations.push(`I4 job ${jobId} is alive and is due at ${dueAt}`);
  }

  #entry({ jobId }: JobKey, row: StreamRow): void {
    const record = row.new_image === null ? undefined : fromStream(JSON.parse(row.new_image));
    if (row.event_name !== "INSERT" || !record || !("entry" in record))
      return void this.violations.push(`I1 job ${jobId}: an entry of the past was ${row.event_name}`);
    const { entry } = record;
    const before = this.#written(jobId);
    const last = before.at(-1)?.entry;
    const violated = (what: string) => this.violations.push(`${what} (job ${jobId}, entry ${entry.seq})`);
    if (entry.seq !== (last ? lastSeq(last) + 1 : 1)) violated("I1 a gap");
    const events = before.flatMap((each) => each.entry.events);
    if (events.some(isTerminalEvent)) violated("I5 something after the end");
    if (entry.events.slice(0, -1).some(isTerminalEvent)) violated("I5 an end in the middle");
    const claim = [...events, ...entry.events].findLast(({ kind }) => kind === "job.claimed");
    const claimant = claim?.kind === "job.claimed" ? claim.by : undefined;
    if (entry.seq > 1 && !isSignal(entry) && entry.by !== claimant)
      violated("I6 written by who has no claim");
    for (const event of entry.events) {
      if (event.kind !== "step.completed") continue;
      const again = events.some((one) => one.kind === "step.completed" && one.step === event.step);
      if (again) violated(`I2 ${event.step} completed twice`);
    }
    this.#journals.set(jobId, [...before, { entry, row: row.id }]);
  }

  #written(jobId: string): { entry: Entry; row: number }[] {
    return this.#journals.get(jobId) ?? [];
  }

  /** What step functions did, against what the table had said before they did it. */
  checkBeginnings(beginnings: Beginning[]): void {
    const seen = new Set<string>();
    for (const { jobId, path, attempt, after } of beginnings) {
      const name = `job ${jobId}: ${path}@${attempt}`;
      const known = this.#written(jobId)
        .filter(({ row }) => row <= after)
        .flatMap(({ entry }) => entry.events);
      const intended = known.some(
        (event) =>
          event.kind === "step.started" &&
          event.steps.some((one) => one.step === path && one.attempt === attempt),
      );
      if (!intended) this.violations.push(`I14 ${name} began without its intent`);
      if (known.some((event) => event.kind === "step.completed" && event.step === path))
        this.violations.push(`I2 ${name} began after it had completed`);
      if (seen.has(name)) this.violations.push(`I14 ${name} began twice`);
      seen.add(name);
    }
  }

  /** What the table holds now that all is quiet: read through the adapters that the functions use. */
  async checkTable(tenant: string, journal: Journal, payloads: Payloads): Promise<void> {
    for (const jobId of this.jobIds) {
      const key = { tenant, jobId };
      const entries = this.entries(jobId);
      const read = await journal.read(key, 0);
      if (!isDeepStrictEqual(read.entries, entries))
        this.violations.push(`I1 job ${jobId} has changed its past`);
      const { due: _due, lease: _lease, ...head } = (await journal.head(key)) ?? ({} as JobRecord);
      if (!isDeepStrictEqual(head, this.folded(jobId)))
        this.violations.push(`I15 job ${jobId}: HEAD is not the fold`);
      for (const ref of refsIn(entries)) {
        // Reading checks the hash.
        await payloads
          .get(ref)
          .catch((error: unknown) => this.violations.push(`I16 job ${jobId}: ${ref.key}: ${error}`));
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
