import { createHash } from "node:crypto";
import { retakeInBackground, retakeMessage } from "../conversations/conversation.ts";
import { inParallel } from "../in-parallel.ts";
import { load, store } from "../payloads/payloads.ts";
import { Conflict, ConversationBusy, IdempotencyMismatch, NotFound } from "../protocol/error.ts";
import { type Entry, type JobEvent, lastSeq } from "../protocol/event.ts";
import type { Budget, InConversation, JobKey, JobRecord, Lane, Stored } from "../protocol/job.ts";
import type { Json } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import { create, type Joined, sendOff } from "./create.ts";
import { failedSteps, inheritable } from "./inheritance.ts";
import { currentJob } from "./job-reading.ts";
import type { AnyJobType, Jobs } from "./job-type.ts";
import { mergePatch } from "./merge-patch.ts";
import { invalid, parse } from "./parse.ts";
import { canonical, type SubmitServices, type Submitted } from "./submit.ts";
import { wholeJournal } from "./whole-journal.ts";

export type ForkRequest = {
  /** The last event of the original that the fork looks back on. Without it all of them. */
  afterSeq?: number;
  /** What is different about the input, as a merge patch. */
  input?: Json;
  title?: string;
  priority?: Lane;
  tags?: string[];
  budget?: Budget;
  /** Of any number of requests with one key there is one fork. */
  idempotencyKey?: string;
  /** Derived from what the job is for, where it must be known before. There is one job of an id. */
  jobId?: string;
};

/**
 * Begins a new job where another one stood after an event: with its outcomes up to there, which are not paid for again.
 * They are a memo: handed out where the fork asks for the same, ignored where a changed input takes it another way. A
 * fork belongs to no conversation and to no parent.
 * @throws NotFound, InvalidRequest, IdempotencyMismatch, Unavailable; Conflict when the deployment has no such type.
 */
export async function fork(
  services: SubmitServices,
  jobs: Jobs,
  by: string,
  source: JobKey,
  request: ForkRequest = {},
): Promise<Submitted> {
  const { afterSeq } = request;
  return derive(services, jobs, by, source, request, async () => {
    const { entries } = await wholeJournal(services, source, afterSeq);
    const end = lastOf(entries);
    if (afterSeq !== undefined && afterSeq > end)
      throw invalid("after_seq", `Job ${source.jobId} has ${end} events`);
    const seq = afterSeq ?? end;
    return { seq, first: entries[0]!, inherited: inheritable(entries, seq) };
  });
}

/**
 * Does a failed or cancelled job again from where it ended: a new job that tries again what had failed and is given
 * everything else. In a conversation it takes the other's place.
 * @throws NotFound, IdempotencyMismatch, Unavailable; Conflict when the job has not failed, or its conversation has gone
 * on; ConversationBusy.
 */
export async function retry(
  services: SubmitServices,
  jobs: Jobs,
  by: string,
  source: JobKey,
  request: Pick<ForkRequest, "idempotencyKey" | "jobId"> = {},
): Promise<Submitted> {
  return derive(
    services,
    jobs,
    by,
    source,
    request,
    async ({ status, failure }) => {
      if (status !== "failed" && status !== "cancelled") {
        throw new Conflict(`Job ${source.jobId} is ${status}: what can be retried is failed or cancelled`, {
          details: { job_status: status },
        });
      }
      const { entries } = await wholeJournal(services, source);
      const seq = lastOf(entries);
      return { seq, first: entries[0]!, inherited: inheritable(entries, seq, failedSteps(entries, failure)) };
    },
    "takes its place",
  );
}

function lastOf(entries: Entry[]): number {
  const last = entries.at(-1);
  return last ? lastSeq(last) : 0;
}

type Inheritance = { seq: number; first: Entry; inherited: JobEvent[][] };

