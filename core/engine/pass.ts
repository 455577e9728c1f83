import { applyEntry } from "../protocol/event.ts";
import { isTerminal, type JobKey, type JobRecord } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";
import { takeSlots } from "./concurrency.ts";
import { afterDependencies, patience } from "./dependencies.ts";
import type { EngineServices } from "./engine-services.ts";
import type { HowItEnds } from "./how-it-ends.ts";
import type { Jobs } from "./job-type.ts";
import { LivePass, type PassEnd, type PassOptions } from "./live-pass.ts";
import { hasExpired, lookAt } from "./timing.ts";
import { wholeJournal } from "./whole-journal.ts";

/** One may be bad luck, or somebody else's doing. */
const deathsInCompany = 2;

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
  const { entries, head, deltasWanted } = await wholeJournal(services, key);
  // An expired job must not come back to life through an old message, so both are needed.
  if (!head || entries[0]?.seq !== 1) return { end: "gone" };
  const folded = entries.reduce<JobRecord | undefined>(applyEntry, undefined)!;
  if (isTerminal(folded.status)) return { end: "finished", status: folded.status };
  const job: JobRecord = { ...folded, ...(head.due === undefined ? {} : { due: head.due }) };
  const busy = isBusy(services, job, head.lease);
  if (busy) return { end: "busy" };
  if (options.inCompany && job.stalls >= deathsInCompany) return { end: "to run alone", job };
  const hold = job.hops > 0 || job.cancelRequested ? undefined : await heldBack(services, job);
  if (hold?.end === "held") return wait(services, job, hold);
  const live = () => new LivePass(services, job, jobs, { ...options, deltasWanted }).run(entries, hold);
  // Its end needs no slot.
  if (hold || job.cancelRequested) return live();
  const jobType = jobs.version(job.type, job.version);
  const slots = await takeSlots(services, job, jobType, entries, options.logger);
  if (!slots) return wait(services, job, crowdedOut(services, job));
  try {
    return await live();
  } finally {
    await slots.giveBack();
  }
}

/** The living worker sees a cancel within seconds and ends the job with what it has. It is given that time. */
function isBusy(
  { settings, now }: EngineServices,
  { cancelRequested }: JobRecord,
  lease: JobRecord["lease"],
): boolean {
  if (!lease || lease.until <= now()) return false;
  return !cancelRequested || now() - cancelRequested.at < 2 * settings.cancelPollMs + 1_000;
}

type Hold = { end: "held"; because: "nothing to do" | "not its turn"; lookAt: Millis };

/**
 * What keeps a job from beginning, or ends it before it has begun. A cancel waits for neither moment nor turn, and a job
 * that has begun goes on.
 */
async function heldBack(services: EngineServices, job: JobRecord): Promise<Hold | HowItEnds | undefined> {
  const { conversations, settings, now } = services;
  const { tenant, jobId, runAt, inConversation } = job;
  const moment = now();
  if (hasExpired(job, moment)) {
    const message = `The job had not begun by ${new Date(job.startBy!).toISOString()}`;
    return { end: "failed", failure: { code: "expired_before_start", message } };
  }
  if (runAt !== undefined && runAt > moment) return { end: "held", because: "nothing to do", lookAt: runAt };
  const after = await afterDependencies(services, job);
  if (after === "open") {
    return { end: "held", because: "not its turn", lookAt: moment + patience(job, moment, settings) };
  }
  if (after || !inConversation) return after;
  const conversation = await conversations.get(tenant, inConversation.conversationId);
  if (!conversation?.waitingJobIds.includes(jobId)) return undefined;
  return { end: "held", because: "not its turn", lookAt: moment + settings.sweepSeconds * 1000 };
}

/** Its turn comes when a slot does, so this is for wake-ups that get lost, and for those who found no place in the line. */
function crowdedOut({ settings, now, random }: EngineServices, job: JobRecord): Hold {
  const lookAt = now() + patience(job, now(), settings) * (1 + random());
  return { end: "held", because: "not its turn", lookAt: Math.ceil(lookAt) };
}

async function wait({ journal }: EngineServices, job: JobRecord, hold: Hold): Promise<PassEnd> {
  const { tenant, jobId, due } = job;
  const next = lookAt(job, hold.lookAt);
  if (due !== undefined && due !== next) await journal.postpone({ tenant, jobId, due }, next);
  return { end: hold.because };
}
