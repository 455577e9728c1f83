import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { LiveJob } from "../live/live-job.ts";
import { isElsewhere, type Scene } from "../live/story.ts";
import { fetchFor, knownOf } from "../live/value.ts";
import { Work } from "./work.ts";

/** What a job has done until a moment. What its journal only refers to is fetched, and appears when it is there. */
export function useWork(live: LiveJob, scene: Scene): Work {
  const arrived = useSignal(0);
  const isNow = scene.job.seq === live.count.value;
  const missing = scene.steps.flatMap(({ outcome }) =>
    outcome && isElsewhere(outcome) && knownOf(outcome) === undefined ? [outcome] : [],
  );
  useEffect(() => {
    const stop = new AbortController();
    for (const event of missing) {
      fetchFor(live.jobId, event, stop.signal).then(
        () => {
          arrived.value += 1;
        },
        // The view says that something is missing; the journal beside it says what, and offers to try again.
        () => {},
      );
    }
    return () => stop.abort();
  }, [live.jobId, missing.map(({ seq }) => seq).join()]);
  return useMemo(
    () => new Work(scene, ({ outcome }) => knownOf(outcome), isNow ? live.text : undefined),
    [scene, live, isNow, arrived.value],
  );
}

/**
 * Whether the job had completed before the page was opened: whoever comes for what it has made sees that first, and
 * whoever watches it being made finds everything where it was.
 */
export function useCameLater(work: Work): boolean {
  const openedAt = useRef(Date.now()).current;
  return work.job.status === "completed" && work.job.completedAt! < openedAt;
}
