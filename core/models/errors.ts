import { ServiceError } from "../protocol/error.ts";
import type { Json } from "../protocol/json.ts";
import type { ModelErrorCode } from "./model.ts";

const retryable = new Set<ModelErrorCode>([
  "model_rate_limited",
  "model_unavailable",
  "model_timeout",
  "model_garbled",
]);

/** What a model call ends in when it has no answer. Holds nothing that a provider said about keys or prompts. */
export class ModelError extends ServiceError {
  override readonly code: ModelErrorCode;
  override readonly retryable: boolean;
  /** What the provider asked for by `Retry-After`. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ModelErrorCode,
    message: string,
    options: { cause?: unknown; details?: Json; retryAfterMs?: number } = {},
  ) {
    super(message, options);
    this.code = code;
    this.retryable = retryable.has(code);
    this.retryAfterMs = options.retryAfterMs;
  }
}
