import type { Logger } from "../../core/engine/context.ts";
import { place } from "../../core/engine/place.ts";

/**
 * Keeps a rejection that nobody handles from ending the process and with it the other jobs of the batch, which is what
 * Node and AWS's runtime client make of one. It is often no mistake: a job may begin a call, await another, and look
 * at the first one's failure later. The job goes on, and ends as its own promises say.
 */
export function containRejections(logger: Logger): void {
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason) => {
    const { jobId, step } = place.getStore() ?? {};
    logger.warn("a promise that nobody awaits has failed", {
      job_id: jobId,
      step,
      error: reason instanceof Error ? reason.message : typeof reason,
    });
  });
}
