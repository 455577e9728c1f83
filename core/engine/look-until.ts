import type { Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";

const firstPauseMs = 50;
const longestPauseMs = 500;

/**
 * Looks at once, and again with growing pauses until it is as wanted or the time is up.
 * @returns what was seen last.
 */
export async function lookUntil<T>(
  { sleep }: Pick<Services, "sleep">,
  waitMs: Millis,
  look: () => Promise<T>,
  isWanted: (seen: T) => boolean,
): Promise<T> {
  let waited = 0;
  for (let pause = firstPauseMs; ; pause = Math.min(pause * 2, longestPauseMs)) {
    const seen = await look();
    if (isWanted(seen) || waited >= waitMs) return seen;
    pause = Math.min(pause, waitMs - waited);
    await sleep(pause);
    waited += pause;
  }
}
