import type { Budget, JobStatus } from "../core/protocol/job.ts";
import type { Json } from "../core/protocol/json.ts";
import type { JobView } from "../core/protocol/wire.ts";
import type { Api, Schemas } from "./api.ts";
import type { Ask, Request } from "./ask.ts";
import type { LargeValues } from "./values.ts";
import type {
  Accepted,
  Answer,
  BatchEntry,
  BatchOptions,
  ForkOptions,
  Making,
  Moment,
  Patient,
  RetryOptions,
  ScheduleChange,
  ScheduleOptions,
  Selection,
  SendOptions,
  Starting,
  SubmitOptions,
} from "./views.ts";

type Paged = Patient & { limit?: number; cursor?: string };
type Body<R extends keyof Api> = NonNullable<Api[R]["body"]>;
type Attribute = Schemas["ConfigurationAttribute"]["attribute"];

/** Routes that answer with the job that they have begun, or with what has become of it. */
type Begins = {
  [R in keyof Api]: JobView extends Api[R]["answer"] ? R : never;
}[keyof Api];

/** Everything that is one request and its answer, by what it is about. */
export function routes(ask: Ask, large: LargeValues) {
  const isoOf = (moment: Moment | undefined) => (moment instanceof Date ? moment.toISOString() : moment);

  const make = <R extends keyof Api>(
    route: R,
    request: Request<R>,
    { idempotencyKey = randomKey(), signal }: Making,
    headers: Record<string, string> = {},
  ) => {
    const sent = { ...request, headers: { ...headers, "idempotency-key": idempotencyKey }, signal };
    return ask(route, sent as Request<R>);
  };

  const begin = async <R extends Begins>(
    route: R,
    request: Request<R>,
    options: Starting,
  ): Promise<Accepted> => {
    const { wait, signal } = options;
    const prefer: Record<string, string> = wait ? { prefer: `wait=${wait}` } : {};
    const answer = (await make(route, request, options, prefer)) as Accepted | JobView;
    if ("job_id" in answer) return answer;
    return { job_id: answer.id, status: answer.status, job: await large.whole(answer, { signal }) };
  };

  return {
    /**
     * Resolves when the job is certain to be done. Safe to repeat with the same `idempotencyKey`. An input of more than
     * 192 KB is uploaded first, up to 50 MB.
     */
    submit: async (
      type: string,
      input: Json,
      { idempotencyKey, wait, signal, run_at, start_by, ...rest }: SubmitOptions = {},
    ) =>
      begin(
        "POST /api/jobs",
        {
          body: {
            type,
            ...(await large.input(input, signal)),
            ...rest,
            run_at: isoOf(run_at),
            start_by: isoOf(start_by),
          },
        },
        { idempotencyKey, wait, signal },
      ),
    /** With its result, whatever its size. An input above 4 MB is left out: it is the value of the first event. */
    get: async (id: string, { signal }: Patient = {}) =>
      large.whole(await ask("GET /api/jobs/{id}", { path: { id }, signal }), { signal }),
    /** Newest first. */
    list: ({
      signal,
      created_before,
      ...query
    }: Paged & { status?: JobStatus; type?: string; tag?: string; created_before?: Moment } = {}) =>
      ask("GET /api/jobs", { query: { ...query, created_before: isoOf(created_before) }, signal }),
    /** @throws ConvokeError with the code `conflict` when the job has no result. */
    result: (id: string, { signal }: Patient = {}) =>
      ask("GET /api/jobs/{id}/result", { path: { id }, signal }),
    /** All files of a job of type generation as a zip. @throws ConvokeError with the code `conflict` until it has completed. */
    bundle: (id: string, { signal }: Patient = {}): Promise<Blob> =>
      ask("GET /api/jobs/{id}/bundle", { path: { id }, file: true, signal }),
    /** @throws ConvokeError with the code `conflict` when the job has already ended. */
    cancel: (id: string, { signal, ...body }: Patient & { reason?: string } = {}) =>
      ask("POST /api/jobs/{id}/cancel", { path: { id }, body, signal }),
    /** Nothing more of the job begins until it is resumed. Both may be repeated. */
    pause: (id: string, { signal, ...body }: Patient & { reason?: string } = {}) =>
      ask("POST /api/jobs/{id}/pause", { path: { id }, body, signal }),
    resume: (id: string, { signal }: Patient = {}) =>
      ask("POST /api/jobs/{id}/resume", { path: { id }, signal }),
    /** Does a failed or cancelled job again from its failed step, as a new job that pays for nothing twice. */
    retry: (id: string, options: RetryOptions = {}) =>
      begin("POST /api/jobs/{id}/retry", { path: { id } }, options),
    /** A new job with the outcomes of this one up to an event, which are not paid for again. */
    fork: (id: string, { idempotencyKey, wait, signal, ...body }: ForkOptions = {}) =>
      begin("POST /api/jobs/{id}/fork", { path: { id }, body }, { idempotencyKey, wait, signal }),
    /** Up to 100 jobs as one, with a progress, an end and a cancel of their own. */
    batch: (jobs: BatchEntry[], { idempotencyKey, wait, signal, ...rest }: BatchOptions = {}) =>
      begin("POST /api/batches", { body: { jobs, ...rest } }, { idempotencyKey, wait, signal }),
    cancelMany: (
      which: Selection<"scheduled" | "pending" | "running" | "waiting">,
      { signal, ...rest }: Patient & { reason?: string } = {},
    ) => ask("POST /api/jobs/cancel", { body: { ...selected(which), ...rest }, signal }),
    /** None is retried twice within a day by this. */
    retryMany: (which: Selection<"failed" | "cancelled">, { signal }: Patient = {}) =>
      ask("POST /api/jobs/retry", { body: selected(which), signal }),
    /** Questions of jobs that the caller may answer. Ask on while there is a cursor, also when a page is empty. */
    inbox: ({ signal, ...query }: Paged = {}) => ask("GET /api/inbox", { query, signal }),
    /**
     * Answers what a job waits for. The same answer may be given again.
     * @throws ConvokeError with the code `conflict` when another decision stands, or the job has ended.
     */
    answer: (callback_id: string, body: Answer, { signal }: Patient = {}) =>
      ask("POST /api/callbacks/{callback_id}", { path: { callback_id }, body, signal }),
    /** A sign of life from whoever will answer. */
    heartbeat: (callback_id: string, { signal }: Patient = {}) =>
      ask("POST /api/callbacks/{callback_id}/heartbeat", { path: { callback_id }, signal }),
    /** Changes what a job may consume: a limit that is `null` goes. A job that is held for its budget goes on. */
    changeBudget: (
      id: string,
      body: { [limit in keyof Budget]: Budget[limit] | null },
      { signal }: Patient = {},
    ) => ask("PATCH /api/jobs/{id}/budget", { path: { id }, body, signal }),
    /** A page of a job's events, without watching. `wait`: seconds that the answer is held back for the next one. */
    events: (
      id: string,
      { signal, ...query }: Patient & { after?: number; limit?: number; wait?: number } = {},
    ) => ask("GET /api/jobs/{id}/events", { path: { id }, query, signal }),

    /** What this deployment can do, with the JSON Schemas of inputs and results. */
    jobTypes: async ({ signal }: Patient = {}) => (await ask("GET /api/job-types", { signal })).job_types,
    /** Whose key, or session, this is and what it may do. */
    caller: ({ signal }: Patient = {}) => ask("GET /api/keys/current", { signal }),
    /** What the codes of errors mean, to users and to developers. */
    errors: async ({ signal }: Patient = {}) => (await ask("GET /api/errors", { signal })).errors,
    /** How many jobs there are in which status, and how long the queues are. */
    status: ({ signal }: Patient = {}) => ask("GET /api/status", { signal }),
    /** Queues, execution times, failure rates, tokens and money of the newest jobs. */
    metrics: ({ signal, ...query }: Patient & { type?: string } = {}) =>
      ask("GET /api/metrics", { query, signal }),
    /** Whether the service answers at all; needs no key. */
    health: ({ signal }: Patient = {}) => ask("GET /api/health", { signal }),
    /** What the caller's webhooks are signed with, the newest first: of two the second will soon be gone. */
    webhookSecrets: async ({ signal }: Patient = {}) =>
      (await ask("GET /api/webhook-secrets", { signal })).secrets,

    conversations: {
      create: ({ signal, ...body }: Patient & { title?: string } = {}) =>
        ask("POST /api/conversations", { body, signal }),
      list: ({ signal, ...query }: Paged = {}) => ask("GET /api/conversations", { query, signal }),
      get: (id: string, { signal, ...query }: Patient & { after?: number; limit?: number } = {}) =>
        ask("GET /api/conversations/{id}", { path: { id }, query, signal }),
      /** The answer comes in the background: watch the job. */
      send: (id: string, content: string, { idempotencyKey, wait, signal, ...rest }: SendOptions = {}) =>
        begin(
          "POST /api/conversations/{id}/messages",
          { path: { id }, body: { content, ...rest } },
          { idempotencyKey, wait, signal },
        ),
    },

    schedules: {
      create: (body: ScheduleOptions, options: Making = {}) => make("POST /api/schedules", { body }, options),
      list: ({ signal, ...query }: Paged = {}) => ask("GET /api/schedules", { query, signal }),
      get: (id: string, { signal }: Patient = {}) => ask("GET /api/schedules/{id}", { path: { id }, signal }),
      /** What is not named stays. */
      change: (id: string, body: ScheduleChange, { signal }: Patient = {}) =>
        ask("PATCH /api/schedules/{id}", { path: { id }, body, signal }),
      delete: (id: string, { signal }: Patient = {}) =>
        ask("DELETE /api/schedules/{id}", { path: { id }, signal }),
      pause: (id: string, { signal }: Patient = {}) =>
        ask("POST /api/schedules/{id}/pause", { path: { id }, signal }),
      resume: (id: string, { signal }: Patient = {}) =>
        ask("POST /api/schedules/{id}/resume", { path: { id }, signal }),
      /** When a cron expression comes next, as a schedule would have it: ISO 8601, the soonest first. */
      next: async (
        cron: string,
        { signal, ...query }: Patient & { timezone?: string; limit?: number } = {},
      ): Promise<string[]> =>
        (await ask("GET /api/next-moments", { query: { cron, ...query }, signal })).moments,
      /** Submits its job now, out of turn. */
      run: async (id: string, options: Starting = {}) => ({
        ...(await begin("POST /api/schedules/{id}/run", { path: { id } }, options)),
        schedule_id: id,
      }),
    },

    videos: {
      /** The job makes it in the background, which takes minutes. */
      create: (body: Body<"POST /api/videos">, options: Starting = {}) =>
        begin("POST /api/videos", { body }, options),
      get: (id: string, { signal }: Patient = {}) => ask("GET /api/videos/{id}", { path: { id }, signal }),
      /** The file. @throws ConvokeError with the code `conflict` while there is none. */
      content: (id: string, { signal }: Patient = {}): Promise<Blob> =>
        ask("GET /api/videos/{id}/content", { path: { id }, file: true, signal }),
    },

    projections: {
      create: (body: Body<"POST /api/projection/create">, options: Starting = {}) =>
        begin("POST /api/projection/create", { body }, options),
      get: (id: string, { signal }: Patient = {}) =>
        ask("GET /api/projection/{id}", { path: { id }, signal }),
      /** Completed ones in which all of the words occur, newest first. */
      search: async (query: string, { signal, limit }: Patient & { limit?: number } = {}) =>
        (await ask("GET /api/projections/search", { query: { query, limit }, signal })).projections,
    },

    translations: {
      roundTrip: (body: Body<"POST /api/translation/round-trip">, options: Starting = {}) =>
        begin("POST /api/translation/round-trip", { body }, options),
      stability: (body: Body<"POST /api/translation/stability-analysis">, options: Starting = {}) =>
        begin("POST /api/translation/stability-analysis", { body }, options),
      languages: async ({ signal }: Patient = {}) =>
        (await ask("GET /api/translation/supported-languages", { signal })).languages,
    },

    /** Socratic dialogues. */
    maieutic: {
      start: (body: Body<"POST /api/maieutic/start">, options: Making = {}) =>
        begin("POST /api/maieutic/start", { body }, options),
      get: (id: string, { signal }: Patient = {}) => ask("GET /api/maieutic/{id}", { path: { id }, signal }),
      /** The question that is open. `wait`: seconds that the answer is held back until there is one. */
      question: (id: string, { signal, ...query }: Patient & { wait?: number } = {}) =>
        ask("POST /api/maieutic/{id}/question", { path: { id }, query, signal }),
      /** With the `turn` that it answers, an answer may be given again and counts once. */
      answer: (id: string, body: Body<"POST /api/maieutic/{id}/answer">, { signal }: Patient = {}) =>
        ask("POST /api/maieutic/{id}/answer", { path: { id }, body, signal }),
    },

    /** What jobs go by where a request does not say. */
    configuration: {
      all: async ({ signal }: Patient = {}) => (await ask("GET /api/config", { signal })).attributes,
      get: (attribute: Attribute, { signal }: Patient = {}) =>
        ask("GET /api/config/{attribute}", { path: { attribute }, signal }),
      /** What is not named stays. @throws ConvokeError `conflict` when it was meant for another `version`. */
      set: (
        attribute: Attribute,
        name: string,
        body: Body<"PUT /api/config/{attribute}/{field}">,
        { signal }: Patient = {},
      ) => ask("PUT /api/config/{attribute}/{field}", { path: { attribute, field: name }, body, signal }),
      remove: (
        attribute: Attribute,
        name: string,
        { signal, version }: Patient & { version?: number } = {},
      ) =>
        ask("DELETE /api/config/{attribute}/{field}", {
          path: { attribute, field: name },
          ...(version === undefined ? {} : { headers: { "if-match": `"${version}"` } }),
          signal,
        }),
      /** Has a model write the value of a field. */
      generateField: (
        attribute: Attribute,
        body: Body<"POST /api/config/{attribute}/generate-field">,
        options: Starting = {},
      ) => begin("POST /api/config/{attribute}/generate-field", { path: { attribute }, body }, options),
      /** One prompt from all that is configured. `wait`: seconds for the model that merges it. */
      systemPrompt: ({ signal, ...query }: Patient & { context?: string; wait?: number } = {}) =>
        ask("GET /api/config/system-prompt", { query, signal }),
    },

    /** Programs that are written file by file. */
    projects: {
      create: (body: Body<"POST /api/projects">, options: Making = {}) =>
        make("POST /api/projects", { body }, options),
      get: (id: string, { signal }: Patient = {}) => ask("GET /api/projects/{id}", { path: { id }, signal }),
      list: ({ signal, ...query }: Paged = {}) => ask("GET /api/projects", { query, signal }),
      /** The job at work is answered if there is one. After a failure the new one goes on, unless it is to be `fresh`. */
      generate: async (
        id: string,
        { idempotencyKey, wait, signal, ...body }: Starting & Body<"POST /api/projects/{id}/generate"> = {},
      ) => ({
        ...(await begin(
          "POST /api/projects/{id}/generate",
          { path: { id }, body },
          { idempotencyKey, wait, signal },
        )),
        project_id: id,
      }),
      /** Also while it is generated. */
      files: (id: string, { signal }: Patient = {}) =>
        ask("GET /api/projects/{id}/files", { path: { id }, signal }),
      file: (id: string, path: string, { signal }: Patient = {}) =>
        ask("GET /api/projects/{id}/files/{path}", { path: { id, path }, signal }),
      /** All files as a zip. @throws ConvokeError with the code `conflict` until the project is completed. */
      bundle: (id: string, { signal }: Patient = {}): Promise<Blob> =>
        ask("GET /api/projects/{id}/bundle", { path: { id }, file: true, signal }),
    },

    /** Audits. Their ids are `audit_` and the job's id. */
    workflows: {
      norms: async ({ signal }: Patient = {}) => (await ask("GET /api/norms", { signal })).norms,
      cycles: async ({ signal }: Patient = {}) =>
        (await ask("GET /api/audit-cycles", { signal })).audit_cycles,
      /** A plan is made, and waits for approval then. */
      start: async (body: Body<"POST /api/workflows">, options: Making = {}) => {
        const answer = await make("POST /api/workflows", { body }, options);
        return answer as Exclude<typeof answer, JobView>;
      },
      get: (workflow_id: string, { signal }: Patient = {}) =>
        ask("GET /api/workflows/{workflow_id}/status/live", { path: { workflow_id }, signal }),
      plan: (workflow_id: string, { signal }: Patient = {}) =>
        ask("GET /api/workflows/{workflow_id}/plan", { path: { workflow_id }, signal }),
      /**
       * Approves or rejects the plan that waits, or the one that is named. The same decision again is told what stands.
       * @throws ConvokeError with the code `conflict` when another decision stands.
       */
      decide: (
        workflow_id: string,
        body: Body<"POST /api/workflows/{workflow_id}/approve">,
        { signal }: Patient = {},
      ) => ask("POST /api/workflows/{workflow_id}/approve", { path: { workflow_id }, body, signal }),
      /** Counts from the next instruction on. @throws ConvokeError `conflict` while nobody listens. */
      feedback: (workflow_id: string, feedback: string, { signal }: Patient = {}) =>
        ask("POST /api/workflows/{workflow_id}/feedback", {
          path: { workflow_id },
          body: { feedback },
          // Said twice it would count twice.
          once: true,
          signal,
        }),
      /** Has it looked at now if it is overdue; it goes on by itself otherwise. */
      progress: (workflow_id: string, { signal }: Patient = {}) =>
        ask("POST /api/workflows/{workflow_id}/progress", { path: { workflow_id }, signal }),
      /** What its agents and people have thought, done and seen. */
      steps: async (workflow_id: string, { signal }: Patient = {}) =>
        (await ask("GET /api/workflows/{workflow_id}/react_steps", { path: { workflow_id }, signal })).steps,
      /** @returns undefined while it is not ready. */
      async report(workflow_id: string, { signal }: Patient = {}) {
        const answer = await ask("GET /api/workflows/{workflow_id}/report", {
          path: { workflow_id },
          signal,
        });
        return answer.status === "success" ? answer : undefined;
      },
      cancel: (workflow_id: string, { signal }: Patient = {}) =>
        ask("DELETE /api/workflows/{workflow_id}", { path: { workflow_id }, signal }),
    },
  };

  function selected<S extends JobStatus>(which: Selection<S>) {
    if ("ids" in which) return which;
    return { ...which, created_before: isoOf(which.created_before) };
  }
}

/** `crypto.randomUUID` is not there in a page without TLS. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
