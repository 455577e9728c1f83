import type { Json, JsonObject } from "../core/protocol/json.ts";
import { ConvokeError } from "./error.ts";

import { pause } from "./pause.ts";
import { type Times, usualTimes } from "./times.ts";

export type HttpOptions = {
  url: string;
  /** Without it a cookie says who asks. */
  key?: string;
  fetch: typeof fetch;
  /** How often a request is sent in all when the service does not answer or asks for patience. */
  attempts: number;
} & Pick<Times, "retryMs"> &
  Partial<Pick<Times, "answerMs" | "transferMs" | "longestPatienceMs">>;

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
export type Query = Record<string, string | number | boolean | undefined>;

export type SendOptions = {
  body?: unknown;
  query?: Query;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  once?: boolean;
  /** What the answer's bytes must hash to. */
  sha256?: string;
  /** The answer is a file: a Blob. */
  file?: true;
};

export type Send = <T>(method: Method, path: string, options?: SendOptions) => Promise<T>;

/** Puts bytes to an address that the service has given. */
export type Put = (
  link: { url: string; headers: Record<string, string> },
  bytes: Uint8Array<ArrayBuffer>,
  signal?: AbortSignal,
) => Promise<void>;

/**
 * Requests to the API. What this client sends may be sent twice: reading changes nothing, and what creates carries an
 * idempotency key. So an answer that got lost is asked for again, unless the request says `once`.
 */
export function http(options: HttpOptions): { send: Send; put: Put } {
  const { url, key, fetch, attempts, retryMs, answerMs, transferMs, longestPatienceMs } = {
    ...usualTimes,
    ...options,
  };
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
        const asked = Math.min(error.retryAfterMs ?? 0, longestPatienceMs);
        await pause(Math.max(asked, retryMs * 2 ** (attempt - 1) * (0.5 + Math.random())), signal);
      }
    }
  }

  const send = <T>(method: Method, path: string, options: SendOptions = {}) => {
    const { body, query, headers, signal, sha256, file } = options;
    const withinMs = sha256 !== undefined || file ? transferMs : answerMs;
    return insist(
      () =>
        within(withinMs, signal, async (limit) => {
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
              signal: limit,
            }),
            base,
            signal,
          );
          if (!response.ok) throw await problem(response);
          return (await bodyOf(response, { sha256, file, signal })) as T;
        }),
      options,
    );
  };

  const put: Put = (link, body, signal) =>
    insist(
      () =>
        within(transferMs, signal, async (limit) => {
          const { origin } = new URL(link.url);
          const { headers } = link;
          const sent = fetch(link.url, { method: "PUT", headers, body, signal: limit });
          const response = await answered(sent, origin, signal);
          if (!response.ok) throw await problem(response);
        }),
      { signal },
    );

  return { send, put };
}

/** An answer that trickles in is none: the signal that `work` is given is aborted when the time is up. */
async function within<T>(
  ms: number,
  signal: AbortSignal | undefined,
  work: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const limit = new AbortController();
  const abort = () => limit.abort(signal?.reason);
  const timer = setTimeout(() => limit.abort(new Error(`No answer within ${ms / 1000} seconds`)), ms);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await work(limit.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

async function answered(asking: Promise<Response>, base: string, signal?: AbortSignal): Promise<Response> {
  try {
    return await asking;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new ConvokeError("unreachable", `${base} does not answer`, { retryable: true, cause });
  }
}

async function bodyOf(
  response: Response,
  { sha256, file, signal }: Pick<SendOptions, "sha256" | "file" | "signal">,
): Promise<unknown> {
  try {
    if (response.status === 204) return undefined;
    if (file) return await response.blob();
    if (sha256 === undefined) return await response.json();
    const bytes = new Uint8Array(await response.arrayBuffer());
    if ((await hashOf(bytes)) !== sha256) throw new Error("The bytes do not match their hash");
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    signal?.throwIfAborted();
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

async function problem(response: Response): Promise<ConvokeError> {
  const { status } = response;
  const read: Json = await response.json().catch(() => ({}));
  const body: JsonObject = read && typeof read === "object" && !Array.isArray(read) ? read : {};
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  const code = text(body.code) ?? fallbackCodes[status] ?? "internal_error";
  const message =
    text(body.detail) ?? text(body.title) ?? text(body.message) ?? `The service answered ${status}`;
  const seconds = Number(response.headers.get("retry-after"));
  return new ConvokeError(code, message, {
    status,
    requestId: text(body.request_id),
    retryable: passing.has(status) || (status === 500 && body.code === undefined),
    ...(seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}),
    details: body,
  });
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
