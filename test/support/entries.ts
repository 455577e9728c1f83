import { applyEntry, type Entry, type JobEvent, lastSeq } from "../../core/protocol/event.ts";
import type { JobKey, JobRecord } from "../../core/protocol/job.ts";

export const submitted: JobEvent = {
  kind: "job.submitted",
  type: "council",
  version: 1,
  lane: "normal",
  title: "A question",
  description: "A question",
  tags: [],
  input: { json: { question: "Why?" } },
  by: "somebody",
};

/** The entry that follows those that are written. */
export function anEntry(job: JobKey, written: Entry[], events: JobEvent[]): Entry {
  const last = written.at(-1);
  const seq = last ? lastSeq(last) + 1 : 1;
  return { ...job, seq, at: 1_000 + seq, by: "test", token: `token-${job.jobId}-${seq}`, events };
}

export function headAfter(entries: Entry[]): JobRecord {
  return entries.reduce<JobRecord | undefined>(applyEntry, undefined)!;
}
