import { APICallError, LoadAPIKeyError, LoadSettingError, StreamProviderError } from "ai";
import { ModelError } from "./errors.ts";
import type { ModelErrorCode, ModelName } from "./model.ts";

/**
 * What went wrong, in our words. Of the provider's own only its status and its short code are kept: its messages may
 * repeat the prompt or a part of the key, and the library's errors carry the whole request, so they are no cause either.
 */
export function modelError(model: ModelName, error: unknown): ModelError {
  if (error instanceof ModelError) return error;
  if (LoadAPIKeyError.isInstance(error) || LoadSettingError.isInstance(error)) {
    return failure(model, "model_unknown", "is not configured in this deployment");
  }
  if (APICallError.isInstance(error)) {
    const { statusCode, data, responseHeaders } = error;
    if (statusCode === undefined) return unreachable(model, error);
    // A stream that breaks in the middle is reported with the status that it began with.
    if (statusCode >= 400) return refused(model, statusCode, wordOf(data), retryAfterMs(responseHeaders));
  }
  if (StreamProviderError.isInstance(error)) {
    const word = [error.code, error.type].find((value) => isWord(value));
    return refused(model, error.statusCode ?? statusOf(word), word);
  }
  return isConnectionLost(error) ? unreachable(model, error) : garbled(model, error);
}

function refused(
  model: ModelName,
  status: number | undefined,
  word: string | undefined,
  waitMs?: number,
): ModelError {
  const details = {
    ...(status === undefined ? {} : { provider_status: status }),
    ...(word === undefined ? {} : { provider_code: word }),
  };
  const options = { details, ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }) };
  const answered = `answered with ${[status, word].filter((part) => part !== undefined).join(" ") || "an error"}`;
  return failure(model, codeOf(status, word), answered, options);
}

function codeOf(status: number | undefined, word: string | undefined): ModelErrorCode {
  // An account without money is told so with 429, and waiting does not fill it.
  if (word === "insufficient_quota") return "model_rejected";
  if (status === 429) return "model_rate_limited";
  // 408 and 424 are Bedrock's own: the model took too long, the model failed.
  if (status === undefined || status === 408 || status === 424 || status >= 500) return "model_unavailable";
  return "model_rejected";
}

/** For error events within a stream that carry a word and no number. */
function statusOf(word: string | undefined): number | undefined {
  return word && /rate_?limit|throttl/i.test(word) ? 429 : undefined;
}

function unreachable(model: ModelName, error: unknown): ModelError {
  const [word] = causes(error).flatMap((cause) =>
    "code" in cause && isWord(cause.code) ? [cause.code] : [],
  );
  return failure(model, "model_unavailable", "could not be reached, or the connection was lost", {
    details: word === undefined ? {} : { connection: word },
  });
}

function garbled(model: ModelName, error: unknown): ModelError {
  return failure(model, "model_garbled", "gave no complete answer in the form of its protocol", {
    details: { error: error instanceof Error ? error.name : typeof error },
  });
}

function failure(
  model: ModelName,
  code: ModelErrorCode,
  what: string,
  options: { details?: Record<string, string | number>; retryAfterMs?: number } = {},
): ModelError {
  return new ModelError(code, `${model} ${what}`, { ...options, details: { model, ...options.details } });
}

/** Seconds, a date, or milliseconds in the header that some providers send besides. */
function retryAfterMs(headers: Record<string, string> | undefined): number | undefined {
  const exact = Number(headers?.["retry-after-ms"] ?? Number.NaN);
  if (exact >= 0) return exact;
  const value = headers?.["retry-after"];
  if (!value) return undefined;
  const waitMs = Number.isFinite(Number(value)) ? 1000 * Number(value) : Date.parse(value) - Date.now();
  return Number.isFinite(waitMs) ? Math.max(0, Math.round(waitMs)) : undefined;
}

/** The short code or type in the body of an error, such as `context_length_exceeded`. */
function wordOf(data: unknown): string | undefined {
  const { error } = (data ?? {}) as { error?: { code?: unknown; type?: unknown } };
  return [error?.code, error?.type].find((value) => isWord(value));
}

function isWord(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z][A-Za-z_]{2,63}$/.test(value);
}

function isConnectionLost(error: unknown): boolean {
  return causes(error).some(
    (cause) =>
      ("code" in cause && typeof cause.code === "string" && /^(UND_ERR|E[A-Z]{3,})/.test(cause.code)) ||
      (cause instanceof TypeError && /^(terminated|fetch failed)$/.test(cause.message)),
  );
}

function causes(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let cause = error; cause instanceof Error && chain.length < 10; cause = cause.cause) chain.push(cause);
  return chain;
}
