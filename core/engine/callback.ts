import { isDeepStrictEqual } from "node:util";
import { readerOf } from "../json-schema.ts";
import { store } from "../payloads/payloads.ts";
import { Conflict, Forbidden, NotFound } from "../protocol/error.ts";
import { type Recorded, recorded } from "../protocol/event.ts";
import {
  type Ask,
  type Failure,
  isTerminal,
  type JobKey,
  type JobRecord,
  type OpenCallback,
  type Stored,
  type Usage,
} from "../protocol/job.ts";
import type { Json, Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import { append } from "./append.ts";
import { currentJob } from "./job-reading.ts";
import { parse } from "./parse.ts";
import { asHeadHas, type SignalServices, signalTo } from "./signal.ts";

export type CallbackServices = SignalServices & Pick<Services, "payloads">;

/** `usage`: what a child has consumed on the way to it. */
export type Answer = ({ result: Json } | { failure: Failure }) & { usage?: Usage };

/** The decision that stands. */
export type Decision = {
  jobId: string;
  callbackId: string;
  step: string;
  outcome: "succeeded" | "failed" | "expired";
  by: string;
  at: Millis;
  seq: number;
};

/**
 * Decides a callback, if nobody has before. The same answer again is told what stands; whoever wanted another one, too.
 * @throws NotFound, Conflict when another decision stands or the job has ended; for a question to a person Forbidden and
 * InvalidRequest; Unavailable.
 */
export async function completeCallback(
  services: CallbackServices,
  key: JobKey,
  callbackId: string,
  answer: Answer,
  by: string,
): Promise<Decision> {
  const known = await currentJob(services, key);
  if (!known) throw unknown(callbackId);
  return answerCallback(services, known, callbackId, answer, by);
}

/** The same for a job as the caller knows it. */
export async function answerCallback(
  services: CallbackServices,
  known: JobRecord,
  callbackId: string,
  answer: Answer,
  by: string,
): Promise<Decision> {
  const asked = openCallback(known, callbackId);
  if (asked?.ask && !asked.decided) check(asked.ask, answer, by);
  const { tenant, jobId } = known;
  const told = await toldOf(services, { tenant, jobId }, answer);

  const signalled = await signalTo(services, known, by, (job) => {
    const open = openCallback(job, callbackId);
    if (!open || open.decided) return undefined;
    return { kind: "callback.completed", step: open.step, callbackId, by, ...told };
  });
  const { job } = signalled;
  const entry = signalled.end === "requested" ? signalled.entry : undefined;
  const written = entry && recorded(entry).find(isDecisionOn(callbackId));
  return standing(written ?? (await decisionIn(services, job, callbackId)), job, callbackId, told);
}

/**
 * A sign of life from whoever will answer.
 * @throws NotFound; Conflict when there is nothing to wait for any more.
 */
export async function heartbeat(
  services: CallbackServices,
  key: JobKey,
  callbackId: string,
  by: string,
): Promise<OpenCallback> {
  const known = await currentJob(services, key);
  if (!known) throw unknown(callbackId);
  const outcome = await append(
    services,
    known,
    by,
    (job) => {
      const open = openCallback(job, callbackId);
      if (!open || open.decided || open.heartbeatSeconds === undefined) return undefined;
      return {
        events: [{ kind: "callback.heartbeat", callbackId, by }],
        along: async (next) => ({ head: await asHeadHas(services, known, next) }),
      };
    },
    () => true,
  );
  const job = outcome.end === "overtaken" ? known : outcome.job;
  const open = openCallback(job, callbackId);
  if (open && !open.decided) return open;
  const decision = await decisionIn(services, job, callbackId);
  throw decision ? decidedAlready(callbackId, decision) : over(job, callbackId);
}

function openCallback(job: JobRecord, callbackId: string): OpenCallback | undefined {
  return job.callbacks?.find(({ id }) => id === callbackId);
}

/** Who may answer, and what an answer looks like. */
function check(ask: Ask, answer: Answer, by: string): void {
  if (ask.answerers && !ask.answerers.includes(by))
    throw new Forbidden("This question is for somebody else to answer");
  if ("failure" in answer) return;
  const { result } = answer;
  parse(readerOf(ask.schema), result, ["result"]);
}

type Told = { result?: Stored; failure?: Failure; usage?: Usage };

async function toldOf(
  { payloads, settings }: CallbackServices,
  key: JobKey,
  { usage, ...answer }: Answer,
): Promise<Told> {
  const consumed = usage ? { usage } : {};
  if ("failure" in answer) return { failure: answer.failure, ...consumed };
  return { result: await store(payloads, key, answer.result, settings), ...consumed };
}

/** The decision that stands, if it says the same as this answer: its own, or that of whoever came before. */
function standing(
  event: DecisionEvent | undefined,
  job: JobRecord,
  callbackId: string,
  told: Told,
): Decision {
  if (!event) throw over(job, callbackId);
  const { result, failure } = event.kind === "callback.completed" ? event : {};
  const same = isDeepStrictEqual({ result, failure }, { result: told.result, failure: told.failure });
  if (!same || event.kind === "callback.expired") throw decidedAlready(callbackId, event);
  const { step, at, seq, by } = event;
  return { jobId: job.jobId, callbackId, step, outcome: outcomeOf(event), by, at, seq };
}

type DecisionEvent = Recorded & { kind: "callback.completed" | "callback.expired" };

function isDecisionOn(callbackId: string): (event: Recorded) => event is DecisionEvent {
  return (event): event is DecisionEvent =>
    (event.kind === "callback.completed" || event.kind === "callback.expired") &&
    event.callbackId === callbackId;
}

/** Also when the job function has been given it, and HEAD no longer knows of it. */
async function decisionIn(
  { journal }: CallbackServices,
  job: JobRecord,
  callbackId: string,
): Promise<DecisionEvent | undefined> {
  const known = openCallback(job, callbackId)?.decided?.seq;
  for (let after = known === undefined ? 0 : known - 1; ; ) {
    const { entries, more } = await journal.read(job, after);
    const events = entries.flatMap(recorded);
    const decision = events.find(isDecisionOn(callbackId));
    if (decision || !more) return decision;
    after = events.at(-1)!.seq;
  }
}

function outcomeOf(event: DecisionEvent): Decision["outcome"] {
  if (event.kind === "callback.expired") return "expired";
  return event.failure ? "failed" : "succeeded";
}

function unknown(callbackId: string): NotFound {
  return new NotFound(`No callback "${callbackId}"`);
}

function over(job: JobRecord, callbackId: string): NotFound | Conflict {
  if (!isTerminal(job.status)) return unknown(callbackId);
  const details = { job_status: job.status };
  return new Conflict(`Job ${job.jobId} has ended: it is ${job.status}, and waits for no answer`, {
    details,
  });
}

function decidedAlready(callbackId: string, event: DecisionEvent): Conflict {
  const outcome = outcomeOf(event);
  const said = outcome === "expired" ? "has expired" : `was answered before: it ${outcome}`;
  return new Conflict(`Callback "${callbackId}" ${said}`, {
    details: { outcome, decided_at: new Date(event.at).toISOString() },
  });
}
