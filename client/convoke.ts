import type { Entry } from "../core/protocol/event.ts";
import { type Budget, isTerminal, type JobStatus } from "../core/protocol/job.ts";
import type { Json, JsonObject } from "../core/protocol/json.ts";
import type { EventView, JobView } from "../core/protocol/wire.ts";
import { type DeltaView, type EventsPage, Feed } from "./feed.ts";
import { http } from "./http.ts";
import { LiveSocket, type Ticket } from "./live-socket.ts";
import { type Times, usualTimes } from "./times.ts";
import { values } from "./values.ts";
import type {
  Accepted,
  Answer,
  BatchEntry,
  BatchOptions,
  Bulk,
  Conversation,
  ConversationSummary,
  Decision,
  ForkOptions,
  JobSummary,
  Moment,
  PlanDecision,
  Project,
  ProjectFile,
  Question,
  RetryOptions,
  Schedule,
  ScheduleChange,
  ScheduleOptions,
  Selection,
  SendOptions,
  SubmitOptions,
  Workflow,
} from "./views.ts";

export type ConvokeOptions = {
  /** Where the service is, e.g. `http://127.0.0.1:4000`. */
  url: string;
  /** An API key or a token. A page of the service itself leaves it out: its cookie says who asks. */
  key?: string;
  fetch?: typeof fetch;
  WebSocket?: typeof WebSocket;
  times?: Partial<Times>;
  /** How often a request is sent in all when the service does not answer. */
  attempts?: number;
};

export type WatchOptions = {
  /** The number of the last event that is known already. */
  after?: number;
  signal?: AbortSignal;
};

type Patient = { signal?: AbortSignal };
type Paused = { job_id: string; status: JobStatus; paused: boolean };
type Paged = Patient & { limit?: number; cursor?: string };

