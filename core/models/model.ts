import type { Usage } from "../protocol/job.ts";
import type { Json, JsonObject } from "../protocol/json.ts";

/** `bedrock:...`, `openai:...`, `anthropic:...` or `mock:...`: the provider, then the name that it knows. */
export type ModelName = string;

export type ChatMessage = { role: "user" | "assistant"; content: string };

export type ModelRequest = {
  model: ModelName;
  system?: string;
  messages: ChatMessage[];
  /**
   * JSON Schema of the wanted answer: an object. An answer that fits has `object`. One that does not fit is an answer
   * all the same, with its text and without `object`, because many models and servers answer in prose whatever they
   * are asked for; the caller decides whether the text will do.
   */
  schema?: JsonObject;
  maxOutputTokens?: number;
  temperature?: number;
};

/** Why a model stopped. `length` and `content_filter` are outcomes of their own: the caller decides whether they will do. */
export type Finish = "stop" | "length" | "content_filter" | "other";

export type ModelAnswer = {
  text: string;
  object?: Json;
  model: ModelName;
  finish: Finish;
  usage: Usage;
  /** True for the mock models, which must be visible wherever their answers are. */
  mock?: boolean;
};

export type CallOptions = {
  signal: AbortSignal;
  /** The whole call, and the silence between two tokens, may take so long. */
  totalMs: number;
  idleMs: number;
  /** Text as it arrives. */
  onDelta?: (text: string) => void;
  /** Stable over repetitions of the same step, for providers that take one. */
  idempotencyKey: string;
};

/**
 * Language models. One call is one try: retries belong to the step around it.
 *
 * @throws ModelError
 */
export interface Model {
  generate(request: ModelRequest, options: CallOptions): Promise<ModelAnswer>;
}

export type ModelErrorCode =
  /** 429. `retryAfterMs` is what the provider asked for, if it did. */
  | "model_rate_limited"
  /** 5xx, refused connection, a stream that was cut. */
  | "model_unavailable"
  /** Total or idle time-out. */
  | "model_timeout"
  /** An answer that does not follow the provider's protocol, or that is empty. */
  | "model_garbled"
  /** 400, 401, 403, 404: asking again will not help. */
  | "model_rejected"
  /** No provider of that name, or it is not configured in this deployment. */
  | "model_unknown"
  /** The caller's signal. */
  | "model_aborted";
