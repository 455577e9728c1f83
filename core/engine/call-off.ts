import { derivedId } from "../derived-id.ts";
import { load } from "../payloads/payloads.ts";
import { Conflict, ServiceError } from "../protocol/error.ts";
import type { JobEvent } from "../protocol/event.ts";
import type { JobRecord, Stored } from "../protocol/job.ts";
import type { AnyJobType, Jobs } from "./job-type.ts";
import { type SubmitServices, submit } from "./submit.ts";
import { wholeJournal } from "./whole-journal.ts";

/**
 * What a job that does not complete has left at work outside is called off, by a job of its own: that one is there before
 * the end is on record, so it is as sure as any job, and once only.
 * @param happened - what goes on record together with the end.
 */
export async function callOff(
  services: SubmitServices,
  jobs: Jobs,
  job: JobRecord,
  jobType: AnyJobType | undefined,
  happened: JobEvent[],
): Promise<void> {
  if (!jobType?.callOff) return;
  const { tenant, jobId, lane: priority, tags } = job;
  const { entries } = await wholeJournal(services, job);
  const results = new Map<string, Stored>();
  for (const event of [...entries.flatMap((entry) => entry.events), ...happened]) {
    if (event.kind === "step.completed") results.set(event.step, event.result);
  }
  const wanted = await jobType.callOff(async (step) => {
    const stored = results.get(step);
    return stored && load(services.payloads, stored);
  });
  if (!wanted) return;
  try {
    const request = { ...wanted, jobId: derivedId(tenant, jobId, "call-off"), priority, tags };
    await submit(services, jobs, { tenant, by: jobId }, request);
  } catch (error) {
    if (error instanceof Conflict) return; // it is there
    // A deployment without the type that would do it must be able to end its jobs all the same.
    if (!(error instanceof ServiceError) || error.retryable) throw error;
  }
}
