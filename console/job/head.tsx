import type { ComponentChildren } from "preact";
import { isTerminal, type JobRecord } from "../../core/protocol/job.ts";
import type { Eta } from "../../core/protocol/wire.ts";
import { useResource } from "../live/resource.ts";
import type { Scene } from "../live/story.ts";
import { client } from "../service.ts";
import { JsonView } from "../ui/json.tsx";
import { count, money } from "../ui/numbers.ts";
import { attempt, Field, Note } from "../ui/parts.tsx";
import { Bar } from "../ui/status.tsx";
import { Duration, duration, Moment, now } from "../ui/time.tsx";

/** What the job is, in a line below its title. */
export function Lead({ job }: { job: JobRecord }) {
  return (
    <div class="row">
      <span>{job.type}</span>
      <code class="faint small id">{job.jobId}</code>
      {job.version > 1 && <span class="faint">version {job.version}</span>}
      {job.lane !== "normal" && <span class="tag">{job.lane} priority</span>}
      {job.tags.map((tag) => (
        <a key={tag} class="tag" href={`/jobs?tag=${encodeURIComponent(tag)}`}>
          {tag}
        </a>
      ))}
      {job.mock && (
        <span class="tag mock" title="Mock models have answered: nothing here is meant">
          mock
        </span>
      )}
      {job.degraded && (
        <span class="tag waiting" title="A step has answered with less than was asked for">
          degraded
        </span>
      )}
    </div>
  );
}

