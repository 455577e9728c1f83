import type { JobMessage } from "../core/protocol/message.ts";
import type { SingleMessage } from "./checked.ts";
import { ConvokeError } from "./error.ts";
import type { Listener, LiveSocket } from "./live-socket.ts";
import type { Times } from "./times.ts";

/** A change in one of one's own jobs, or word that some may have been missed, so that the list is to be read again. */
export type MineItem = { type: "resync" } | Exclude<JobMessage, { type: "event" }>;

/** So many may wait for their reader: beyond that reading the list again is cheaper. */
const mostKept = 1_000;
const mostTold = 2_000;
const mostDoublings = 3;

/**
 * Status and progress of all of one's own jobs. There is no journal of a list, so what may have got lost cannot be
 * repaired here: that it may have is said instead. Of one job nothing is told that is older than what was told before.
 */
export class Mine implements Listener {
  #items: MineItem[] = [];
  readonly #told = new Map<string, number>();
  #watching = false;
  #asks = 0;
  #asking: ReturnType<typeof setTimeout> | undefined;
  #resync: ReturnType<typeof setTimeout> | undefined;
  #failure: { reason: unknown } | undefined;
  #wake: (() => void) | undefined;
  readonly #socket: LiveSocket;
  readonly #times: Times;

  constructor(socket: LiveSocket, times: Times) {
    this.#socket = socket;
    this.#times = times;
    socket.join(this);
    this.#resyncAfter(times.pollAfterMs);
    if (socket.open) this.opened();
  }

  async next(): Promise<MineItem> {
    for (;;) {
      const next = this.#items.shift();
      if (next) return next;
      if (this.#failure) throw this.#failure.reason;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    clearTimeout(this.#asking);
    clearTimeout(this.#resync);
    this.#socket.leave(this, false);
  }

  opened(): void {
    this.#watching = false;
    this.#asks = 0;
    this.#ask();
  }

  closed(): void {
    this.#watching = false;
    clearTimeout(this.#asking);
    this.#resyncAfter(this.#times.pollAfterMs);
  }

  failed(reason: unknown): void {
    this.#failure ??= { reason };
    this.close();
    this.#wake?.();
  }

  received(message: SingleMessage): void {
    switch (message.type) {
      case "progress":
      case "status":
        this.#tell(message);
        break;
      case "watching":
        if (!("scope" in message)) break;
        this.#watching = true;
        clearTimeout(this.#asking);
        this.#giveResync();
        this.#resyncAfter(this.#times.settleMs);
        break;
      case "error":
        if (!this.#watching && (message.code === "forbidden" || message.code === "invalid_request")) {
          this.failed(new ConvokeError(message.code, message.message));
        }
        break;
    }
  }

  #tell(message: Exclude<MineItem, { type: "resync" }>): void {
    const { job_id, seq } = message;
    if (seq <= (this.#told.get(job_id) ?? 0)) return;
    this.#told.delete(job_id);
    this.#told.set(job_id, seq);
    // The one of which nothing has been heard for longest.
    if (this.#told.size > mostTold) this.#told.delete(this.#told.keys().next().value!);
    this.#give(message);
  }

  #give(item: MineItem): void {
    if (this.#items.length < mostKept) this.#items.push(item);
    else this.#items = [{ type: "resync" }];
    this.#wake?.();
  }

  /** Without a socket this is how the list stays up to date. */
  #giveResync(): void {
    if (this.#items.at(-1)?.type !== "resync") this.#give({ type: "resync" });
    this.#resyncAfter(this.#watching ? this.#times.listMs : this.#times.pollWaitMs);
  }

  #resyncAfter(ms: number): void {
    clearTimeout(this.#resync);
    this.#resync = setTimeout(() => this.#giveResync(), ms);
  }

  #ask(): void {
    clearTimeout(this.#asking);
    this.#socket.watchMine();
    const ms = this.#times.gapMs * 2 ** Math.min(this.#asks, mostDoublings);
    this.#asks += 1;
    this.#asking = setTimeout(() => this.#ask(), ms);
  }
}
