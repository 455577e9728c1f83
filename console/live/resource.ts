import { type ReadonlySignal, useSignal } from "@preact/signals";
import { useCallback, useEffect } from "preact/hooks";
import { ConvokeError } from "../../client/index.ts";
import { sessionEnded } from "../service.ts";

/** Something that the service was asked for. What was there before stays while it is asked again. */
export type Resource<T> = {
  value: ReadonlySignal<T | undefined>;
  error: ReadonlySignal<ConvokeError | undefined>;
  reload(): void;
};

/**
 * Asks when the component appears and whenever `keys` change; `everyMs` asks again and again while the page is seen.
 */
export function useResource<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  keys: readonly unknown[],
  { everyMs }: { everyMs?: number } = {},
): Resource<T> {
  const value = useSignal<T | undefined>(undefined);
  const error = useSignal<ConvokeError | undefined>(undefined);
  const round = useSignal(0);
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      try {
        const answer = await ask(stop.signal);
        if (stop.signal.aborted) return;
        value.value = answer;
        error.value = undefined;
      } catch (reason) {
        if (stop.signal.aborted) return;
        error.value = asProblem(reason);
      }
      if (everyMs !== undefined) timer = setTimeout(whenSeen, everyMs);
    };
    const whenSeen = () => {
      if (document.hidden) document.addEventListener("visibilitychange", () => void look(), { once: true });
      else void look();
    };
    void look();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [...keys, round.value]);
  const reload = useCallback(() => {
    round.value += 1;
  }, [round]);
  return { value, error, reload };
}

/** What went wrong, as a person is told. Notices on the way that the session has ended. */
export function asProblem(reason: unknown): ConvokeError {
  const problem =
    reason instanceof ConvokeError
      ? reason
      : new ConvokeError("unexpected", String((reason as Error)?.message));
  if (problem.code === "unauthorized") sessionEnded();
  return problem;
}