/** How far it has come. As high before as after, whatever is known. */
export function ProgressCard({ scene, live }: { scene: Scene; live: boolean }) {
  const { job } = scene;
  const { progress } = job;
  const percentage = progress?.percentage ?? 0;
  const ended = isTerminal(job.status);
  const { model_calls, input_tokens, output_tokens, cost_usd } = job.usage;
  const end = job.completedAt ?? (live ? undefined : scene.at);
  return (
    <section class="card" aria-label="Progress">
      <div class="card-body stack progress-card">
        <div class="row between">
          <span class="clip">
            <strong>{progress?.current_step ?? standing(job)}</strong>{" "}
            <span class="soft">{progress?.details}</span>
          </span>
          <span class="number share">{Math.floor(percentage)} %</span>
        </div>
        <Bar
          percentage={percentage}
          status={job.paused ? "paused" : job.status}
          label={`Progress of ${job.title}`}
        />
        <p class="small soft clip">
          {job.completedAt !== undefined ? (
            <>
              Ended <Moment at={job.completedAt} />
            </>
          ) : live ? (
            <TimeLeft jobId={job.jobId} />
          ) : (
            <>
              As it was <Moment at={scene.at} />
            </>
          )}
        </p>
        <dl class="facts">
          <Fact name="Submitted">
            <Moment at={job.createdAt} />
          </Fact>
          <Fact name={ended ? "Ran for" : "Running for"}>
            {job.startedAt === undefined ? "–" : <Duration from={job.startedAt} to={end} />}
          </Fact>
          <Fact name="Steps">
            {progress ? `${progress.completed_steps} of ${progress.total_steps}` : job.steps}
          </Fact>
          <Fact name="Model calls">{count(model_calls)}</Fact>
          <Fact name="Tokens in / out">
            {count(input_tokens)} / {count(output_tokens)}
          </Fact>
          <Fact name="Cost">{money(cost_usd)}</Fact>
          <Fact name="Passes">{job.hops}</Fact>
        </dl>
      </div>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function standing({ status, progress }: JobRecord): string {
  if (status === "scheduled") return "Not begun yet";
  if (status === "pending") return progress ? "Goes on soon" : "In the queue";
  return status === "running" ? "At work" : status[0]!.toUpperCase() + status.slice(1);
}

/** Learned by the service from jobs of the same kind; it says nothing while a person is waited for. */
function TimeLeft({ jobId }: { jobId: string }) {
  const { value } = useResource((signal) => client.get(jobId, { signal }), [jobId], { everyMs: 5_000 });
  const eta: Eta | null | undefined = value.value?.eta;
  if (!eta) return <>Time left: unknown</>;
  const left = Math.max(0, Date.parse(eta.completes_at) - now.value);
  const { jobs, same_models } = eta.learned_from;
  const range = `${duration(eta.seconds_low * 1_000)} to ${duration(eta.seconds_high * 1_000)}`;
  return (
    <span class="number" title={`Learned from ${jobs} jobs${same_models ? " with the same models" : ""}`}>
      About {duration(Math.ceil(left / 1_000) * 1_000)} left{" "}
      <span class="faint">(usually {range} from here)</span>
    </span>
  );
}

/** What is out of the ordinary, each with what can be done about it. */
export function Notes({ job, live }: { job: JobRecord; live: boolean }) {
  const ended = isTerminal(job.status);
  return (
    <>
      {job.failure && (
        <Note status="failed">
          <span>
            {job.failure.step && <strong>{job.failure.step}: </strong>}
            {job.failure.message}
          </span>
          <code class="small">{job.failure.code}</code>
          <details class="whole">
            <summary>What that means</summary>
            <FailureDetails job={job} />
          </details>
        </Note>
      )}
      {job.cancelRequested && !ended && (
        <Note status="cancelled">Cancel requested: it ends within seconds.</Note>
      )}
      {job.paused && (
        <Note status="paused">
          Paused <Moment at={job.paused.at} />. Nothing more begins until it is resumed.
        </Note>
      )}
      {job.blocked && (
        <Note status="failed">
          <strong>Blocked at {job.blocked.step}.</strong> {job.blocked.message} It goes on by itself once the
          code fits its journal again.
        </Note>
      )}
      {job.budgetExceeded && !ended && (
        <Note status="waiting">
          <strong>Over its budget.</strong> {job.budgetExceeded.message}
          {live && <RaiseBudget job={job} />}
        </Note>
      )}
    </>
  );
}

/** The service says what its codes mean, so that the page need not hold all of them. */
function FailureDetails({ job }: { job: JobRecord }) {
  const { value } = useResource((signal) => client.get(job.jobId, { signal }), [job.jobId]);
  const error = value.value?.error;
  return (
    <div class="stack tight">
      <p>{error?.for_user ?? "\u00a0"}</p>
      <p>{error?.for_developer ?? "\u00a0"}</p>
      {job.failure?.details !== undefined && <JsonView value={job.failure.details} open={3} />}
    </div>
  );
}

function RaiseBudget({ job }: { job: JobRecord }) {
  const limit = job.budgetExceeded!.limit;
  const before = job.budget?.[limit];
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const more = new FormData(event.currentTarget as HTMLFormElement).get("limit");
    await attempt(
      () => client.changeBudget(job.jobId, { [limit]: more === "" ? null : Number(more) }),
      "The budget is changed",
    );
  };
  return (
    <form class="row" onSubmit={submit}>
      <Field label={`New ${limit.replace("_", "imum ").replaceAll("_", " ")}`}>
        {(attributes) => (
          <input
            {...attributes}
            class="input inline"
            type="number"
            name="limit"
            min={0}
            step="any"
            placeholder="no limit"
            defaultValue={before === undefined ? "" : String(before * 2)}
          />
        )}
      </Field>
      <button type="submit" class="button">
        Change it
      </button>
    </form>
  );
}

/** Jobs and things that this one belongs to. */
export function Relations({ scene }: { scene: Scene }) {
  const { job } = scene;
  const children = scene.steps.filter(({ childJobId }) => childJobId !== undefined);
  return (
    <div class="row relations small">
      {job.parent && <JobLink name="Child of" id={job.parent.job_id} />}
      {job.forkOf && (
        <span>
          <JobLink name={`Fork, after event ${job.forkOf.seq}, of`} id={job.forkOf.job_id} />{" "}
          <a href={`/compare/${job.forkOf.job_id}/${job.jobId}`}>compare</a>
        </span>
      )}
      {job.continues && <JobLink name="Carries on" id={job.continues} />}
      {job.continuedAs && <JobLink name="Carried on by" id={job.continuedAs} />}
      {job.inConversation && (
        <a href={`/conversations/${job.inConversation.conversationId}`}>
          Message {job.inConversation.message} of a conversation
        </a>
      )}
      {job.scheduleId && <a href={`/schedules?id=${job.scheduleId}`}>Of a schedule</a>}
      {children.slice(0, 12).map((step) => (
        <JobLink key={step.path} name={step.path} id={step.childJobId!} />
      ))}
      {children.length > 12 && <span class="faint">and {children.length - 12} more children</span>}
    </div>
  );
}

export function JobLink({ name, id }: { name: string; id: string }) {
  return (
    <a href={`/jobs/${id}`} title={id}>
      {name} <code>…{id.slice(-6)}</code>
    </a>
  );
}
