import type { Millis } from "../../core/protocol/json.ts";

type Timer = { at: Millis; number: number; run: () => void; cancelled: boolean };

/** The real one, for turns of the real event loop: storms put their own in its place. */
const realImmediate = setImmediate;
/** Turns that are asked for at once: the event loop runs microtasks between them, but polls only after all of them. */
const turnsAtOnce = 64;

/** More than any storm needs: whatever comes here goes round in circles. */
const mostTurns = 200_000;
const mostLooks = 20_000;

/**
 * Time that passes only when everything waits for it: the clock jumps to the next timer once nothing else can run.
 * The order of events is the same in every run, and an hour of waiting costs a millisecond.
 */
export class StormTime {
  #clock: Millis;
  #number = 0;
  #turns = 0;
  /** How often the time was asked for in this turn. */
  #looks = 0;
  /** A binary heap: the earliest timer first, of equals the one that was set first. */
  readonly #heap: Timer[] = [];
  readonly #soon: { run: () => void; cancelled: boolean }[] = [];

  constructor(start: Millis = Date.UTC(2026, 0, 1)) {
    this.#clock = start;
  }

  /** @throws when somebody asks again and again and lets no time pass: a process would be stuck there. */
  readonly now = (): Millis => {
    this.#looks += 1;
    if (this.#looks > mostLooks) throw new Error("Somebody goes round in circles and lets no time pass");
    return this.#clock;
  };

  readonly sleep = (ms: Millis, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const timer = this.after(ms, resolve);
      signal?.addEventListener(
        "abort",
        () => {
          timer.cancelled = true;
          resolve();
        },
        { once: true },
      );
    });

  after(ms: Millis, run: () => void): Timer {
    const timer = { at: this.#clock + Math.max(0, ms), number: ++this.#number, run, cancelled: false };
    this.#push(timer);
    return timer;
  }

  /** Before any timer, and after whatever can run now. */
  soon(run: () => void): { cancelled: boolean } {
    const one = { run, cancelled: false };
    this.#soon.push(one);
    return one;
  }

  /**
   * Lets time pass until the promise has settled.
   * @throws when nothing is left that could settle it.
   */
  until<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let open = true;
      const close = () => {
        open = false;
      };
      promise.then(close, close);
      const turn = () => {
        if (!open) return;
        this.#turns += 1;
        this.#looks = 0;
        const soon = this.#soon.shift();
        if (soon) {
          if (!soon.cancelled) soon.run();
          return;
        }
        const next = this.#pop();
        if (!next || this.#turns > mostTurns) {
          open = false;
          reject(new Error(next ? "The storm goes round in circles" : "The storm has come to a standstill"));
          return;
        }
        this.#clock = next.at;
        next.run();
      };
      const turns = () => {
        if (!open) return resolve(promise);
        for (let i = 0; i < turnsAtOnce; i += 1) realImmediate(turn);
        realImmediate(turns);
      };
      turns();
    });
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!before(timer, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): Timer | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (!first) return undefined;
      this.#removeFirst();
      if (!first.cancelled) return first;
    }
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && before(heap[below + 1]!, heap[below]!)) below += 1;
      if (!before(heap[below]!, last)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.number < b.number);
}

/** What the in-memory services copy is plain data, and for that this is several times as fast. */
function copy<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copy) as T;
  const copied: Record<string, unknown> = {};
  for (const name of Object.keys(value)) copied[name] = copy((value as Record<string, unknown>)[name]);
  return copied as T;
}

/** Made once: a reason of its own for every abort, with a stack that nobody reads, takes a tenth of a storm's time. */
const aborted = new DOMException("This operation was aborted", "AbortError");

/**
 * Puts a storm's time and chance in the place of the process's own, for code that knows no others: the client. One
 * storm at a time in a thread.
 * @returns puts the real ones back.
 */
export function takeOver(time: StormTime, random: () => number): () => void {
  const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate } = globalThis;
  const timers = { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate };
  const real = { ...timers, structuredClone };
  const [dateNow, mathRandom] = [Date.now, Math.random];
  const { abort } = AbortController.prototype;

  type Run = (...args: unknown[]) => void;
  const clear = (timer?: { cancelled: boolean }) => {
    if (timer) timer.cancelled = true;
  };
  const stormy = {
    setTimeout: (run: Run, ms = 0, ...args: unknown[]) => time.after(ms, () => run(...args)),
    setInterval: (run: Run, ms: number, ...args: unknown[]) => {
      const interval = { cancelled: false };
      const again = () =>
        time.after(ms, () => {
          if (interval.cancelled) return;
          run(...args);
          again();
        });
      again();
      return interval;
    },
    setImmediate: (run: Run, ...args: unknown[]) => time.soon(() => run(...args)),
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
    structuredClone: copy,
  };
  Object.assign(globalThis, stormy);
  Date.now = time.now;
  Math.random = random;
  AbortController.prototype.abort = function (reason: unknown = aborted) {
    abort.call(this, reason);
  };
  return () => {
    Object.assign(globalThis, real);
    Date.now = dateNow;
    Math.random = mathRandom;
    AbortController.prototype.abort = abort;
  };
}
