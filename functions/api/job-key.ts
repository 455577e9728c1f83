import { NotFound } from "../../core/protocol/error.ts";
import type { JobKey } from "../../core/protocol/job.ts";
import type { Call } from "./route.ts";

/** The job that a path names, which is the caller's own or nobody's. */
export function jobKey(call: Pick<Call<{ id: string }, unknown, unknown>, "principal" | "params">): JobKey {
  return { tenant: call.principal.tenant, jobId: call.params.id };
}

export const noJob = (id: string) => new NotFound(`No job "${id}"`);
