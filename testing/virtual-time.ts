import type { Millis } from "../core/protocol/json.ts";

export type VirtualTime = {
  now(): Millis;
  /** Resolves after the time has passed, or at once when the signal is aborted. Never rejects. */
  sleep(ms: Millis, signal?: AbortSignal): Promise<void>;
  /** Puts the clock forward. Whoever sleeps until then wakes up the next time that time passes. */
  advance(ms: Millis): void;
  /** Lets time pass until the promise has settled. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Time passes no more. */
  stop(): void;
};

/** The event loop turns so often before the clock jumps: time for everything that only waits for its turn. */
const turnsBeforeJump = 12;

/**
 * Time that passes only when everything waits for it: the clock jumps to the next sleeper once nothing else can run.
 * A day of waiting costs a test a millisecond, and the order of events is the same in every run.
 * @param isBusy - whether somebody is at work, or waits for something real, e.g. a file: no time passes meanwhile.
 */
export function virtualTime(start: Millis = Date.UTC(2026, 0, 1), isBusy = () => false): VirtualTime {
  let clock = start;
  let stopped = false;
  let number = 0;
  const sleepers: { at: Millis; number: number; wake: () => void }[] = [];

  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

  return {
    now: () => clock,
    sleep: (ms, signal) =>
      new Promise<void>((resolve) => {
        if (signal?.aborted) return resolve();
        const sleeper = { at: clock + Math.max(0, ms), number: ++number, wake: resolve };
        sleepers.push(sleeper);
        signal?.addEventListener(
          "abort",
          () => {
            const index = sleepers.indexOf(sleeper);
            if (index >= 0) sleepers.splice(index, 1);
            resolve();
          },
          { once: true },
        );
      }),
    advance: (ms) => {
      clock += ms;
    },
    async until(promise) {
      let open = true;
      const close = () => {
        open = false;
      };
      promise.then(close, close);
      while (open && !stopped) {
        for (let i = 0; i < turnsBeforeJump && open; i += 1) await turn();
        if (!open) break;
        if (isBusy()) continue;
        sleepers.sort((a, b) => a.at - b.at || a.number - b.number);
        const next = sleepers.shift();
        if (!next) continue;
        clock = Math.max(clock, next.at);
        next.wake();
      }
      return promise;
    },
    stop() {
      stopped = true;
    },
  };
}
