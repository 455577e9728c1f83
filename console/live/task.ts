import { type ReadonlySignal, type Signal, useSignal } from "@preact/signals";
import type { ConvokeError } from "../../client/index.ts";
import { asProblem } from "./resource.ts";

/** Something that the service is asked to do. */
export type Task = {
  /** One thing at a time: who asks meanwhile is not heard. */
  busy: ReadonlySignal<boolean>;
  /** What went wrong the last time. */
  problem: Signal<ConvokeError | undefined>;
  run(what: () => Promise<unknown>): Promise<void>;
};

export function useTask(): Task {
  const busy = useSignal(false);
  const problem = useSignal<ConvokeError | undefined>(undefined);
  const run = async (what: () => Promise<unknown>) => {
    if (busy.value) return;
    busy.value = true;
    problem.value = await what().then(() => undefined, asProblem);
    busy.value = false;
  };
  return { busy, problem, run };
}
