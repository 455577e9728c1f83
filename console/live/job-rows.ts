import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { JobStatus, JobSummary, MineItem } from "../../client/index.ts";
import { jobStatuses } from "../../core/protocol/job.ts";

/** Which jobs are shown. `text` is looked for in what is loaded, the rest is asked of the service. */
export type Filter = { status?: JobStatus; type?: string; tag?: string; text?: string };

export function filterOf(query: Record<string, string>): Filter {
  const status = jobStatuses.find((known) => known === query.status);
  return {
    ...(status ? { status } : {}),
    ...(query.type ? { type: query.type } : {}),
    ...(query.tag ? { tag: query.tag } : {}),
    ...(query.text ? { text: query.text } : {}),
  };
}

export function addressOf(filter: Filter): string {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== ""));
  return query.size > 0 ? `/jobs?${query}` : "/jobs";
}

/** Each row is a signal of its own, so that progress renders a row and not the list. */
export type Row = Signal<JobSummary>;

type Page = { jobs: JobSummary[]; next_cursor: string | null };
export type Read = (options: { limit: number; cursor?: string; signal: AbortSignal }) => Promise<Page>;

/**
 * The newest jobs and what happens to them. A row changes where it stands; rows that come and go wait as long as
 * `held` says that somebody points at one.
 */
export class JobList {
  readonly #rows = new Map<string, Row>();
  /** What the service has, in its order. */
  readonly #latest = signal<string[] | undefined>(undefined);
  /** What is on the page. */
  readonly #shown = signal<string[] | undefined>(undefined);
  readonly #cursor = signal<string | null>(null);
  readonly held = signal(false);

  /** `undefined` until the first answer. */
  readonly rows: ReadonlySignal<Row[] | undefined> = computed(() =>
    this.#shown.value?.map((id) => this.#rows.get(id)!),
  );
  readonly more: ReadonlySignal<boolean> = computed(() => this.#cursor.value !== null);
  /** So many jobs have come since somebody began to point. */
  readonly arrived: ReadonlySignal<number> = computed(() => {
    const shown = new Set(this.#shown.value);
    return (this.#latest.value ?? []).filter((id) => !shown.has(id)).length;
  });

  get cursor(): string | null {
    return this.#cursor.value;
  }

  /** The first rows anew, and those behind them that were there before. */
  begin({ jobs, next_cursor }: Page): void {
    batch(() => {
      for (const job of jobs) this.#put(job);
      this.#latest.value = jobs.map(({ id }) => id);
      this.#cursor.value = next_cursor;
      if (!this.held.value || !this.#shown.value?.length) this.release();
    });
  }

  append({ jobs, next_cursor }: Page): void {
    batch(() => {
      for (const job of jobs) this.#put(job);
      const known = new Set(this.#latest.value);
      const further = jobs.map(({ id }) => id).filter((id) => !known.has(id));
      this.#latest.value = [...(this.#latest.value ?? []), ...further];
      this.#cursor.value = next_cursor;
      this.release();
    });
  }

  /** Lets come and go what has waited. */
  release(): void {
    this.#shown.value = this.#latest.value;
    const kept = new Set(this.#latest.value);
    for (const id of this.#rows.keys()) if (!kept.has(id)) this.#rows.delete(id);
  }

  clear(): void {
    batch(() => {
      this.#latest.value = undefined;
      this.#shown.value = undefined;
      this.#cursor.value = null;
    });
    this.#rows.clear();
  }

  /** @returns whether the list has to be read again: the message says too little, or of a job that is not here. */
  hear(item: Exclude<MineItem, { type: "resync" }>): boolean {
    const row = this.#rows.get(item.job_id);
    if (!row) return true;
    const job = row.peek();
    if (item.seq <= job.seq) return false;
    if (item.type === "progress") {
      row.value = { ...job, seq: item.seq, progress: item.data };
      return false;
    }
    const error_message = item.error_message ?? job.error_message;
    const started_at = job.started_at ?? (item.status === "running" ? item.at : null);
    row.value = { ...job, seq: item.seq, status: item.status, error_message, started_at };
    // What it has cost, and what it waits for, is in no message.
    return item.status !== "running";
  }

  #put(job: JobSummary): void {
    const row = this.#rows.get(job.id);
    if (!row) this.#rows.set(job.id, signal(job));
    // An answer may have been under way while a newer message came.
    else if (job.seq >= row.peek().seq) row.value = job;
  }
}

export const pageSize = 50;

/** @returns all rows that were loaded before, read again. */
export async function readAgain(read: Read, loaded: number, signal: AbortSignal): Promise<Page> {
  let page = await read({ limit: pageSize, signal });
  while (page.jobs.length < loaded && page.next_cursor !== null) {
    const next = await read({ limit: pageSize, cursor: page.next_cursor, signal });
    page = { jobs: [...page.jobs, ...next.jobs], next_cursor: next.next_cursor };
  }
  return page;
}

/** Whether a job speaks of what is looked for: all of its words, in whatever order. */
export function speaksOf(
  { id, type, title, description, tags, error_message }: JobSummary,
  text: string,
): boolean {
  const said = [id, type, title, description, ...tags, error_message ?? ""].join(" ").toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => said.includes(word));
}

/**
 * How many jobs of its own lane are to begin before a pending one, itself included.
 * @param pending - newest first, as the service lists them.
 */
export function placeInLine(job: JobSummary, pending: JobSummary[]): number | undefined {
  const line = pending.filter(({ priority, paused }) => priority === job.priority && !paused);
  const at = line.findIndex(({ id }) => id === job.id);
  return at < 0 ? undefined : line.length - at;
}
