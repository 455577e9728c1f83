import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { useLocation, useRoute } from "preact-iso";
import type { JobType, JobView, SubmitOptions } from "../../client/index.ts";
import type { Json, JsonObject } from "../../core/protocol/json.ts";
import { manner } from "../jobs/manner.ts";
import { useResource } from "../live/resource.ts";
import { useTask } from "../live/task.ts";
import { client } from "../service.ts";
import { Card, Empty, Page, Problem, Skeleton, toast } from "../ui/parts.tsx";
import { blank, faultsIn, type Schema } from "../ui/schema.ts";
import { SchemaForm } from "../ui/schema-form.tsx";

export function NewJobPage() {
  const { params, query } = useRoute();
  const { from } = query;
  const types = useResource((signal) => client.jobTypes({ signal }), []);
  const like = useResource(async (signal) => (from ? await client.get(from, { signal }) : undefined), [from]);
  const problem = types.error.value ?? like.error.value;
  const known = types.value.value;
  const jobType = known?.find(({ type }) => type === params.type);
  const isReady = known && !(from && like.value.value?.id !== from);
  return (
    <Page
      title={params.type ? `New ${params.type} job` : "New job"}
      lead={jobType?.summary ?? (params.type ? undefined : "What is to be done?")}
      actions={
        params.type && (
          <a class="button" href="/new">
            All kinds of jobs
          </a>
        )
      }
    >
      {problem && <Problem of={problem} retry={types.reload} />}
      {!isReady && !problem && <Skeleton lines={8} />}
      {isReady && !params.type && <JobTypes types={known} />}
      {isReady && params.type && !jobType && (
        <Empty>
          <p>This deployment knows no job type “{params.type}”.</p>
        </Empty>
      )}
      {isReady && jobType && (
        <NewJob
          key={`${jobType.type} ${from}`}
          jobType={jobType}
          like={from ? like.value.value : undefined}
        />
      )}
    </Page>
  );
}

function JobTypes({ types }: { types: JobType[] }) {
  return (
    <ul class="type-cards">
      {types.map(({ type, summary, conversational }) => (
        <li key={type}>
          <a class="card type-card" href={`/new/${type}`}>
            <span class="row">
              <strong>{type}</strong>
              {conversational && <span class="tag">conversations</span>}
            </span>
            <span class="soft">{summary}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

/** @param like - the job that this one is to be like. */
function NewJob({ jobType, like }: { jobType: JobType; like: JobView | undefined }) {
  const { route } = useLocation();
  const schema = jobType.input_schema as Schema;
  const empty = blank(schema, schema);
  const input = useSignal<Json | undefined>(like ? like.input_data : empty);
  const options = useSignal<Json | undefined>(like ? mannerOf(like) : {});
  const { busy, problem, run } = useTask();
  const form = useRef<HTMLFormElement>(null);
  const keyOf = useMemo(() => idempotencyKeys(), []);

  useEffect(() => {
    if (problem.value) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [problem.value]);

  const submit = () =>
    run(async () => {
      const idempotencyKey = keyOf([input.value, options.value]);
      const more = options.value as SubmitOptions;
      const { job_id, deduplicated, cached } = await client.submit(jobType.type, input.value ?? {}, {
        ...more,
        idempotencyKey,
      });
      if (cached) toast("A job with the same input has completed before: here it is");
      else if (deduplicated) toast("A job with the same content is there already: here it is");
      route(`/jobs/${job_id}`);
    });

  const faults = problem.value?.details;
  const mannerFaults = Object.entries(faultsIn(faults, "")).filter(([field]) => !/^input(\.|$)/.test(field));
  const request = { type: jobType.type, input: input.value ?? {}, ...(options.value as JsonObject) };
  return (
    <form
      ref={form}
      class="stack form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.current?.requestSubmit();
      }}
    >
      {problem.value && <Problem of={problem.value} />}
      {like?.input_ref && <p class="soft">The input of the job before is too large to be shown here.</p>}
      <Card
        title="Input"
        actions={
          <>
            <button type="button" class="button small" onClick={() => (input.value = jobType.example)}>
              Fill with example
            </button>
            <button type="button" class="button small quiet" onClick={() => (input.value = empty)}>
              Clear
            </button>
          </>
        }
      >
        <SchemaForm
          schema={schema}
          value={input.value}
          onChange={(value) => (input.value = value)}
          errors={faultsIn(faults, "input")}
          example={jobType.example}
        />
      </Card>
      <details class="card fold" open={hasMore(options.value) || mannerFaults.length > 0}>
        <summary>Title, priority, time, budget …</summary>
        <div class="card-body">
          <SchemaForm
            schema={manner}
            value={options.value}
            onChange={(value) => (options.value = value ?? {})}
            errors={Object.fromEntries(mannerFaults)}
            example={mannerFirst}
          />
        </div>
      </details>
      <details class="card fold">
        <summary>The same from a terminal</summary>
        <pre class="code">{curl(request)}</pre>
      </details>
      <div class="row">
        <button type="submit" class="button primary" disabled={busy.value}>
          Submit job
        </button>
        <span class="faint small">
          <kbd>Ctrl</kbd> <kbd>Enter</kbd>
        </span>
      </div>
    </form>
  );
}

/** These come first: the rest is for those who look for it. */
const mannerFirst: Json = { title: "", priority: "", tags: [], run_at: "", budget: {} };

function hasMore(options: Json | undefined): boolean {
  return Object.keys((options ?? {}) as JsonObject).length > 0;
}

/** Of the job before: what is still true of one that does the same. */
function mannerOf({ title, priority, tags, budget }: JobView): JsonObject {
  return {
    ...(title ? { title } : {}),
    ...(priority === "normal" ? {} : { priority }),
    ...(tags.length > 0 ? { tags } : {}),
    ...(budget ? { budget: budget as JsonObject } : {}),
  };
}

/** One key for the same content: a click too many, or an answer that got lost, makes no second job. */
function idempotencyKeys(): (content: unknown) => string {
  let known = { content: "", key: "" };
  return (content) => {
    const written = JSON.stringify(content);
    if (written !== known.content) {
      known = { content: written, key: crypto.getRandomValues(new Uint32Array(4)).join("-") };
    }
    return known.key;
  };
}

function curl(request: JsonObject): string {
  const body = JSON.stringify(request, null, 2).replaceAll("'", `'\\''`);
  return `curl ${location.origin}/api/jobs \\
  -H "authorization: Bearer $KEY" -H "content-type: application/json" \\
  -d '${body}'`;
}
