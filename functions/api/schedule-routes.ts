import { nextMoments } from "../../core/engine/cron.ts";
import {
  changeSchedule,
  createSchedule,
  runSchedule,
  type ScheduleChange,
} from "../../core/engine/schedule.ts";
import { NotFound } from "../../core/protocol/error.ts";
import { iso } from "../../core/protocol/wire.ts";
import type { ScheduleKey, ScheduleRecord } from "../../core/schedules/schedule.ts";
import { type AnyRoute, type Call, type Door, route } from "./route.ts";
import * as schemas from "./schemas.ts";

type ById = Call<{ id: string }, unknown, unknown>;

const keyOf = ({ principal, params }: ById): ScheduleKey => ({ tenant: principal.tenant, id: params.id });

const orNull = (at: number | undefined) => (at === undefined ? null : iso(at));

function scheduleView(record: ScheduleRecord) {
  const { id, name, type, input, cron, timezone, overlap, paused, priority, tags } = record;
  return {
    id,
    name,
    type,
    input: input ?? null,
    cron,
    timezone,
    end_at: orNull(record.endAt),
    overlap,
    paused,
    priority,
    tags,
    budget: record.budget ?? null,
    next_at: orNull(record.nextAt),
    last_at: orNull(record.lastAt),
    last_job_id: record.lastJobId ?? null,
    last_error: record.lastFailure ?? null,
    created_at: iso(record.createdAt),
    updated_at: iso(record.updatedAt),
  };
}

async function change(call: ById, { services, jobs }: Door, changed: ScheduleChange) {
  return scheduleView(await changeSchedule(services, jobs, keyOf(call), changed));
}

/** Jobs that come again and again. */
export const scheduleRoutes: AnyRoute[] = [
  route({
    method: "post",
    path: "/api/schedules",
    summary: "Has a job submitted again and again",
    access: "jobs:write",
    body: schemas.scheduleBody,
    idempotent: true,
    answer: { status: 201, description: "The schedule, with its first moment", schema: schemas.schedule },
    handle: async (call, { services, jobs }) => {
      const { tenant, id: by } = call.principal;
      const { end_at, budget, ...definition } = call.body;
      const { schedule, deduplicated } = await createSchedule(
        services,
        jobs,
        { tenant, by },
        {
          ...definition,
          ...(end_at ? { endAt: Date.parse(end_at) } : {}),
          ...(budget ? { budget } : {}),
        },
        call.idempotencyKey,
      );
      if (deduplicated) call.setHeader("Idempotent-Replayed", "true");
      return scheduleView(schedule);
    },
  }),

  route({
    method: "get",
    path: "/api/schedules",
    summary: "Lists schedules, newest first",
    access: "jobs:read",
    query: schemas.pageQuery,
    answer: { status: 200, description: "A page of schedules", schema: schemas.schedulePage },
    handle: async ({ principal, query }, { services }) => {
      const { schedules, cursor } = await services.schedules.list(principal.tenant, query);
      return { schedules: schedules.map(scheduleView), next_cursor: cursor ?? null };
    },
  }),

  route({
    method: "get",
    path: "/api/next-moments",
    summary: "Says when a cron expression comes next, as a schedule would have it",
    access: "jobs:read",
    query: schemas.nextMomentsQuery,
    answer: { status: 200, description: "The moments that come next", schema: schemas.nextMoments },
    handle: async ({ query: { limit, ...cadence } }, { services }) => ({
      moments: nextMoments(cadence, services.now(), limit).map(iso),
    }),
  }),

  route({
    method: "get",
    path: "/api/schedules/{id}",
    summary: "Reads a schedule",
    access: "jobs:read",
    params: schemas.idParams,
    answer: { status: 200, description: "The schedule", schema: schemas.schedule },
    handle: async (call, { services }) => {
      const record = await services.schedules.get(keyOf(call));
      if (!record) throw noSchedule(call.params.id);
      return scheduleView(record);
    },
  }),

  route({
    method: "patch",
    path: "/api/schedules/{id}",
    summary: "Changes a schedule; what is not named stays, null takes away",
    access: "jobs:write",
    params: schemas.idParams,
    body: schemas.scheduleChange,
    answer: { status: 200, description: "The schedule as it is now", schema: schemas.schedule },
    handle: async (call, door) => {
      const { end_at, budget, ...definition } = call.body;
      return change(call, door, {
        ...definition,
        ...(end_at === undefined ? {} : { endAt: end_at === null ? undefined : Date.parse(end_at) }),
        ...(budget === undefined ? {} : { budget: budget ?? undefined }),
      });
    },
  }),

  route({
    method: "delete",
    path: "/api/schedules/{id}",
    summary: "Deletes a schedule; jobs that it has submitted stay",
    access: "jobs:write",
    params: schemas.idParams,
    answer: { status: 200, description: "It is gone", schema: schemas.deletedSchedule },
    handle: async (call, { services }) => {
      if (!(await services.schedules.delete(keyOf(call)))) throw noSchedule(call.params.id);
      return { id: call.params.id, deleted: true as const };
    },
  }),

  route({
    method: "post",
    path: "/api/schedules/{id}/pause",
    summary: "Pauses a schedule",
    access: "jobs:write",
    params: schemas.idParams,
    answer: { status: 200, description: "The schedule, without a next moment", schema: schemas.schedule },
    handle: async (call, door) => change(call, door, { paused: true }),
  }),

  route({
    method: "post",
    path: "/api/schedules/{id}/resume",
    summary: "Resumes a schedule; moments that passed meanwhile are not made good",
    access: "jobs:write",
    params: schemas.idParams,
    answer: { status: 200, description: "The schedule, with its next moment", schema: schemas.schedule },
    handle: async (call, door) => change(call, door, { paused: false }),
  }),

  route({
    method: "post",
    path: "/api/schedules/{id}/run",
    summary: "Submits a schedule's job now, out of turn",
    access: "jobs:write",
    params: schemas.idParams,
    idempotent: true,
    answer: {
      status: 202,
      description: "The job will be done; 409 if the one before has not ended and overlap is skip",
      schema: schemas.ranSchedule,
    },
    handle: async (call, { services, jobs }) => {
      const { jobId, status } = await runSchedule(services, jobs, keyOf(call), call.idempotencyKey);
      return { job_id: jobId, status, schedule_id: call.params.id };
    },
  }),
];

function noSchedule(id: string): NotFound {
  return new NotFound(`No schedule "${id}"`);
}
