import { createHash } from "node:crypto";
import { addBackground, addMessage, type OnBusy } from "../conversations/conversation.ts";
import { store } from "../payloads/payloads.ts";
import { ConversationBusy, IdempotencyMismatch, InvalidRequest, NotFound } from "../protocol/error.ts";
import type { Budget, Dependencies, JobRecord, Lane, Parent } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import { cancel } from "./cancel.ts";
import { ahead, create, type Joined, type Plan, sendOff, standsFor } from "./create.ts";
import { checkDependencies } from "./dependencies.ts";
import type { AnyJobType, Jobs } from "./job-type.ts";
import { invalid, parse } from "./parse.ts";
import { moments, type Timing } from "./timing.ts";

export type SubmitRequest = Timing & {
  type: string;
  /** As the caller sent it: the job type's own schema reads it. */
  input: unknown;
  /** Of an input that was uploaded, so that two requests for the same need not be compared byte by byte. */
  inputSha256?: string;
  title?: string;
  priority?: Lane;
  tags?: string[];
  budget?: Budget;
  conversation?: { id: string; onBusy: OnBusy };
  /** Jobs of the same tenant that have to end before this one begins. */
  dependsOn?: string[];
  /** What becomes of this one when one of them does not complete: `fail` unless said otherwise. */
  onDependencyFailure?: Dependencies["on_failure"];
  /**
   * Content with a completed result not older than this, or with a job at work, gives no new job. `bypass` makes a new
   * one that stands for the content from now on.
   */
  cache?: { ttlSeconds?: number; bypass?: boolean };
  /** Content with a job at work gives no new job. */
  singleFlight?: boolean;
  /** Of any number of submits with one key there is one job. */
  idempotencyKey?: string;
  /** Derived from what the job is for, where it must be known before. There is one job of an id. */
  jobId?: string;
  scheduleId?: string;
  /** Whom to tell when it has ended: by a job of its own, which the API submits behind this one. */
  notify?: { url: string };
  /** The job that waits for this one. */
  parent?: Parent;
  /** The job that this one carries on. */
  continues?: string;
};

export type Submitted = {
  job: JobRecord;
  /** The job is that of an earlier request: with the same idempotency key, or for the same content. */
  deduplicated: boolean;
  /** It is not new, and has completed: its result is there. */
  cached: boolean;
  /** The jobs whose end it waits for, the one at work first. Empty outside a conversation. */
  behind: string[];
  /** False when the queue was silent: the sweeper will send the job. */
  queued: boolean;
};

export type SubmitServices = Pick<
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
  const { journal } = services;
  const plan = await planOf(services, jobs, who, request).catch(async (error: unknown) => {
    // What was in order the first time may have passed by the second, e.g. the moment at which the job was to begin.
    const { idempotencyKey: key } = request;
    const claim = error instanceof InvalidRequest && key ? await journal.claimed(who.tenant, key) : undefined;
    if (claim?.fingerprint !== fingerprintOf(request)) throw error;
    return repeated(services, who, request, claim.jobId);
  });
  if ("job" in plan) return plan;
  const made = await create(services, plan);
  if (made.end === "made") {
    const { job, behind } = made;
    if (request.conversation?.onBusy === "interrupt") await interrupt(services, who, behind);
    return { job, deduplicated: false, cached: false, behind, queued: await sendOff(services, made) };
  }
  if (made.end === "shared") {
    const cached = made.job.status === "completed";
    return { job: made.job, deduplicated: !cached, cached, behind: [], queued: true };
  }
  if (made.fingerprint !== plan.idempotency?.fingerprint) throw new IdempotencyMismatch(reusedKey);
  return repeated(services, who, request, made.jobId);
}

