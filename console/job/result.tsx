import type { LiveJob } from "../live/live-job.ts";
import type { Scene } from "../live/story.ts";
import { useValue } from "../live/value.ts";
import { ResultView } from "../results/index.tsx";
import { Problem } from "../ui/parts.tsx";

/** What a job has come to at the moment of a scene, whatever it is and wherever its values are kept. */
export function ResultOf({ live, scene }: { live: LiveJob; scene: Scene }) {
  const input = useInput(live);
  const { resultSeq } = scene.job;
  const result = useValue(live.jobId, resultSeq === undefined ? undefined : live.events[resultSeq - 1]);
  if (result.error) return <Problem of={result.error} retry={result.retry} />;
  return <ResultView live={live} scene={scene} input={input.value} result={result.value} />;
}

export function useInput(live: LiveJob) {
  return useValue(live.jobId, live.events[0]);
}
