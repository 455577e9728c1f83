import { mkdirSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type BucketServer, type CorsRule, guardBuckets, type Request } from "./bucket-guard.ts";
import { account, region } from "./resource-types.ts";

/** A message as it was received: the receipt handle belongs to this delivery alone. */
export type Received = {
  messageId: string;
  receiptHandle: string;
  body: string;
  md5OfBody: string;
  messageAttributes: Record<string, { DataType: string; StringValue?: string; BinaryValue?: string }>;
  /** ApproximateReceiveCount, SentTimestamp and the others that Lambda shows to a function. */
  attributes: Record<string, string>;
};

export interface LocalQueue {
  name: string;
  receive(most: number, visibilitySeconds: number): Received[];
  /** Resolves when there may be something to receive, or after a while. */
  arrival(signal: AbortSignal): Promise<void>;
  delete(receiptHandle: string): void;
  /** Gives a received message back, to be seen again at once. */
  release(receiptHandle: string): void;
  send(body: string): void;
  /** Puts a second delivery of a received message into the queue, as SQS may at any time. */
  duplicate(receiptHandle: string): void;
  counts(): { ready: number; inFlight: number; delayed: number };
  bodies(): string[];
}

export interface QueueEngine {
  port: number;
  /** @throws when the queue does not exist. */
  queue(name: string): LocalQueue;
  /** Creates what is missing and changes what differs; messages stay. */
  provision(queues: Record<string, Record<string, string>>, buckets: Record<string, CorsRule[]>): void;
  stop(): Promise<void>;
}

/**
 * Runs fauxqs, SQS and S3, in this process, with everything on disk.
 *
 * It is put together from its parts rather than by its own start function, for three reasons: that one listens on every
 * interface of the machine; event sources can receive without HTTP and signing in between; and hooks at its server can
 * add what it leaves out, the limit of a delay, the message group and the trace header.
 * @param secretKey - what the functions sign links with.
 */
export async function startQueues(directory: string, secretKey = "local"): Promise<QueueEngine> {
  mkdirSync(directory, { recursive: true });
  const fauxqs = dirname(findPackageJSON("fauxqs", import.meta.url)!);
  const part = (path: string) => import(pathToFileURL(join(fauxqs, "dist", path)).href);
  const [{ buildApp }, { SqsStore }, { SnsStore }, { S3Store }, { PersistenceManager }] = (await Promise.all(
    ["app.js", "sqs/sqsStore.js", "sns/snsStore.js", "s3/s3Store.js", "persistence.js"].map(part),
  )) as [
    { buildApp(options: object): App },
    { SqsStore: (new () => Store) & { createMessage(body: string): Message } },
    { SnsStore: new () => object },
    {
      S3Store: new () => {
        persistence: unknown;
        hasBucket(name: string): boolean;
        createBucket(name: string): void;
      };
    },
    {
      PersistenceManager: new (
        directory: string,
      ) => { db: { exec(sql: string): void }; load(...stores: object[]): void; close(): void };
    },
  ];

  const store = new SqsStore();
  const sns = new SnsStore();
  const s3 = new S3Store();
  const persistence = new PersistenceManager(directory);
  // It writes within this process, three times a message. What the operating system has survives a kill of the runner,
  // and behind the queue there is the sweeper.
  persistence.db.exec("PRAGMA synchronous = OFF");
  // Loading comes first: a store that persists while it loads would replace what it reads.
  persistence.load(store, sns, s3);
  store.persistence = persistence;
  s3.persistence = persistence;
  for (const queue of store.allQueues()) queue.persistence = persistence;

  /** By message id, what fauxqs does not keep. Lost with the process, like nothing that correctness rests on. */
  const extras = new Map<string, Record<string, string>>();
  const app = buildApp({ logger: false, stores: { sqsStore: store, snsStore: sns, s3Store: s3 } });
  const corsRules = guardBuckets(app, secretKey);
  app.addHook("preHandler", (request, reply, done) => {
    const late = sendEntries(request).find(({ DelaySeconds = 0 }) => DelaySeconds > 900);
    if (!late) return done();
    reply.code(400).send({
      __type: "com.amazonaws.sqs#InvalidParameterValue",
      message: `Value ${late.DelaySeconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.`,
    });
  });
  app.addHook("preSerialization", (request, _reply, payload, done) => {
    const trace = request.headers["x-amzn-trace-id"];
    for (const entry of sendEntries(request)) {
      const sent =
        payload.Successful?.find(({ Id }) => Id === entry.Id)?.MessageId ?? payload.MessageId ?? undefined;
      const group = entry.MessageGroupId;
      if (sent && (trace || group)) {
        extras.set(sent, {
          ...(trace ? { AWSTraceHeader: trace } : {}),
          ...(group ? { MessageGroupId: group } : {}),
        });
      }
    }
    done(null, payload);
  });
  await app.listen({ port: 0, host: "127.0.0.1" });

  const find = (name: string): Queue => {
    const queue = store.getQueueByName(name);
    if (!queue) throw new Error(`There is no queue ${name}`);
    return queue;
  };
  const deadLetters = (arn: string) => store.getQueueByArn(arn);

  return {
    port: (app.server.address() as { port: number }).port,
    queue(name) {
      const queue = find(name);
      return {
        name,
        receive: (most, visibilitySeconds) =>
          queue.dequeue(most, visibilitySeconds, deadLetters).map((received) => {
            const { message } = queue.inflightMessages.get(received.ReceiptHandle)!;
            return {
              messageId: message.messageId,
              receiptHandle: received.ReceiptHandle,
              body: message.body,
              md5OfBody: message.md5OfBody,
              messageAttributes: message.messageAttributes,
              attributes: {
                ApproximateReceiveCount: String(message.approximateReceiveCount),
                ApproximateFirstReceiveTimestamp: String(message.approximateFirstReceiveTimestamp),
                SenderId: account,
                SentTimestamp: String(message.sentTimestamp),
                ...extras.get(message.messageId),
              },
            };
          }),
        arrival: (signal) => arrival(queue, signal),
        delete(receiptHandle) {
          const message = queue.inflightMessages.get(receiptHandle)?.message;
          queue.deleteMessage(receiptHandle);
          if (message) extras.delete(message.messageId);
        },
        release: (receiptHandle) => queue.changeVisibility(receiptHandle, 0),
        send: (body) => queue.enqueue(SqsStore.createMessage(body)),
        duplicate(receiptHandle) {
          const message = queue.inflightMessages.get(receiptHandle)?.message;
          // In memory only: on disk there is one message, and the copy must not outlive it.
          if (message) queue.messages.push({ ...message });
        },
        counts: () => ({
          ready: queue.messages.length,
          inFlight: queue.inflightMessages.size,
          delayed: queue.delayedMessages.length,
        }),
        bodies: () =>
          [
            ...queue.messages,
            ...queue.delayedMessages,
            ...[...queue.inflightMessages.values()].map(({ message }) => message),
          ].map(({ body }) => body),
      };
    },
    provision(queues, buckets) {
      for (const [name, attributes] of Object.entries(queues)) {
        const existing = store.getQueueByName(name);
        // Creating a queue that exists would replace it, and its messages would be gone.
        if (!existing) {
          const url = `http://127.0.0.1/${account}/${name}`;
          store.createQueue(name, url, `arn:aws:sqs:${region}:${account}:${name}`, attributes);
        } else if (Object.entries(attributes).some(([key, value]) => existing.attributes[key] !== value)) {
          existing.setAttributes(attributes);
        }
      }
      for (const [bucket, rules] of Object.entries(buckets)) {
        if (!s3.hasBucket(bucket)) s3.createBucket(bucket);
        corsRules.set(bucket, rules);
      }
    },
    async stop() {
      await app.close();
      persistence.close();
    },
  };
}