/** Everything that can be wrong with a request is found here, before anything is written. */
async function planOf(
  services: SubmitServices,
  jobs: Jobs,
  who: { tenant: string; by: string },
  request: SubmitRequest,
): Promise<Plan> {
  const { settings, deployment, newId, now, payloads } = services;
  const { tenant, by } = who;
  const { conversation, dependsOn = [], idempotencyKey, budget, scheduleId, parent, continues } = request;
  const jobType = jobs.latest(request.type);
  if (!jobType) throw unknownType(request.type, jobs);
  // It would go before those that it waits for, and they would wait for it.
  if (dependsOn.length > 0 && conversation?.onBusy === "interrupt")
    throw invalid("depends_on", "A message that interrupts its conversation waits for no other job");
  const parsed = parse(jobType.input, request.input, ["input"]);
  const input = jobType.prepare?.(parsed, deployment) ?? parsed;
  const said = conversation ? messageOf(jobType, input) : "";
  const jobId = request.jobId ?? newId();
  const at = now();
  const timing = moments(request, at, settings);
  const content = contentOf(request, jobType, input, at);
  const jobIds = [...new Set(dependsOn)];
  await checkDependencies(services, tenant, jobIds);
  return {
    tenant,
    jobId,
    at,
    submitted: {
      kind: "job.submitted",
      type: jobType.type,
      version: jobType.version,
      lane: request.priority ?? "normal",
      title: request.title ?? jobType.title(input),
      description: jobType.description(input),
      tags: request.tags ?? [],
      input: await store(payloads, { tenant, jobId }, input, settings),
      by,
      ...timing,
      ...(jobIds.length > 0
        ? { dependencies: { job_ids: jobIds, on_failure: request.onDependencyFailure ?? "fail" } }
        : {}),
      ...(budget ? { budget } : {}),
      ...(scheduleId ? { scheduleId } : {}),
      ...(parent ? { parent } : {}),
      ...(continues ? { continues } : {}),
    },
    ...(idempotencyKey ? { idempotency: { key: idempotencyKey, fingerprint: fingerprintOf(request) } } : {}),
    ...(content ? { content } : {}),
    ...(conversation
      ? {
          join: () =>
            join(services, tenant, conversation, { content: said, jobId, at }, jobType.acknowledge?.(input)),
        }
      : {}),
  };
}

const reusedKey = "This idempotency key was used before, for another request";

/** What makes two jobs of a tenant the same, and which job will do in place of a new one. */
function contentOf(
  { cache, singleFlight = false, conversation }: SubmitRequest,
  { type, version }: AnyJobType,
  input: unknown,
  now: Millis,
): Plan["content"] {
  if (!cache && !singleFlight) return undefined;
  if (conversation)
    throw invalid(
      cache ? "cache" : "single_flight",
      "A message of a conversation always has a job of its own",
    );
  if (cache && cache.ttlSeconds === undefined && !cache.bypass)
    throw invalid("cache.ttl_seconds", "How old may a result be?");
  const ttl = cache?.bypass ? undefined : cache?.ttlSeconds;
  const wanted = {
    freshSince: ttl === undefined ? undefined : now - ttl * 1000,
    live: singleFlight || ttl !== undefined,
  };
  return {
    key: createHash("sha256")
      .update(canonical([type, version, input]))
      .digest("base64url"),
    willDo: (standing) => standsFor(standing, wanted),
  };
}

export function unknownType(type: string, jobs: Jobs): InvalidRequest {
  const known = [...new Set(jobs.all.map((job) => job.type))].join(", ");
  const message = `No job type "${type}"; this deployment knows ${known}`;
  return new InvalidRequest(message, { details: { errors: [{ field: "type", message }] } });
}

function messageOf(jobType: AnyJobType, input: unknown): string {
  const { [jobType.message ?? "question"]: said } = input as Record<string, unknown>;
  if ((jobType.reply || jobType.message) && typeof said === "string") return said;
  const message = `Job type "${jobType.type}" does not answer in conversations`;
  throw new InvalidRequest(message, { details: { errors: [{ field: "type", message }] } });
}

async function join(
  { conversations }: Pick<Services, "conversations">,
  tenant: string,
  { id, onBusy }: { id: string; onBusy: OnBusy },
  message: { content: string; jobId: string; at: number },
  acknowledgement: string | undefined,
): Promise<Joined> {
  const conversation = await conversations.get(tenant, id);
  if (!conversation) throw new NotFound(`No conversation "${id}"`);
  const write =
    acknowledgement === undefined
      ? addMessage(conversation, message, onBusy === "interrupt" ? "next" : "last")
      : addBackground(conversation, message, acknowledgement);
  const { number } = write.messages[0]!;
  const background = acknowledgement === undefined ? {} : { background: true as const };
  const { activeJobId } = conversation;
  if (onBusy !== "reject" || activeJobId === undefined) return { write, message: number, ...background };
  // The job at work may be this very request's, sent again. Only its idempotency key can tell, and it is asked by a
  // write that expects a version which is gone.
  write.record.version = conversation.version;
  return {
    write,
    message: number,
    ...background,
    rejected: new ConversationBusy(`Conversation "${id}" is busy with job ${activeJobId}`, {
      details: { active_job_id: activeJobId },
    }),
  };
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
  return { job, deduplicated: true, cached: false, behind, queued: true };
}

/** Equal for requests that ask for the same, in whatever order their fields stand. */
function fingerprintOf({ idempotencyKey: _key, input, ...asked }: SubmitRequest): string {
  const whole = asked.inputSha256 === undefined ? { ...asked, input } : asked;
  return createHash("sha256").update(canonical(whole)).digest("base64url");
}

export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
