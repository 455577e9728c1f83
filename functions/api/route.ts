import type * as z from "zod";
import type { Logger } from "../../core/engine/context.ts";
import type { Jobs } from "../../core/engine/job-type.ts";
import type { Principal, Scope } from "../../core/keys/keys.ts";
import type { Services } from "../../core/services.ts";

/** The API calls no model and posts to no connection. */
export type DoorServices = Omit<Services, "model" | "sockets" | "watches">;

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
  setHeader(name: string, value: string): void;
};

/** Instead of an answer: where it can be fetched without a key, for a short while. */
export class SeeOther {
  readonly url: string;
  constructor(url: string) {
    this.url = url;
  }
}

/** `open` to anybody, to any `known` caller, or to those with a scope. */
type Access = "open" | "known" | Scope;

/**
 * One route as data: what is mounted, documented and tested is the same list.
 * Paths are written as OpenAPI writes them: `/api/jobs/{id}`.
 */
export type Route<P = unknown, Q = unknown, B = unknown> = {
  method: "get" | "post" | "patch" | "delete";
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
  /** May answer with a `SeeOther`. */
  redirects?: boolean;
  answer: { status: 200 | 201 | 202; description: string; schema: z.ZodType };
  handle(call: Call<P, Q, B>, door: Door): Promise<unknown>;
};

// A table holds routes of many shapes; each is given only what its own schemas have parsed.
// biome-ignore lint/suspicious/noExplicitAny: params, query and body are checked by the route's own schemas
export type AnyRoute = Route<any, any, any>;

/** Ties a route's handler to its schemas: what comes in is what they parse, what goes out what `answer` promises. */
export function route<P = undefined, Q = undefined, B = undefined, A = unknown>(
  declared: Omit<Route<P, Q, B>, "answer" | "handle"> & {
    answer: { status: 200 | 201 | 202; description: string; schema: z.ZodType<A> };
    handle(call: Call<P, Q, B>, door: Door): Promise<NoInfer<A> | SeeOther>;
  },
): AnyRoute {
  return declared;
}

export function pathsOf(route: AnyRoute): string[] {
  return [route.path, ...(route.aliases ?? [])];
}
