import { batchJob, batchType } from "./batch-job.ts";
import type { AnyJobType, Jobs } from "./job-type.ts";

/**
 * The types of a deployment, and the one that is built in: the batch.
 * @throws when a type could never run.
 */
export function registry(own: AnyJobType[]): Jobs {
  for (const { type, concurrency } of own) {
    if (type === batchType) throw new Error(`The job type "${batchType}" is built in`);
    const limit = concurrency?.limit ?? 1;
    if (!Number.isInteger(limit) || limit < 1)
      throw new Error(`Job type "${type}" allows ${limit} jobs at a time; it must be a whole number from 1`);
  }
  const newestFirst = [...own].sort((a, b) => b.version - a.version);
  const latest = (type: string): AnyJobType | undefined => newestFirst.find((job) => job.type === type);
  const batch: AnyJobType = batchJob(latest);
  newestFirst.push(batch);
  const all = [...own, batch];
  return {
    all,
    latest,
    version: (type, version) => all.find((job) => job.type === type && job.version === version),
  };
}
