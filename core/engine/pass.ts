import { applyEntry, type Entry, lastSeq } from "../protocol/event.ts";
import { isTerminal, type JobKey, type JobRecord } from "../protocol/job.ts";
import type { Jobs } from "./job-type.ts";
import { type EngineServices, LivePass, type PassEnd, type PassOptions } from "./live-pass.ts";

/**
 * One pass over a job: reads its journal, replays it through the job function, and carries on from there until the
 * job ends, has to wait, or the invocation's time is up. Safe to run at any time, any number of times, by any number
 * of workers at once.
 */
export async function pass(
  services: EngineServices,
  jobs: Jobs,
  key: JobKey,
  options: PassOptions,
): Promise<PassEnd> {
  const { entries, head, deltasWanted } = await readAll(services, key);
  // An expired job must not come back to life through an old message, so both are needed.
  if (!head || entries[0]?.seq !== 1) return { end: "gone" };
  const folded = entries.reduce<JobRecord | undefined>(applyEntry, undefined)!;
  if (isTerminal(folded.status)) return { end: "finished", status: folded.status };
  const job: JobRecord = { ...folded, ...(head.due === undefined ? {} : { due: head.due }) };
  const kept = await keptFrom(services, job, head.lease);
  if (kept) return kept;
  const jobType = jobs.version(job.type, job.version);
  return new LivePass(services, job, jobType, { ...options, deltasWanted }).run(entries);
}

async function readAll({ journal }: Pick<EngineServices, "journal">, key: JobKey) {
  const entries: Entry[] = [];
  for (;;) {
    const last = entries.at(-1);
    const reading = await journal.read(key, last ? lastSeq(last) : 0);
    entries.push(...reading.entries);
    if (!reading.more) return { ...reading, entries };
  }
}

/** What keeps a worker from a job that is alive. A cancel waits neither for a turn nor for long. */
async function keptFrom(
  { conversations, journal, settings, now }: EngineServices,
  job: JobRecord,
  lease: JobRecord["lease"],
): Promise<PassEnd | undefined> {
  const { tenant, jobId, cancelRequested, inConversation, hops, due } = job;
  if (lease && lease.until > now()) {
    // The living worker sees a cancel within seconds and ends the job with what it has. It is given that time.
    const hopeless = cancelRequested && now() - cancelRequested.at >= 2 * settings.cancelPollMs + 1_000;
    if (!hopeless) return { end: "busy" };
  }
  if (!inConversation || hops > 0 || cancelRequested) return undefined;
  const conversation = await conversations.get(tenant, inConversation.conversationId);
  if (!conversation?.waitingJobIds.includes(jobId)) return undefined;
  if (due !== undefined) await journal.postpone({ tenant, jobId, due }, now() + settings.sweepSeconds * 1000);
  return { end: "not its turn" };
}
