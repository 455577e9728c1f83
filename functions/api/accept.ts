import { type SubmitRequest, submit } from "../../core/engine/submit.ts";
import type { Call, Door } from "./route.ts";

/** Submits a job on behalf of a caller, and says how to follow it. */
export async function accept(call: Call<unknown, unknown, unknown>, door: Door, request: SubmitRequest) {
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
