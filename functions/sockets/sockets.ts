import type { Logger } from "../../core/engine/context.ts";
import { currentJob } from "../../core/engine/job-reading.ts";
import { Forbidden, NotFound, ServiceError, Unauthorized } from "../../core/protocol/error.ts";
import { applyEntry, lastSeq, recorded } from "../../core/protocol/event.ts";
import type { JobKey, JobRecord } from "../../core/protocol/job.ts";
import {
  type BatchedMessage,
  type ClientMessage,
  type ServerMessage,
  subprotocol,
  toMessage,
} from "../../core/protocol/message.ts";
import { progressView } from "../../core/protocol/wire.ts";
import type { Services } from "../../core/services.ts";
import { frames } from "../../core/sockets/frames.ts";
import type { Watched } from "../../core/sockets/sockets.ts";
import {
  type Admission,
  type AuthorizerContext,
  type AuthorizerEvent,
  authorize,
  type Headers,
  mayRead,
  subprotocols,
} from "./authorize.ts";
import { clientMessage } from "./client-message.ts";

type SocketEvent = {
  requestContext: {
    routeKey: string;
    connectionId: string;
    requestId: string;
    authorizer?: Partial<AuthorizerContext>;
  };
  headers?: Headers;
  body?: string | null;
};

/** `body` is sent to the client: the routes have a route response. */
type SocketResult = { statusCode: number; headers?: Record<string, string>; body?: string };

export type SocketServices = Pick<
  Services,
  "journal" | "watches" | "sockets" | "settings" | "now" | "random" | "sleep"
>;

/** Entries to a page of a replay: a page is in memory at once. */
const pageEntries = 200;

/** The WebSocket API: who may connect, who watches what, and the replay of what has already happened. */
export function sockets(services: SocketServices, admission: Admission, logger: Pick<Logger, "error">) {
  return async (event: AuthorizerEvent | SocketEvent) => {
    return "methodArn" in event ? authorize(event, admission) : route(event);
  };

  async function route(event: SocketEvent): Promise<SocketResult> {
    const { routeKey, connectionId, authorizer } = event.requestContext;
    if (routeKey === "$connect") {
      // Nothing may be posted from here: the connection is not established before this has returned.
      const known = subprotocols(event.headers).includes(subprotocol);
      return {
        statusCode: 200,
        ...(known ? { headers: { "Sec-WebSocket-Protocol": subprotocol } } : {}),
      };
    }
    if (routeKey === "$disconnect") {
      if (authorizer?.tenant) await services.watches.removeAll(authorizer.tenant, connectionId);
      return { statusCode: 200 };
    }
    const reply = new Reply(services, connectionId);
    let jobId: string | undefined;
    try {
      const viewer = viewing(event, services.now());
      const message = clientMessage(event.body);
      jobId = "job_id" in message ? message.job_id : undefined;
      await answer(message, viewer, reply);
    } catch (error) {
      const { code, message } =
        error instanceof ServiceError ? error : new ServiceError("Something went wrong");
      if (!(error instanceof ServiceError)) {
        logger.error("A message could not be answered", {
          error,
          connectionId,
          requestId: event.requestContext.requestId,
        });
      }
      await reply.send({ type: "error", code, message, ...(jobId === undefined ? {} : { job_id: jobId }) });
    }
    return { statusCode: 200, ...reply.last() };
  }

  async function answer(message: ClientMessage, viewer: Viewer, reply: Reply): Promise<void> {
    const { tenant, connectionId } = viewer;
    switch (message.type) {
      case "watch":
        return "scope" in message ? watchMine(message, viewer, reply) : watchJob(message, viewer, reply);
      case "unwatch":
        return services.watches.remove(tenant, unwatched(message), connectionId);
      case "ping": {
        if (message.job_id === undefined) return reply.send({ type: "pong" });
        const job = await currentJob(services, { tenant, jobId: message.job_id });
        if (!job) throw new NotFound(`No job ${message.job_id}`);
        return reply.send({ type: "pong", job_id: message.job_id, head: job.seq });
      }
      default:
        return message satisfies never;
    }
  }

  /**
   * First the watch, then the reading: an event that is committed after the watch finds it, one that was committed
   * before is in the reading. So nothing falls between, whatever comes twice.
   */
  async function watchJob(
    message: Extract<ClientMessage, { type: "watch"; job_id: string }>,
    viewer: Viewer,
    reply: Reply,
  ): Promise<void> {
    const job: JobKey = { tenant: viewer.tenant, jobId: message.job_id };
    const { after = 0, deltas = false, batch = false } = message;
    await addWatch({ jobId: job.jobId }, viewer, { deltas, batch });

    let page = await services.journal.read(job, after, pageEntries);
    const stored = page.head ?? (await services.journal.head(job));
    if (!stored) {
      await services.watches.remove(viewer.tenant, { jobId: job.jobId }, viewer.connectionId);
      throw new NotFound(`No job ${job.jobId}`);
    }
    const head = page.entries
      .filter((entry) => entry.seq > stored.seq)
      .reduce(applyEntry, stored) as JobRecord;
    let messages: BatchedMessage[] = [
      {
        type: "watching",
        job_id: job.jobId,
        head: head.seq,
        status: head.status,
        progress: progressView(head),
      },
    ];
    for (;;) {
      const events = page.entries.flatMap(recorded).filter((event) => event.seq > after);
      messages.push(...events.map((event) => toMessage(job.jobId, event)));
      for (const frame of frames(messages, { batch, limit: services.settings.frameBytes })) {
        await reply.sendFrame(frame);
      }
      messages = [];
      const last = page.entries.at(-1);
      if (!page.more || !last || reply.broken) return;
      page = await services.journal.read(job, lastSeq(last), pageEntries);
    }
  }

  async function watchMine(
    message: Extract<ClientMessage, { type: "watch"; scope: "mine" }>,
    viewer: Viewer,
    reply: Reply,
  ): Promise<void> {
    await addWatch("mine", viewer, { deltas: false, batch: message.batch ?? false });
    await reply.send({ type: "watching", scope: "mine" });
  }

  async function addWatch(
    what: { jobId: string } | "mine",
    viewer: Viewer,
    wishes: { deltas: boolean; batch: boolean },
  ): Promise<void> {
    const { tenant, connectionId, authorisedUntil } = viewer;
    const added = await services.watches.add(tenant, what, {
      connectionId,
      at: services.now(),
      authorisedUntil,
      ...wishes,
    });
    if (!added)
      throw new TooManyWatches(`A connection may watch ${services.settings.maxWatchesPerConnection} jobs`);
  }

  function viewing(event: SocketEvent, now: number): Viewer {
    const { connectionId, authorizer } = event.requestContext;
    if (!authorizer?.tenant) throw new Unauthorized("The connection has no principal");
    // The authorizer was asked once, at the start of a connection that may last two hours.
    const expiresAt = authorizer.expiresAt ? Number(authorizer.expiresAt) : undefined;
    if (expiresAt !== undefined && expiresAt <= now) throw new Unauthorized("The right to watch has ended");
    if (!mayRead((authorizer.scopes ?? "").split(" "))) throw new Forbidden("The scope jobs:read is missing");
    const longest = now + services.settings.watchKeptSeconds * 1000;
    return {
      tenant: authorizer.tenant,
      connectionId,
      authorisedUntil: Math.min(expiresAt ?? longest, longest),
    };
  }
}

