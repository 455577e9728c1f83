import { ServiceError } from "../core/protocol/error.ts";
import type { errorCatalogue } from "../core/protocol/error-catalogue.ts";
import type { Json } from "../core/protocol/json.ts";

/** Every code that the service is known to have, and what this client finds out by itself. Other versions know others. */
export type ErrorCode =
  | keyof typeof errorCatalogue
  /** What stands before the service has turned the request away. */
  | "rate_limited"
  /** No answer came, or none in time. */
  | "unreachable"
  /** What came is no answer of the service: cut off, no JSON, or not what was asked for. */
  | "unreadable"
  | (string & {});

/** What the service answered instead of what was asked for. Branch on `code`: it never changes. */
export class ConvokeError extends ServiceError {
  override readonly code: ErrorCode;
  override readonly retryable: boolean;
  /** The HTTP status; undefined when there was no answer, or one over the WebSocket. */
  readonly status: number | undefined;
  /** Names the request in the service's log. */
  readonly requestId: string | undefined;
  /** How long the service asked to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      status?: number;
      requestId?: string;
      retryable?: boolean;
      retryAfterMs?: number;
      details?: Json;
      cause?: unknown;
    } = {},
  ) {
    super(message, options);
    this.code = code;
    this.status = options.status;
    this.requestId = options.requestId;
    this.retryAfterMs = options.retryAfterMs;
    this.retryable = options.retryable ?? false;
  }
}

/** Asking again with the same key is useless. */
export function isFinal(error: ConvokeError): boolean {
  return error.status === 401 || error.status === 403;
}
