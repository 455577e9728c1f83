import { ServiceError } from "../protocol/error.ts";
import type { Failure, JobKey } from "../protocol/job.ts";
import type { Json, JsonObject, Millis } from "../protocol/json.ts";

/** `google:veo-3.1-generate-preview`, `bedrock:amazon.nova-reel-v1:1`, `mock:...` or `http:`: the provider, then what it is asked to run. */
export type OperationName = string;

/** What a provider has begun. It goes through the journal: JSON, and no secret in it. `operation_id` is the provider's own. */
export type Ticket = JsonObject & { operation: OperationName; operation_id: string };

/** What becomes of an operation has three outcomes, and nothing else. */
export type Poll =
  | { state: "pending"; percentage?: number }
  | { state: "done"; result: JsonObject }
  | { state: "failed"; failure: Failure };

/** A file that an operation has made: where its provider keeps it, or below which key it has put it into our payload store. */
export type MadeFile = { media_type: string } & ({ uri: string } | { key: string });

export type OperationCall = {
  job: JobKey;
  signal: AbortSignal;
  /** The same for every attempt of the step, for providers that take one. */
  idempotencyKey: string;
};

/** One call is one try: retries belong to the step around it. @throws OperationError */
export interface OperationProvider {
  /** @param callbackUrl - where the provider may say that it has done, if it can. */
  start(
    operation: OperationName,
    request: JsonObject,
    call: OperationCall & { callbackUrl?: string },
  ): Promise<Ticket>;
  poll(ticket: Ticket, call: OperationCall): Promise<Poll>;
  /** What the provider has posted to the callback address. `pending` when it says nothing of the outcome. */
  read?(ticket: Ticket, said: Json): Poll;
  /** Calls it off. What has ended by then is none of its business. Without it the provider knows no such thing. */
  cancel?(ticket: Ticket, call: OperationCall): Promise<void>;
  /** @throws OperationError `operation_rejected` above `mostBytes`. */
  download?(ticket: Ticket, uri: string, mostBytes: number, call: OperationCall): Promise<Uint8Array>;
}

/** What is known of an operation before its provider is asked. */
export type OperationTraits = {
  /** A start that is made again with the same key gives the same operation, so that it may be made again. */
  repeatable: boolean;
  /** The provider posts to a callback address. */
  callsBack: boolean;
  /** About how long it takes. Absent where nobody knows. */
  expectedMs?: Millis;
};

/**
 * Work that others do, for minutes or hours. Every method finds its provider by the name in front of the colon.
 * @throws OperationError
 */
export interface Operations {
  start(
    operation: OperationName,
    request: JsonObject,
    call: OperationCall & { callbackUrl?: string },
  ): Promise<Ticket>;
  poll(ticket: Ticket, call: OperationCall): Promise<Poll>;
  /** The same, in view of what the provider has posted; it is only asked when that says nothing. */
  pollAfter(said: Json, ticket: Ticket, call: OperationCall): Promise<Poll>;
  /** @returns false where the provider knows no such thing. */
  cancel(ticket: Ticket, call: OperationCall): Promise<boolean>;
  download(ticket: Ticket, uri: string, mostBytes: number, call: OperationCall): Promise<Uint8Array>;
}

type OperationErrorCode =
  /** 4xx: asking again will not help. */
  | "operation_rejected"
  /** 429. */
  | "operation_rate_limited"
  /** 5xx, no connection, silence. */
  | "operation_unavailable"
  /** An answer that does not follow the provider's protocol. */
  | "operation_garbled"
  /** No provider of that name, or it is not configured or not allowed in this deployment. */
  | "operation_unknown";

/** Why a provider could not be asked. Holds nothing that it said about keys or prompts. */
export class OperationError extends ServiceError {
  override readonly code: OperationErrorCode;
  override readonly retryable: boolean;
  /** Nothing has begun, for certain: a start may be made again without paying twice. */
  readonly notBegun: boolean;

  constructor(
    code: OperationErrorCode,
    message: string,
    options: { cause?: unknown; details?: Json; notBegun?: boolean } = {},
  ) {
    super(message, options);
    this.code = code;
    this.retryable = code === "operation_rate_limited" || code === "operation_unavailable";
    this.notBegun = options.notBegun ?? code !== "operation_unavailable";
  }
}

/** An answer that says no, in our words. The provider's own sentences may repeat prompts and parts of keys. */
export function refusal(operation: OperationName, status: number, word?: string): OperationError {
  const code =
    status === 429
      ? "operation_rate_limited"
      : status === 408 || status >= 500
        ? "operation_unavailable"
        : "operation_rejected";
  const said = [String(status), word].filter((part) => part !== undefined).join(" ");
  const details = { provider_status: status, ...(word === undefined ? {} : { provider_code: word }) };
  return new OperationError(code, `${operation} answered with ${said}`, { details });
}

const neverSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** No answer at all. A connection that was never made has begun nothing. */
export function unreachable(operation: OperationName, error: unknown): OperationError {
  const codes = causes(error).flatMap((cause) =>
    "code" in cause && typeof cause.code === "string" ? [cause.code] : [],
  );
  return new OperationError("operation_unavailable", `${operation} could not be reached, or did not answer`, {
    notBegun: codes.some((code) => neverSent.has(code)),
    ...(codes[0] === undefined ? {} : { details: { connection: codes[0] } }),
  });
}

export function garbled(operation: OperationName, what: string): OperationError {
  return new OperationError("operation_garbled", `${operation} answered ${what}`, { notBegun: false });
}

function causes(error: unknown): Error[] {
  const chain: Error[] = [];
  const open: unknown[] = [error];
  for (let next = open.shift(); next instanceof Error && chain.length < 10; next = open.shift()) {
    chain.push(next);
    open.push(next.cause, ...(next instanceof AggregateError ? next.errors : []));
  }
  return chain;
}
