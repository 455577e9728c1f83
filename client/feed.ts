import { isTerminal } from "../core/protocol/job.ts";
import type { JobMessage } from "../core/protocol/message.ts";
import type { EventView } from "../core/protocol/wire.ts";
import { checkedPage, type SingleMessage } from "./checked.ts";
import { ConvokeError } from "./error.ts";
import type { Send } from "./http.ts";
import type { Listener, LiveSocket } from "./live-socket.ts";
import { pause } from "./pause.ts";
import type { Times } from "./times.ts";

/**
 * Text of a model as it arrives: numbered from 0 within step and attempt, outside the journal. Pieces come in order and
 * once, but some may be missing.
 */
export type DeltaView = { kind: "delta"; step: string; attempt: number; index: number; text: string };

/** Both what came too early and what nobody has taken yet is kept up to so many, and asked for again beyond. */
const mostKept = 1_000;
const mostDoublings = 3;

/**
 * Most sockets are soon back, and an answer that the service holds is held, and costs, also when nobody waits for it any
 * more. So the first ones are held for a short time only.
 */
const firstPollWaitMs = 1_000;

/**
 * The events of one job, each once and in order, from wherever they can be had: pushed over the socket, or read over
 * HTTP while there is none. What is pushed may come late, twice, swapped or not at all, so only the next number in
 * order is given out, and whatever stays missing is asked for.
 */
export class Feed implements Listener {
  readonly jobId: string;
  readonly deltas: boolean;
  readonly #after: number;
  #last: number;
  /** The highest number that is known to exist. */
  #head: number;
  readonly #ahead = new Map<number, EventView>();
  readonly #ready: (EventView | DeltaView)[] = [];
  /** The newest piece of each step's text. */
  readonly #told = new Map<string, DeltaView>();
  /** The service has confirmed the watch on this connection. */
  #watching = false;
  #ended = false;
  #failure: { reason: unknown } | undefined;
  #wake: (() => void) | undefined;
  #gap: ReturnType<typeof setTimeout> | undefined;
  /** How often in a row something missing was asked for in vain: a service that is behind must not be asked more. */
  #asks = 0;
  #toPoll: ReturnType<typeof setTimeout> | undefined;
  #polling: AbortController | undefined;
  /** The service does not let this connection watch one more job. */
  #pollsOnly = false;
  readonly #fetching = new Set<number>();
  /** Why the last request brought nothing. */
  #trouble: unknown;
  #silence: ReturnType<typeof setTimeout> | undefined;
  readonly #giveUpMs: number | undefined;
  readonly #closing = new AbortController();
  readonly #socket: LiveSocket;
  readonly #send: Send;
  readonly #times: Times;

  constructor(
    job: { id: string; after: number; deltas: boolean; giveUpMs?: number },
    { socket, send, times }: { socket: LiveSocket; send: Send; times: Times },
  ) {
    this.jobId = job.id;
    this.deltas = job.deltas;
    this.#giveUpMs = job.giveUpMs;
    this.#after = job.after;
    this.#last = job.after;
    this.#head = job.after;
    this.#socket = socket;
    this.#send = send;
    this.#times = times;
    this.#heard();
    socket.join(this);
    if (socket.open) this.opened();
    else this.#pollSoon();
  }

