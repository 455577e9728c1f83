import { useSignal } from "@preact/signals";
import { useCallback, useEffect } from "preact/hooks";
import type { ConvokeError, EventView } from "../../client/index.ts";
import type { Json } from "../../core/protocol/json.ts";
import { client } from "../service.ts";
import { asProblem } from "./resource.ts";
import { heldBy, isElsewhere } from "./story.ts";

/** What an event holds. `value` stays undefined while it is fetched, or when the event holds nothing. */
export type Value = {
  value: Json | undefined;
  loading: boolean;
  error: ConvokeError | undefined;
  retry(): void;
};

/** Events never change: what one refers to is fetched once, and kept for as long as the event is. */
const fetched = new WeakMap<EventView, Json>();

/** What an event holds, or what has been fetched for it. */
export function knownOf(event: EventView | undefined): Json | undefined {
  return event && (heldBy(event) ?? fetched.get(event));
}

/** Fetches what an event refers to. From then on it is known. */
export async function fetchFor(
  jobId: string,
  event: EventView,
  signal: AbortSignal,
): Promise<Json | undefined> {
  const value = await client.value(jobId, event, { signal });
  if (value !== undefined) fetched.set(event, value);
  return value;
}

/** The value of an event, wherever it is kept: at once when the event holds it, else as soon as it has been fetched. */
export function useValue(jobId: string, event: EventView | undefined): Value {
  const there = knownOf(event);
  const error = useSignal<ConvokeError | undefined>(undefined);
  const round = useSignal(0);
  const missing = there === undefined && isElsewhere(event);
  useEffect(() => {
    error.value = undefined;
    if (!missing || !event) return;
    const stop = new AbortController();
    fetchFor(jobId, event, stop.signal).then(
      (value) => {
        if (value !== undefined && !stop.signal.aborted) round.value += 1;
      },
      (reason: unknown) => {
        if (!stop.signal.aborted) error.value = asProblem(reason);
      },
    );
    return () => stop.abort();
  }, [jobId, event?.seq, missing, round.value]);
  const retry = useCallback(() => {
    round.value += 1;
  }, [round]);
  return { value: there, loading: missing && !error.value, error: error.value, retry };
}
