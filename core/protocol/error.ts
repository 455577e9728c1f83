import type { Failure } from "./job.ts";
import type { Json } from "./json.ts";

/**
 * What a caller may be told. `code` is for programs and never changes, `message` is for people: it names the thing
 * and what was expected. Everything that is not a ServiceError is a surprise and leaves the service as
 * `internal_error` with a request id only.
 */
export class ServiceError extends Error {
  readonly code: string = "internal_error";
  readonly retryable: boolean = false;
  readonly details: Json | undefined;

  constructor(message: string, options: { cause?: unknown; details?: Json } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.details = options.details;
  }
}

export class InvalidRequest extends ServiceError {
  override readonly code = "invalid_request";
}
export class Unauthorized extends ServiceError {
  override readonly code = "unauthorized";
}
export class Forbidden extends ServiceError {
  override readonly code = "forbidden";
}
export class NotFound extends ServiceError {
  override readonly code = "not_found";
}
/** The request is in order, but not in the state that the thing is in; the message names what stands. */
export class Conflict extends ServiceError {
  override readonly code = "conflict";
}
export class ConversationBusy extends ServiceError {
  override readonly code = "conversation_busy";
}
export class IdempotencyMismatch extends ServiceError {
  override readonly code = "idempotency_key_reused";
}
/** As much of it as there may be for now; `details` say when there may be more. */
export class LimitReached extends ServiceError {
  override readonly code = "limit_reached";
}
export class TooLarge extends ServiceError {
  override readonly code = "too_large";
}
/** A store, queue or payload service refused or was silent, after all its own retries. */
export class Unavailable extends ServiceError {
  override readonly code = "unavailable";
  override readonly retryable = true;
}

/** For a step that knows that another try is useless. */
export class StepFailed extends ServiceError {
  override readonly code: string;
  override readonly retryable: boolean;

  constructor(
    code: string,
    message: string,
    options: { cause?: unknown; details?: Json; retryable?: boolean } = {},
  ) {
    super(message, options);
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/**
 * Thrown into a job function by a step that has failed for good; carries what the journal holds. `cause` has name and
 * message of what the step threw.
 */
export class StepError extends ServiceError {
  override readonly code: string;
  readonly failure: Failure;

  constructor(failure: Failure) {
    const cause = Object.assign(new Error(failure.message), { name: failure.name ?? "Error" });
    super(failure.message, { cause, ...(failure.details === undefined ? {} : { details: failure.details }) });
    this.code = failure.code;
    this.failure = failure;
  }
}

/** Whatever was thrown, as a text: a job function may throw anything, objects without a `toString` included. */
function describe(thrown: unknown): { name?: string; message: string } {
  try {
    if (!(thrown instanceof Error)) return { message: String(thrown) };
    return { name: String(thrown.name).slice(0, 100), message: String(thrown.message) };
  } catch {
    return { message: "something was thrown that cannot be shown as text" };
  }
}

/** What the journal keeps of an error. A surprise keeps its message (job authors debug with it) but no stack. */
export function failureOf(error: unknown, at: { step?: string; attempt?: number } = {}): Failure {
  if (error instanceof StepError) return { ...error.failure, ...at };
  const base =
    error instanceof ServiceError
      ? {
          code: error.code,
          message: error.message,
          retryable: error.retryable,
          ...(error.details === undefined ? {} : { details: error.details }),
        }
      : { code: "error", ...describe(error) };
  return { ...base, message: String(base.message).slice(0, 2000), ...at };
}
