import {
  type ConversationWrite,
  continueJob,
  endJob,
  handToBackground,
  type Outcome,
} from "../conversations/conversation.ts";
import type { Along } from "../journal/journal.ts";
import { store } from "../payloads/payloads.ts";
import { failureOf, Unavailable } from "../protocol/error.ts";
import type { JobEvent } from "../protocol/event.ts";
import type { JobKey, JobRecord } from "../protocol/job.ts";
import type { Json, JsonObject } from "../protocol/json.ts";
import { recordable } from "./attempt.ts";
import { callOff } from "./call-off.ts";
import { answerParent, cancelChildren } from "./children.ts";
import { wakeDependents } from "./dependencies.ts";
import type { HowItEnds } from "./how-it-ends.ts";
import type { AnyJobType, Jobs } from "./job-type.ts";
import { patiently } from "./patience.ts";
import type { SubmitServices } from "./submit.ts";
import { wake } from "./wake.ts";

/** The terminal event, and what is written in its transaction. */
export type Ending = {
  event: JobEvent;
  /** HEAD without lease and due, and the conversation's next state. Asked again whenever the conversation has changed. */
  along: (next: JobRecord) => Promise<Along>;
  /** Tells the job whose turn it is in the conversation now, and those that depend on this one. */
  handOver: () => Promise<void>;
};

/** @param happened - what goes on record together with the end. */
export async function ending(
  services: SubmitServices,
  jobs: Jobs,
  job: JobRecord,
  how: HowItEnds,
  happened: JobEvent[],
): Promise<Ending> {
  const jobType = jobs.version(job.type, job.version);
  const { conversations, now } = services;
  const { tenant, jobId, inConversation } = job;
  // The cancel is on record, so this is right whatever becomes of this worker.
  if (how.end === "cancelled") await cancelChildren(services, job);
  const told = how.end === "completed" ? answer(job, jobType, how.result) : how;
  const event = await terminalEvent(services, job, told.end === "failed" ? told : how);
  if (event.kind !== "job.completed") await callOff(services, jobs, job, jobType, happened);
  let nextInConversation: string | undefined;
  let ended: JobRecord | undefined;

  async function conversationEnd(): Promise<ConversationWrite | undefined> {
    if (!inConversation) return undefined;
    const conversation = await conversations.get(tenant, inConversation.conversationId);
    if (!conversation) return undefined;
    const mine = { jobId, ...inConversation };
    const { write, next } = (() => {
      if (told.end !== "continued") return endJob(conversation, mine, told, now());
      const { as, acknowledgement } = told;
      const heir = as.head.jobId;
      return acknowledgement === undefined
        ? { write: continueJob(conversation, jobId, heir, now()) }
        : handToBackground(conversation, mine, { jobId: heir, acknowledgement }, now());
    })();
    // Asked again after a lost answer, the conversation may have handed over already.
    nextInConversation = next ?? nextInConversation;
    return write;
  }

  async function nextTurn(): Promise<void> {
    if (nextInConversation === undefined) return;
    const next = await services.journal.head({ tenant, jobId: nextInConversation }).catch(() => undefined);
    if (next) await wake(services, next);
  }

  return {
    event,
    along: async (next) => {
      ended = next;
      const conversation = await conversationEnd();
      return {
        head: next,
        ...(conversation ? { conversation } : {}),
        ...(how.end === "continued" ? { create: how.as } : {}),
      };
    },
    // The sweeper would find them all too; the messages are quicker.
    handOver: async () => {
      await Promise.all([
        nextTurn(),
        wakeDependents(services, job),
        how.end === "continued" ? wake(services, how.as.head) : undefined,
        event.kind === "job.failed" ? cancelChildren(services, job).catch(unlessSilent) : undefined,
        ended ? answerParent(services, ended).catch(unlessSilent) : undefined,
      ]);
    },
  };
}

/** Whoever waits for this one looks at it now and then. */
function unlessSilent(error: unknown): void {
  if (!(error instanceof Unavailable)) throw error;
}

async function terminalEvent(services: SubmitServices, job: JobKey, how: HowItEnds): Promise<JobEvent> {
  if (how.end === "failed") return { kind: "job.failed", failure: recordable(how.failure) };
  if (how.end === "cancelled") {
    const { by, reason } = how;
    return { kind: "job.cancelled", by, ...(reason === undefined ? {} : { reason }) };
  }
  const degraded = how.degraded ? { degraded: true } : {};
  if (how.end === "continued")
    return { kind: "job.completed", result: { json: null }, ...degraded, continuedAs: how.as.head.jobId };
  const { payloads, settings } = services;
  const result = await patiently(services, () => store(payloads, job, how.result, settings));
  return { kind: "job.completed", result, ...degraded };
}

/** What the conversation is given. A result that its own job type cannot read as an answer is a failure of the job. */
function answer({ inConversation }: JobRecord, jobType: AnyJobType | undefined, result: Json): Outcome {
  if (!inConversation || !jobType?.reply) return { end: "completed" };
  try {
    const { content, data, title } = jobType.reply(result);
    return {
      end: "completed",
      reply: { content, data: data as JsonObject },
      ...(title && inConversation.message === 1 ? { title } : {}),
    };
  } catch (error) {
    return { end: "failed", failure: failureOf(error) };
  }
}
