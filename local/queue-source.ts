import { setTimeout as sleep } from "node:timers/promises";
import type { Invoked } from "./lambdas.ts";
import { isRunaway, mergeLineages, readLineage } from "./lineage.ts";
import type { Log } from "./log.ts";
import type { SandboxPools } from "./pool.ts";
import type { LocalQueue, Received } from "./queue-engine.ts";
import { region } from "./resource-types.ts";

export type QueueMapping = {
  queue: LocalQueue;
  queueArn: string;
  /** Fractions are possible, for tests that wait for redelivery. */
  visibilitySeconds: number;
  functionId: string;
  functionName: string;
  batchSize: number;
  batchingWindowMs: number;
  /** Invocations at the same time. */
  maxConcurrency: number;
  partialFailures: boolean;
  allowsRecursion: boolean;
  /** Least time between two receives of the same poller; AWS's pollers are not as fast as ours. */
  pollMs: number;
  /** Delivers a message a second time, as SQS may. */
  duplicates: (message: Received) => boolean;
};

export interface EventSource {
  /** Takes nothing more. What is being processed goes on. */
  stop(): void;
  stopped: Promise<void>;
}

/**
 * The event source mapping between a queue and a function: receives, invokes, and deletes what was processed. Everything
 * else comes back when its visibility timeout is over, which is how SQS retries.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export function startQueueSource(
  mapping: QueueMapping,
  lambdas: Pick<SandboxPools, "invoke">,
  log: Log,
): EventSource {
  const { queue } = mapping;
  const stopping = new AbortController();
  const active = new Set<Promise<void>>();

  const poll = async () => {
    while (!stopping.signal.aborted) {
      if (active.size >= mapping.maxConcurrency) {
        await Promise.race(active);
        continue;
      }
      const messages = await receive();
      if (messages.length === 0) continue;
      const work = process(messages)
        .catch((error: unknown) => log.line(`event source of ${queue.name}: ${error}`))
        .finally(() => active.delete(work));
      active.add(work);
      if (mapping.pollMs > 0)
        await sleep(mapping.pollMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
    await Promise.all(active);
  };

  const receive = async (): Promise<Received[]> => {
    const messages: Received[] = [];
    let until = Number.POSITIVE_INFINITY;
    for (;;) {
      const more = queue.receive(
        Math.min(10, mapping.batchSize - messages.length),
        mapping.visibilitySeconds,
      );
      if (messages.length === 0 && more.length > 0) until = Date.now() + mapping.batchingWindowMs;
      messages.push(...more);
      const full = messages.length >= mapping.batchSize;
      if (full || Date.now() >= until || stopping.signal.aborted) return messages;
      if (more.length > 0) continue;
      if (messages.length === 0) {
        await queue.arrival(stopping.signal);
      } else {
        await Promise.race([queue.arrival(stopping.signal), sleep(until - Date.now())]);
      }
    }
  };

  const process = async (messages: Received[]) => {
    for (const message of messages) {
      if (mapping.duplicates(message)) queue.duplicate(message.receiptHandle);
    }
    const lineage = mergeLineages(messages.map(({ attributes }) => readLineage(attributes.AWSTraceHeader)));
    if (!mapping.allowsRecursion && isRunaway(lineage, mapping.functionName)) {
      log.line(`${mapping.functionName} was not invoked: a message of ${queue.name} has gone round 16 times`);
      return;
    }
    const event = { Records: messages.map((message) => lambdaRecord(message, mapping.queueArn)) };
    const about = `${messages.length} message${messages.length === 1 ? "" : "s"}`;
    const until = Date.now() + mapping.visibilitySeconds * 1000;
    let outcome: Invoked;
    // A throttled invocation is tried again for as long as the messages are ours.
    for (let backoffMs = 100; ; backoffMs = Math.min(2 * backoffMs, 5_000)) {
      outcome = await lambdas.invoke(mapping.functionId, event, { lineage, about });
      const throttled = !outcome.ok && outcome.kind === "throttled";
      if (!throttled || stopping.signal.aborted || Date.now() + backoffMs > until) break;
      await sleep(backoffMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
    const failed = failedMessages(outcome, messages, mapping.partialFailures);
    for (const { messageId, receiptHandle } of messages) {
      if (!failed.has(messageId)) queue.delete(receiptHandle);
      // The runner ended the function, so the message need not wait for the next start.
      else if (stopping.signal.aborted) queue.release(receiptHandle);
    }
  };

  return { stop: () => stopping.abort(), stopped: poll() };
}

/** @returns the ids of those that must come back. */
function failedMessages(outcome: Invoked, messages: Received[], partialFailures: boolean): Set<string> {
  const all = new Set(messages.map(({ messageId }) => messageId));
  if (!outcome.ok) return all;
  if (!partialFailures) return new Set();
  const answer = outcome.payload as { batchItemFailures?: { itemIdentifier?: unknown }[] } | null;
  const failures = answer?.batchItemFailures ?? [];
  // A list that cannot be read, or names a stranger, fails the whole batch, as on AWS.
  if (!Array.isArray(failures)) return all;
  const ids = failures.map(({ itemIdentifier }) => itemIdentifier);
  return ids.every((id): id is string => typeof id === "string" && all.has(id)) ? new Set(ids) : all;
}

function lambdaRecord(message: Received, queueArn: string) {
  return {
    messageId: message.messageId,
    receiptHandle: message.receiptHandle,
    body: message.body,
    attributes: message.attributes,
    messageAttributes: Object.fromEntries(
      Object.entries(message.messageAttributes).map(([name, value]) => [
        name,
        {
          stringValue: value.StringValue,
          binaryValue: value.BinaryValue,
          stringListValues: [],
          binaryListValues: [],
          dataType: value.DataType,
        },
      ]),
    ),
    md5OfBody: message.md5OfBody,
    eventSource: "aws:sqs",
    eventSourceARN: queueArn,
    awsRegion: region,
  };
}