function unwatched(message: Extract<ClientMessage, { type: "unwatch" }>): Watched | Watched[] {
  if ("scope" in message) return "mine";
  if ("job_ids" in message) return [...new Set(message.job_ids)].map((jobId) => ({ jobId }));
  return { jobId: message.job_id };
}

type Viewer = { tenant: string; connectionId: string; authorisedUntil: number };

class TooManyWatches extends ServiceError {
  override readonly code = "too_many_watches";
}

/**
 * The frames of one answer, in order. The last one is held back and becomes the function's return value: one request
 * less, and none at all for the many answers that are a single frame.
 */
class Reply {
  /** Posting has failed: whatever would follow is in vain, and the client will ask again for what it misses. */
  broken = false;
  #held: string | undefined;
  readonly #services: SocketServices;
  readonly #connectionId: string;

  constructor(services: SocketServices, connectionId: string) {
    this.#services = services;
    this.#connectionId = connectionId;
  }

  send(message: ServerMessage): Promise<void> {
    return this.sendFrame(JSON.stringify(message));
  }

  async sendFrame(frame: string): Promise<void> {
    if (this.broken) return;
    if (this.#held !== undefined) this.broken = !(await this.#post(this.#held));
    this.#held = this.broken ? undefined : frame;
  }

  last(): { body: string } | Record<string, never> {
    return this.#held === undefined ? {} : { body: this.#held };
  }

  async #post(frame: string): Promise<boolean> {
    const { sockets, sleep, random } = this.#services;
    const outcome = await sockets.post(this.#connectionId, frame);
    if (outcome !== "busy") return outcome === "sent";
    await sleep(100 + 200 * random());
    return (await sockets.post(this.#connectionId, frame)) === "sent";
  }
}
