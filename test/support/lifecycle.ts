import type { AnyJobType } from "../../core/engine/job-type.ts";
import { registry } from "../../core/engine/registry.ts";
import { type SubmitRequest, submit } from "../../core/engine/submit.ts";
import type { MemoryOverrides } from "../../core/memory.ts";
import { InvalidRequest } from "../../core/protocol/error.ts";
import type { JobKey } from "../../core/protocol/job.ts";
import { engine } from "./engine.ts";

export const who = { tenant: "acme", by: "somebody" };

/** The engine of a test, with submits that say more than type and input. */
export function lifecycle(types: AnyJobType | AnyJobType[], overrides: Partial<MemoryOverrides> = {}) {
  const job = engine(types, overrides);
  const jobs = registry([types].flat());
  const submitted = (request: Partial<SubmitRequest> = {}) =>
    submit(job.services, jobs, who, { type: "test", input: null, ...request });
  return {
    ...job,
    jobs,
    submitted,
    /** The key of a new job. */
    make: async (request: Partial<SubmitRequest> = {}): Promise<JobKey> => {
      const { tenant, jobId } = (await submitted(request)).job;
      return { tenant, jobId };
    },
    all: async () => (await job.services.journal.list(who.tenant, { limit: 100 })).jobs,
  };
}

/** The fields that a refused request is told of. */
export async function faultyFields(asked: Promise<unknown>): Promise<string[]> {
  const error = await asked.then(
    () => undefined,
    (refused: unknown) => refused,
  );
  if (!(error instanceof InvalidRequest)) throw error ?? new Error("It was not refused");
  return (error.details as { errors: { field: string }[] }).errors.map(({ field }) => field);
}
