import { createHash } from "node:crypto";
import * as z from "zod";
import {
  addMessage,
  type ConversationRecord,
  type ConversationWrite,
  type OnBusy,
} from "../conversations/conversation.ts";
import { store } from "../payloads/payloads.ts";
import {
  ConversationBusy,
  IdempotencyMismatch,
  InvalidRequest,
  NotFound,
  Unavailable,
} from "../protocol/error.ts";
import { applyEntry, type Entry } from "../protocol/event.ts";
import type { Budget, JobRecord, Lane } from "../protocol/job.ts";
import type { Services } from "../services.ts";
import { cancel } from "./cancel.ts";
import type { AnyJobType, Jobs } from "./job-type.ts";
import { parse } from "./parse.ts";
import { wake } from "./wake.ts";

export type SubmitRequest = {
  type: string;
  /** As the caller sent it: the job type's own schema reads it. */
  input: unknown;
  title?: string;
  priority?: Lane;
  tags?: string[];
  conversation?: { id: string; onBusy: OnBusy };
  /** Of any number of submits with one key there is one job. */
  idempotencyKey?: string;
  /** Derived from what the job is for, where it must be known before. There is one job of an id. */
  jobId?: string;
  scheduleId?: string;
  budget?: Budget;
};

export type Submitted = {
  job: JobRecord;
  /** The job is that of an earlier request with the same idempotency key. */
  deduplicated: boolean;
  /** The jobs whose end it waits for, the one at work first. Empty outside a conversation. */
  behind: string[];
  /** False when the queue was silent: the sweeper will send the job. */
  queued: boolean;
};

type SubmitServices = Pick<
  Services,
  | "journal"
  | "conversations"
  | "queue"
  | "payloads"
  | "deployment"
  | "settings"
  | "now"
  | "newId"
  | "random"
  | "sleep"
>;

/**
 * Makes a job durable, then asks for its first pass. Nothing is lost once this has returned, whatever the queue said.
 * @throws InvalidRequest, NotFound, ConversationBusy, IdempotencyMismatch, Unavailable; Conflict when the id is taken.
 */
export async function submit(
  services: SubmitServices,
  jobs: Jobs,
  who: { tenant: string; by: string },
  request: SubmitRequest,
): Promise<Submitted> {
  const { journal, settings } = services;
  const jobType = jobs.latest(request.type);
  if (!jobType) throw unknownType(request.type, jobs);
  const parsed = parse(jobType.input, request.input, ["input"]);
  const input = jobType.prepare?.(parsed, services.deployment) ?? parsed;
  const question = request.conversation ? questionOf(jobType, input) : "";

  const jobId = request.jobId ?? services.newId();
  const at = services.now();
  const entry: Entry = {
    tenant: who.tenant,
    jobId,
    seq: 1,
    at,
    by: who.by,
    token: services.newId(),
    events: [],
  };
  const stored = await store(services.payloads, entry, input, settings);
  const fingerprint = request.idempotencyKey ? fingerprintOf(request) : "";

  for (let attempt = 0; attempt < tries; attempt += 1) {
    const joined = request.conversation
      ? await join(services, who.tenant, request.conversation, { content: question, jobId, at })
      : undefined;
    if (joined?.rejected && !request.idempotencyKey) throw joined.rejected;
    entry.events = [
      {
        kind: "job.submitted",
        type: jobType.type,
        version: jobType.version,
        lane: request.priority ?? "normal",
        title: request.title ?? jobType.title(input),
        description: jobType.description(input),
        tags: request.tags ?? [],
        input: stored,
        by: who.by,
        ...(request.scheduleId ? { scheduleId: request.scheduleId } : {}),
        ...(request.budget ? { budget: request.budget } : {}),
        ...(joined
          ? { inConversation: { conversationId: joined.write.record.id, message: joined.message } }
          : {}),
      },
    ];
    const behind = joined ? ahead(joined.write.record, jobId) : [];
    // Whoever ends the job before it sends one that waits for its turn, so the sweeper has no need to hurry.
    const due = at + (behind.length > 0 ? settings.sweepSeconds * 1000 : settings.submitDueMs);
    const head: JobRecord = { ...applyEntry(undefined, entry), due };

    const created = await journal.create({
      entry,
      head,
      ...(request.idempotencyKey
        ? {
            idempotency: {
              key: request.idempotencyKey,
              fingerprint,
              expiresAt: at + settings.idempotencyKeptSeconds * 1000,
            },
          }
        : {}),
      ...(joined ? { conversation: joined.write } : {}),
    });

    // A write whose answer got lost meets its own key on the second try.
    if (created.end === "stored" || (created.end === "duplicate" && created.jobId === jobId)) {
      if (request.conversation?.onBusy === "interrupt") await interrupt(services, who, behind);
      const queued = behind.length > 0 || (await wake(services, head));
      return { job: head, deduplicated: false, behind, queued };
    }
    if (created.end === "duplicate") {
      if (created.fingerprint !== fingerprint) throw new IdempotencyMismatch(reusedKey);
      return repeated(services, who, request, created.jobId);
    }
    if (joined?.rejected) throw joined.rejected;
    await services.sleep(services.random() * firstPauseMs * 2 ** attempt);
  }
  throw new Unavailable(`Conversation ${request.conversation?.id} changes too often`);
}

