import ReconnectingWebSocket from "partysocket/ws";
import { type ClientMessage, subprotocol, ticketPrefix } from "../core/protocol/message.ts";
import { readFrame, type SingleMessage } from "./checked.ts";
import { ConvokeError, isFinal } from "./error.ts";
import { pause } from "./pause.ts";
import type { Times } from "./times.ts";

export type Ticket = { ticket: string; url: string };

/** What a watch wants to know of the socket. */
export type Listener = {
  /** Without it all of one's own are watched. */
  jobId?: string;
  deltas?: boolean;
  opened(): void;
  closed(): void;
  received(message: SingleMessage): void;
  /** No socket can be had any more: the key is not accepted. */
  failed(error: unknown): void;
};

const mostLeft = 20;

/**
 * The one WebSocket of a client, shared by all its watches, and opened again whenever it is lost. It promises
 * nothing about messages: what is lost with a connection, the watches notice and ask for.
 */
export class LiveSocket {
  #socket: ReconnectingWebSocket | undefined;
  #open = false;
  #ticket: Promise<Ticket> | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #probe: ReturnType<typeof setInterval> | undefined;
  #heardSinceProbe = true;
  /** Runs as long as the connection is fresh: told by a timer, because clocks are set. */
  #freshness: ReturnType<typeof setTimeout> | undefined;
  readonly #reconnect = () => {
    if (this.#socket && !this.#open) this.#socket.reconnect();
  };
  /** Jobs that are not watched any more, of which the service has not been told. */
  #left: string[] = [];
  readonly #listeners = new Set<Listener>();
  readonly #getTicket: () => Promise<Ticket>;
  readonly #WebSocket: typeof WebSocket | undefined;
  readonly #times: Times;

  constructor(getTicket: () => Promise<Ticket>, times: Times, webSocket?: typeof WebSocket) {
    this.#getTicket = getTicket;
    this.#times = times;
    this.#WebSocket = webSocket;
  }

  get open(): boolean {
    return this.#open;
  }

