import type * as z from "zod";
import type { Logger } from "../../core/engine/context.ts";
import type { Jobs } from "../../core/engine/job-type.ts";
import type { Principal, Scope } from "../../core/keys/keys.ts";
import type { Services, WorkersOwn } from "../../core/services.ts";
import type { SessionCookie } from "./session-cookie.ts";

/** The API calls no model and posts to no connection. */
export type DoorServices = Omit<Services, WorkersOwn | "sockets" | "watches">;

/** What the routes work with. */
export type Door = {
  services: DoorServices;
  jobs: Jobs;
  /** Where clients open their WebSocket. */
  socketUrl: string;
  logger: Logger;
};

/** A request whose parts are what the route's schemas made of them. */
export type Call<P, Q, B> = {
  principal: Principal;
  params: P;
  query: Q;
  body: B;
  idempotencyKey?: string;
  /** The version that the request is meant for, as the header has it. */
  ifMatch?: string;
  /** The one of these content types that the caller would rather have; the first if it does not say. */
  preferred(contentTypes: [string, ...string[]]): string;
  setHeader(name: string, value: string): void;
  session: SessionCookie;
};

/** Instead of an answer: where it can be fetched without a key, for a short while. */
export class SeeOther {
  readonly url: string;
  constructor(url: string) {
    this.url = url;
  }
}

/** Instead of the route's usual answer: one of those that it declares beside it. */
export class Reply {
  readonly status: 200 | 202;
  readonly contentType: string;
  readonly body: unknown;
  /** @param body - a text for any other type than JSON. */
  constructor(status: 200 | 202, contentType: string, body: unknown) {
    this.status = status;
    this.contentType = contentType;
    this.body = body;
  }
}

/** `open` to anybody, to any `known` caller, or to those with a scope. */
type Access = "open" | "known" | Scope;

/**
 * One route as data: what is mounted, documented and tested is the same list.
 * Paths are written as OpenAPI writes them: `/api/jobs/{id}`.
 */
export type Route<P = unknown, Q = unknown, B = unknown> = {
  method: "get" | "post" | "put" | "patch" | "delete";
  path: string;
  /** Other paths that mean the same, kept for clients that know them. */
  aliases?: string[];
  summary: string;
  access: Access;
  params?: z.ZodType<P>;
  query?: z.ZodType<Q>;
  body?: z.ZodType<B>;
  /** Accepts an `Idempotency-Key` header. */
  idempotent?: boolean;
  /** Accepts an `If-Match` header. */
  conditional?: boolean;
  /** May answer with a `SeeOther`. */
  redirects?: boolean;
  answer: { status: 200 | 201 | 202; description: string; schema: z.ZodType };
  /** What a `Reply` may be. */
  replies?: { status: 200 | 202; description: string; contentType: string; schema: z.ZodType }[];
  handle(call: Call<P, Q, B>, door: Door): Promise<unknown>;
};

// A table holds routes of many shapes; each is given only what its own schemas have parsed.
// biome-ignore lint/suspicious/noExplicitAny: params, query and body are checked by the route's own schemas
export type AnyRoute = Route<any, any, any>;

/** Ties a route's handler to its schemas: what comes in is what they parse, what goes out what `answer` promises. */
export function route<P = undefined, Q = undefined, B = undefined, A = unknown>(
  declared: Omit<Route<P, Q, B>, "answer" | "handle"> & {
    answer: { status: 200 | 201 | 202; description: string; schema: z.ZodType<A> };
    handle(call: Call<P, Q, B>, door: Door): Promise<NoInfer<A> | SeeOther | Reply>;
  },
): AnyRoute {
  return declared;
}

/** What takes an idempotency key and answers 202 has accepted a job, and with `Prefer: wait` it waits for its end. */
export function submitsJob({ idempotent, answer }: AnyRoute): boolean {
  return idempotent === true && answer.status === 202;
}

export function pathsOf(route: AnyRoute): string[] {
  return [route.path, ...(route.aliases ?? [])];
}
