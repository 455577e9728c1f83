import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { once } from "./once.ts";
import { ServiceError } from "./protocol/error.ts";
import type { Millis } from "./protocol/json.ts";

/**
 * Addresses that a deployment lets its jobs call: host names (`api.example.com`, `*.example.com`, `*` for any) stand for
 * https on the usual port of a public address. An origin that is spelled out (`http://127.0.0.1:8080`) is trusted as it
 * stands, whatever it leads to.
 */
export type Allowed = string[];

export type Outgoing = {
  method: string;
  url: string;
  headers?: Record<string, string>;
  body?: string;
  signal: AbortSignal;
};

export type Incoming = { status: number; headers: IncomingMessage["headers"]; text: string };

/** Calls addresses that users have named. Follows no redirect. @throws EgressRefused; EgressFailed. */
export type Egress = (outgoing: Outgoing) => Promise<Incoming>;

/** The address is one that this deployment does not call. */
export class EgressRefused extends ServiceError {
  override readonly code = "egress_refused";
}

/** No whole answer. `cause` says what happened. */
export class EgressFailed extends ServiceError {
  override readonly code = "egress_failed";
  override readonly retryable = true;
}

/** @returns why this deployment does not call an address, or undefined if it does. Names are looked up only when it does. */
export function whyNot(address: string, allowed: Allowed): string | undefined {
  const url = URL.parse(address);
  if (!url) return "It is no URL";
  if (url.username || url.password) return "A URL with a user name or password is not called";
  if (isTrusted(url, allowed)) return undefined;
  if (url.protocol !== "https:") return "Only https is called";
  if (url.port !== "") return "Only the usual port of https is called";
  const host = url.hostname.replace(/\.$/, "");
  const isNamed = allowed.some(
    (entry) => entry === "*" || entry === host || (entry.startsWith("*.") && host.endsWith(entry.slice(1))),
  );
  return isNamed ? undefined : `This deployment does not call ${host}`;
}

function isTrusted(url: URL, allowed: Allowed): boolean {
  return allowed.some((entry) => URL.parse(entry)?.origin === url.origin);
}

/** Addresses are looked up by the agent, in the moment of connecting: a name that changes its mind is met there. */
const filteringAgent = once(async () => {
  const { RequestFilteringHttpsAgent } = await import("request-filtering-agent");
  return new RequestFilteringHttpsAgent({ keepAlive: false });
});

/** An answer to a webhook is looked at and thrown away. */
export const webhookLimits = { timeoutMs: 10_000, mostBytes: 64 * 1024 };

export function egress(
  allowed: Allowed,
  { timeoutMs, mostBytes }: { timeoutMs: Millis; mostBytes: number },
): Egress {
  return async ({ method, url: address, headers = {}, body, signal }) => {
    const reason = whyNot(address, allowed);
    if (reason) throw new EgressRefused(reason);
    const url = new URL(address);
    const options: RequestOptions = {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }) },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      ...(isTrusted(url, allowed) ? {} : { agent: await filteringAgent() }),
    };
    try {
      return await exchange(url, options, body, mostBytes);
    } catch (error) {
      if (isFiltered(error))
        throw new EgressRefused(`${url.hostname} is no public address`, { cause: error });
      throw new EgressFailed(`${url.host} did not answer as a web server does`, { cause: error });
    }
  };
}

/** The agent has words for it, and no class. */
function isFiltered(error: unknown): boolean {
  return error instanceof Error && /^DNS lookup .* is not allowed/.test(error.message);
}

async function exchange(
  url: URL,
  options: RequestOptions,
  body: string | undefined,
  mostBytes: number,
): Promise<Incoming> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = url.protocol === "https:" ? httpsRequest(url, options) : httpRequest(url, options);
  request.on("response", resolve).on("error", reject).end(body);
  const response = await promise;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    // Leaving the loop closes the connection.
    if (bytes > mostBytes) throw new Error(`The answer is larger than ${mostBytes} bytes`);
  }
  if (!response.complete) throw new Error("The answer broke off");
  const text = Buffer.concat(chunks).toString("utf8");
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}
