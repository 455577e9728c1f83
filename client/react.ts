import { apply } from "../core/protocol/event.ts";
import type { JobRecord } from "../core/protocol/job.ts";
import type { Json } from "../core/protocol/json.ts";
import { fromWire } from "../core/protocol/wire.ts";
import type { Convoke } from "./convoke.ts";
import type { DeltaView } from "./feed.ts";
import type { EventView } from "./index.ts";

/** A job as it is at this moment, and how it came to be so. A new object whenever something has changed. */
export type JobSnapshot = {
  /** `live` from the first event on; `ended` with the job, `failed` when there is no such job or no right to see it. */
  phase: "loading" | "live" | "ended" | "failed";
  /** What the events so far make of the job: the service's own fold. */
  job: JobRecord | undefined;
  events: readonly EventView[];
  /** What models write at this moment, by step. */
  texts: Readonly<Record<string, string>>;
  /** Of a job that has completed. */
  result: Json | undefined;
  error: unknown;
};

/** As `useSyncExternalStore` wants it. The job is watched while somebody listens. */
export type JobStore = {
  subscribe(listener: () => void): () => void;
  getSnapshot(): JobSnapshot;
};

type Watching = Pick<Convoke, "watch" | "value">;

/** Listeners are told once per frame, however much has happened in it. */
const frameMs = 16;
/** So many jobs are remembered that nobody looks at, so that going back to one shows it at once. */
const mostForgotten = 20;

const stores = new WeakMap<Watching, Map<string, JobStore & { idle(): boolean }>>();

/** The store of a job: the same one for the same client and job, so it may be asked for in every render. */
export function jobStore(client: Watching, jobId: string): JobStore {
  const ofClient = stores.get(client) ?? new Map();
  stores.set(client, ofClient);
  const known = ofClient.get(jobId);
  if (known) return known;
  for (const [other, store] of ofClient) {
    if (ofClient.size < mostForgotten) break;
    if (store.idle()) ofClient.delete(other);
  }
  const store = newStore(client, jobId);
  ofClient.set(jobId, store);
  return store;
}

/**
 * The hook of React, Preact, or whatever else has a `useSyncExternalStore`.
 * @example const useJob = useJobWith(useSyncExternalStore);
 */
export function useJobWith(
  useSyncExternalStore: (
    subscribe: JobStore["subscribe"],
    getSnapshot: JobStore["getSnapshot"],
    getServerSnapshot: JobStore["getSnapshot"],
  ) => JobSnapshot,
): (client: Watching, jobId: string) => JobSnapshot {
  return (client, jobId) => {
    const { subscribe, getSnapshot } = jobStore(client, jobId);
    return useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
  };
}

function newStore(client: Watching, jobId: string) {
  const listeners = new Set<() => void>();
  const events: EventView[] = [];
  const texts = new Map<string, { attempt: number; text: string }>();
  let now: Omit<JobSnapshot, "events" | "texts"> = {
    phase: "loading",
    job: undefined,
    result: undefined,
    error: undefined,
  };
  let snapshot: JobSnapshot = { ...now, events: [], texts: {} };
  let due = false;
  let watching: AbortController | undefined;

  const show = () => {
    due = false;
    const shown = [...texts].map(([step, { text }]) => [step, text]);
    snapshot = { ...now, events: [...events], texts: Object.fromEntries(shown) };
    for (const listener of [...listeners]) listener();
  };
  const changed = (change: Partial<typeof now> = {}) => {
    now = { ...now, ...change };
    if (!due) setTimeout(show, frameMs);
    due = true;
  };

  function hear({ step, attempt, text }: DeltaView): void {
    const heard = texts.get(step);
    texts.set(step, { attempt, text: heard?.attempt === attempt ? heard.text + text : text });
    changed();
  }

  async function take(event: EventView, signal: AbortSignal): Promise<void> {
    const result = event.kind === "job.completed" ? await client.value(jobId, event, { signal }) : undefined;
    if (signal.aborted) return;
    events.push(event);
    const job = apply(now.job, { tenant: "", jobId }, fromWire(event));
    if (event.kind === "step.completed" || event.kind === "step.failed") texts.delete(String(event.step));
    changed({ phase: "live", job, result });
  }

  async function watch(signal: AbortSignal): Promise<void> {
    try {
      for await (const news of client.watch(jobId, { after: events.length, deltas: true, signal })) {
        if (news.kind === "delta") hear(news);
        else await take(news, signal);
      }
      changed({ phase: "ended" });
    } catch (error) {
      if (!signal.aborted) changed({ phase: "failed", error });
    }
  }

  return {
    subscribe(listener: () => void) {
      listeners.add(listener);
      if (!watching && now.phase !== "ended") {
        watching = new AbortController();
        void watch(watching.signal);
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        watching?.abort();
        watching = undefined;
      };
    },
    getSnapshot: () => snapshot,
    idle: () => listeners.size === 0,
  };
}