export type Convoke = {
  /**
   * Resolves when the job is certain to be done. Safe to repeat with the same `idempotencyKey`. An input of more than
   * 192 KB is uploaded first, up to 50 MB.
   */
  submit(type: string, input: Json, options?: SubmitOptions): Promise<Accepted>;
  /** With its result, whatever its size. An input above 4 MB is left out: it is the value of the first event. */
  get(jobId: string, options?: Patient): Promise<JobView>;
  /** Newest first. */
  list(
    options?: Paged & { status?: JobStatus; type?: string; tag?: string; created_before?: Moment },
  ): Promise<{ jobs: JobSummary[]; next_cursor: string | null }>;
  /** @throws ConvokeError with the code `conflict` when the job has already ended. */
  cancel(
    jobId: string,
    options?: Patient & { reason?: string },
  ): Promise<{ job_id: string; status: JobStatus; cancel_requested: true }>;
  /** Nothing more of the job begins until it is resumed. Both may be repeated. */
  pause(jobId: string, options?: Patient & { reason?: string }): Promise<Paused>;
  resume(jobId: string, options?: Patient): Promise<Paused>;
  /** Does a failed or cancelled job again from its failed step, as a new job that pays for nothing twice. */
  retry(jobId: string, options?: RetryOptions): Promise<Accepted>;
  /** A new job with the outcomes of this one up to an event, which are not paid for again. */
  fork(jobId: string, options?: ForkOptions): Promise<Accepted>;
  /** Up to 100 jobs as one, with a progress, an end and a cancel of their own. */
  batch(jobs: BatchEntry[], options?: BatchOptions): Promise<Accepted>;
  cancelMany(
    which: Selection<"scheduled" | "pending" | "running" | "waiting">,
    options?: Patient & { reason?: string },
  ): Promise<Bulk & { job_ids: string[] }>;
  /** None is retried twice within a day by this. */
  retryMany(
    which: Selection<"failed" | "cancelled">,
    options?: Patient,
  ): Promise<Bulk & { jobs: { job_id: string; retry_of: string }[] }>;
  /** Questions of jobs that the caller may answer. Ask on while there is a cursor, also when a page is empty. */
  inbox(options?: Paged): Promise<{ questions: Question[]; next_cursor: string | null }>;
  /**
   * Answers what a job waits for. The same answer may be given again.
   * @throws ConvokeError with the code `conflict` when another decision stands, or the job has ended.
   */
  answer(callbackId: string, answer: Answer, options?: Patient): Promise<Decision>;
  /** A sign of life from whoever will answer. */
  heartbeat(callbackId: string, options?: Patient): Promise<{ heartbeat_by: string | null }>;
  /** Changes what a job may consume: a limit that is `null` goes. A job that is held for its budget goes on. */
  changeBudget(
    jobId: string,
    change: { [limit in keyof Budget]: Budget[limit] | null },
    options?: Patient,
  ): Promise<{ job_id: string; status: JobStatus; budget: Budget }>;
  /** A page of a job's events, without watching. */
  events(jobId: string, options?: Patient & { after?: number; limit?: number }): Promise<EventsPage>;

  /** What an event holds, in place or by reference: an input, what a step gave, a result. */
  value(jobId: string, event: EventView, options?: Patient): Promise<Json | undefined>;
  /** A job's journal as it is stored, with every value in place: enough to replay it elsewhere. */
  journal(jobId: string, options?: Patient): AsyncGenerator<Entry, void, void>;

  /**
   * The events of a job, each exactly once and in order, from `after + 1` to the one that ends it, over any number of
   * lost connections.
   * @throws ConvokeError when there is no such job or the key is not accepted; the reason of an aborted signal.
   */
  watch(jobId: string, options?: WatchOptions & { deltas?: false }): AsyncGenerator<EventView, void, void>;
  /** With `deltas` also the text of models as it arrives. */
  watch(
    jobId: string,
    options: WatchOptions & { deltas: boolean },
  ): AsyncGenerator<EventView | DeltaView, void, void>;
  /** Resolves to the job when it has ended, however it has ended. */
  wait(jobId: string, options?: Patient): Promise<JobView>;

  conversations: {
    create(options?: Patient & { title?: string }): Promise<Conversation>;
    list(options?: Paged): Promise<{ conversations: ConversationSummary[]; next_cursor: string | null }>;
    get(id: string, options?: Patient & { after?: number; limit?: number }): Promise<Conversation>;
    /** The answer comes in the background: watch the job. */
    send(id: string, content: string, options?: SendOptions): Promise<Accepted>;
  };

  schedules: {
    /** Two calls with one `idempotencyKey` are one schedule. */
    create(schedule: ScheduleOptions, options?: Patient & { idempotencyKey?: string }): Promise<Schedule>;
    list(options?: Paged): Promise<{ schedules: Schedule[]; next_cursor: string | null }>;
    get(id: string, options?: Patient): Promise<Schedule>;
    /** What is not named stays. */
    change(id: string, change: ScheduleChange, options?: Patient): Promise<Schedule>;
    delete(id: string, options?: Patient): Promise<{ id: string; deleted: true }>;
    pause(id: string, options?: Patient): Promise<Schedule>;
    resume(id: string, options?: Patient): Promise<Schedule>;
    /** Submits its job now, out of turn. */
    run(
      id: string,
      options?: Patient & { idempotencyKey?: string },
    ): Promise<{ job_id: string; status: JobStatus; schedule_id: string }>;
  };

  /** Audits. Their ids are `audit_` and the job's id. */
  projects: {
    /** Two calls with one `idempotencyKey` are one project. */
    create(
      project: { name: string; description: string } & JsonObject,
      options?: Patient & { idempotencyKey?: string },
    ): Promise<Project>;
    get(id: string, options?: Patient): Promise<Project>;
    list(options?: Paged): Promise<{ projects: Project[]; next_cursor: string | null }>;
    /** The job at work is answered if there is one. After a failure the new one goes on, unless it is to be `fresh`. */
    generate(id: string, options?: Patient & { fresh?: boolean }): Promise<Accepted & { project_id: string }>;
    /** Also while it is generated. */
    files(id: string, options?: Patient): Promise<{ complete: boolean; files: ProjectFile[] }>;
    file(id: string, path: string, options?: Patient): Promise<ProjectFile & { content: string }>;
  };

  workflows: {
    get(id: string, options?: Patient): Promise<Workflow>;
    /**
     * Approves or rejects the plan that waits, or the one that is named. The same decision again is told what stands.
     * @throws ConvokeError with the code `conflict` when another decision stands.
     */
    decide(
      id: string,
      decision: { approved: boolean; feedback?: string; plan_id?: string },
      options?: Patient,
    ): Promise<PlanDecision>;
    /** @returns undefined while it is not ready. */
    report(
      id: string,
      options?: Patient,
    ): Promise<{ final_report: string; generated_at: string } | undefined>;
    cancel(id: string, options?: Patient): Promise<{ workflow_id: string; cancelled_at: string }>;
  };

  /** Opens the WebSocket ahead of the first watch, so that this need not wait for it. */
  connect(): void;
  /** Closes the WebSocket. It would otherwise stay open for a while, for the next watch. */
  close(): void;
};

