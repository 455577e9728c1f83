import type { ComponentChildren } from "preact";
import { useRoute } from "preact-iso";
import { isTerminal, type JobRecord } from "../../core/protocol/job.ts";
import { ResultOf, useInput } from "../job/result.tsx";
import { differences } from "../live/change.ts";
import { type LiveJob, useLiveJob } from "../live/live-job.ts";
import type { Scene, Step } from "../live/story.ts";
import { JsonView } from "../ui/json.tsx";
import { count, money } from "../ui/numbers.ts";
import { Card, Empty, Page, Problem, Skeleton, TableScroll } from "../ui/parts.tsx";
import { Bar, Status } from "../ui/status.tsx";
import { Duration, duration, Moment } from "../ui/time.tsx";

/** Two jobs beside each other, also while they are at work. */
export function ComparePage() {
  const { left, right } = useRoute().params;
  return <Two key={`${left} ${right}`} left={left!} right={right!} />;
}

type Sides<T> = { left: T; right: T };

function Two({ left, right }: Sides<string>) {
  const lives = { left: useLiveJob(left), right: useLiveJob(right) };
  const scenes = { left: lives.left.scene.value, right: lives.right.scene.value };
  const error = lives.left.error.value ?? lives.right.error.value;
  return (
    <Page
      title="Compare two jobs"
      actions={
        <a class="button" href={`/compare/${right}/${left}`}>
          Swap sides
        </a>
      }
    >
      <div class="stack">
        {error && <Problem of={error} />}
        {scenes.left && scenes.right ? (
          <Compared lives={lives} scenes={{ left: scenes.left, right: scenes.right }} />
        ) : (
          !error && <Skeleton lines={8} />
        )}
      </div>
    </Page>
  );
}

function Compared({ lives, scenes }: { lives: Sides<LiveJob>; scenes: Sides<Scene> }) {
  return (
    <>
      <div class="sides">
        <Head job={scenes.left.job} />
        <Head job={scenes.right.job} />
      </div>
      <Card title="In numbers" bare>
        <TableScroll label="In numbers">
          <table class="table sided">
            <SidesHead first="" />
            <tbody>
              {measures.map(({ name, of }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td class="number">{of(scenes.left)}</td>
                  <td class="number">{of(scenes.right)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableScroll>
      </Card>
      <InputChanges lives={lives} />
      <div class="sides">
        <section class="stack" aria-label="Result on the left">
          <ResultOf live={lives.left} scene={scenes.left} />
        </section>
        <section class="stack" aria-label="Result on the right">
          <ResultOf live={lives.right} scene={scenes.right} />
        </section>
      </div>
      <StepTable scenes={scenes} />
    </>
  );
}

function Head({ job }: { job: JobRecord }) {
  return (
    <Card>
      <div class="stack tight">
        <div class="row">
          <a href={`/jobs/${job.jobId}`}>{job.title}</a>
          <Status of={job.status} paused={job.paused !== undefined} />
          {job.mock && <span class="tag mock">mock</span>}
          {job.degraded && <span class="tag">degraded</span>}
        </div>
        <span class="small soft clip">
          {job.type} · <Moment at={job.createdAt} />
          {job.forkOf && ` · fork after event ${job.forkOf.seq}`}
        </span>
        <Bar
          percentage={job.progress?.percentage ?? 0}
          status={job.status}
          label={`Progress of ${job.title}`}
        />
        <span class="small soft clip">{job.failure?.message ?? job.progress?.details ?? " "}</span>
      </div>
    </Card>
  );
}

function SidesHead({ first }: { first: string }) {
  return (
    <thead>
      <tr>
        <th scope="col">{first || <span class="hidden-visually">What</span>}</th>
        <th scope="col">Left</th>
        <th scope="col">Right</th>
      </tr>
    </thead>
  );
}

const measures: { name: string; of: (scene: Scene) => ComponentChildren }[] = [
  {
    name: "Ran for",
    of: ({ job, at }) =>
      job.startedAt === undefined ? (
        "–"
      ) : (
        <Duration
          from={job.startedAt}
          to={isTerminal(job.status) || job.status === "waiting" ? (job.completedAt ?? at) : undefined}
        />
      ),
  },
  { name: "Cost", of: ({ job }) => money(job.usage.cost_usd) },
  { name: "Model calls", of: ({ job }) => count(job.usage.model_calls) },
  { name: "Tokens in", of: ({ job }) => count(job.usage.input_tokens) },
  { name: "Tokens out", of: ({ job }) => count(job.usage.output_tokens) },
  { name: "Steps of its own", of: ({ steps }) => steps.filter(({ inherited }) => !inherited).length },
  { name: "Steps taken over", of: ({ steps }) => steps.filter(({ inherited }) => inherited).length },
  {
    name: "Attempts that failed",
    of: ({ steps }) => steps.flatMap(({ attempts }) => attempts.filter(({ failure }) => failure)).length,
  },
];

function InputChanges({ lives }: { lives: Sides<LiveJob> }) {
  const left = useInput(lives.left);
  const right = useInput(lives.right);
  const error = left.error ?? right.error;
  const changes = differences(left.value, right.value);
  return (
    <Card title="Input" bare>
      {error ? (
        <Problem of={error} />
      ) : left.value === undefined || right.value === undefined ? (
        <Skeleton />
      ) : changes.length === 0 ? (
        <Empty>Both have the same input.</Empty>
      ) : (
        <TableScroll label="Changes of the input">
          <table class="table sided">
            <SidesHead first="Field" />
            <tbody>
              {changes.map(({ path, left, right }) => (
                <tr key={path}>
                  <th scope="row">
                    <code>{path || "everything"}</code>
                  </th>
                  <td>
                    {left === undefined ? <span class="faint">not there</span> : <JsonView value={left} />}
                  </td>
                  <td>
                    {right === undefined ? <span class="faint">not there</span> : <JsonView value={right} />}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableScroll>
      )}
    </Card>
  );
}

function StepTable({ scenes }: { scenes: Sides<Scene> }) {
  const byPath = {
    left: new Map(scenes.left.steps.map((step) => [step.path, step])),
    right: new Map(scenes.right.steps.map((step) => [step.path, step])),
  };
  const paths = [...new Set([...byPath.left.keys(), ...byPath.right.keys()])];
  return (
    <Card title="Steps" bare>
      <TableScroll label="Steps">
        <table class="table sided">
          <SidesHead first="Step" />
          <tbody>
            {paths.map((path) => (
              <tr key={path}>
                <th scope="row">{path}</th>
                <StepCell of={byPath.left.get(path)} />
                <StepCell of={byPath.right.get(path)} />
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </Card>
  );
}

function StepCell({ of: step }: { of: Step | undefined }) {
  if (!step) return <td class="faint">–</td>;
  const { status, inherited, usage, startedAt, endedAt } = step;
  return (
    <td>
      <span class="row small number">
        <Status of={status} />
        {inherited ? (
          <span class="tag">inherited</span>
        ) : (
          <>
            {endedAt !== undefined && <span>{duration(endedAt - startedAt)}</span>}
            {usage && <span class="soft">{money(usage.cost_usd)}</span>}
          </>
        )}
      </span>
    </td>
  );
}
