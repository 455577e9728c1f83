import { type LiveJob, useLiveJob } from "../live/live-job.ts";
import type { Scene } from "../live/story.ts";
import { useValue } from "../live/value.ts";
import { ResultView } from "../results/index.tsx";
import { Problem, Skeleton } from "../ui/parts.tsx";

/** What a job has come to at the moment of a scene, whatever it is and wherever its values are kept. */
export function ResultOf({ live, scene }: { live: LiveJob; scene: Scene }) {
  const input = useInput(live);
  const { resultSeq } = scene.job;
  const result = useValue(live.jobId, resultSeq === undefined ? undefined : live.events[resultSeq - 1]);
  if (result.error) return <Problem of={result.error} retry={result.retry} />;
  return <ResultView live={live} scene={scene} input={input.value} result={result.value} />;
}

/** The same, of a job that the page is not about. */
export function ResultOfJob({ jobId, lines }: { jobId: string; lines?: number }) {
  const live = useLiveJob(jobId);
  const scene = live.scene.value;
  if (live.error.value) return <Problem of={live.error.value} />;
  return scene ? <ResultOf live={live} scene={scene} /> : <Skeleton lines={lines} />;
}

export function useInput(live: LiveJob) {
  return useValue(live.jobId, live.events[0]);
}
