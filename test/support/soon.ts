import { expect } from "vitest";

/** `expect` for what comes true by itself, on a busy machine too: looks again until it is so. */
export function soon<T>(look: () => T) {
  return expect.poll(look, { timeout: 30_000, interval: 5 });
}