  /** Opens the socket ahead of the first watch, which then need not wait for it. */
  connect(): void {
    if (this.#listeners.size === 0) this.#closeWhenIdle();
    else clearTimeout(this.#idle);
    if (this.#socket) return;
    const { retryMs, longestRetryMs, connectMs } = this.#times;
    const socket = new ReconnectingWebSocket(
      async () => {
        // Spread, so that the clients of a service that comes back do not all come at once.
        if (socket.retryCount > 0) await pause(Math.random() * retryMs);
        this.#ticket = this.#getTicket();
        try {
          return (await this.#ticket).url;
        } catch (error) {
          if (!(error instanceof ConvokeError) || !isFinal(error)) throw error;
          if (this.#socket === socket) this.#fail(error);
          throw error;
        }
      },
      // Asked right after the address, for the same try.
      async () => [subprotocol, `${ticketPrefix}${(await this.#ticket)?.ticket}`],
      {
        ...(this.#WebSocket ? { WebSocket: this.#WebSocket } : {}),
        minReconnectionDelay: retryMs / 2,
        maxReconnectionDelay: longestRetryMs,
        reconnectionDelayGrowFactor: 2,
        connectionTimeout: connectMs,
      },
    );
    this.#socket = socket;
    // A browser knows when there is a network again.
    globalThis.addEventListener?.("online", this.#reconnect);
    socket.onopen = () => this.#opened(socket);
    socket.onclose = () => this.#closed(socket);
    socket.onmessage = ({ data }) => this.#received(data);
  }

  /** Asks for status and progress of all of one's own jobs, from now on. */
  watchMine(): void {
    this.#send({ type: "watch", scope: "mine", batch: true });
  }

  /** Asks for everything after `after`. Says nothing when the socket is not open: it will be asked again when it is. */
  watch(jobId: string, after: number): void {
    // One watch per job and connection, shared by all who listen here.
    const deltas = this.#listenersOf(jobId).some((listener) => listener.deltas);
    this.#left = this.#left.filter((left) => left !== jobId);
    this.#send({ type: "watch", job_id: jobId, after, deltas, batch: true });
  }

  join(listener: Listener): void {
    this.#listeners.add(listener);
    this.connect();
  }

  /** @param ended - nothing will be pushed any more, so that nobody needs to be told at once. */
  leave(listener: Listener, ended: boolean): void {
    if (!this.#listeners.delete(listener)) return;
    const { jobId } = listener;
    if (this.#listenersOf(jobId).length === 0) {
      if (jobId === undefined) this.#send({ type: "unwatch", scope: "mine" });
      else this.#left.push(jobId);
    }
    // The end of a connection ends its watches without further ado, so it often comes first. But they are counted.
    if (this.#left.length > 0 && (!ended || this.#left.length >= mostLeft)) {
      this.#send({ type: "unwatch", job_ids: this.#left.splice(0) });
    }
    if (this.#listeners.size === 0 && this.#socket) this.#closeWhenIdle();
  }

  close(): void {
    for (const timer of [this.#renewal, this.#idle, this.#probe, this.#freshness]) clearTimeout(timer);
    globalThis.removeEventListener?.("online", this.#reconnect);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#setClosed();
  }

  #closeWhenIdle(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.close(), this.#times.idleMs);
  }

  #listenersOf(jobId: string | undefined): Listener[] {
    return [...this.#listeners].filter((listener) => listener.jobId === jobId);
  }

  /** What cannot go out is not kept: after a reconnect other things are to be said. */
  #send(message: ClientMessage): void {
    if (this.#open) this.#socket?.send(JSON.stringify(message));
  }

  #fail(error: ConvokeError): void {
    this.close();
    for (const listener of [...this.#listeners]) listener.failed(error);
  }

  #opened(socket: ReconnectingWebSocket): void {
    this.#open = true;
    this.#heardSinceProbe = true;
    const { renewMs, probeMs, gapMs } = this.#times;
    clearTimeout(this.#freshness);
    this.#freshness = setTimeout(() => {
      this.#freshness = undefined;
    }, gapMs);
    clearTimeout(this.#renewal);
    this.#renewal = setTimeout(() => socket.reconnect(), renewMs * (1 + Math.random() / 12));
    clearInterval(this.#probe);
    this.#probe = setInterval(() => this.#probeJobs(socket), probeMs);
    for (const listener of [...this.#listeners]) listener.opened();
  }

  #closed(socket: ReconnectingWebSocket): void {
    if (this.#socket === socket) this.#setClosed();
  }

  #setClosed(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#left = [];
    clearTimeout(this.#renewal);
    clearInterval(this.#probe);
    for (const listener of [...this.#listeners]) listener.closed();
  }

  #received(data: unknown): void {
    this.#heardSinceProbe = true;
    for (const message of readFrame(data)) {
      const jobId = "job_id" in message ? message.job_id : undefined;
      for (const listener of [...this.#listeners]) {
        if (listener.jobId === undefined || listener.jobId === jobId) listener.received(message);
      }
      if (message.type === "error" && message.code === "unauthorized") this.#unauthorised(message.message);
    }
  }

  /** The right to watch has ended while the connection was open. With a new ticket there may be a new one. */
  #unauthorised(message: string): void {
    if (this.#freshness !== undefined) this.#fail(new ConvokeError("unauthorized", message));
    else this.#socket?.reconnect();
  }

  /** A connection may be dead for long without being closed: the silence after a question tells. */
  #probeJobs(socket: ReconnectingWebSocket): void {
    if (!this.#heardSinceProbe) {
      socket.reconnect();
      return;
    }
    this.#heardSinceProbe = false;
    const jobs = new Set([...this.#listeners].flatMap(({ jobId }) => jobId ?? []));
    if (jobs.size === 0) this.#send({ type: "ping" });
    for (const jobId of jobs) this.#send({ type: "ping", job_id: jobId });
  }
}
