import type { Failure } from "../protocol/job.ts";
import type { JsonObject, Millis } from "../protocol/json.ts";

export type ProcessingState = "idle" | "active" | "error";

/** One line of a conversation. An assistant's `content` is the text to show; `data` is the whole result of its job. */
export type Message = {
  /** From 1, in the order of the conversation. */
  number: number;
  role: "user" | "assistant";
  content: string;
  data?: JsonObject;
  jobId: string;
  /** The user's message that it answers. Absent in messages of older deployments. */
  answers?: number;
  at: Millis;
};

/** What a second message does while a job is still at work. */
export type OnBusy = "enqueue" | "reject" | "interrupt";

export type ConversationRecord = {
  tenant: string;
  id: string;
  title: string;
  createdAt: Millis;
  updatedAt: Millis;
  processingState: ProcessingState;
  /** The job at work, and those that wait for their turn behind it. */
  activeJobId?: string;
  waitingJobIds: string[];
  /** Jobs that it does not wait for, and that will still say something in it. */
  backgroundJobIds?: string[];
  /** Set while `processingState` is `error`. */
  failedJobId?: string;
  failure?: Failure;
  messageCount: number;
  /** Counts changes, so that two writers notice each other. */
  version: number;
};

/** A change of a conversation, written in one transaction with a journal entry, if `record.version - 1` is what is stored. */
export type ConversationWrite = { record: ConversationRecord; messages: Message[] };

/** Reads, and the creation of an empty conversation. Every other change rides on a journal entry (`ConversationWrite`). */
export interface Conversations {
  create(record: ConversationRecord): Promise<void>;
  get(tenant: string, id: string): Promise<ConversationRecord | undefined>;
  /** Newest first. `cursor` is opaque. */
  list(
    tenant: string,
    options: { limit: number; cursor?: string },
  ): Promise<{ conversations: ConversationRecord[]; cursor?: string }>;
  /** In order, after message number `after`. */
  messages(tenant: string, id: string, options?: { after?: number; limit?: number }): Promise<Message[]>;
}

export function newConversation(tenant: string, id: string, at: Millis): ConversationRecord {
  return {
    tenant,
    id,
    title: "New Conversation",
    createdAt: at,
    updatedAt: at,
    processingState: "idle",
    waitingJobIds: [],
    messageCount: 0,
    version: 1,
  };
}

/**
 * A user's message and the job that answers it. The job is at work at once, or waits for its turn.
 * @param turn - where it waits: behind all others, or before them.
 */
export function addMessage(
  conversation: ConversationRecord,
  message: { content: string; jobId: string; at: Millis },
  turn: "last" | "next" = "last",
): ConversationWrite {
  const { failedJobId: _failedJobId, failure: _failure, ...rest } = conversation;
  const busy = conversation.activeJobId !== undefined;
  const number = conversation.messageCount + 1;
  const { waitingJobIds } = conversation;
  const queue = turn === "next" ? [message.jobId, ...waitingJobIds] : [...waitingJobIds, message.jobId];
  return {
    record: {
      ...rest,
      updatedAt: message.at,
      processingState: "active",
      activeJobId: busy ? conversation.activeJobId : message.jobId,
      waitingJobIds: busy ? queue : waitingJobIds,
      messageCount: number,
      version: conversation.version + 1,
    },
    messages: [{ number, role: "user", content: message.content, jobId: message.jobId, at: message.at }],
  };
}

/**
 * A user's message, what it is told at once, and the job that answers it when it has done. The conversation is as free
 * for the next message as it was before.
 */
export function addBackground(
  conversation: ConversationRecord,
  message: { content: string; jobId: string; at: Millis },
  acknowledgement: string,
): ConversationWrite {
  const { failedJobId: _failedJobId, failure: _failure, ...rest } = conversation;
  const { jobId, at } = message;
  const number = conversation.messageCount + 1;
  const { activeJobId, backgroundJobIds = [], version } = conversation;
  return {
    record: {
      ...rest,
      updatedAt: at,
      processingState: activeJobId ? "active" : "idle",
      backgroundJobIds: [...backgroundJobIds, jobId],
      messageCount: number + 1,
      version: version + 1,
    },
    messages: [
      { number, role: "user", ...message },
      started(number + 1, { jobId, answers: number, at }, acknowledgement),
    ],
  };
}

function started(
  number: number,
  { jobId, answers, at }: { jobId: string; answers: number; at: Millis },
  content: string,
): Message {
  return { number, role: "assistant", content, data: { job_status: "started" }, jobId, answers, at };
}

/** The job at work hands its message over to one in the background: it has its say, and the next one its turn. */
export function handToBackground(
  conversation: ConversationRecord,
  { jobId, message }: { jobId: string; message: number },
  next: { jobId: string; acknowledgement: string },
  at: Millis,
): { write: ConversationWrite; next?: string } {
  const ended = endJob(conversation, { jobId, message }, { end: "completed" }, at);
  const { record } = ended.write;
  record.messageCount += 1;
  record.backgroundJobIds = [...(record.backgroundJobIds ?? []), next.jobId];
  const said = { jobId: next.jobId, answers: message, at };
  return {
    ...ended,
    write: { record, messages: [started(record.messageCount, said, next.acknowledgement)] },
  };
}

