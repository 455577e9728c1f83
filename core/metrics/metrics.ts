import { inParallel } from "../in-parallel.ts";
import { type Recorded, recorded } from "../protocol/event.ts";
import {
  addUsage,
  eachLane,
  isTerminal,
  type JobRecord,
  type JobStatus,
  type Lane,
  noUsage,
  type Usage,
} from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";
import type { LaneLength } from "../queue/queue.ts";
import type { Services } from "../services.ts";
import { type Times, timesOf } from "./times.ts";

/** So many of the newest jobs are looked at, by their HEADs: about 200 read units, however many jobs there are. */
const mostJobs = 200;
/** So many of the newest that have ended are looked into, step by step, and so many entries of each. */
const mostJournals = 20;
const mostEntries = 200;
const readersAtATime = 10;
/** So many steps are named: those on which most time was spent. */
const mostSteps = 100;
/** So long an answer is given again. */
const keptMs = 15_000;
const mostKept = 500;

export type TypeMetrics = {
  type: string;
  jobs: number;
  completed: number;
  failed: number;
  cancelled: number;
  /** Of those that completed or failed. */
  failureRate: number | undefined;
  /** From the first claim to the end. */
  times: Times | undefined;
};

export type StepMetrics = {
  type: string;
  /** First and last name of its path; what lies between is `*`. */
  step: string;
  attempts: number;
  failed: number;
  failureRate: number;
  times: Times | undefined;
};

export type DayMetrics = { day: string; jobs: number; usage: Usage };

/** What a tenant's newest jobs say, and the queues that all tenants share. */
export type Metrics = {
  at: Millis;
  /** What was looked at: so many jobs, none older than `since`; all that there are, or the newest; so many journals. */
  over: { jobs: number; since: Millis | undefined; all: boolean; journals: number };
  lanes: Record<Lane, LaneLength & { waitingJobs: number; oldestWaitMs: Millis | undefined }>;
  byStatus: Record<string, number>;
  types: TypeMetrics[];
  steps: StepMetrics[];
  /** By the day of the submit in UTC, newest first. */
  days: DayMetrics[];
};

type MetricsServices = Pick<Services, "journal" | "queue" | "now">;

const answers = new WeakMap<MetricsServices, Map<string, { at: Millis; metrics: Promise<Metrics> }>>();

/**
 * Reads a tenant's metrics out of what its jobs have left behind, so that no job pays a write for them.
 * @param type - of these jobs only.
 * @throws Unavailable.
 */
export async function metricsOf(services: MetricsServices, tenant: string, type?: string): Promise<Metrics> {
  const kept = answers.get(services) ?? new Map();
  answers.set(services, kept);
  const key = JSON.stringify([tenant, type]);
  const known = kept.get(key);
  if (known && services.now() - known.at < keptMs) return known.metrics;
  if (kept.size >= mostKept) kept.clear();
  const metrics = measure(services, tenant, type);
  kept.set(key, { at: services.now(), metrics });
  metrics.catch(() => kept.delete(key));
  return metrics;
}

async function measure(services: MetricsServices, tenant: string, type?: string): Promise<Metrics> {
  const { journal, queue, now } = services;
  const [lengths, { jobs, all }] = await Promise.all([queue.lengths(), newest(services, tenant, type)]);
  const ended = jobs.filter(({ status }) => isTerminal(status)).slice(0, mostJournals);
  const journals = await inParallel(ended, readersAtATime, async (job) => {
    const { entries } = await journal.read(job, 0, mostEntries);
    return { type: job.type, events: entries.flatMap(recorded) };
  });
  const at = now();
  return {
    at,
    over: { jobs: jobs.length, since: jobs.at(-1)?.createdAt, all, journals: journals.length },
    lanes: eachLane((lane) => {
      const waiting = jobs.filter((job) => job.lane === lane && job.status === "pending");
      const oldest = waiting.at(-1);
      return {
        ...lengths[lane],
        waitingJobs: waiting.length,
        oldestWaitMs: oldest && at - oldest.createdAt,
      };
    }),
    byStatus: Object.fromEntries(
      [...groups(jobs, ({ status }) => status)].map(([status, some]) => [status, some.length]),
    ),
    types: [...groups(jobs, ({ type }) => type)].map(([name, some]) => typeMetrics(name, some)),
    steps: stepMetrics(journals),
    days: [...groups(jobs, ({ createdAt }) => new Date(createdAt).toISOString().slice(0, 10))].map(
      ([day, some]) => ({ day, jobs: some.length, usage: spent(some) }),
    ),
  };
}

