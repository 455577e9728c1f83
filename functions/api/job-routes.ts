import * as z from "zod";
import { cancel } from "../../core/engine/cancel.ts";
import { jobSummary, readEvents, readJob } from "../../core/engine/job-reading.ts";
import type { AnyJobType } from "../../core/engine/job-type.ts";
import { etaOf } from "../../core/metrics/eta.ts";
import { Conflict, InvalidRequest } from "../../core/protocol/error.ts";
import { accept } from "./accept.ts";
import { jobKey, noJob } from "./job-key.ts";
import { type AnyRoute, route } from "./route.ts";
import * as schemas from "./schemas.ts";
import { submitRequest } from "./submit-request.ts";
import { readUpload } from "./upload.ts";

const jsonSchemas = new WeakMap<AnyJobType, { input: object; result: object }>();

/** Derived once per type: it costs more than the rest of the answer. */
function jsonSchemasOf(jobType: AnyJobType) {
  const known = jsonSchemas.get(jobType);
  if (known) return known;
  const derived = {
    input: z.toJSONSchema(jobType.input, { io: "input", unrepresentable: "any" }),
    result: z.toJSONSchema(jobType.result, { unrepresentable: "any" }),
  };
  jsonSchemas.set(jobType, derived);
  return derived;
}

function oneInput(): InvalidRequest {
  const message = "Needs `input` or `input_ref`, one of them";
  return new InvalidRequest(message, { details: { errors: [{ field: "input", message }] } });
}

/** Jobs of any type. */
export const jobRoutes: AnyRoute[] = [
  route({
    method: "get",
    path: "/api/job-types",
    summary: "The kinds of work that this deployment knows",
    access: "jobs:read",
    answer: { status: 200, description: "The newest version of every type", schema: schemas.jobTypes },
    handle: async (_call, { jobs }) => ({
      job_types: jobs.all
        .filter((jobType) => jobs.latest(jobType.type) === jobType)
        .map((jobType) => {
          const { input, result } = jsonSchemasOf(jobType);
          return {
            type: jobType.type,
            version: jobType.version,
            versions: jobs.all
              .filter(({ type }) => type === jobType.type)
              .map(({ version }) => version)
              .sort((a, b) => b - a),
            summary: jobType.summary,
            conversational: jobType.reply !== undefined,
            input_schema: { ...input },
            result_schema: { ...result },
            example: jobType.example,
          };
        }),
    }),
  }),

  route({
    method: "post",
    path: "/api/jobs",
    summary: "Submits a job",
    access: "jobs:write",
    body: schemas.submitBody,
    idempotent: true,
    answer: {
      status: 202,
      description: "The job will be done, whatever happens",
      schema: schemas.acceptedJob,
    },
    handle: async (call, door) => {
      const { input_ref, ...body } = call.body;
      if ((input_ref === undefined) === (body.input === undefined)) throw oneInput();
      const input = input_ref
        ? {
            input: await readUpload(door.services, call.principal.tenant, input_ref),
            inputSha256: input_ref.sha256,
          }
        : { input: body.input };
      return accept(call, door, { ...submitRequest(call.body), ...input });
    },
  }),

  route({
    method: "get",
    path: "/api/jobs",
    summary: "Lists jobs, newest first",
    access: "jobs:read",
    query: schemas.jobsQuery,
    answer: { status: 200, description: "A page of jobs", schema: schemas.jobPage },
    handle: async ({ principal, query: { created_before: createdBefore, ...query } }, { services }) => {
      const { jobs, cursor } = await services.journal.list(principal.tenant, { ...query, createdBefore });
      return { jobs: jobs.map(jobSummary), next_cursor: cursor ?? null };
    },
  }),

  route({
    method: "get",
    path: "/api/jobs/{id}",
    summary: "Reads a job",
    access: "jobs:read",
    params: schemas.idParams,
    answer: { status: 200, description: "The job as it is at this moment", schema: schemas.job },
    handle: async (call, { services }) => {
      const job = await readJob(services, jobKey(call));
      if (!job) throw noJob(call.params.id);
      return { ...job, eta: await etaOf(services, call.principal.tenant, job) };
    },
  }),

  route({
    method: "post",
    path: "/api/jobs/{id}/cancel",
    summary: "Cancels a job",
    access: "jobs:write",
    params: schemas.idParams,
    body: schemas.cancelBody,
    answer: {
      status: 202,
      description: "The job will end as cancelled; 409 if it has already ended",
      schema: schemas.cancelled,
    },
    handle: async (call, { services, logger }) => {
      const outcome = await cancel(services, jobKey(call), call.principal.id, call.body?.reason);
      if (!outcome) throw noJob(call.params.id);
      const { jobId, status } = outcome.job;
      if (outcome.end === "already ended") {
        throw new Conflict(`Job ${jobId} has already ended: it is ${status}`, {
          details: { job_status: status },
        });
      }
      if (!outcome.woken) {
        logger.warn("the queue was silent; the sweeper will send the job", { job_id: jobId });
      }
      return { job_id: jobId, status, cancel_requested: true as const };
    },
  }),

  route({
    method: "get",
    path: "/api/jobs/{id}/events",
    summary: "Reads a job's events; with `wait` as a long poll of so many seconds",
    access: "jobs:read",
    params: schemas.idParams,
    query: schemas.eventsQuery,
    answer: { status: 200, description: "Events in order, without gaps", schema: schemas.events },
    handle: async (call, { services }) => {
      const { after, limit, wait } = call.query;
      const view = await readEvents(services, jobKey(call), { after, limit, waitMs: wait * 1000 });
      if (!view) throw noJob(call.params.id);
      return view;
    },
  }),
];