/** A job that takes the place of an earlier one, whose answer its conversation did not get: `error` is over. */
export function retakeMessage(
  conversation: ConversationRecord,
  { jobId, at }: { jobId: string; at: Millis },
): ConversationWrite {
  const { failedJobId: _failedJobId, failure: _failure, ...rest } = conversation;
  return {
    record: {
      ...rest,
      updatedAt: at,
      processingState: "active",
      activeJobId: jobId,
      version: conversation.version + 1,
    },
    messages: [],
  };
}

/** The same in the background. */
export function retakeInBackground(
  conversation: ConversationRecord,
  { jobId, at }: { jobId: string; at: Millis },
): ConversationWrite {
  const { backgroundJobIds = [], version } = conversation;
  const record = { ...conversation, updatedAt: at, backgroundJobIds: [...backgroundJobIds, jobId] };
  return { record: { ...record, version: version + 1 }, messages: [] };
}

/** Another job carries on at the place of this one. */
export function continueJob(
  conversation: ConversationRecord,
  jobId: string,
  nextJobId: string,
  at: Millis,
): ConversationWrite {
  const { activeJobId, backgroundJobIds, version } = conversation;
  const active = activeJobId === jobId ? { activeJobId: nextJobId } : {};
  const background = backgroundJobIds?.includes(jobId)
    ? { backgroundJobIds: backgroundJobIds.map((id) => (id === jobId ? nextJobId : id)) }
    : {};
  const record = { ...conversation, ...active, ...background, updatedAt: at, version: version + 1 };
  return { record, messages: [] };
}

/** How a job ended, as its conversation sees it. */
export type Outcome =
  | { end: "completed"; reply?: { content: string; data: JsonObject }; title?: string }
  | { end: "failed"; failure: Failure }
  | { end: "cancelled" };

/**
 * The change that belongs to the end of a job: the answer, and the next job's turn. `idle` and the message arrive
 * together or not at all.
 * @param job - `message` is the one that it answers. Of one in the background the conversation is told in any case: it
 * was told of its begin.
 * @returns the change and the job whose turn it is now, if there is one.
 */
export function endJob(
  conversation: ConversationRecord,
  { jobId, message: answers, background }: { jobId: string; message: number; background?: true },
  outcome: Outcome,
  at: Millis,
): { write: ConversationWrite; next?: string } {
  if (background) return endInBackground(conversation, { jobId, answers }, outcome, at);
  const wasActive = conversation.activeJobId === jobId;
  const waiting = conversation.waitingJobIds.filter((id) => id !== jobId);
  const next = wasActive ? waiting[0] : undefined;
  const { activeJobId, failedJobId: _failedJobId, failure: _failure, ...rest } = conversation;
  const active = wasActive ? next : activeJobId;
  const record: ConversationRecord = {
    ...rest,
    updatedAt: at,
    processingState: active ? "active" : outcome.end === "failed" ? "error" : "idle",
    ...(active ? { activeJobId: active } : {}),
    waitingJobIds: next ? waiting.slice(1) : waiting,
    ...(outcome.end === "failed" && !active ? { failedJobId: jobId, failure: outcome.failure } : {}),
    version: conversation.version + 1,
  };
  const messages: Message[] = [];
  if (outcome.end === "completed") {
    if (outcome.title) record.title = outcome.title;
    if (outcome.reply) {
      record.messageCount += 1;
      messages.push({ number: record.messageCount, role: "assistant", ...outcome.reply, jobId, answers, at });
    }
  }
  return { write: { record, messages }, ...(next ? { next } : {}) };
}

function endInBackground(
  conversation: ConversationRecord,
  { jobId, answers }: { jobId: string; answers: number },
  outcome: Outcome,
  at: Millis,
): { write: ConversationWrite } {
  const { backgroundJobIds = [], messageCount, version, title } = conversation;
  const number = messageCount + 1;
  const record: ConversationRecord = {
    ...conversation,
    title: (outcome.end === "completed" && outcome.title) || title,
    updatedAt: at,
    backgroundJobIds: backgroundJobIds.filter((id) => id !== jobId),
    messageCount: number,
    version: version + 1,
  };
  return {
    write: { record, messages: [{ number, role: "assistant", ...farewell(outcome), jobId, answers, at }] },
  };
}

/** What is said in the conversation when a job in the background has ended. */
function farewell(outcome: Outcome): { content: string; data: JsonObject } {
  if (outcome.end === "failed") {
    const { code, message } = outcome.failure;
    return {
      content: `The job has failed: ${message}`,
      data: { job_status: "failed", error: { code, message } },
    };
  }
  if (outcome.end === "cancelled")
    return { content: "The job was cancelled.", data: { job_status: "cancelled" } };
  const { content, data } = outcome.reply ?? { content: "The job is done.", data: {} };
  return { content, data: { ...data, job_status: "completed" } };
}
