import { type SubmitRequest, type Submitted, submit } from "../../core/engine/submit.ts";
import type { Call, Door } from "./route.ts";

type AnyCall = Call<unknown, unknown, unknown>;

/** Submits a job on behalf of a caller, and says how to follow it. */
export async function accept(call: AnyCall, door: Door, request: SubmitRequest) {
  const { tenant, id: by } = call.principal;
  const { idempotencyKey } = call;
  const asked = { ...request, idempotencyKey };
  return accepted(call, door, await submit(door.services, door.jobs, { tenant, by }, asked));
}

/** What a caller is told of the job that it has been given. */
export function accepted(
  call: AnyCall,
  door: Door,
  { job, deduplicated, cached, behind, queued }: Submitted,
) {
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
    ...(cached ? { cached } : {}),
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
