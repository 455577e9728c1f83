import type * as z from "zod";
import { batchType } from "../../core/engine/batch-job.ts";
import { type Bulk, cancelEach, retryEach, type Selection } from "../../core/engine/bulk.ts";
import { fork, retry } from "../../core/engine/fork.ts";
import { invalid, parse } from "../../core/engine/parse.ts";
import { pause, resume } from "../../core/engine/pause.ts";
import type { Signalled } from "../../core/engine/signal.ts";
import { Conflict } from "../../core/protocol/error.ts";
import type { JobRecord } from "../../core/protocol/job.ts";
import { accept, accepted } from "./accept.ts";
import { jobKey, noJob } from "./job-key.ts";
import { type AnyRoute, type Door, route } from "./route.ts";
import * as schemas from "./schemas.ts";

/** The job that a signal has reached. */
function reached(outcome: Signalled | undefined, id: string, { logger }: Door): JobRecord {
  if (!outcome) throw noJob(id);
  const { jobId, status } = outcome.job;
  if (outcome.end === "already ended") {
    throw new Conflict(`Job ${jobId} has already ended: it is ${status}`, {
      details: { job_status: status },
    });
  }
  if (!outcome.woken) logger.warn("the queue was silent; the sweeper will send the job", { job_id: jobId });
  return outcome.job;
}

type BulkBody = z.output<typeof schemas.bulkCancelBody> | z.output<typeof schemas.bulkRetryBody>;

function selectionOf({ created_before, ...body }: BulkBody): Selection {
  const { ids, status, type, tag } = body;
  const filters = [status, type, tag, created_before].filter((filter) => filter !== undefined);
  if (ids && (filters.length > 0 || body.cursor))
    throw invalid("ids", "Jobs are named or filtered, not both");
  if (!ids && filters.length === 0)
    throw invalid("status", "Say which jobs: status, type, tag, created_before or ids");
  return { ...body, ...(created_before === undefined ? {} : { createdBefore: created_before }) };
}

function bulkAnswer({ done, skipped, cursor }: Bulk<unknown>) {
  return {
    count: done.length,
    skipped: skipped.map(({ jobId, ...why }) => ({ job_id: jobId, ...why })),
    next_cursor: cursor ?? null,
  };
}

/** What can be done about jobs that are there, and about many at once. */
export const lifecycleRoutes: AnyRoute[] = [
  route({
    method: "post",
    path: "/api/batches",
    summary: "Submits up to 100 jobs as one",
    access: "jobs:write",
    body: schemas.batchBody,
    idempotent: true,
    answer: {
      status: 202,
      description: "The job of the batch: read, watch and cancel it like any other",
      schema: schemas.acceptedJob,
    },
    handle: async (call, door) => {
      const { jobs, ...manner } = call.body;
      // Here, so that a fault is named as it stands in this body.
      const input = parse(door.jobs.latest(batchType)!.input, { jobs });
      return accept(call, door, { type: batchType, input, ...manner });
    },
  }),

  route({
    method: "post",
    path: "/api/jobs/{id}/pause",
    summary: "Pauses a job: what is in flight comes to its end, nothing more begins",
    access: "jobs:write",
    params: schemas.idParams,
    body: schemas.pauseBody,
    answer: { status: 202, description: "It is on record; 409 if the job has ended", schema: schemas.paused },
    handle: async (call, door) => {
      const outcome = await pause(door.services, jobKey(call), call.principal.id, call.body?.reason);
      const { jobId, status } = reached(outcome, call.params.id, door);
      return { job_id: jobId, status, paused: true };
    },
  }),

  route({
    method: "post",
    path: "/api/jobs/{id}/resume",
    summary: "Lets a paused job go on",
    access: "jobs:write",
    params: schemas.idParams,
    answer: { status: 202, description: "It is on record; 409 if the job has ended", schema: schemas.paused },
    handle: async (call, door) => {
      const outcome = await resume(door.services, jobKey(call), call.principal.id);
      const { jobId, status } = reached(outcome, call.params.id, door);
      return { job_id: jobId, status, paused: false };
    },
  }),

  route({
    method: "post",
    path: "/api/jobs/{id}/retry",
    summary: "Does a failed or cancelled job again, from its failed step, as a new job",
    access: "jobs:write",
    params: schemas.idParams,
    idempotent: true,
    answer: {
      status: 202,
      description: "The new job; 409 if the job has not failed",
      schema: schemas.acceptedJob,
    },
    handle: async (call, door) => {
      const { idempotencyKey } = call;
      const request = idempotencyKey === undefined ? {} : { idempotencyKey };
      const made = await retry(door.services, door.jobs, call.principal.id, jobKey(call), request);
      return accepted(call, door, made);
    },
  }),

  route({
    method: "post",
    path: "/api/jobs/{id}/fork",
    summary: "Begins a new job with the outcomes of this one up to an event, which are not paid for again",
    access: "jobs:write",
    params: schemas.idParams,
    body: schemas.forkBody,
    idempotent: true,
    answer: { status: 202, description: "The new job", schema: schemas.acceptedJob },
    handle: async (call, door) => {
      const { after_seq, ...body } = call.body ?? {};
      const { idempotencyKey } = call;
      const made = await fork(door.services, door.jobs, call.principal.id, jobKey(call), {
        ...body,
        ...(after_seq === undefined ? {} : { afterSeq: after_seq }),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      });
      return accepted(call, door, made);
    },
  }),

  route({
    method: "post",
    path: "/api/jobs/cancel",
    summary: "Cancels the jobs that a filter finds, or that are named",
    access: "jobs:write",
    body: schemas.bulkCancelBody,
    answer: { status: 202, description: "These will end as cancelled", schema: schemas.bulkCancelled },
    handle: async ({ principal: { tenant, id: by }, body }, { services }) => {
      const { reason } = body;
      const selection = { ...selectionOf(body), ...(reason === undefined ? {} : { reason }) };
      const outcome = await cancelEach(services, { tenant, by }, selection);
      return { job_ids: outcome.done, ...bulkAnswer(outcome) };
    },
  }),

  route({
    method: "post",
    path: "/api/jobs/retry",
    summary: "Retries the failed jobs that a filter finds, or that are named; none twice within a day",
    access: "jobs:write",
    body: schemas.bulkRetryBody,
    answer: { status: 202, description: "The new jobs", schema: schemas.bulkRetried },
    handle: async ({ principal: { tenant, id: by }, body }, { services, jobs }) => {
      const outcome = await retryEach(services, jobs, { tenant, by }, selectionOf(body));
      return {
        jobs: outcome.done.map(({ jobId, retryOf }) => ({ job_id: jobId, retry_of: retryOf })),
        ...bulkAnswer(outcome),
      };
    },
  }),
];
