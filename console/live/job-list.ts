import { type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { ConvokeError } from "../../client/index.ts";
import { client, who } from "../service.ts";
import { type Filter, JobList, pageSize, type Read, readAgain } from "./job-rows.ts";
import { asProblem } from "./resource.ts";

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
