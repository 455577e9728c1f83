import type { Settings } from "../config.ts";
import { ModelError } from "../models/errors.ts";
import { ServiceError } from "../protocol/error.ts";
import type { RetryStrategy } from "./context.ts";

/**
 * Exponential backoff with full jitter. A service's own `Retry-After` is honoured where it asks for more. Errors that
 * say of themselves that another try is useless are believed; anything unknown is tried again.
 */
export function backoff(
  settings: Pick<Settings, "stepAttempts" | "retryFirstMs" | "retryMostMs">,
  random: () => number,
): RetryStrategy {
  return (error, attempt) => {
    if (attempt >= settings.stepAttempts) return { shouldRetry: false };
    if (error instanceof ServiceError && !error.retryable) return { shouldRetry: false };
    const ceiling = Math.min(settings.retryMostMs, settings.retryFirstMs * 2 ** (attempt - 1));
    const asked = error instanceof ModelError ? (error.retryAfterMs ?? 0) : 0;
    return { shouldRetry: true, delay: { seconds: Math.max(random() * ceiling, asked) / 1000 } };
  };
}
