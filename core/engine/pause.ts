import type { JobKey } from "../protocol/job.ts";
import { type Signalled, type SignalServices, signal } from "./signal.ts";

/**
 * Records the wish that nothing more of a job begins until it is resumed. What is in flight comes to its end.
 * @returns undefined when there is no such job.
 */
export function pause(
  services: SignalServices,
  key: JobKey,
  by: string,
  reason?: string,
): Promise<Signalled | undefined> {
  return signal(services, key, by, (job) =>
    job.paused ? undefined : { kind: "job.paused", by, ...(reason ? { reason } : {}) },
  );
}

/** Takes a pause back. @returns undefined when there is no such job. */
export function resume(services: SignalServices, key: JobKey, by: string): Promise<Signalled | undefined> {
  return signal(services, key, by, (job) => (job.paused ? { kind: "job.resumed", by } : undefined));
}
