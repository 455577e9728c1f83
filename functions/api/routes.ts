import * as z from "zod";
import { newConversation } from "../../core/conversations/conversation.ts";
import { cancel } from "../../core/engine/cancel.ts";
import { jobSummary, readEvents, readJob } from "../../core/engine/job-reading.ts";
import type { AnyJobType } from "../../core/engine/job-type.ts";
import { type SubmitRequest, submit } from "../../core/engine/submit.ts";
import { Conflict, NotFound } from "../../core/protocol/error.ts";
import { iso } from "../../core/protocol/wire.ts";
import { conversationSummary, conversationView, fitting } from "./conversation-view.ts";
import { type AnyRoute, type Call, type Door, route } from "./route.ts";
import * as schemas from "./schemas.ts";

async function accept(call: Call<unknown, unknown, unknown>, door: Door, request: SubmitRequest) {
  const { tenant, id: by } = call.principal;
  const { job, deduplicated, behind, queued } = await submit(
    door.services,
    door.jobs,
    { tenant, by },
    { ...request, idempotencyKey: call.idempotencyKey },
  );
  if (!queued) door.logger.warn("the queue was silent; the sweeper will send the job", { job_id: job.jobId });
  if (deduplicated) call.setHeader("Idempotent-Replayed", "true");
  const place = job.inConversation && {
    conversation_id: job.inConversation.conversationId,
    message_number: job.inConversation.message,
    queued_behind: behind,
  };
  return {
    job_id: job.jobId,
    status: job.status,
    ...(deduplicated ? { deduplicated } : {}),
    place,
    watch: {
      events: `/api/jobs/${job.jobId}/events?after=0`,
      socket: {
        url: door.socketUrl,
        ticket: "/api/ws-ticket",
        message: { type: "watch" as const, job_id: job.jobId, after: 0 },
      },
    },
  };
}

const jobKey = (call: Call<{ id: string }, unknown, unknown>) => ({
  tenant: call.principal.tenant,
  jobId: call.params.id,
});

const noJob = (id: string) => new NotFound(`No job "${id}"`);
const noConversation = (id: string) => new NotFound(`No conversation "${id}"`);

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

/** Everything that the HTTP API can be asked: mounted by app.ts, documented by openapi.ts. */
export const routes: AnyRoute[] = [
  route({
    method: "get",
    path: "/api/health",
    summary: "Says that the service answers",
    access: "open",
    answer: { status: 200, description: "It does", schema: schemas.health },
    handle: async () => ({ status: "ok" as const }),
  }),

  route({
    method: "get",
    path: "/api/openapi.json",
    summary: "This document",
    access: "open",
    answer: { status: 200, description: "OpenAPI 3.1", schema: z.record(z.string(), z.unknown()) },
    handle: async () => (await import("./openapi.json", { with: { type: "json" } })).default,
  }),

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
      const { conversation_id, on_busy, ...body } = call.body;
      const { place, ...accepted } = await accept(call, door, {
        ...body,
        ...(conversation_id ? { conversation: { id: conversation_id, onBusy: on_busy } } : {}),
      });
      return { ...accepted, ...place };
    },
  }),

  route({
    method: "get",
    path: "/api/jobs",
    summary: "Lists jobs, newest first",
    access: "jobs:read",
    query: schemas.jobsQuery,
    answer: { status: 200, description: "A page of jobs", schema: schemas.jobPage },
    handle: async ({ principal, query }, { services }) => {
      const { jobs, cursor } = await services.journal.list(principal.tenant, query);
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
      return job;
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

  route({
    method: "post",
    path: "/api/ws-ticket",
    summary: "Issues a ticket that opens one WebSocket",
    access: "jobs:read",
    answer: { status: 201, description: "Use it within its short life", schema: schemas.ticket },
    handle: async ({ principal }, { services, socketUrl }) => {
      const { ticket, expiresAt } = await services.keys.issueTicket(
        principal,
        services.settings.ticketSeconds,
      );
      return { ticket, url: socketUrl, expires_at: iso(expiresAt) };
    },
  }),

  route({
    method: "get",
    path: "/api/keys/current",
    summary: "Says whose key this is and what it may do",
    access: "known",
    answer: { status: 200, description: "The caller", schema: schemas.currentKey },
    handle: async ({ principal }) => ({
      id: principal.id,
      tenant: principal.tenant,
      scopes: principal.scopes,
      expires_at: principal.expiresAt === undefined ? null : iso(principal.expiresAt),
    }),
  }),

  route({
    method: "post",
    path: "/api/conversations",
    summary: "Begins a conversation",
    access: "jobs:write",
    body: schemas.conversationBody,
    answer: { status: 201, description: "An empty conversation", schema: schemas.conversation },
    handle: async ({ principal, body }, { services }) => {
      const record = newConversation(principal.tenant, services.newId(), services.now());
      if (body?.title) record.title = body.title;
      await services.conversations.create(record);
      return conversationView(record, []);
    },
  }),

  route({
    method: "get",
    path: "/api/conversations",
    summary: "Lists conversations, newest first",
    access: "jobs:read",
    query: schemas.conversationsQuery,
    answer: { status: 200, description: "A page of conversations", schema: schemas.conversationPage },
    handle: async ({ principal, query }, { services }) => {
      const page = await services.conversations.list(principal.tenant, query);
      return {
        conversations: page.conversations.map(conversationSummary),
        next_cursor: page.cursor ?? null,
      };
    },
  }),

  route({
    method: "get",
    path: "/api/conversations/{id}",
    summary: "Reads a conversation with its messages",
    access: "jobs:read",
    params: schemas.idParams,
    query: schemas.conversationQuery,
    answer: { status: 200, description: "The conversation", schema: schemas.conversation },
    handle: async ({ principal, params, query }, { services }) => {
      const { conversations } = services;
      const record = await conversations.get(principal.tenant, params.id);
      if (!record) throw noConversation(params.id);
      // Messages are read after the state, so a conversation that is idle has its answer.
      const messages = await conversations.messages(principal.tenant, params.id, {
        after: query.after ?? Math.max(0, record.messageCount - query.limit),
        limit: query.limit,
      });
      const keep = query.after === undefined ? "last" : "first";
      return conversationView(record, fitting(messages, services.settings.answerBytes, keep));
    },
  }),

  route({
    method: "post",
    path: "/api/conversations/{id}/messages",
    aliases: ["/api/conversations/{id}/message", "/api/conversations/{id}/message/stream"],
    summary: "Sends a message; a job answers it in the background",
    access: "jobs:write",
    params: schemas.idParams,
    body: schemas.messageBody,
    idempotent: true,
    answer: {
      status: 202,
      description: "The message is in the conversation, its job will answer",
      schema: schemas.acceptedMessage,
    },
    handle: async (call, door) => {
      const { content, on_busy, type, input, priority } = call.body;
      const { place, ...accepted } = await accept(call, door, {
        type,
        input: { ...input, question: content },
        priority,
        conversation: { id: call.params.id, onBusy: on_busy },
      });
      return { ...accepted, ...place! };
    },
  }),
];
