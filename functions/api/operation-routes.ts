import * as z from "zod";
import { completeCallback } from "../../core/engine/callback.ts";
import { jobOfCallback } from "../../core/engine/ids.ts";
import { readJob } from "../../core/engine/job-reading.ts";
import { Conflict, NotFound } from "../../core/protocol/error.ts";
import { readCallbackToken, webhookSecrets } from "../../core/signing.ts";
import { videoInput, videoResult } from "../../jobs/video/video.ts";
import { accept } from "./accept.ts";
import { jobKey } from "./job-key.ts";
import { type AnyRoute, type Door, route, SeeOther } from "./route.ts";
import * as schemas from "./schemas.ts";

const type = "video";

const videoBody = videoInput.extend({ notify: schemas.notify });

const videoView = z
  .object({
    id: z.string(),
    status: schemas.job.shape.status,
    progress: schemas.job.shape.progress,
    operation_id: z.string().nullable().meta({ description: "Its provider's own, from when it has begun" }),
    prompt: z.string(),
    model: z.string(),
    video: videoResult.shape.video.nullable().meta({ description: "Null until the job has completed" }),
    error: schemas.job.shape.error,
    mock: z.boolean(),
    created_at: z.string(),
  })
  .meta({ id: "Video" });

async function read({ services }: Door, key: { tenant: string; jobId: string }) {
  const job = await readJob(services, key);
  if (job?.type !== type) throw new NotFound(`No video "${key.jobId}"`);
  const result = videoResult.safeParse(job.result_data).data;
  const { id, status, progress, error, created_at } = job;
  const { prompt, model = "" } = videoInput.parse(job.input_data);
  return {
    id,
    status,
    progress,
    operation_id: result?.operation_id ?? progress?.operation?.id ?? null,
    prompt,
    model,
    video: result?.video ?? null,
    error,
    mock: result?.mock ?? model.startsWith("mock:"),
    created_at,
  };
}

/** What others do for a job, and how they say that they have done. */
export const operationRoutes: AnyRoute[] = [
  route({
    method: "post",
    path: "/api/videos",
    summary: "Has a video made",
    access: "jobs:write",
    body: videoBody,
    idempotent: true,
    answer: { status: 202, description: "The ticket: a job of type video", schema: schemas.acceptedJob },
    handle: async (call, door) => {
      const { notify, ...input } = call.body;
      const request = { type, input, ...(notify ? { notify } : {}) };
      return accept(call, door, request);
    },
  }),

  route({
    method: "get",
    path: "/api/videos/{id}",
    summary: "Says how a video stands",
    access: "jobs:read",
    params: schemas.idParams,
    answer: { status: 200, description: "The video, as far as it is", schema: videoView },
    handle: (call, door) => read(door, jobKey(call)),
  }),

  route({
    method: "get",
    path: "/api/videos/{id}/content",
    summary: "Leads to the file of a video",
    access: "jobs:read",
    params: schemas.idParams,
    redirects: true,
    answer: { status: 200, description: "Never: 303, or 409 while there is none", schema: z.null() },
    handle: async (call, door) => {
      const { video, status } = await read(door, jobKey(call));
      if (!video) {
        const details = { job_status: status };
        throw new Conflict(`Video ${call.params.id} has no content: its job is ${status}`, { details });
      }
      const { payloads, settings } = door.services;
      const file = { key: video.key, bytes: video.bytes ?? 0, sha256: "" };
      return new SeeOther(await payloads.readingLink(file, settings.readingLinkSeconds));
    },
  }),

  route({
    method: "post",
    path: "/api/callbacks/signed",
    summary: "Says that an operation has ended, to the address that its provider was given",
    access: "open",
    query: z.strictObject({ token: z.string().max(1_000) }),
    body: schemas.json.optional(),
    answer: {
      status: 200,
      description: "It was heard. `counts` is false when it came too late to count",
      schema: z.object({ counts: z.boolean() }),
    },
    handle: async ({ query, body }, { services }) => {
      const signed = await readCallbackToken(services.signing, query.token, services.now());
      const jobId = signed && jobOfCallback(signed.callbackId);
      if (!jobId) throw new NotFound("There is nothing at this address");
      const { tenant, callbackId } = signed;
      try {
        const answer = { result: body ?? null };
        await completeCallback(services, { tenant, jobId }, callbackId, answer, "callback address");
        return { counts: true };
      } catch (error) {
        // Whoever calls back tries again until they are told that all is well.
        if (error instanceof Conflict || error instanceof NotFound) return { counts: false };
        throw error;
      }
    },
  }),

  route({
    method: "get",
    path: "/api/webhook-secrets",
    summary: "What the caller's webhooks are signed with, the newest first",
    access: "admin",
    answer: {
      status: 200,
      description: "In the form of Standard Webhooks; while a secret is being replaced there are two",
      schema: z.object({ secrets: z.array(z.string()) }),
    },
    handle: async ({ principal }, { services }) => ({
      secrets: await webhookSecrets(services.signing, principal.tenant),
    }),
  }),
];
