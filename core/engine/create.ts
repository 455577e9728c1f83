import type { ConversationRecord, ConversationWrite } from "../conversations/conversation.ts";
import { type ServiceError, Unavailable } from "../protocol/error.ts";
import { applyEntry, type Entry, isHeldBack, type JobEvent } from "../protocol/event.ts";
import { isTerminal, type JobRecord } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";
import { longestDelaySeconds } from "../queue/queue.ts";
import type { Services } from "../services.ts";
import { afterDependencies } from "./dependencies.ts";
import { lookAt } from "./timing.ts";
import { wake } from "./wake.ts";

/** A job that is about to be. */
export type Plan = {
  tenant: string;
  jobId: string;
  at: Millis;
  submitted: JobEvent & { kind: "job.submitted" };
  idempotency?: { key: string; fingerprint: string };
  /** Whoever asks for the same content may be given another job, if that one will do. */
  content?: { key: string; willDo: (standing: JobRecord) => boolean };
  /** What another job has left it: entries that stand behind its first one already. */
  inherited?: Entry[];
  /** Its place in a conversation, decided anew whenever the conversation has changed. */
  join?: () => Promise<Joined>;
};

export type Joined = {
  write: ConversationWrite;
  message: number;
  background?: true;
  /** Set when there is no place: the write then cannot succeed. */
  rejected?: ServiceError;
};

export type Made =
  | { end: "made"; job: JobRecord; behind: string[] }
  | { end: "duplicate"; jobId: string; fingerprint: string }
  | { end: "shared"; job: JobRecord };

type CreateServices = Pick<Services, "journal" | "settings" | "now" | "newId" | "random" | "sleep">;

const tries = 8;
const firstPauseMs = 10;

/**
 * Makes a job durable: in one transaction, or not at all.
 * @throws Conflict when there is another job of this id; what `join` throws; Unavailable.
 */
export async function create(services: CreateServices, plan: Plan): Promise<Made> {
  const { journal, settings, newId, random, sleep } = services;
  const { tenant, jobId, at, submitted, idempotency, content } = plan;
  const entry: Entry = { tenant, jobId, seq: 1, at, by: submitted.by, token: newId(), events: [] };
  let replaces: string | undefined;
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const joined = await plan.join?.();
    if (joined?.rejected && !idempotency) throw joined.rejected;
    const inConversation = joined && {
      inConversation: {
        conversationId: joined.write.record.id,
        message: joined.message,
        ...(joined.background ? { background: joined.background } : {}),
      },
    };
    entry.events = [{ ...submitted, ...inConversation }];
    const behind = joined ? ahead(joined.write.record, jobId) : [];
    const fold = [entry, ...(plan.inherited ?? [])].reduce<JobRecord | undefined>(applyEntry, undefined)!;
    const head = { ...fold, due: firstLook(services, fold, behind.length > 0) };

    const created = await journal.create({
      entry,
      head,
      ...(idempotency
        ? { idempotency: { ...idempotency, expiresAt: at + settings.idempotencyKeptSeconds * 1000 } }
        : {}),
      ...(content
        ? {
            content: {
              key: content.key,
              expiresAt: at + settings.journalKeptSeconds * 1000,
              ...(replaces === undefined ? {} : { replaces }),
            },
          }
        : {}),
      ...(joined ? { conversation: joined.write } : {}),
      ...(submitted.dependencies ? { wokenBy: submitted.dependencies.job_ids } : {}),
    });
    // A write whose answer got lost meets its own key on the second try.
    if (created.end === "stored" || (created.end === "duplicate" && created.jobId === jobId))
      return { end: "made", job: head, behind };
    if (created.end === "duplicate") return created;
    if (created.end === "same content") {
      const standing = await journal.head({ tenant, jobId: created.jobId });
      if (standing && content?.willDo(standing)) return { end: "shared", job: standing };
      replaces = created.jobId;
      continue;
    }
    if (joined?.rejected) throw joined.rejected;
    await sleep(random() * firstPauseMs * 2 ** attempt);
  }
  throw new Unavailable("Others change the same things too often");
}

/** The jobs of its conversation that have to end before it is this one's turn. */
export function ahead({ activeJobId, waitingJobIds }: ConversationRecord, jobId: string): string[] {
  const place = waitingJobIds.indexOf(jobId);
  return place < 0 || activeJobId === undefined ? [] : [activeJobId, ...waitingJobIds.slice(0, place)];
}

/** When the sweeper looks at a new job. */
function firstLook({ settings, now }: CreateServices, job: JobRecord, mustWait: boolean): Millis {
  const moment = now();
  if (job.runAt !== undefined && job.runAt > moment) return lookAt(job, job.runAt);
  // Whoever ends the job before it sends one that waits for its turn, so the sweeper has no need to hurry.
  const waits = mustWait || isHeldBack(job, moment);
  return lookAt(job, moment + (waits ? settings.sweepSeconds * 1000 : settings.submitDueMs));
}

/**
 * Asks for the first pass over a job that was made, at the time at which it may begin.
 * @returns false when the queue was silent: the sweeper will send the job.
 */
export async function sendOff(
  services: Pick<Services, "journal" | "queue" | "now">,
  { job, behind }: { job: JobRecord; behind: string[] },
): Promise<boolean> {
  if (behind.length > 0) return true;
  const delaySeconds = Math.max(0, Math.ceil(((job.runAt ?? 0) - services.now()) / 1000));
  if (delaySeconds > longestDelaySeconds) return true;
  // Those that have ended by now had nobody to wake.
  if (delaySeconds === 0) {
    const after = await afterDependencies(services, job).catch((error: unknown) => {
      // The job is durable, whatever cannot be read now.
      if (!(error instanceof Unavailable)) throw error;
      return "unknown" as const;
    });
    if (after === "open") return true;
    if (after === "unknown") return false;
  }
  return wake(services, job, delaySeconds);
}

/** Whether a job can stand for others with the same content: it has a fresh result, or is on its way to one. */
export function standsFor(
  job: JobRecord,
  wanted: { freshSince: Millis | undefined; live: boolean },
): boolean {
  if (job.status === "completed")
    return (
      wanted.freshSince !== undefined && job.completedAt! > wanted.freshSince && job.continuedAs === undefined
    );
  return wanted.live && !isTerminal(job.status) && !job.cancelRequested;
}
