import { inParallel } from "../in-parallel.ts";
import type { JobFilter } from "../journal/journal.ts";
import { Conflict, NotFound, ServiceError } from "../protocol/error.ts";
import type { JobStatus } from "../protocol/job.ts";
import type { Services } from "../services.ts";
import { cancel } from "./cancel.ts";
import { retry } from "./fork.ts";
import type { Jobs } from "./job-type.ts";
import type { SubmitServices } from "./submit.ts";

/** Jobs of a tenant: those that are named, or a page of those that a filter finds. */
export type Selection = JobFilter & { ids?: string[]; limit: number; cursor?: string };

export type Bulk<T> = {
  done: T[];
  skipped: { jobId: string; code: string; message: string }[];
  cursor?: string;
};

const atATime = 10;

/** Does the same to each of many jobs. What cannot be done to one is no reason not to do it to the next. */
async function toEach<T>(
  { journal }: Pick<Services, "journal">,
  tenant: string,
  { ids, ...selection }: Selection,
  work: (jobId: string) => Promise<T>,
): Promise<Bulk<T>> {
  const found = ids ? undefined : await journal.list(tenant, selection);
  const jobIds = ids ? [...new Set(ids)] : found!.jobs.map(({ jobId }) => jobId);
  const done: T[] = [];
  const skipped: Bulk<T>["skipped"] = [];
  const outcomes = await inParallel(jobIds, atATime, (jobId) =>
    work(jobId).then(
      (value) => ({ value }),
      (error: unknown) => {
        if (!(error instanceof ServiceError)) throw error;
        return { refused: { jobId, code: error.code, message: error.message } };
      },
    ),
  );
  for (const outcome of outcomes) {
    if ("value" in outcome) done.push(outcome.value);
    else skipped.push(outcome.refused);
  }
  return { done, skipped, ...(found?.cursor === undefined ? {} : { cursor: found.cursor }) };
}

const live: JobStatus[] = ["scheduled", "pending", "running", "waiting"];

/** @returns the ids of the jobs that will end as cancelled. */
export function cancelEach(
  services: SubmitServices,
  who: { tenant: string; by: string },
  { reason, ...selection }: Selection & { reason?: string },
): Promise<Bulk<string>> {
  const { tenant, by } = who;
  return toEach(services, tenant, { ...selection, status: selection.status ?? live }, async (jobId) => {
    const outcome = await cancel(services, { tenant, jobId }, by, reason);
    if (!outcome) throw new NotFound(`No job "${jobId}"`);
    if (outcome.end === "already ended") throw new Conflict(`Job ${jobId} is ${outcome.job.status}`);
    return jobId;
  });
}

/**
 * Retries failed jobs. One that was retried by an earlier call of these, within a day, is not retried again: what that
 * gave is the answer.
 */
export function retryEach(
  services: SubmitServices,
  jobs: Jobs,
  who: { tenant: string; by: string },
  selection: Selection,
): Promise<Bulk<{ jobId: string; retryOf: string }>> {
  const { tenant, by } = who;
  return toEach(services, tenant, { ...selection, status: selection.status ?? "failed" }, async (jobId) => {
    // A space is in no caller's key.
    const idempotencyKey = `retry ${jobId}`;
    const { job } = await retry(services, jobs, by, { tenant, jobId }, { idempotencyKey });
    return { jobId: job.jobId, retryOf: jobId };
  });
}
