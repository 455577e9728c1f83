import type { IncomingMessage, ServerResponse } from "node:http";
import type { Api, Route } from "./apis.ts";
import { authorize, routeArn } from "./authorizer.ts";
import type { Lambdas } from "./lambdas.ts";
import { newRequestId, requestTime, within } from "./requests.ts";
import { account } from "./resource-types.ts";

export type HttpApiOptions = {
  api: Api;
  lambdas: Lambdas;
  domainName: string;
  log: (line: string) => void;
  /** @returns undefined when the body is over the limit. */
  readBody: (request: IncomingMessage) => Promise<Buffer | undefined>;
};

type Answer = {
  status: number;
  headers: [name: string, value: string][];
  cookies: string[];
  body: string | Buffer;
};

/**
 * One stage of an API Gateway HTTP API.
 * @returns the handler of its requests: path and query as they came, the path without the stage's prefix.
 */
export function httpApi({ api, lambdas, domainName, log, readBody }: HttpApiOptions) {
  const find = routeFinder(api.routes);

  return async (request: IncomingMessage, response: ServerResponse, url: Url): Promise<void> => {
    const requestId = newRequestId();
    const reply = await answer(request, url, requestId);
    for (const [name, value] of reply.headers) response.setHeader(name, value);
    if (api.cors) {
      for (const [name, value] of corsHeaders(api.cors, request.headers.origin))
        response.setHeader(name, value);
    }
    if (reply.cookies.length > 0) response.setHeader("set-cookie", reply.cookies);
    response.setHeader("apigw-requestid", requestId);
    response.statusCode = reply.status;
    response.end(request.method === "HEAD" ? undefined : reply.body);
  };

  async function answer(request: IncomingMessage, url: Url, requestId: string): Promise<Answer> {
    const method = request.method ?? "GET";
    if (api.cors && method === "OPTIONS" && request.headers["access-control-request-method"]) {
      return preflight(api.cors, request.headers.origin);
    }
    const matched = find(method, url.path);
    if (matched === "malformed") return message(400, "Bad Request");
    if (!matched) return message(404, "Not Found");
    const { route, pathParameters } = matched;
    if (route.throttle && !route.throttle.take()) return message(429, "Too Many Requests");
    const body = await readBody(request);
    if (!body) return message(413, "Request Entity Too Large");

    const event = toEvent(api, route, pathParameters, request, url, body, requestId, domainName);
    if (route.authorizer) {
      const { body: _body, isBase64Encoded: _encoded, ...asked } = event;
      const arn = routeArn(api.id, api.stage, method, url.path);
      const verdict = await authorize(
        route.authorizer,
        lambdas,
        {
          header: (name) => event.headers[name],
          querystring: (name) => event.queryStringParameters?.[name],
          context: { routeKey: route.key },
          stageVariables: api.stageVariables,
        },
        arn,
        (identitySource) => ({ ...asked, type: "REQUEST", routeArn: arn, identitySource }),
      );
      if (!verdict.allowed) {
        const texts = { 401: "Unauthorized", 403: "Forbidden", 500: "Internal Server Error" };
        return message(verdict.status, texts[verdict.status]);
      }
      event.requestContext.authorizer = { lambda: verdict.context };
    }

    const invoked = await within(
      route.timeoutMs,
      lambdas.invoke(route.functionId, event, { about: `${method} ${url.path}` }),
    );
    if (!invoked) {
      log(`${route.key}: no answer within ${route.timeoutMs} ms`);
      return message(503, "Service Unavailable");
    }
    if (invoked.ok) {
      const answered = toAnswer(invoked.payload, api.cors !== undefined);
      if (answered) return answered;
      log(`${route.key}: the answer of ${route.functionId} is not in format 2.0`);
    }
    return !invoked.ok && invoked.kind === "throttled"
      ? message(503, "Service Unavailable")
      : message(500, "Internal Server Error");
  }
}

/** A request's address as it came: nothing decoded. */
export type Url = {
  /** Within the stage. */
  path: string;
  /** With the stage, unless it is `$default`. */
  fullPath: string;
  query: string;
};

type Match = { route: Route; pathParameters: Record<string, string> | undefined };

/**
 * The most specific route wins: literals before parameters before `{proxy+}` before `$default`, a method before ANY.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
 */
