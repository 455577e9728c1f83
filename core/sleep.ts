import type { Millis } from "./protocol/json.ts";

/** Resolves after the time has passed, or at once when the signal is aborted. Never rejects. */
export function sleep(ms: Millis, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}
