import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { ConvokeError, JobStatus, JobSummary, MineItem } from "../../client/index.ts";
import { jobStatuses } from "../../core/protocol/job.ts";
import { client, who } from "../service.ts";
import { asProblem } from "./resource.ts";

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
type Read = (options: { limit: number; cursor?: string; signal: AbortSignal }) => Promise<Page>;

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

/** @returns all rows that were loaded before, read again. */
export async function readAgain(read: Read, loaded: number, signal: AbortSignal): Promise<Page> {
  let page = await read({ limit: pageSize, signal });
  while (page.jobs.length < loaded && page.next_cursor !== null) {
    const next = await read({ limit: pageSize, cursor: page.next_cursor, signal });
    page = { jobs: [...page.jobs, ...next.jobs], next_cursor: next.next_cursor };
  }
  return page;
}

const pageSize = 50;
/** However much happens, the list is not read more often than this. */
const calmMs = 700;

/** Outlives its page, so that whoever comes back from a job finds the list as it was. */
const list = new JobList();
let readFor: unknown;
let readWith = "";

export type LiveJobs = {
  list: JobList;
  error: ReadonlySignal<ConvokeError | undefined>;
  loading: ReadonlySignal<boolean>;
  loadMore(): Promise<void>;
  /** Asks the service again. */
  refresh(): void;
};

/** One's own jobs as they go, for as long as a component shows them. */
export function useJobs({ text: _, ...asked }: Filter): LiveJobs {
  const key = JSON.stringify(asked);
  const error = useMemo(() => signal<ConvokeError | undefined>(undefined), []);
  const loading = useMemo(() => signal(false), []);
  const soon = useMemo(() => ({ read: () => {} }), []);
  if (readFor !== who.value) list.clear();
  readFor = who.value;

  const read: Read = (options) => client.list({ ...asked, ...options });

  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let again = false;
    const look = async (loaded = list.rows.peek()?.length ?? 0) => {
      again = false;
      try {
        const page = await readAgain(read, loaded, stop.signal);
        if (stop.signal.aborted) return;
        list.begin(page);
        error.value = undefined;
      } catch (reason) {
        if (stop.signal.aborted) return;
        error.value = asProblem(reason);
      }
      loading.value = false;
      // What is asked for meanwhile is answered by one more reading.
      timer = setTimeout(() => {
        timer = undefined;
        if (again) soon.read();
      }, calmMs);
    };
    let reading = true;
    soon.read = () => {
      again = true;
      if (reading || timer) return;
      reading = true;
      void look().finally(() => (reading = false));
    };
    // What was shown before stays until the answer is there, but is no measure of it.
    const isNew = readWith !== key;
    if (isNew) list.held.value = false;
    readWith = key;
    loading.value = true;
    void look(isNew ? 0 : undefined).finally(() => (reading = false));
    return () => {
      stop.abort();
      clearTimeout(timer);
      soon.read = () => {};
    };
  }, [key, who.value]);

  useEffect(() => {
    const stop = new AbortController();
    void (async () => {
      try {
        for await (const item of client.watchMine({ signal: stop.signal }))
          if (item.type === "resync" || list.hear(item)) soon.read();
      } catch (reason) {
        if (!stop.signal.aborted) error.value = asProblem(reason);
      }
    })();
    return () => stop.abort();
  }, [who.value]);

  return {
    list,
    error,
    loading,
    refresh: () => soon.read(),
    async loadMore() {
      if (list.cursor === null) return;
      try {
        const options = { limit: pageSize, cursor: list.cursor, signal: new AbortController().signal };
        list.append(await read(options));
      } catch (reason) {
        error.value = asProblem(reason);
      }
    },
  };
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
