import { createHash } from "node:crypto";
import { type Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import { cors } from "hono/cors";
import { parse } from "../../core/engine/parse.ts";
import { type Authenticate, authenticator, type JwtSettings } from "../../core/keys/authenticate.ts";
import type { Principal, Scope } from "../../core/keys/keys.ts";
import {
  Forbidden,
  InvalidRequest,
  NotFound,
  ServiceError,
  Unauthorized,
  Unavailable,
} from "../../core/protocol/error.ts";
import { secondsToWait, waitedFor } from "./accept.ts";
import { readBody } from "./body.ts";
import { MethodNotAllowed, problemOf } from "./problem.ts";
import { type AnyRoute, type Door, pathsOf, Reply, SeeOther, submitsJob } from "./route.ts";
import { routes } from "./routes.ts";
import { sessionCookie } from "./session-cookie.ts";

type Environment = {
  Bindings: { requestContext?: { requestId?: string } };
  Variables: { requestId: string; route?: string; tenant?: string };
};

/** The API is data for programs: nothing may be kept, framed, sniffed or run. */
const headers = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
  "X-Content-Type-Options": "nosniff",
};

export function app(door: Door, access: { allowedOrigins: string[]; jwt?: JwtSettings }): Hono<Environment> {
  const authenticate = authenticator(door.services, access.jwt);
  const http = new Hono<Environment>();

  http.use(async (c, next) => {
    const began = performance.now();
    c.set("requestId", c.env?.requestContext?.requestId ?? door.services.newId());
    await next();
    c.header("X-Request-Id", c.var.requestId);
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
    door.logger.info("request", {
      request_id: c.var.requestId,
      method: c.req.method,
      route: c.var.route ?? "none",
      status: c.res.status,
      ms: Math.round(performance.now() - began),
      // Enough to follow one customer's requests, not enough to name one.
      ...(c.var.tenant ? { tenant: digest(c.var.tenant) } : {}),
    });
  });
  http.use(
    cors({
      origin: access.allowedOrigins,
      allowMethods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
      allowHeaders: ["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Prefer"],
      exposeHeaders: ["ETag", "X-Request-Id", "Idempotent-Replayed", "Preference-Applied", "Retry-After"],
      maxAge: 600,
    }),
  );

  const methods = new Map<string, string[]>();
  for (const route of routes) {
    for (const path of pathsOf(route)) {
      mount(http, path, route, door, authenticate);
      methods.set(path, [...(methods.get(path) ?? []), route.method.toUpperCase()]);
    }
  }
  for (const [path, allowed] of methods) {
    http.all(honoPath(path), (c) => {
      c.header("Allow", allowed.join(", "));
      throw new MethodNotAllowed(`${c.req.path} knows ${allowed.join(" and ")}, not ${c.req.method}`);
    });
  }
  http.notFound((c) => problem(c, door, new NotFound("There is nothing at this address")));
  http.onError((error, c) => problem(c, door, error));
  return http;
}

function mount(
  http: Hono<Environment>,
  path: string,
  route: AnyRoute,
  door: Door,
  authenticate: Authenticate,
): void {
  http.on(route.method.toUpperCase(), honoPath(path), async (c) => {
    c.set("route", `${route.method.toUpperCase()} ${path}`);
    const session = sessionCookie(c);
    const principal =
      route.access === "open" ? nobody : await authenticate(c.req.header("authorization"), session.current);
    c.set("tenant", principal.tenant);
    authorise(route, principal);
    const answer = await route.handle(
      {
        principal,
        params: route.params ? readParams(route, c.req.param()) : undefined,
        query: route.query ? parse(route.query, c.req.query()) : undefined,
        body: route.body ? parse(route.body, await readBody(c.req.raw, door.services.settings)) : undefined,
        idempotencyKey: route.idempotent ? idempotencyKey(c.req.header("idempotency-key")) : undefined,
        ifMatch: route.conditional ? c.req.header("if-match") : undefined,
        preferred: (supports) => accepts(c, { header: "Accept", supports, default: supports[0] }),
        setHeader: (name, value) => c.header(name, value),
        session,
      },
      door,
    );
    if (answer instanceof SeeOther) return c.redirect(answer.url, 303);
    if (answer instanceof Reply) {
      const { status, contentType, body } = answer;
      const text = typeof body === "string" ? body : JSON.stringify(body);
      return c.body(text, status, { "Content-Type": contentType });
    }
    const waitSeconds = submitsJob(route) ? secondsToWait(c.req.header("prefer")) : 0;
    const job = await waitedFor(door, principal.tenant, answer, waitSeconds);
    if (job) {
      c.header("Preference-Applied", `wait=${waitSeconds}`);
      return c.body(JSON.stringify(job), 200, { "Content-Type": "application/json" });
    }
    return c.body(JSON.stringify(answer), route.answer.status, { "Content-Type": "application/json" });
  });
}

/** `{path}` at the end takes all that is left: a slash in it may come as it is or encoded. */
const honoPath = (path: string) => path.replace(/\{path\}$/, ":path{.+}").replace(/\{(\w+)\}/g, ":$1");

/** Who asks at an open route. Owns nothing and may do nothing. */
const nobody: Principal = { tenant: "", id: "", scopes: [] };

function authorise({ access }: AnyRoute, { scopes }: Principal): void {
  if (access === "open" || access === "known") return;
  if (![access, ...within[access]].some((scope) => scopes.includes(scope)))
    throw new Forbidden(`This needs the scope ${access}; the key or token has not got it`);
}

/** The scopes that a scope is part of. */
const within: Record<Scope, Scope[]> = {
  "jobs:read": ["admin"],
  "jobs:write": ["admin"],
  "jobs:approve": ["jobs:write", "admin"],
  admin: [],
};

/** An id that cannot exist is answered like one that does not. */
function readParams(route: AnyRoute, params: Record<string, string>): unknown {
  const parsed = route.params!.safeParse(params);
  if (!parsed.success) throw new NotFound("There is nothing at this address");
  return parsed.data;
}

function idempotencyKey(header: string | undefined): string | undefined {
  if (header !== undefined && !/^[\x21-\x7e]{1,200}$/.test(header))
    throw new InvalidRequest("Idempotency-Key must be 1 to 200 printable characters without spaces");
  return header;
}

function problem(c: Context<Environment>, { logger }: Door, error: unknown): Response {
  const { requestId } = c.var;
  const body = problemOf(error, requestId);
  if (body.status >= 500) logger.error("request failed", { request_id: requestId, ...traceOf(error) });
  if (error instanceof Unauthorized) c.header("WWW-Authenticate", 'Bearer realm="convoke"');
  if (error instanceof Unavailable) c.header("Retry-After", "1");
  return c.body(JSON.stringify(body), body.status as 400, { "Content-Type": "application/problem+json" });
}

/**
 * What an operator needs to find a fault. The words of a surprise stay out: they may quote what a user wrote.
 */
function traceOf(error: unknown): object {
  if (!(error instanceof Error)) return { error: typeof error };
  const { cause } = error;
  return {
    error: error.name,
    ...(error instanceof ServiceError ? { code: error.code, reason: error.message } : {}),
    ...(cause instanceof Error ? { cause: cause.name } : {}),
    at: error.stack?.split("\n").filter((line) => /^\s+at /.test(line)),
  };
}

function digest(tenant: string): string {
  return createHash("sha256").update(tenant).digest("hex").slice(0, 12);
}