function routeFinder(routes: Route[]): (method: string, path: string) => Match | "malformed" | undefined {
  const fallback = routes.find(({ key }) => key === "$default");
  const patterns = routes
    .filter((route) => route !== fallback)
    .map((route) => {
      const [method = "", path = ""] = route.key.split(" ");
      const segments = path.split("/").slice(1);
      // Compared as text, so that after greediness the leftmost difference decides.
      const rank =
        (path.endsWith("+}") ? "1" : "0") +
        segments
          .map((segment) => (segment.endsWith("+}") ? "2" : segment.startsWith("{") ? "1" : "0"))
          .join("") +
        (method === "ANY" ? "~1" : "~0");
      return { route, method, segments, rank };
    })
    .sort((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0));

  return (method, path) => {
    const given = path.split("/").slice(1);
    for (const pattern of patterns) {
      if (pattern.method !== "ANY" && pattern.method !== method) continue;
      const captured = capture(pattern.segments, given);
      if (!captured) continue;
      const names = Object.keys(captured);
      if (names.length === 0) return { route: pattern.route, pathParameters: undefined };
      try {
        for (const name of names) captured[name] = decodeURIComponent(captured[name]!);
      } catch {
        return "malformed";
      }
      return { route: pattern.route, pathParameters: captured };
    }
    return fallback ? { route: fallback, pathParameters: undefined } : undefined;
  };
}

function capture(segments: string[], given: string[]): Record<string, string> | undefined {
  const captured: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const value = given[index];
    if (value === undefined) return undefined;
    if (segment.endsWith("+}")) {
      if (value === "") return undefined;
      captured[segment.slice(1, -2)] = given.slice(index).join("/");
      return captured;
    }
    if (segment.startsWith("{")) {
      if (value === "") return undefined;
      captured[segment.slice(1, -1)] = value;
    } else if (segment !== value) return undefined;
  }
  return segments.length === given.length ? captured : undefined;
}

/** Concern one connection only, and so never reach a function or come from one. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Payload format 2.0.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
function toEvent(
  api: Api,
  route: Route,
  pathParameters: Record<string, string> | undefined,
  request: IncomingMessage,
  url: Url,
  body: Buffer,
  requestId: string,
  domainName: string,
) {
  const now = Date.now();
  const headers: Record<string, string> = {};
  const cookies: string[] = [];
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index]!.toLowerCase();
    const value = request.rawHeaders[index + 1]!;
    if (name === "cookie") cookies.push(...value.split("; "));
    else if (!hopByHop.has(name))
      headers[name] = Object.hasOwn(headers, name) ? `${headers[name]},${value}` : value;
  }
  const sourceIp = request.socket.remoteAddress ?? "127.0.0.1";
  const forwarded = headers["x-forwarded-for"];
  headers["content-length"] = String(body.length);
  headers["x-forwarded-for"] = forwarded === undefined ? sourceIp : `${forwarded}, ${sourceIp}`;
  headers["x-forwarded-port"] = String(request.socket.localPort ?? "");
  headers["x-forwarded-proto"] = "http";
  const path = decodedPath(url.fullPath);
  const text = isText(headers);
  return {
    version: "2.0",
    routeKey: route.key,
    rawPath: path,
    rawQueryString: url.query,
    ...(cookies.length > 0 ? { cookies } : {}),
    headers,
    ...(url.query === "" ? {} : { queryStringParameters: joinedQuery(url.query) }),
    ...(pathParameters ? { pathParameters } : {}),
    ...(api.stageVariables ? { stageVariables: api.stageVariables } : {}),
    requestContext: {
      accountId: account,
      apiId: api.id,
      domainName,
      domainPrefix: domainName.split(".")[0]!,
      http: {
        method: request.method ?? "GET",
        path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp,
        userAgent: headers["user-agent"] ?? "",
      },
      requestId,
      routeKey: route.key,
      stage: api.stage,
      time: requestTime(now),
      timeEpoch: now,
      authorizer: undefined as { lambda: Record<string, unknown> } | undefined,
    },
    ...(body.length > 0 ? { body: body.toString(text ? "utf8" : "base64") } : {}),
    isBase64Encoded: body.length > 0 && !text,
  };
}

/** HTTP APIs hand the path on decoded, though they call it raw. What cannot be decoded stays as it came. */
function decodedPath(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** A form is binary to an HTTP API, like everything else that is not one of these. */
function isText(headers: Record<string, string>): boolean {
  if (headers["content-encoding"] !== undefined && headers["content-encoding"] !== "identity") return false;
  const type = headers["content-type"];
  return type === undefined || /^(text\/|application\/(.+\+)?(json|xml|javascript)\b)/i.test(type.trim());
}

function joinedQuery(query: string): Record<string, string> {
  const joined: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    joined[name] = Object.hasOwn(joined, name) ? `${joined[name]},${value}` : value;
  }
  return joined;
}