/**
 * The queue's own long poll looks at its timers fifty times a second for as long as somebody waits. This one wakes when
 * a message is put in, or when the next one is due; what is due was either already there when the wait began or comes
 * with a delay of at least a second, so looking twice a second misses nothing.
 */
async function arrival(queue: Queue, signal: AbortSignal): Promise<void> {
  const due = Math.min(
    Date.now() + 500,
    ...[...queue.inflightMessages.values()].map(({ visibilityDeadline }) => visibilityDeadline),
    ...queue.delayedMessages.map(({ delayUntil }) => delayUntil ?? 0),
  );
  await new Promise<void>((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      const at = queue.pollWaiters.findIndex((waiter) => waiter.resolve === wake);
      if (at !== -1) queue.pollWaiters.splice(at, 1);
      // Whoever sent is answered first, and the hooks of that answer have noted the trace by then.
      setImmediate(resolve);
    };
    const timer = setTimeout(wake, Math.max(0, due - Date.now()));
    signal.addEventListener("abort", wake);
    queue.pollWaiters.push({ resolve: wake, timer });
  });
}

function sendEntries(request: Request): SendEntry[] {
  switch (request.headers["x-amz-target"]) {
    case "AmazonSQS.SendMessage":
      return [request.body as SendEntry];
    case "AmazonSQS.SendMessageBatch":
      return (request.body as { Entries?: SendEntry[] }).Entries ?? [];
    default:
      return [];
  }
}

type SendEntry = { Id?: string; DelaySeconds?: number; MessageGroupId?: string };

/** What we use of fauxqs 2.4.1, which has no types for its parts. A test runs into whatever changes. */
interface App extends BucketServer {
  addHook: BucketServer["addHook"] &
    ((
      name: "preSerialization",
      hook: (
        request: Request,
        reply: unknown,
        payload: { MessageId?: string; Successful?: { Id: string; MessageId: string }[] },
        done: (error: null, payload: unknown) => void,
      ) => void,
    ) => void);
  listen(options: { port: number; host: string }): Promise<string>;
  close(): Promise<void>;
  server: { address(): unknown };
}

type Message = {
  messageId: string;
  body: string;
  md5OfBody: string;
  messageAttributes: Received["messageAttributes"];
  sentTimestamp: number;
  approximateReceiveCount: number;
  approximateFirstReceiveTimestamp?: number;
  delayUntil?: number;
};

interface Queue {
  persistence: unknown;
  attributes: Record<string, string>;
  messages: Message[];
  delayedMessages: Message[];
  inflightMessages: Map<string, { message: Message; visibilityDeadline: number }>;
  pollWaiters: { resolve: () => void; timer: NodeJS.Timeout }[];
  enqueue(message: Message): void;
  dequeue(
    most: number,
    visibilitySeconds: number,
    deadLetters: (arn: string) => Queue | undefined,
  ): { ReceiptHandle: string }[];
  deleteMessage(receiptHandle: string): boolean;
  changeVisibility(receiptHandle: string, seconds: number): void;
  setAttributes(attributes: Record<string, string>): void;
}

interface Store {
  persistence: unknown;
  allQueues(): Iterable<Queue>;
  getQueueByName(name: string): Queue | undefined;
  getQueueByArn(arn: string): Queue | undefined;
  createQueue(name: string, url: string, arn: string, attributes: Record<string, string>): Queue;
}