const tries = 8;
const firstPauseMs = 10;
const reusedKey = "This idempotency key was used before, for another request";

export function unknownType(type: string, jobs: Jobs): InvalidRequest {
  const known = [...new Set(jobs.all.map((job) => job.type))].join(", ");
  const message = `No job type "${type}"; this deployment knows ${known}`;
  return new InvalidRequest(message, { details: { errors: [{ field: "type", message }] } });
}

const asking = z.object({ question: z.string() });

function questionOf(jobType: AnyJobType, input: unknown): string {
  const asked = jobType.reply ? asking.safeParse(input) : undefined;
  if (asked?.success) return asked.data.question;
  const message = `Job type "${jobType.type}" does not answer in conversations`;
  throw new InvalidRequest(message, { details: { errors: [{ field: "type", message }] } });
}

type Joined = {
  write: ConversationWrite;
  message: number;
  /** Set when the caller wants no place in the queue: the write then cannot succeed. */
  rejected?: ConversationBusy;
};

async function join(
  { conversations }: Pick<Services, "conversations">,
  tenant: string,
  { id, onBusy }: { id: string; onBusy: OnBusy },
  message: { content: string; jobId: string; at: number },
): Promise<Joined> {
  const conversation = await conversations.get(tenant, id);
  if (!conversation) throw new NotFound(`No conversation "${id}"`);
  const write = addMessage(conversation, message, onBusy === "interrupt" ? "next" : "last");
  const number = write.record.messageCount;
  const { activeJobId } = conversation;
  if (onBusy !== "reject" || activeJobId === undefined) return { write, message: number };
  // The job at work may be this very request's, sent again. Only its idempotency key can tell, and it is asked by a
  // write that expects a version which is gone.
  write.record.version = conversation.version;
  return {
    write,
    message: number,
    rejected: new ConversationBusy(`Conversation "${id}" is busy with job ${activeJobId}`, {
      details: { active_job_id: activeJobId },
    }),
  };
}

/** The jobs that have to end before it is this one's turn. */
function ahead({ activeJobId, waitingJobIds }: ConversationRecord, jobId: string): string[] {
  const place = waitingJobIds.indexOf(jobId);
  return place < 0 || activeJobId === undefined ? [] : [activeJobId, ...waitingJobIds.slice(0, place)];
}

/** The job waits at the head of its conversation's queue: the end of the cancelled one hands over the turn. */
async function interrupt(
  services: SubmitServices,
  who: { tenant: string; by: string },
  [active]: string[],
): Promise<void> {
  if (active) await cancel(services, { tenant: who.tenant, jobId: active }, who.by, "interrupted");
}

/** The answer to a request that was made before: its own job, and whatever the first time did not get done. */
async function repeated(
  services: SubmitServices,
  who: { tenant: string; by: string },
  request: SubmitRequest,
  jobId: string,
): Promise<Submitted> {
  const { tenant } = who;
  const [job, conversation] = await Promise.all([
    services.journal.head({ tenant, jobId }),
    request.conversation ? services.conversations.get(tenant, request.conversation.id) : undefined,
  ]);
  if (!job) throw new NotFound(`Job ${jobId}, submitted with this idempotency key, has been deleted`);
  const behind = conversation ? ahead(conversation, jobId) : [];
  if (request.conversation?.onBusy === "interrupt") await interrupt(services, who, behind);
  return { job, deduplicated: true, behind, queued: true };
}

/** Equal for requests that ask for the same, in whatever order their fields stand. */
function fingerprintOf({ idempotencyKey: _key, ...asked }: SubmitRequest): string {
  return createHash("sha256").update(canonical(asked)).digest("base64url");
}

export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
