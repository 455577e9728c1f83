import * as z from "zod";
import { type Metrics, metricsOf } from "../../core/metrics/metrics.ts";
import type { Times } from "../../core/metrics/times.ts";
import { lanes } from "../../core/protocol/job.ts";
import { iso } from "../../core/protocol/wire.ts";
import { type AnyRoute, route } from "./route.ts";

const over = z
  .object({
    jobs: z.int().meta({ description: "So many of the caller's newest jobs were looked at" }),
    since: z.string().nullable().meta({ description: "When the oldest of them was submitted" }),
    all: z.boolean().meta({ description: "There are no older ones" }),
    journals: z
      .int()
      .meta({ description: "So many of the newest that have ended gave the numbers of steps" }),
  })
  .meta({ id: "MetricsBasis" });

const lane = z
  .object({
    lane: z.enum(lanes),
    ready: z
      .int()
      .meta({ description: "Messages that no worker has taken yet, of all tenants; approximate" }),
    taken: z.int().meta({ description: "Messages that a worker has taken" }),
    delayed: z.int().meta({ description: "Messages whose time has not come" }),
    waiting_jobs: z.int().meta({ description: "Of the caller's jobs: those that wait for a worker" }),
    oldest_wait_seconds: z
      .number()
      .nullable()
      .meta({ description: "How long the oldest of them has waited" }),
  })
  .meta({ id: "LaneMetrics" });

const times = z
  .object({
    count: z.int(),
    p50: z.number(),
    p90: z.number(),
    max: z.number(),
    histogram: z.array(
      z.object({
        le: z.number().nullable().meta({ description: "Up to so many seconds; null: any longer" }),
        count: z.int(),
      }),
    ),
  })
  .meta({ id: "Times", description: "In seconds" });

const rate = z.number().min(0).max(1);

const metrics = z
  .object({
    at: z.string(),
    over,
    queues: z.array(lane),
    types: z.array(
      z.object({
        type: z.string(),
        jobs: z.int(),
        completed: z.int(),
        failed: z.int(),
        cancelled: z.int(),
        failure_rate: rate.nullable().meta({ description: "Of those that completed or failed" }),
        execution_seconds: times
          .nullable()
          .meta({ description: "Of completed jobs, from their first claim to their end" }),
      }),
    ),
    steps: z
      .array(
        z.object({
          type: z.string(),
          step: z.string().meta({ description: "First and last name of its path, what lies between as `*`" }),
          attempts: z.int(),
          failed: z.int(),
          failure_rate: rate,
          execution_seconds: times.nullable().meta({ description: "Of attempts that succeeded" }),
        }),
      )
      .meta({ description: "Those on which most time was spent come first" }),
    days: z
      .array(
        z.object({
          day: z.string(),
          jobs: z.int(),
          model_calls: z.int(),
          input_tokens: z.int(),
          output_tokens: z.int(),
          cost_usd: z.number().nullable().meta({ description: "Null where a price is not known" }),
        }),
      )
      .meta({
        description: "By the day of the submit, newest first; of the last one only what was looked at",
      }),
  })
  .meta({ id: "Metrics" });

const systemStatus = z
  .object({
    status: z.literal("ok"),
    at: z.string(),
    jobs: z.record(z.string(), z.int()).meta({ description: "By status" }),
    over,
    queues: z.array(lane),
  })
  .meta({ id: "SystemStatus" });

const query = z.strictObject({
  type: z.string().max(64).optional().meta({ description: "Jobs of this type only" }),
});

function basis({ over: { jobs, since, all, journals } }: Metrics): z.infer<typeof over> {
  return { jobs, since: since === undefined ? null : iso(since), all, journals };
}

function queues({ lanes: counted }: Metrics): z.infer<typeof lane>[] {
  return lanes.map((name) => {
    const { ready, taken, delayed, waitingJobs, oldestWaitMs } = counted[name];
    const oldest_wait_seconds = oldestWaitMs === undefined ? null : oldestWaitMs / 1000;
    return { lane: name, ready, taken, delayed, waiting_jobs: waitingJobs, oldest_wait_seconds };
  });
}

function execution<T extends { times: Times | undefined; failureRate: number | undefined }>({
  times: taken,
  failureRate,
  ...rest
}: T) {
  return { ...rest, failure_rate: failureRate ?? null, execution_seconds: taken ?? null };
}

/** How it goes: what the jobs' own records say. */
export const metricsRoutes: AnyRoute[] = [
  route({
    method: "get",
    path: "/api/status",
    summary: "How many jobs there are in which status, and how long the queues are",
    access: "jobs:read",
    answer: { status: 200, description: "At most 15 seconds old", schema: systemStatus },
    handle: async ({ principal }, { services }) => {
      const measured = await metricsOf(services, principal.tenant);
      return {
        status: "ok" as const,
        at: iso(measured.at),
        jobs: measured.byStatus,
        over: basis(measured),
        queues: queues(measured),
      };
    },
  }),

  route({
    method: "get",
    path: "/api/metrics",
    summary: "Queues, execution times, failure rates, tokens and money of the newest jobs",
    access: "jobs:read",
    query,
    answer: { status: 200, description: "At most 15 seconds old", schema: metrics },
    handle: async ({ principal, query: { type } }, { services }) => {
      const measured = await metricsOf(services, principal.tenant, type);
      return {
        at: iso(measured.at),
        over: basis(measured),
        queues: queues(measured),
        types: measured.types.map(execution),
        steps: measured.steps.map((step) => ({ ...execution(step), failure_rate: step.failureRate })),
        days: measured.days.map(({ day, jobs, usage: { cost_usd = null, ...usage } }) => ({
          day,
          jobs,
          ...usage,
          cost_usd,
        })),
      };
    },
  }),
];
