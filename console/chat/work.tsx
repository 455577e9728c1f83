import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { isTerminal } from "../../core/protocol/job.ts";
import { ResultOfJob } from "../job/result.tsx";
import { Waiting } from "../job/waiting.tsx";
import { type LiveJob, useLiveJob } from "../live/live-job.ts";
import type { Scene } from "../live/story.ts";
import { client } from "../service.ts";
import { Arriving } from "../ui/arriving.tsx";
import { attempt, Problem } from "../ui/parts.tsx";
import { Bar } from "../ui/status.tsx";

/** The job that a message waits for: how far it is, and what is being written at this moment. */
export function WorkAtHand({ jobId, onEnd }: { jobId: string; onEnd: () => void }) {
  const live = useLiveJob(jobId);
  const scene = live.scene.value;
  const next = scene?.job.continuedAs;
  const ended = live.ended.value;
  useEffect(() => {
    if (ended && next === undefined) onEnd();
  }, [ended, next]);
  if (next !== undefined) return <WorkAtHand key={next} jobId={next} onEnd={onEnd} />;
  if (live.error.value) return <Problem of={live.error.value} />;
  return (
    <article class="message assistant work" aria-label="Answer in the making">
      <Standing jobId={jobId} scene={scene} />
      {scene && <Streams live={live} scene={scene} />}
      {scene && <Waiting scene={scene} live />}
      <AllWork jobId={jobId} title="All of its work" />
    </article>
  );
}

/** A job that the conversation does not wait for, and that will still say something in it. */
export function BackgroundWork({ jobId, onEnd }: { jobId: string; onEnd: () => void }) {
  const live = useLiveJob(jobId);
  const ended = live.ended.value;
  useEffect(() => {
    if (ended) onEnd();
  }, [ended]);
  return (
    <article class="message assistant work" aria-label="Work in the background">
      <p class="small faint">In the background: its answer comes when it comes</p>
      <Standing jobId={jobId} scene={live.scene.value} />
    </article>
  );
}

function Standing({ jobId, scene }: { jobId: string; scene: Scene | undefined }) {
  const job = scene?.job;
  const cancel = () => attempt(() => client.cancel(jobId));
  return (
    <div class="stack tight">
      <div class="row between">
        <span class="clip">
          <strong>{job?.progress?.current_step ?? "In the queue"}</strong>{" "}
          <span class="soft">{job?.progress?.details}</span>
        </span>
        <span class="number">{Math.floor(job?.progress?.percentage ?? 0)} %</span>
      </div>
      <Bar
        percentage={job?.progress?.percentage ?? 0}
        status={job?.status ?? "pending"}
        label={`Progress of ${job?.title ?? "the answer"}`}
      />
      <div class="row small">
        <a href={`/jobs/${jobId}`}>job</a>
        <button
          type="button"
          class="button small"
          disabled={!job || isTerminal(job.status) || job.cancelRequested !== undefined}
          onClick={() => void cancel()}
        >
          {job?.cancelRequested ? "Cancelling" : "Cancel"}
        </button>
      </div>
    </div>
  );
}

/** Every text that is being written, each in a window that shows its end. All of them take the same room, whatever is there. */
function Streams({ live, scene }: { live: LiveJob; scene: Scene }) {
  const writing = scene.steps.filter(({ status, kind }) => status === "running" && kind === "step");
  return (
    <div class={`streams ${writing.length > 1 ? "many" : ""}`}>
      {writing.map(({ path }) => (
        <section key={path} class="stream" aria-label={path}>
          <p class="small faint clip">{path}</p>
          <div class="window">
            <Arriving text={live.text(path)} before="at work" />
          </div>
        </section>
      ))}
    </div>
  );
}

/** All that a job has done, once somebody wants to know. */
export function AllWork({
  jobId,
  title,
  isOpen = false,
}: {
  jobId: string;
  title: string;
  isOpen?: boolean;
}) {
  const open = useSignal(isOpen);
  return (
    <details class="small" open={isOpen} onToggle={({ currentTarget }) => (open.value = currentTarget.open)}>
      <summary class="soft">{title}</summary>
      {open.value && <ResultOfJob jobId={jobId} />}
    </details>
  );
}
