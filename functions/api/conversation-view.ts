import type { ConversationRecord, Message } from "../../core/conversations/conversation.ts";
import { failureView, iso } from "../../core/protocol/wire.ts";

export function conversationSummary(record: ConversationRecord) {
  return {
    id: record.id,
    title: record.title,
    created_at: iso(record.createdAt),
    updated_at: iso(record.updatedAt),
    message_count: record.messageCount,
    processing_state: record.processingState,
  };
}

export function conversationView(record: ConversationRecord, messages: Message[]) {
  return {
    ...conversationSummary(record),
    active_job_id: record.activeJobId ?? null,
    waiting_job_ids: record.waitingJobIds,
    background_job_ids: record.backgroundJobIds ?? [],
    failed_job_id: record.failedJobId ?? null,
    error: failureView(record.failure),
    messages: messages.map((message) => ({
      // A result's own fields never hide the message's.
      ...message.data,
      number: message.number,
      role: message.role,
      content: message.content,
      job_id: message.jobId,
      answers: message.answers ?? null,
      created_at: iso(message.at),
    })),
  };
}

/**
 * As many messages as an answer can hold.
 * @param keep - which end stays: the last ones for who looks at a conversation, the first ones for who reads on.
 */
export function fitting(messages: Message[], maxBytes: number, keep: "first" | "last"): Message[] {
  const order = keep === "first" ? messages : messages.toReversed();
  let bytes = 0;
  const end = order.findIndex((message) => {
    bytes += Buffer.byteLength(JSON.stringify(message));
    return bytes > maxBytes;
  });
  // One alone always goes out: a message is smaller than an answer may be.
  const kept = end < 0 ? order : order.slice(0, Math.max(1, end));
  return keep === "first" ? kept : kept.toReversed();
}
