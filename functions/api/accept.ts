import { derivedId } from "../../core/derived-id.ts";
import { whyNot } from "../../core/egress.ts";
import { successor } from "../../core/engine/children.ts";
import { readJob } from "../../core/engine/job-reading.ts";
import { lookUntil } from "../../core/engine/look-until.ts";
import { invalid } from "../../core/engine/parse.ts";
import { type SubmitRequest, type Submitted, submit } from "../../core/engine/submit.ts";
import { Conflict } from "../../core/protocol/error.ts";
import { isTerminal, type JobKey, type JobRecord } from "../../core/protocol/job.ts";
import type { JobView } from "../../core/protocol/wire.ts";
import { webhookSecrets } from "../../core/signing.ts";
import type { Call, Door } from "./route.ts";

type AnyCall = Call<unknown, unknown, unknown>;

/** Submits a job on behalf of a caller, and says how to follow it. */
export async function accept(call: AnyCall, door: Door, request: SubmitRequest) {
  const { tenant, id: by } = call.principal;
  const { services, jobs } = door;
  const { idempotencyKey } = call;
  const { notify } = request;
  const reason = notify && whyNot(notify.url, services.deployment.webhookHosts);
  if (reason) throw invalid("notify.url", reason);
  if (notify) await webhookSecrets(services.signing, tenant);
  const submitted = await submit(services, jobs, { tenant, by }, { ...request, idempotencyKey });
  if (notify) await announce(door, { tenant, by }, submitted.job, notify.url);
  return accepted(call, door, submitted);
}

/** Makes the job that tells of the end of this one: it depends on it, so nothing else has to think of it. */
async function announce(
  { services, jobs }: Door,
  who: { tenant: string; by: string },
  { tenant, jobId, lane: priority, tags }: JobRecord,
  url: string,
): Promise<void> {
  try {
    await submit(services, jobs, who, {
      type: "notification",
      input: { job_id: jobId, url },
      jobId: derivedId(tenant, jobId, "notification", url),
      dependsOn: [jobId],
      onDependencyFailure: "continue",
      priority,
      tags,
    });
  } catch (error) {
    // The same request has been made before.
    if (!(error instanceof Conflict)) throw error;
  }
}

/** Where a job stands in its conversation. */
export type Place = { conversation_id: string; message_number: number; queued_behind: string[] };

/** What a caller is told of the job that it has been given. */
export function accepted(
  call: AnyCall,
  door: Door,
  { job, deduplicated, cached, behind, queued }: Submitted,
) {
  if (!queued) door.logger.warn("the queue was silent; the sweeper will send the job", { job_id: job.jobId });
  if (deduplicated) call.setHeader("Idempotent-Replayed", "true");
  return {
    job_id: job.jobId,
    status: job.status,
    ...(deduplicated ? { deduplicated } : {}),
    ...(cached ? { cached } : {}),
    ...placeOf(job, behind),
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

function placeOf({ inConversation }: JobRecord, behind: string[]): Partial<Place> {
  if (!inConversation) return {};
  const { conversationId, message } = inConversation;
  return { conversation_id: conversationId, message_number: message, queued_behind: behind };
}

/** An HTTP API of AWS answers within half a minute or not at all. */
const longestWaitSeconds = 25;

/**
 * How long a caller wants to wait for the end of what it asks for. What cannot be read is no wish.
 * @param prefer - the header, e.g. `respond-async, wait=10`.
 * @see RFC 7240
 */
export function secondsToWait(prefer: string | undefined): number {
  const wait = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])/i.exec(prefer ?? "")?.[1];
  return Math.min(Number(wait ?? 0), longestWaitSeconds);
}

/** @returns the job, or the one that has carried it on, if it ends in time. */
export async function ended(
  { services }: Door,
  key: JobKey,
  withinSeconds: number,
): Promise<JobRecord | undefined> {
  const hasEnded = (job: JobRecord | undefined) => job !== undefined && isTerminal(job.status);
  const job = await lookUntil(services, withinSeconds * 1000, () => successor(services, key), hasEnded);
  return hasEnded(job) ? job : undefined;
}

/** The job of an answer, once it has ended; undefined if it does not end in time. */
export async function waitedFor(
  door: Door,
  tenant: string,
  accepted: unknown,
  withinSeconds: number,
): Promise<JobView | undefined> {
  if (withinSeconds === 0) return undefined;
  const { job_id: jobId } = accepted as { job_id: string };
  const job = await ended(door, { tenant, jobId }, withinSeconds);
  return job && readJob(door.services, job);
}
