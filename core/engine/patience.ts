import { Unavailable } from "../protocol/error.ts";
import type { Services } from "../services.ts";

const tries = 10;

/**
 * Does something again while its service is unavailable. For what stands between a result that has been paid for and
 * its record: giving up would mean to pay for it once more.
 * @throws whatever the last try threw.
 */
export async function patiently<T>(
  services: Pick<Services, "sleep" | "random">,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Unavailable) || attempt === tries) throw error;
      await services.sleep(pauseMs(services.random, attempt));
    }
  }
}

/** Exponential, with full jitter. */
export function pauseMs(random: () => number, attempt: number): number {
  return random() * Math.min(2_000, 20 * 2 ** attempt);
}
