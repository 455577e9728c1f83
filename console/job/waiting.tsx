import type { ComponentChildren } from "preact";
import type { OpenCallback } from "../../core/protocol/job.ts";
import { questionView } from "../../core/protocol/wire.ts";
import type { Scene } from "../live/story.ts";
import { Card } from "../ui/parts.tsx";
import { Moment } from "../ui/time.tsx";
import { JobLink } from "./head.tsx";
import { QuestionForm } from "./question.tsx";

/**
 * Who waits for what: a person's answer can be given here.
 * @param isAnsweredBelow - The job's own view, on the same page, has the form.
 */
export function Waiting({
  scene,
  live,
  isAnsweredBelow = false,
}: {
  scene: Scene;
  live: boolean;
  isAnsweredBelow?: boolean;
}) {
  const { job } = scene;
  const open = (job.callbacks ?? []).filter(({ decided }) => !decided);
  const asked = isAnsweredBelow ? [] : open.filter(({ ask }) => ask);
  const reasons = reasonsOf(scene, open);
  return (
    <>
      {asked.map((callback) => (
        <Card key={callback.id} title={`Asked of you: ${callback.step}`}>
          {live ? (
            <QuestionForm question={questionView(job, callback)} />
          ) : (
            <p class="plain">{callback.ask!.question}</p>
          )}
        </Card>
      ))}
      {reasons.length > 0 && (
        <section class="row small soft" aria-label="What it waits for">
          {reasons}
        </section>
      )}
    </>
  );
}

function reasonsOf({ job, steps }: Scene, open: OpenCallback[]): ComponentChildren[] {
  const reasons: ComponentChildren[] = [];
  const operation = job.progress?.operation;
  if (job.status === "scheduled" && job.runAt !== undefined)
    reasons.push(
      <span key="run">
        Begins <Moment at={job.runAt} />
      </span>,
    );
  if (job.status === "scheduled")
    for (const id of job.dependencies?.job_ids ?? [])
      reasons.push(
        <span key={id}>
          Begins after <JobLink name="job" id={id} />
        </span>,
      );
  for (const { id, step, childJobId, ask, timeoutAt } of open) {
    if (ask) continue;
    reasons.push(
      <span key={id}>
        {childJobId ? <JobLink name={`Waits for ${step},`} id={childJobId} /> : `Open to a message: ${step}`}
        {timeoutAt !== undefined && (
          <>
            , until <Moment at={timeoutAt} />
          </>
        )}
      </span>,
    );
  }
  for (const step of steps) {
    if (step.endedAt !== undefined) continue;
    const again = step.status === "retrying" ? step.attempts.at(-1)?.retryAt : step.until;
    if (again === undefined || step.callbackId !== undefined) continue;
    reasons.push(
      <span key={step.path}>
        {step.path}{" "}
        {step.status === "retrying" ? "is tried again" : step.kind === "wait" ? "ends" : "looks again"}{" "}
        <Moment at={again} />
      </span>,
    );
  }
  if (operation)
    reasons.push(
      <span key="operation">
        Operation <code>{operation.id}</code>, asked {operation.polls} times
        {operation.percentage !== undefined && `, ${Math.round(operation.percentage)} %`}
      </span>,
    );
  return reasons.slice(0, 8);
}