async function newest({ journal }: MetricsServices, tenant: string, type: string | undefined) {
  const jobs: JobRecord[] = [];
  let cursor: string | undefined;
  do {
    const page = await journal.list(tenant, { type, limit: 100, cursor });
    jobs.push(...page.jobs);
    cursor = page.cursor;
  } while (cursor && jobs.length < mostJobs);
  return { jobs: jobs.slice(0, mostJobs), all: cursor === undefined };
}

function groups<T>(items: T[], keyOf: (item: T) => string): Map<string, T[]> {
  return Map.groupBy(items, keyOf);
}

function typeMetrics(type: string, jobs: JobRecord[]): TypeMetrics {
  const count = (wanted: JobStatus) => jobs.filter(({ status }) => status === wanted).length;
  const [completed, failed] = [count("completed"), count("failed")];
  return {
    type,
    jobs: jobs.length,
    completed,
    failed,
    cancelled: count("cancelled"),
    failureRate: completed + failed === 0 ? undefined : failed / (completed + failed),
    times: timesOf(jobs.flatMap(durationOf)),
  };
}

/** How long a job that has completed took from its first claim on. */
function durationOf({ status, startedAt, completedAt }: JobRecord): Millis[] {
  if (status !== "completed" || startedAt === undefined || completedAt === undefined) return [];
  return [completedAt - startedAt];
}

/** A child's usage is part of its parent's. */
function spent(jobs: JobRecord[]): Usage {
  return jobs.filter(({ parent }) => !parent).reduce((sum, { usage }) => addUsage(sum, usage), noUsage);
}

type Attempt = { type: string; step: string; ms: Millis; failed: boolean };

function stepMetrics(journals: { type: string; events: Recorded[] }[]): StepMetrics[] {
  const attempts = journals.flatMap(({ type, events }) => attemptsIn(type, events));
  const spentOn = (some: Attempt[]) => some.reduce((sum, { ms }) => sum + ms, 0);
  return [...groups(attempts, ({ type, step }) => JSON.stringify([type, step])).values()]
    .toSorted((a, b) => spentOn(b) - spentOn(a))
    .slice(0, mostSteps)
    .map((some) => {
      const { type, step } = some[0]!;
      const failed = some.filter((attempt) => attempt.failed).length;
      return {
        type,
        step,
        attempts: some.length,
        failed,
        failureRate: failed / some.length,
        times: timesOf(some.flatMap((attempt) => (attempt.failed ? [] : [attempt.ms]))),
      };
    });
}

/** Every attempt that has an outcome, with the time from its intent to its outcome. */
function attemptsIn(type: string, events: Recorded[]): Attempt[] {
  const begun = new Map<string, Millis>();
  return events.flatMap((event) => {
    if (event.kind === "step.started") {
      for (const { step, attempt } of event.steps) begun.set(`${attempt} ${step}`, event.at);
    }
    if ((event.kind !== "step.completed" && event.kind !== "step.failed") || event.inherited) return [];
    const at = begun.get(`${event.attempt} ${event.step}`);
    if (at === undefined) return [];
    return [{ type, step: kindOf(event.step), ms: event.at - at, failed: event.kind === "step.failed" }];
  });
}

/** `develop/3-index.ts/write` is `develop/*\/write`: what people want to compare is the kind of work. */
function kindOf(path: string): string {
  const names = path.split("/");
  return names.length > 2 ? `${names[0]}/*/${names.at(-1)}` : path;
}
