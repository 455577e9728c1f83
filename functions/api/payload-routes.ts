import { currentJob, readEntries, readValue } from "../../core/engine/job-reading.ts";
import { load, uploadRef } from "../../core/payloads/payloads.ts";
import { Conflict, NotFound } from "../../core/protocol/error.ts";
import type { Stored } from "../../core/protocol/job.ts";
import { iso } from "../../core/protocol/wire.ts";
import { jobKey, noJob } from "./job-key.ts";
import { type AnyRoute, type Door, route, SeeOther } from "./route.ts";
import * as schemas from "./schemas.ts";

/** A value, or where to read it when it is too large for an answer. */
async function given({ services }: Door, stored: Stored) {
  const { answerBytes, readingLinkSeconds } = services.settings;
  if ("json" in stored || stored.ref.bytes <= answerBytes) return load(services.payloads, stored);
  return new SeeOther(await services.payloads.readingLink(stored.ref, readingLinkSeconds));
}

/** What is too large for the other routes, and whole journals. */
export const payloadRoutes: AnyRoute[] = [
  route({
    method: "post",
    path: "/api/uploads",
    summary: "Says where to put an input that is too large for a request",
    access: "jobs:write",
    body: schemas.uploadBody,
    answer: {
      status: 201,
      description: "PUT exactly these bytes to `url` with `headers`, then submit with `input_ref`",
      schema: schemas.upload,
    },
    handle: async ({ principal, body }, { services }) => {
      const { payloads, settings, now } = services;
      const expiresAt = now() + settings.uploadSeconds * 1000;
      const link = await payloads.uploadLink(uploadRef(principal.tenant, body), settings.uploadSeconds);
      return { method: "PUT" as const, ...link, expires_at: iso(expiresAt), input_ref: body };
    },
  }),

  route({
    method: "get",
    path: "/api/jobs/{id}/result",
    summary: "Reads a job's result, whatever its size",
    access: "jobs:read",
    params: schemas.idParams,
    redirects: true,
    answer: { status: 200, description: "The result itself; 409 while there is none", schema: schemas.json },
    handle: async (call, door) => {
      const job = await currentJob(door.services, jobKey(call));
      if (!job) throw noJob(call.params.id);
      const stored =
        job.resultSeq === undefined ? undefined : await readValue(door.services, jobKey(call), job.resultSeq);
      if (stored) return given(door, stored);
      throw new Conflict(`Job ${job.jobId} has no result: it is ${job.status}`, {
        details: { job_status: job.status },
      });
    },
  }),

  route({
    method: "get",
    path: "/api/jobs/{id}/events/{seq}/value",
    summary: "Reads the value of an event, whatever its size: an input, what a step gave, a result",
    access: "jobs:read",
    params: schemas.eventParams,
    redirects: true,
    answer: { status: 200, description: "The value itself", schema: schemas.json },
    handle: async (call, door) => {
      const { id, seq } = call.params;
      const stored = await readValue(door.services, jobKey(call), seq);
      if (!stored) throw new NotFound(`No value at event ${seq} of job "${id}"`);
      return given(door, stored);
    },
  }),

  route({
    method: "get",
    path: "/api/jobs/{id}/journal",
    summary: "Reads a job's journal as it is stored, entry by entry, e.g. to replay it elsewhere",
    access: "jobs:read",
    params: schemas.idParams,
    query: schemas.journalQuery,
    answer: { status: 200, description: "Entries in order, without gaps", schema: schemas.journal },
    handle: async (call, { services }) => {
      const { answerBytes: mostBytes } = services.settings;
      const view = await readEntries(services, jobKey(call), { ...call.query, mostBytes });
      if (!view) throw noJob(call.params.id);
      return { entries: view.entries, next_after: view.next ?? null };
    },
  }),
];
