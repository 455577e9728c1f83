import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";
import type { Logger } from "../../core/engine/context.ts";
import { fromStream } from "../../core/journal/items.ts";
import type { Delta } from "../../core/journal/journal.ts";
import { type Entry, recorded } from "../../core/protocol/event.ts";
import type { JobKey } from "../../core/protocol/job.ts";
import type { JobMessage, LiveMessage } from "../../core/protocol/message.ts";
import { toMessage } from "../../core/protocol/message.ts";
import type { Services } from "../../core/services.ts";
import { frames } from "../../core/sockets/frames.ts";
import type { Watch, Watched } from "../../core/sockets/sockets.ts";

export type ProgressServices = Pick<
  Services,
  "watches" | "sockets" | "settings" | "now" | "random" | "sleep"
>;

type Log = Pick<Logger, "warn" | "error">;

/** What one batch of the stream tells of one job. */
type News = { job: JobKey; entries: Map<number, Entry>; deltas: Delta[]; sequenceNumber: string };

/** What one connection is to be sent, and the watches that ask for it. */
type Outbox = {
  tenant: string;
  watch: Watch;
  watching: Watched[];
  messages: LiveMessage[];
};

const parallelConnections = 50;
/** Slow connections must not hold up the stream of everybody else: what is left then, their clients ask for. */
const batchMs = 8_000;
/** A connection answers 410 also before it is established. */
const establishedMs = 10_000;
/** How long it may take until a new watch on all of one's jobs is noticed. It has no replay, so it has no gap either. */
const tenantWatchesKeptMs = 1_000;

/**
 * Pushes what was committed to those who watch. A push is a hint and the journal is the truth: everything that goes
 * wrong with a connection is left to its client, which notices what it misses and asks again. Only when the table
 * cannot tell who watches is the batch given back to the stream.
 */
export function progress(services: ProgressServices, logger: Log) {
  const { watches, sockets, settings, now, random, sleep } = services;
  const ofTenant = rememberTenantWatches(services);

  return async (event: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> => {
    const deadline = now() + batchMs;
    const news = newsByJob(event.Records, logger);
    const outboxes = new Map<string, Outbox>();
    const unread: string[] = [];
    await Promise.all(
      news.map(async (one) => {
        try {
          address(outboxes, one, await watches.ofJob(one.job), await ofTenant(one.job.tenant));
        } catch (error) {
          logger.error("The watches of a job could not be read", { error, jobId: one.job.jobId });
          unread.push(one.sequenceNumber);
        }
      }),
    );
    await inParallel([...outboxes.values()], parallelConnections, (outbox) => deliver(outbox, deadline));
    // The stream goes back to the lowest of these.
    return { batchItemFailures: unread.map((itemIdentifier) => ({ itemIdentifier })) };
  };

  async function deliver(outbox: Outbox, deadline: number): Promise<void> {
    const { tenant, watch, watching, messages } = outbox;
    const { connectionId } = watch;
    const unwatch = () => watches.remove(tenant, watching, connectionId);
    try {
      if (watch.authorisedUntil <= now()) {
        await unwatch();
        await sockets.close(connectionId);
        return;
      }
      for (const frame of frames(messages, { batch: watch.batch, limit: settings.frameBytes })) {
        if (now() >= deadline)
          return logger.warn("Frames were dropped at the end of the time for a batch", { connectionId });
        const outcome = await post(connectionId, frame);
        if (outcome === "gone" && now() - watch.at > establishedMs) await unwatch();
        if (outcome !== "sent") return;
      }
    } catch (error) {
      logger.warn("A connection could not be served", { error, connectionId });
    }
  }

  async function post(connectionId: string, frame: string) {
    const outcome = await sockets.post(connectionId, frame);
    if (outcome !== "busy") return outcome;
    await sleep(50 + 200 * random());
    return sockets.post(connectionId, frame);
  }
}

/** A record that cannot be read would come back for ever, so it is named in the log and passed over. */
function newsByJob(records: DynamoDBRecord[], logger: Log): News[] {
  const byJob = new Map<string, News>();
  for (const record of records) {
    const sequenceNumber = record.dynamodb?.SequenceNumber ?? "";
    try {
      const change = fromStream(record.dynamodb?.NewImage);
      if (!change) continue;
      const { tenant, jobId } = "entry" in change ? change.entry : change.job;
      const key = `${tenant} ${jobId}`;
      let news = byJob.get(key);
      if (!news) {
        news = { job: { tenant, jobId }, entries: new Map(), deltas: [], sequenceNumber };
        byJob.set(key, news);
      }
      if ("entry" in change) news.entries.set(change.entry.seq, change.entry);
      else news.deltas.push(...change.deltas);
    } catch (error) {
      logger.error("A record of the stream is unreadable", {
        error,
        sequenceNumber,
        keys: record.dynamodb?.Keys,
      });
    }
  }
  return [...byJob.values()];
}

function address(outboxes: Map<string, Outbox>, news: News, ofJob: Watch[], ofTenant: Watch[]): void {
  const { tenant, jobId } = news.job;
  const add = (watch: Watch, what: Watched, messages: LiveMessage[]) => {
    if (messages.length === 0) return;
    const outbox = outboxes.get(watch.connectionId);
    if (!outbox)
      outboxes.set(watch.connectionId, { tenant, watch, watching: [what], messages: [...messages] });
    else {
      outbox.watching.push(what);
      outbox.messages.push(...messages);
    }
  };
  if (ofJob.length === 0 && ofTenant.length === 0) return;

  // The stream keeps the order of one item only, and an entry is an item.
  const events = [...news.entries.values()]
    .sort((a, b) => a.seq - b.seq)
    .flatMap(recorded)
    .map((event) => toMessage(jobId, event));
  const deltas = news.deltas.map((delta) => ({ type: "delta" as const, job_id: jobId, ...delta }));
  for (const watch of ofJob) add(watch, { jobId }, watch.deltas ? [...deltas, ...events] : events);

  const closer = new Set(ofJob.map((watch) => watch.connectionId));
  const outlines = events.flatMap(outline);
  for (const watch of ofTenant) if (!closer.has(watch.connectionId)) add(watch, "mine", outlines);
}

/** What a list of jobs shows: status and progress, without inputs and results. */
function outline(message: JobMessage): JobMessage[] {
  if (message.type === "event") return [];
  const { seq, at, kind, type, title } = message.event;
  const named = message.event.kind === "job.submitted" ? { type, title } : {};
  const event = { seq, at, kind, ...named } as JobMessage["event"];
  if (message.type === "progress") return [{ ...message, event }];
  const { result_data: _result, ...rest } = message;
  return [{ ...rest, event }];
}

/** Hardly anybody watches all of their jobs, and asking the table each time would double what a batch costs. */
function rememberTenantWatches({ watches, now }: ProgressServices) {
  const remembered = new Map<string, { at: number; watches: Promise<Watch[]> }>();
  return (tenant: string): Promise<Watch[]> => {
    const known = remembered.get(tenant);
    if (known && now() - known.at < tenantWatchesKeptMs) return known.watches;
    for (const [other, { at }] of remembered) {
      if (now() - at >= tenantWatchesKeptMs) remembered.delete(other);
    }
    const reading = watches.ofTenant(tenant);
    remembered.set(tenant, { at: now(), watches: reading });
    reading.catch(() => remembered.delete(tenant));
    return reading;
  };
}

async function inParallel<T>(items: T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  await Promise.all(
    Array.from({ length: Math.min(limit, items.length) }, async () => {
      for (const item of waiting) await work(item);
    }),
  );
}
