import type { JobStatus } from "../../client/index.ts";
import type { StepStatus } from "../live/story.ts";

/** The same word, colour and dot for a status wherever it is shown. Never colour alone. */
export function Status({ of, paused }: { of: JobStatus | StepStatus; paused?: boolean }) {
  const shown = paused ? "paused" : of;
  return <span class={`status ${shown}`}>{shown}</span>;
}

export function Bar({ percentage, status, label }: { percentage: number; status: string; label: string }) {
  return (
    <div
      class={`bar ${status}`}
      role="progressbar"
      aria-label={label}
      aria-valuenow={Math.round(percentage)}
      aria-valuemin={0}
      aria-valuemax={100}
    >
      <span style={{ width: `${percentage}%` }} />
    </div>
  );
}