  /** @returns undefined after the event that ends the job. */
  async next(): Promise<EventView | DeltaView | undefined> {
    for (;;) {
      const next = this.#ready.shift();
      if (next) {
        this.#advance();
        return next;
      }
      if (this.#failure) throw this.#failure.reason;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#socket.leave(this, this.#ended);
    this.#closing.abort();
    this.#stopPolling();
    clearTimeout(this.#gap);
    clearTimeout(this.#silence);
  }

  opened(): void {
    this.#watching = false;
    if (this.#pollsOnly) return;
    this.#asks = 0;
    this.#stopPolling();
    this.#ask();
  }

  closed(): void {
    this.#watching = false;
    this.#mindTheGap();
    this.#pollSoon();
  }

  failed(reason: unknown): void {
    this.#failure ??= { reason };
    this.close();
    this.#wake?.();
  }

  received(message: SingleMessage): void {
    if (message.type !== "error") this.#heard();
    switch (message.type) {
      case "progress":
      case "status":
      case "event":
        if (message.ref === undefined) this.#add(eventOf(message));
        else void this.#fetch(message.seq, message.ref);
        break;
      case "delta":
        this.#tell(message);
        break;
      case "watching":
        if ("scope" in message) break;
        this.#watching = true;
        this.#head = message.head;
        // Nothing will be pushed any more. The journal has the last word on that.
        if (isTerminal(message.status) && message.head <= this.#last) void this.#readOnce();
        break;
      case "pong":
        this.#head = Math.max(this.#head, message.head ?? 0);
        break;
      case "error":
        this.#refused(message.code, message.message);
        break;
      default:
        message satisfies never;
    }
    this.#mindTheGap();
  }

  /** Begins to count the silence of the service anew. */
  #heard(): void {
    clearTimeout(this.#silence);
    if (this.#giveUpMs === undefined || this.#closing.signal.aborted) return;
    this.#silence = setTimeout(() => {
      const message = `Nothing was heard of job ${this.jobId} for ${this.#giveUpMs! / 1000} seconds`;
      this.failed(new ConvokeError("unreachable", message, { retryable: true, cause: this.#trouble }));
    }, this.#giveUpMs);
  }

  #refused(code: string, message: string): void {
    if (code === "not_found" || code === "forbidden" || code === "invalid_request") {
      this.failed(new ConvokeError(code, message));
    } else if (code === "too_many_watches") {
      this.#pollsOnly = true;
      this.#poll();
    }
    // Anything else is passing: without an answer the watch is asked for again.
  }

  #add(event: EventView): void {
    const { seq } = event;
    this.#head = Math.max(this.#head, seq);
    if (seq > this.#last && seq <= this.#last + mostKept) this.#ahead.set(seq, event);
    this.#advance();
  }

  #tell({ step, attempt, index, text }: Omit<DeltaView, "kind">): void {
    if (!this.deltas || this.#ready.length >= mostKept) return;
    const told = this.#told.get(step);
    if (told && (attempt < told.attempt || (attempt === told.attempt && index <= told.index))) return;
    const piece: DeltaView = { kind: "delta", step, attempt, index, text };
    this.#told.set(step, piece);
    this.#give(piece);
  }

  /** Gives out what is next in order. */
  #advance(): void {
    const before = this.#last;
    while (this.#ready.length < mostKept) {
      const next = this.#ahead.get(this.#last + 1);
      if (!next) break;
      this.#last += 1;
      this.#ahead.delete(this.#last);
      if (next.kind === "job.completed" || next.kind === "job.failed" || next.kind === "job.cancelled") {
        this.#ended = true;
      }
      this.#give(next);
    }
    if (this.#last > before) {
      this.#asks = 0;
      clearTimeout(this.#gap);
      this.#gap = undefined;
    }
    if (this.#ended) this.close();
    else this.#mindTheGap();
  }

  #give(next: EventView | DeltaView): void {
    this.#ready.push(next);
    this.#wake?.();
  }

  #ask(): void {
    this.#socket.watch(this.jobId, this.#last);
    this.#mindTheGap();
  }

  /** Whatever is missing for too long is asked for again: an event, or the answer to the question itself. */
  #mindTheGap(): void {
    const over = this.#ended || this.#failure || this.#closing.signal.aborted;
    const missing =
      !over && this.#socket.open && !this.#pollsOnly && (!this.#watching || this.#head > this.#last);
    if (!missing) {
      clearTimeout(this.#gap);
      this.#gap = undefined;
    } else {
      this.#gap ??= setTimeout(
        () => {
          this.#gap = undefined;
          // Who does not take what is there needs no more.
          if (this.#ready.length < mostKept) {
            this.#asks += 1;
            // What the socket does not bring when it is asked, the journal has.
            if (this.#asks % 2 === 1) this.#ask();
            else void this.#readOnce();
          } else this.#mindTheGap();
        },
        this.#times.gapMs * 2 ** Math.min(this.#asks, mostDoublings),
      );
    }
  }

  /** What was too large for a frame. */
  async #fetch(seq: number, ref: string): Promise<void> {
    this.#head = Math.max(this.#head, seq);
    if (seq <= this.#last || this.#ahead.has(seq) || this.#fetching.has(seq)) return;
    this.#fetching.add(seq);
    try {
      const { events } = checkedPage(await this.#send("GET", ref, { signal: this.#closing.signal }));
      for (const event of events) this.#add(event);
    } catch (error) {
      this.#unread(error);
    } finally {
      this.#fetching.delete(seq);
      this.#mindTheGap();
    }
  }

  async #readOnce(): Promise<void> {
    try {
      while (await this.#read(0, this.#closing.signal));
    } catch (error) {
      if (!this.#unread(error)) return;
      // Asked again, the service says once more that nothing will come, and there is another try.
      this.#watching = false;
    }
    this.#mindTheGap();
  }

  /** @returns whether it brought something, and there is more. */
  async #read(waitSeconds: number, signal: AbortSignal): Promise<boolean> {
    const before = this.#last;
    const { events, head, done } = checkedPage(
      await this.#send("GET", `/api/jobs/${encodeURIComponent(this.jobId)}/events`, {
        query: { after: before, ...(waitSeconds > 0 ? { wait: waitSeconds } : {}) },
        signal,
        once: true,
      }),
    );
    this.#heard();
    for (const event of events) this.#add(event);
    // Nobody knows better how much there is, but for what is here already.
    this.#head = Math.max(head, this.#last, ...this.#ahead.keys());
    if (done && head <= this.#last && !this.#ended) {
      if (head < this.#last && this.#last > this.#after) {
        throw new ConvokeError("unreadable", "The service knows less than it has said", { retryable: true });
      }
      this.#ended = true;
      this.close();
      this.#wake?.();
    }
    return this.#last > before && head > this.#last;
  }

  /** @returns whether another try may help. */
  #unread(error: unknown): boolean {
    if (this.#closing.signal.aborted) return false;
    this.#trouble = error;
    const passing = !(error instanceof ConvokeError) || error.retryable || (error.status ?? 500) >= 500;
    if (!passing) this.failed(error);
    return passing;
  }

  #pollSoon(): void {
    if (this.#closing.signal.aborted) return;
    clearTimeout(this.#toPoll);
    this.#toPoll = setTimeout(() => this.#poll(), this.#times.pollAfterMs);
  }

  #stopPolling(): void {
    clearTimeout(this.#toPoll);
    this.#polling?.abort();
    this.#polling = undefined;
  }

  #poll(): void {
    if (this.#polling || this.#closing.signal.aborted) return;
    const polling = new AbortController();
    this.#polling = polling;
    void this.#pollUntil(polling.signal);
  }

  async #pollUntil(signal: AbortSignal): Promise<void> {
    const { pollWaitMs, retryMs, longestRetryMs } = this.#times;
    let delayMs = 0;
    let heldMs = firstPollWaitMs;
    while (!signal.aborted) {
      const before = this.#last;
      try {
        await this.#read(Math.round(Math.min(heldMs, pollWaitMs) / 1000), signal);
        // What holds nothing back must not be asked without a break.
        delayMs = this.#last > before ? 0 : retryMs;
        heldMs *= 2;
      } catch (error) {
        if (signal.aborted || !this.#unread(error)) return;
        delayMs = Math.min(Math.max(delayMs * 2, retryMs), longestRetryMs);
      }
      // Who does not take what is there needs no more.
      const fullMs = this.#ready.length >= mostKept ? retryMs : 0;
      const waitMs = Math.max(delayMs, fullMs);
      if (waitMs > 0) await pause(waitMs, signal).catch(() => undefined);
    }
  }
}

/** The event as HTTP gives it: the message of a completed job has the result beside it. */
function eventOf(message: JobMessage): EventView {
  if (message.type !== "status" || message.result_data === undefined) return message.event;
  return { ...message.event, result: message.result_data };
}
