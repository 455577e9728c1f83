import type { BatchedMessage, JobMessage } from "../protocol/message.ts";

const batchStart = '{"type":"batch","messages":[';
const batchEnd = "]}";

/**
 * Messages as frames, in the same order. A frame is billed, so a watcher that understands batches is given as many
 * messages in each as fit.
 * @param limit - bytes of the largest frame: API Gateway closes a connection that is sent more than 32 KB in one.
 */
export function frames(
  messages: BatchedMessage[],
  { batch, limit }: { batch: boolean; limit: number },
): string[] {
  const texts = messages.map((message) => text(message, limit));
  if (!batch) return texts;
  const packed: string[] = [];
  let parts: string[] = [];
  let bytes = 0;
  const pack = () => {
    if (parts.length === 1) packed.push(parts[0] as string);
    else if (parts.length > 1) packed.push(batchStart + parts.join(",") + batchEnd);
  };
  for (const part of texts) {
    const size = Buffer.byteLength(part) + 1;
    if (bytes + size + batchStart.length + batchEnd.length > limit) {
      pack();
      parts = [];
      bytes = 0;
    }
    parts.push(part);
    bytes += size;
  }
  pack();
  return packed;
}

function text(message: BatchedMessage, limit: number): string {
  const whole = JSON.stringify(message);
  // A character takes at most three bytes for each of its UTF-16 units, so most messages need no counting.
  if (whole.length * 3 <= limit || Buffer.byteLength(whole) <= limit) return whole;
  return message.type === "delta" || message.type === "watching"
    ? whole
    : JSON.stringify(byReference(message));
}

/** The same message without what may be large: who gets it fetches the event, which the journal holds, over HTTP. */
function byReference(message: JobMessage): JobMessage {
  const { seq, at, kind, step, attempt } = message.event;
  const event = { seq, at, kind, ...(step === undefined ? {} : { step, attempt: attempt ?? 1 }) };
  const base = {
    job_id: message.job_id,
    seq,
    at,
    event,
    ref: `/api/jobs/${message.job_id}/events?after=${seq - 1}&limit=1`,
  };
  return message.type === "status"
    ? { type: "status", ...base, status: message.status }
    : { type: "event", ...base };
}