/**
 * What a function returned, as an answer: a bare value is a 200 in JSON.
 * @returns undefined for a result that API Gateway does not accept.
 */
function toAnswer(payload: unknown, corsConfigured: boolean): Answer | undefined {
  if (typeof payload !== "object" || payload === null || !("statusCode" in payload)) {
    return {
      status: 200,
      headers: [["content-type", "application/json"]],
      cookies: [],
      body: typeof payload === "string" ? payload : JSON.stringify(payload ?? null),
    };
  }
  const { statusCode, headers = {}, cookies = [], body = "", isBase64Encoded } = payload as ProxyResult;
  const status = Number(statusCode);
  const wellFormed =
    Number.isInteger(status) && status >= 100 && status <= 599 && typeof (body ?? "") === "string";
  if (!wellFormed || !Array.isArray(cookies)) return undefined;
  const lines: Answer["headers"] = [];
  let typed = false;
  for (const [given, value] of Object.entries(headers ?? {})) {
    const name = given.toLowerCase();
    if (hopByHop.has(name) || name === "content-length") continue;
    // With CORS configured API Gateway ignores the integration's own CORS headers.
    if (corsConfigured && name.startsWith("access-control-")) continue;
    if (name === "content-type") typed = true;
    lines.push([name, String(value)]);
  }
  if (!typed) lines.push(["content-type", "text/plain;charset=utf-8"]);
  return {
    status,
    headers: lines,
    cookies: cookies.map(String),
    body: isBase64Encoded ? Buffer.from(body ?? "", "base64") : (body ?? ""),
  };
}

type ProxyResult = {
  statusCode: unknown;
  headers?: Record<string, unknown> | null;
  cookies?: unknown[];
  body?: string | null;
  isBase64Encoded?: boolean;
};

function message(status: number, text: string): Answer {
  return {
    status,
    headers: [["content-type", "application/json"]],
    cookies: [],
    body: JSON.stringify({ message: text }),
  };
}

/**
 * Answered by the gateway whether or not there is an OPTIONS route.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
 */
function preflight(cors: NonNullable<Api["cors"]>, origin: string | undefined): Answer {
  const headers: Answer["headers"] = [];
  if (allowedOrigin(cors, origin)) {
    if (cors.AllowMethods) headers.push(["access-control-allow-methods", cors.AllowMethods.join(",")]);
    if (cors.AllowHeaders) headers.push(["access-control-allow-headers", cors.AllowHeaders.join(",")]);
    if (cors.MaxAge !== undefined) headers.push(["access-control-max-age", String(cors.MaxAge)]);
  }
  return { status: 204, headers, cookies: [], body: "" };
}

function corsHeaders(cors: NonNullable<Api["cors"]>, origin: string | undefined): Answer["headers"] {
  const allowed = allowedOrigin(cors, origin);
  if (!allowed) return [];
  const headers: Answer["headers"] = [["access-control-allow-origin", allowed]];
  if (allowed !== "*") headers.push(["vary", "origin"]);
  if (cors.AllowCredentials) headers.push(["access-control-allow-credentials", "true"]);
  if (cors.ExposeHeaders) headers.push(["access-control-expose-headers", cors.ExposeHeaders.join(",")]);
  return headers;
}

/** `https://*` allows every origin of that scheme. */
function allowedOrigin(cors: NonNullable<Api["cors"]>, origin: string | undefined): string | undefined {
  if (origin === undefined) return undefined;
  if (cors.AllowOrigins?.includes("*")) return "*";
  const allowed = cors.AllowOrigins?.some(
    (one) => one === origin || (one.endsWith("://*") && origin.startsWith(one.slice(0, -1))),
  );
  return allowed ? origin : undefined;
}
