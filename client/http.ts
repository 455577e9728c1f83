import { ServiceError } from "../core/protocol/error.ts";
import type { Json, JsonObject } from "../core/protocol/json.ts";
import { pause } from "./pause.ts";

/** What the service answered instead of what was asked for. Branch on `code`: it never changes. */
export class ConvokeError extends ServiceError {
  override readonly code: string;
  override readonly retryable: boolean;
  /** The HTTP status; undefined when there was no answer, or one over the WebSocket. */
  readonly status: number | undefined;
  /** Names the request in the service's log. */
  readonly requestId: string | undefined;

  constructor(
    code: string,
    message: string,
    options: {
      status?: number;
      requestId?: string;
      retryable?: boolean;
      details?: Json;
      cause?: unknown;
    } = {},
  ) {
    super(message, options);
    this.code = code;
    this.status = options.status;
    this.requestId = options.requestId;
    this.retryable = options.retryable ?? false;
  }
}

export type HttpOptions = {
  url: string;
  /** Without it a cookie says who asks. */
  key?: string;
  fetch: typeof fetch;
  /** How often a request is sent in all when the service does not answer or asks for patience. */
  attempts: number;
  retryMs: number;
};

type Query = Record<string, string | number | boolean | undefined>;

export type Send = <T>(
  method: "GET" | "POST" | "PATCH" | "DELETE",
  path: string,
  options?: {
    body?: unknown;
    query?: Query;
    headers?: Record<string, string>;
    signal?: AbortSignal;
    once?: boolean;
    /** What the answer's bytes must hash to. */
    sha256?: string;
  },
) => Promise<T>;

/** Puts bytes to an address that the service has given. */
export type Put = (
  link: { url: string; headers: Record<string, string> },
  bytes: Uint8Array<ArrayBuffer>,
  signal?: AbortSignal,
) => Promise<void>;

/**
 * Requests to the API. Everything that this client sends may be sent twice: reading changes nothing, and what creates
 * carries an idempotency key. So an answer that got lost is asked for again.
 */
export function http({ url, key, fetch, attempts, retryMs }: HttpOptions): { send: Send; put: Put } {
  const base = url.replace(/\/+$/, "");
  // No other site's page can make a browser send this header, so the cookie alone opens nothing.
  const identity: Record<string, string> =
    key === undefined ? { "x-convoke-session": "1" } : { authorization: `Bearer ${key}` };
  const credentials = key === undefined ? "same-origin" : "omit";

  async function insist<T>(
    ask: () => Promise<T>,
    { once, signal }: { once?: boolean; signal?: AbortSignal },
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        if (once || attempt >= attempts || !(error instanceof ConvokeError) || !error.retryable) throw error;
        const asked = error instanceof Patience ? error.retryAfterMs : 0;
        await pause(Math.max(asked, retryMs * 2 ** (attempt - 1) * (0.5 + Math.random())), signal);
      }
    }
  }

  const send = <T>(method: string, path: string, options: Parameters<Send>[2] = {}) => {
    const { body, query, headers, signal, sha256 } = options;
    return insist(async () => {
      const response = await answered(
        fetch(base + path + queryString(query), {
          method,
          credentials,
          headers: {
            ...identity,
            ...(body === undefined ? {} : { "content-type": "application/json" }),
            ...headers,
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          ...(signal ? { signal } : {}),
        }),
        base,
        signal,
      );
      if (response.ok) return (await bodyOf(response, sha256)) as T;
      throw await problem(response);
    }, options);
  };

  const put: Put = (link, body, signal) =>
    insist(
      async () => {
        const { origin } = new URL(link.url);
        const { headers } = link;
        const sent = fetch(link.url, { method: "PUT", headers, body, ...(signal ? { signal } : {}) });
        const response = await answered(sent, origin, signal);
        if (!response.ok) throw await problem(response);
      },
      { signal },
    );

  return { send, put };
}

async function answered(asking: Promise<Response>, base: string, signal?: AbortSignal): Promise<Response> {
  try {
    return await asking;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new ConvokeError("unreachable", `${base} does not answer`, { retryable: true, cause });
  }
}

async function bodyOf(response: Response, sha256?: string): Promise<unknown> {
  try {
    if (response.status === 204) return undefined;
    if (sha256 === undefined) return await response.json();
    const bytes = new Uint8Array(await response.arrayBuffer());
    if ((await hashOf(bytes)) !== sha256) throw new Error("The bytes do not match their hash");
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new ConvokeError("unreadable", `The answer of ${response.url} was cut off or is not JSON`, {
      retryable: true,
      status: response.status,
      cause,
    });
  }
}

/** SHA-256 in hexadecimal digits. */
export async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Asking again with the same key is useless. */
export function isFinal(error: ConvokeError): boolean {
  return error.status === 401 || error.status === 403;
}

/** The service asked to be left alone for a while. */
class Patience extends ConvokeError {
  retryAfterMs = 0;
}

const longestPatienceMs = 20_000;

async function problem(response: Response): Promise<ConvokeError> {
  const { status } = response;
  const body = (await response.json().catch(() => ({}))) as JsonObject;
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  const code = text(body.code) ?? fallbackCodes[status] ?? "internal_error";
  const message =
    text(body.detail) ?? text(body.title) ?? text(body.message) ?? `The service answered ${status}`;
  const error = new Patience(code, message, {
    status,
    requestId: text(body.request_id),
    retryable: passing.has(status) || (status === 500 && body.code === undefined),
    details: body,
  });
  const seconds = Number(response.headers.get("retry-after"));
  if (seconds > 0) error.retryAfterMs = Math.min(seconds * 1000, longestPatienceMs);
  return error;
}

const passing = new Set([429, 502, 503, 504]);

/**
 * For answers that do not come from the service itself but from what stands before it. Its 500 says that the process
 * that was to answer has died, which the service's own never does.
 */
const fallbackCodes: Record<number, string> = {
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  413: "too_large",
  429: "rate_limited",
  500: "unavailable",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

function queryString(query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  if (given.length === 0) return "";
  return `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}
