import type { JobKey } from "../protocol/job.ts";
import { type Signalled, type SignalServices, signal } from "./signal.ts";

/**
 * Records the wish that a job ends: it will end as `cancelled`.
 * @returns undefined when there is no such job.
 */
export function cancel(
  services: SignalServices,
  key: JobKey,
  by: string,
  reason?: string,
): Promise<Signalled | undefined> {
  return signal(services, key, by, (job) =>
    job.cancelRequested ? undefined : { kind: "job.cancel_requested", by, ...(reason ? { reason } : {}) },
  );
}