/** A client of one Convoke service. All its watches share one WebSocket. */
export function convoke(options: ConvokeOptions): Convoke {
  const times = { ...usualTimes, ...options.times };
  const { send, put } = http({
    url: options.url,
    ...(options.key === undefined ? {} : { key: options.key }),
    // A browser's fetch must be called on its window.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    attempts: options.attempts ?? 4,
    retryMs: times.retryMs,
  });
  const socket = new LiveSocket(
    () => send<Ticket>("POST", "/api/ws-ticket", { once: true }),
    times,
    options.WebSocket,
  );

  const large = values(send, put);

  async function* watch(
    jobId: string,
    { after = 0, deltas = false, signal }: WatchOptions & { deltas?: boolean } = {},
  ): AsyncGenerator<EventView | DeltaView, void, void> {
    signal?.throwIfAborted();
    const feed = new Feed({ id: jobId, after, deltas }, { socket, send, times });
    const abort = () => feed.failed(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      for (let next = await feed.next(); next; next = await feed.next()) yield next;
    } finally {
      signal?.removeEventListener("abort", abort);
      feed.close();
    }
  }

  const get = async (jobId: string, { signal }: Patient = {}) =>
    large.whole(await send<JobView>("GET", jobPath(jobId), { signal }), { signal });

  /** Asks for a new job, so that asking again is safe. */
  const make = (
    path: string,
    body: object | undefined,
    { idempotencyKey = randomKey(), signal }: { idempotencyKey?: string; signal?: AbortSignal },
  ) =>
    send<Accepted>("POST", path, {
      ...(body ? { body } : {}),
      headers: { "idempotency-key": idempotencyKey },
      signal,
    });

  return {
    submit: async (type, input, { idempotencyKey = randomKey(), signal, ...rest } = {}) =>
      send("POST", "/api/jobs", {
        body: { type, ...(await large.input(input, signal)), ...rest },
        headers: { "idempotency-key": idempotencyKey },
        signal,
      }),
    get,
    list: ({ signal, created_before: before, ...query } = {}) =>
      send("GET", "/api/jobs", {
        query: { ...query, created_before: before instanceof Date ? before.toISOString() : before },
        signal,
      }),
    cancel: (jobId, { signal, ...body } = {}) => send("POST", `${jobPath(jobId)}/cancel`, { body, signal }),
    pause: (jobId, { signal, ...body } = {}) => send("POST", `${jobPath(jobId)}/pause`, { body, signal }),
    resume: (jobId, { signal } = {}) => send("POST", `${jobPath(jobId)}/resume`, { signal }),
    retry: (jobId, options = {}) => make(`${jobPath(jobId)}/retry`, undefined, options),
    fork: (jobId, { idempotencyKey, signal, ...body } = {}) =>
      make(`${jobPath(jobId)}/fork`, body, { idempotencyKey, signal }),
    batch: (jobs, { idempotencyKey, signal, ...rest } = {}) =>
      make("/api/batches", { jobs, ...rest }, { idempotencyKey, signal }),
    cancelMany: (which, { signal, ...rest } = {}) =>
      send("POST", "/api/jobs/cancel", { body: { ...which, ...rest }, signal }),
    retryMany: (which, { signal } = {}) => send("POST", "/api/jobs/retry", { body: which, signal }),
    inbox: ({ signal, ...query } = {}) => send("GET", "/api/inbox", { query, signal }),
    answer: (callbackId, body, { signal } = {}) => send("POST", callbackPath(callbackId), { body, signal }),
    heartbeat: (callbackId, { signal } = {}) =>
      send("POST", `${callbackPath(callbackId)}/heartbeat`, { signal }),
    changeBudget: (jobId, body, { signal } = {}) =>
      send("PATCH", `${jobPath(jobId)}/budget`, { body, signal }),
    events: (jobId, { signal, ...query } = {}) => send("GET", `${jobPath(jobId)}/events`, { query, signal }),
    value: (jobId, event, patient = {}) => large.ofEvent(jobId, event, patient),
    journal: (jobId, patient = {}) => large.journal(jobId, patient),
    watch: watch as Convoke["watch"],
    async wait(jobId, patient = {}) {
      const job = await get(jobId, patient);
      if (isTerminal(job.status)) return job;
      for await (const _event of watch(jobId, { after: job.seq, ...patient }));
      return get(jobId, patient);
    },
    conversations: {
      create: ({ signal, ...body } = {}) => send("POST", "/api/conversations", { body, signal }),
      list: ({ signal, ...query } = {}) => send("GET", "/api/conversations", { query, signal }),
      get: (id, { signal, ...query } = {}) => send("GET", conversationPath(id), { query, signal }),
      send: (id, content, { idempotencyKey = randomKey(), signal, ...rest } = {}) =>
        send("POST", `${conversationPath(id)}/messages`, {
          body: { content, ...rest },
          headers: { "idempotency-key": idempotencyKey },
          signal,
        }),
    },
    schedules: {
      create: (body, { idempotencyKey = randomKey(), signal } = {}) =>
        send("POST", "/api/schedules", { body, headers: { "idempotency-key": idempotencyKey }, signal }),
      list: ({ signal, ...query } = {}) => send("GET", "/api/schedules", { query, signal }),
      get: (id, { signal } = {}) => send("GET", schedulePath(id), { signal }),
      change: (id, body, { signal } = {}) => send("PATCH", schedulePath(id), { body, signal }),
      delete: (id, { signal } = {}) => send("DELETE", schedulePath(id), { signal }),
      pause: (id, { signal } = {}) => send("POST", `${schedulePath(id)}/pause`, { signal }),
      resume: (id, { signal } = {}) => send("POST", `${schedulePath(id)}/resume`, { signal }),
      run: (id, { idempotencyKey = randomKey(), signal } = {}) =>
        send("POST", `${schedulePath(id)}/run`, {
          headers: { "idempotency-key": idempotencyKey },
          signal,
        }),
    },
    projects: {
      create: (body, { idempotencyKey = randomKey(), signal } = {}) =>
        send("POST", "/api/projects", { body, headers: { "Idempotency-Key": idempotencyKey }, signal }),
      get: (id, { signal } = {}) => send("GET", projectPath(id), { signal }),
      list: ({ signal, ...query } = {}) => send("GET", "/api/projects", { query, signal }),
      generate: (id, { signal, ...body } = {}) =>
        send("POST", `${projectPath(id)}/generate`, {
          body,
          headers: { "Idempotency-Key": randomKey() },
          signal,
        }),
      files: (id, { signal } = {}) => send("GET", `${projectPath(id)}/files`, { signal }),
      file: (id, path, { signal } = {}) =>
        send("GET", `${projectPath(id)}/files/${encodeURIComponent(path)}`, { signal }),
    },
    workflows: {
      get: (id, { signal } = {}) => send("GET", `${workflowPath(id)}/status/live`, { signal }),
      decide: (id, body, { signal } = {}) => send("POST", `${workflowPath(id)}/approve`, { body, signal }),
      async report(id, { signal } = {}) {
        const answer = await send<{ final_report: string; generated_at: string }>(
          "GET",
          `${workflowPath(id)}/report`,
          { signal },
        );
        return answer.final_report === undefined ? undefined : answer;
      },
      cancel: (id, { signal } = {}) => send("DELETE", workflowPath(id), { signal }),
    },
    connect: () => socket.connect(),
    close: () => socket.close(),
  };
}

function jobPath(jobId: string): string {
  return `/api/jobs/${encodeURIComponent(jobId)}`;
}

function callbackPath(id: string): string {
  return `/api/callbacks/${encodeURIComponent(id)}`;
}

function workflowPath(id: string): string {
  return `/api/workflows/${encodeURIComponent(id)}`;
}

function projectPath(id: string): string {
  return `/api/projects/${encodeURIComponent(id)}`;
}

function schedulePath(id: string): string {
  return `/api/schedules/${encodeURIComponent(id)}`;
}

function conversationPath(id: string): string {
  return `/api/conversations/${encodeURIComponent(id)}`;
}

/** `crypto.randomUUID` is not there in a page without TLS. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