async function derive(
  services: SubmitServices,
  jobs: Jobs,
  by: string,
  source: JobKey,
  request: ForkRequest,
  look: (original: JobRecord) => Promise<Inheritance>,
  place?: "takes its place",
): Promise<Submitted> {
  const { journal, newId, now } = services;
  const { tenant } = source;
  const { idempotencyKey: key, ...asked } = request;
  const fingerprint = createHash("sha256")
    .update(canonical([place ? "retry" : "fork", source.jobId, asked]))
    .digest("base64url");
  const known = key === undefined ? undefined : await journal.claimed(tenant, key);
  if (known) return standing(services, tenant, known, fingerprint);

  const original = await currentJob(services, source);
  if (!original) throw new NotFound(`No job "${source.jobId}"`);
  const { seq, first, inherited } = await look(original);
  const submitted = first.events[0];
  if (submitted?.kind !== "job.submitted") throw new NotFound(`No job "${source.jobId}"`);
  const jobType = jobs.version(original.type, original.version) ?? jobs.latest(original.type);
  if (!jobType) throw new Conflict(`This deployment has no job type "${original.type}"`);

  const jobId = request.jobId ?? newId();
  const at = now();
  const mine = { tenant, jobId };
  const told = await inputOf(services, jobType, submitted.input, mine, request.input);
  const event: JobEvent & { kind: "job.submitted" } = {
    kind: "job.submitted",
    type: jobType.type,
    version: jobType.version,
    lane: request.priority ?? original.lane,
    title: request.title ?? told.title ?? original.title,
    description: told.description ?? original.description,
    tags: request.tags ?? original.tags,
    input: told.input,
    by,
    forkOf: { job_id: source.jobId, seq },
    ...((request.budget ?? original.budget) ? { budget: request.budget ?? original.budget! } : {}),
  };
  const { inConversation } = original;
  const made = await create(services, {
    tenant,
    jobId,
    at,
    submitted: event,
    inherited: await bequeath(services, mine, { at, by }, inherited),
    ...(key === undefined ? {} : { idempotency: { key, fingerprint } }),
    ...(place && inConversation
      ? { join: () => retake(services, tenant, inConversation, { jobId, at }) }
      : {}),
  });
  if (made.end === "duplicate") return standing(services, tenant, made, fingerprint);
  const { job } = made;
  const behind = made.end === "made" ? made.behind : [];
  return {
    job,
    deduplicated: false,
    cached: false,
    behind,
    queued: await sendOff(services, { job, behind }),
  };
}

/** The answer to a request that was made before. */
async function standing(
  { journal }: Pick<Services, "journal">,
  tenant: string,
  claim: { jobId: string; fingerprint: string },
  fingerprint: string,
): Promise<Submitted> {
  if (claim.fingerprint !== fingerprint)
    throw new IdempotencyMismatch("This idempotency key was used before, for another request");
  const job = await journal.head({ tenant, jobId: claim.jobId });
  if (!job) throw new NotFound(`Job ${claim.jobId}, submitted with this idempotency key, has been deleted`);
  return { job, deduplicated: true, cached: false, behind: [], queued: true };
}

/** An input that stays the same is not read again: the code that parsed it may be another by now. */
async function inputOf(
  services: SubmitServices,
  jobType: AnyJobType,
  input: Stored,
  job: JobKey,
  patch: Json | undefined,
): Promise<{ input: Stored; title?: string; description?: string }> {
  const { payloads, settings, deployment } = services;
  if (patch === undefined) return { input: await copied(payloads, input, job) };
  const parsed = parse(jobType.input, mergePatch(await load(payloads, input), patch), ["input"]);
  const changed = jobType.prepare?.(parsed, deployment) ?? parsed;
  return {
    input: await store(payloads, job, changed, settings),
    title: jobType.title(changed),
    description: jobType.description(changed),
  };
}

async function copied(payloads: Services["payloads"], stored: Stored, job: JobKey): Promise<Stored> {
  return "ref" in stored ? { ref: await payloads.copy(stored.ref, job) } : stored;
}

const writersAtATime = 20;

/**
 * Writes the entries that come behind a fork's first one. Without that one there is no job, so a crash in between leaves
 * nothing that anybody could see, and what it leaves expires like any journal.
 */
async function bequeath(
  { journal, payloads, newId }: SubmitServices,
  job: JobKey,
  { at, by }: { at: number; by: string },
  inherited: JobEvent[][],
): Promise<Entry[]> {
  let next = 2;
  const places = inherited.map((events) => {
    const seq = next;
    next += events.length;
    return { seq, events };
  });
  return inParallel(places, writersAtATime, async ({ seq, events }) => {
    const own = await Promise.all(
      events.map(async (event) =>
        (event.kind === "step.completed" || event.kind === "callback.completed") && event.result
          ? { ...event, result: await copied(payloads, event.result, job) }
          : event,
      ),
    );
    const entry: Entry = { ...job, seq, at, by, token: newId(), events: own };
    await journal.append(entry);
    return entry;
  });
}

/** The place of an earlier job of a conversation, as long as nothing has come after its message. */
async function retake(
  { conversations }: Pick<Services, "conversations">,
  tenant: string,
  { conversationId: id, message, background }: InConversation,
  by: { jobId: string; at: number },
): Promise<Joined> {
  const conversation = await conversations.get(tenant, id);
  if (!conversation) throw new NotFound(`No conversation "${id}"`);
  // It takes no turn, so none is needed.
  if (background) return { write: retakeInBackground(conversation, by), message, background };
  const write = retakeMessage(conversation, by);
  const { activeJobId, messageCount, version } = conversation;
  if (activeJobId === undefined && messageCount === message) return { write, message };
  // It may be this very request's own job, sent again; only its idempotency key can tell, and it is asked by a write that
  // expects a version which is gone.
  write.record.version = version;
  const rejected = activeJobId
    ? new ConversationBusy(`Conversation "${id}" is busy with job ${activeJobId}`, {
        details: { active_job_id: activeJobId },
      })
    : new Conflict(`Conversation "${id}" has gone on since message ${message}`);
  return { write, message, rejected };
}
