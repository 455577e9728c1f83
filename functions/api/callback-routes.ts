import { type Answer, completeCallback, type Decision, heartbeat } from "../../core/engine/callback.ts";
import { changeBudget } from "../../core/engine/change-budget.ts";
import { jobOfCallback } from "../../core/engine/ids.ts";
import { questionsTo } from "../../core/journal/journal.ts";
import { Conflict, NotFound } from "../../core/protocol/error.ts";
import type { JobKey } from "../../core/protocol/job.ts";
import type { Json } from "../../core/protocol/json.ts";
import { iso, questionView } from "../../core/protocol/wire.ts";
import { jobKey, noJob } from "./job-key.ts";
import { type AnyRoute, type Call, route } from "./route.ts";
import * as schemas from "./schemas.ts";

type Params = { id?: string; callback_id: string };

/** The job that a callback's id names. */
function keyOf({ principal, params }: Pick<Call<Params, unknown, unknown>, "principal" | "params">): JobKey {
  const jobId = jobOfCallback(params.callback_id);
  if (jobId === undefined || (params.id !== undefined && params.id !== jobId))
    throw new NotFound(`No callback "${params.callback_id}"`);
  return { tenant: principal.tenant, jobId };
}

const places = [
  { path: "/api/callbacks/{callback_id}", params: schemas.callbackParams },
  { path: "/api/jobs/{id}/callbacks/{callback_id}", params: schemas.jobCallbackParams },
];

export function decisionView({ jobId, callbackId, step, outcome, by, at, seq }: Decision) {
  return {
    job_id: jobId,
    callback_id: callbackId,
    step,
    outcome,
    decided_by: by,
    decided_at: iso(at),
    seq,
  };
}

/** What jobs wait for from outside. */
export const callbackRoutes: AnyRoute[] = [
  ...places.flatMap(({ path, params }) => [
    route({
      method: "post",
      path,
      summary: "Answers a callback; the first answer stands",
      access: "jobs:approve",
      params,
      body: schemas.answerBody,
      answer: {
        status: 200,
        description: "The decision that stands; 409 if it is another one, or the job has ended",
        schema: schemas.decision,
      },
      handle: async (call, { services }) => {
        const { result, error } = call.body;
        const answer: Answer = error ? { failure: error } : { result: result as Json };
        const { principal, params } = call;
        const stands = await completeCallback(
          services,
          keyOf(call),
          params.callback_id,
          answer,
          principal.id,
        );
        return decisionView(stands);
      },
    }),
    route({
      method: "post",
      path: `${path}/heartbeat`,
      summary: "A sign of life from whoever will answer a callback",
      access: "jobs:approve",
      params,
      answer: { status: 200, description: "It counts; 409 if it comes too late", schema: schemas.heard },
      handle: async (call, { services }) => {
        const key = keyOf(call);
        const { callback_id } = call.params;
        const { heartbeatBy } = await heartbeat(services, key, callback_id, call.principal.id);
        return {
          job_id: key.jobId,
          callback_id,
          heartbeat_by: heartbeatBy === undefined ? null : iso(heartbeatBy),
        };
      },
    }),
  ]),

  route({
    method: "get",
    path: "/api/inbox",
    summary: "Questions of jobs that the caller may answer, those of the newest jobs first",
    access: "jobs:read",
    query: schemas.inboxQuery,
    answer: {
      status: 200,
      description: "The questions of a page of jobs; ask on while there is a cursor",
      schema: schemas.inbox,
    },
    handle: async ({ principal: { tenant, id: asks }, query }, { services }) => {
      const { jobs, cursor } = await services.journal.list(tenant, { ...query, asks });
      return {
        questions: jobs.flatMap((job) => questionsTo(job, asks).map((open) => questionView(job, open))),
        next_cursor: cursor ?? null,
      };
    },
  }),

  route({
    method: "patch",
    path: "/api/jobs/{id}/budget",
    summary: "Changes what a job may consume; one that is held for that goes on",
    access: "jobs:write",
    params: schemas.idParams,
    body: schemas.budgetChange,
    answer: {
      status: 202,
      description: "It is on record; 409 if the job has ended",
      schema: schemas.budgetChanged,
    },
    handle: async (call, { services }) => {
      const outcome = await changeBudget(services, jobKey(call), call.principal.id, call.body);
      if (!outcome) throw noJob(call.params.id);
      const { jobId, status, budget } = outcome.job;
      if (outcome.end === "already ended") {
        const details = { job_status: status };
        throw new Conflict(`Job ${jobId} has already ended: it is ${status}`, { details });
      }
      return { job_id: jobId, status, budget: budget ?? {} };
    },
  }),
];
