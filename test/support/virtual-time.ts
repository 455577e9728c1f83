import type { Millis } from "../../core/protocol/json.ts";

/**
 * Time that passes only when everything waits for it: the clock jumps to the next sleeper once nothing else can run.
 * A day of waiting costs a test a millisecond, and the order of events is the same in every run.
 */
export function virtualTime(start: Millis = Date.UTC(2026, 0, 1)) {
  let clock = start;
  let stopped = false;
  let number = 0;
  const sleepers: { at: Millis; number: number; wake: () => void }[] = [];

  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

  const time = {
    now: () => clock,
    sleep: (ms: Millis, signal?: AbortSignal) =>
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
    advance: (ms: Millis) => {
      clock += ms;
    },
    /** Lets time pass until the promise has settled. */
    async until<T>(promise: Promise<T>): Promise<T> {
      let open = true;
      const close = () => {
        open = false;
      };
      promise.then(close, close);
      while (open && !stopped) {
        for (let i = 0; i < 12 && open; i += 1) await turn();
        if (!open) break;
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
  return time;
}
