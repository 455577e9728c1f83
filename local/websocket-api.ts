import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Api, Route } from "./apis.ts";
import { authorize, routeArn } from "./authorizer.ts";
import type { Connection, Connections } from "./connections.ts";
import { guardFrames } from "./frame-guard.ts";
import type { Lambdas } from "./lambdas.ts";
import { newRequestId, requestTime, within } from "./requests.ts";
import { Unsupported } from "./template.ts";

export type WebSocketApiOptions = {
  api: Api;
  lambdas: Lambdas;
  connections: Connections;
  domainName: string;
  log: (line: string) => void;
  limits: SocketLimits;
};

/** @see https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html */
type SocketLimits = {
  frameBytes: number;
  messageBytes: number;
  /** Without a frame in either direction. */
  idleMs: number;
  connectionMs: number;
  /** What an authorizer may answer. */
  authorizerContextBytes: number;
};

type Refusal = { status: number; text: string };

/** One stage of an API Gateway WebSocket API: takes over requests to upgrade. */
export function webSocketApi({ api, lambdas, connections, domainName, log, limits }: WebSocketApiOptions) {
  const routes = new Map(api.routes.map((route) => [route.key, route]));
  const select = routeSelector(api.selection);
  const protocols = new WeakMap<IncomingMessage, string>();
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // API Gateway does not compress.
    perMessageDeflate: false,
    maxPayload: limits.messageBytes,
    handleProtocols: (_, request) => protocols.get(request) ?? false,
  });

  return async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const refuse = ({ status, text }: Refusal) => refuseHandshake(socket, status, text, requestId, id);
    const id = newRequestId();
    const requestId = newRequestId();
    const connectedAt = Date.now();
    const sourceIp = request.socket.remoteAddress ?? "127.0.0.1";
    const userAgent = request.headers["user-agent"] ?? "";
    let authorizer: Record<string, unknown> | undefined;
    socket.on("error", () => socket.destroy());

    const contextOf = (fields: { routeKey: string; eventType: string; requestId: string }) => {
      const now = Date.now();
      return {
        ...fields,
        extendedRequestId: fields.requestId,
        requestTime: requestTime(now),
        messageDirection: "IN",
        stage: api.stage,
        connectedAt,
        requestTimeEpoch: now,
        identity: { sourceIp, userAgent },
        domainName,
        connectionId: id,
        apiId: api.id,
        ...(authorizer ? { authorizer } : {}),
      };
    };
    const invoke = (route: Route, event: Record<string, unknown>) =>
      within(
        route.timeoutMs,
        lambdas.invoke(
          route.functionId,
          {
            ...event,
            ...(api.stageVariables ? { stageVariables: api.stageVariables } : {}),
            isBase64Encoded: false,
          },
          { about: route.key },
        ),
      );

    // Before anyone is asked, so that `ws` finds nothing wrong with a handshake that was admitted.
    if (request.headers["sec-websocket-version"] !== "13" || !isKey(request.headers["sec-websocket-key"])) {
      return refuse({ status: 400, text: "Bad Request" });
    }
    const connect = routes.get("$connect");
    if (connect) {
      if (connect.throttle && !connect.throttle.take())
        return refuse({ status: 429, text: "Too Many Requests" });
      const refused = await admit(connect);
      if (refused) return refuse(refused);
    }
    let established = false;
    server.handleUpgrade(request, socket, head, (webSocket) => {
      established = true;
      establish(webSocket);
    });
    // The client left while it waited.
    if (!established) await disconnected(1006, "");

    /** The authorizer, then the `$connect` route. */
    async function admit(route: Route): Promise<Refusal | undefined> {
      const received = receivedFields(request);
      const connectContext = () => contextOf({ routeKey: "$connect", eventType: "CONNECT", requestId });
      if (route.authorizer) {
        const arn = routeArn(api.id, api.stage, "$connect", "");
        const verdict = await authorize(
          route.authorizer,
          lambdas,
          {
            header: (name) => headerOf(request, name),
            querystring: (name) => received.queryStringParameters?.[name],
            context: { connectionId: id, routeKey: "$connect" },
            stageVariables: api.stageVariables,
          },
          arn,
          () => ({
            type: "REQUEST",
            methodArn: arn,
            ...received,
            queryStringParameters: received.queryStringParameters ?? {},
            multiValueQueryStringParameters: received.multiValueQueryStringParameters ?? {},
            stageVariables: api.stageVariables ?? {},
            requestContext: connectContext(),
          }),
        );
        if (!verdict.allowed) {
          const texts = {
            401: "Unauthorized",
            403: "User is not authorized to access this resource",
            500: "Internal server error",
          };
          return { status: verdict.status, text: texts[verdict.status] };
        }
        const flat = flattened(verdict.context);
        if (!flat || JSON.stringify(flat).length > limits.authorizerContextBytes) {
          log("$connect: the authorizer's context is too large, or not of strings, numbers and booleans");
          return { status: 500, text: "Internal server error" };
        }
        authorizer = { ...flat, principalId: verdict.principalId };
      }
      const invoked = await invoke(route, { ...received, requestContext: connectContext() });
      if (!invoked) return { status: 504, text: "Endpoint request timed out" };
      const result = invoked.ok ? proxyResult(invoked.payload) : undefined;
      if (!result) return { status: 502, text: "Internal server error" };
      if (result.status < 200 || result.status > 299) {
        return { status: result.status, text: result.body || (STATUS_CODES[result.status] ?? "") };
      }
      if (result.protocol) protocols.set(request, result.protocol);
      return undefined;
    }

    function inBackground(work: Promise<void>): void {
      work.catch((error: unknown) => log(`${id}: ${error instanceof Error ? error.stack : error}`));
    }

    function establish(webSocket: WebSocket): void {
      const connection: Connection = {
        id,
        stage: api.stage,
        sourceIp,
        userAgent,
        connectedAt,
        lastActiveAt: Date.now(),
        socket: webSocket,
        onEnd: (code, reason) => {
          clearTimeout(timer);
          inBackground(disconnected(code, reason));
        },
      };
      let timer = expireIn(Math.min(limits.idleMs, limits.connectionMs));
      let messages = 0;
      let messagesMost = Number.POSITIVE_INFINITY;
      connections.add(connection);
      webSocket.on("message", (data, isBinary) => {
        if (++messages > messagesMost || !connections.isOpen(connection)) return;
        connection.lastActiveAt = Date.now();
        // https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-binary-media-types.html
        if (isBinary) return connections.close(connection, 1003, "Binary is not supported");
        inBackground(received(connection, String(data)));
      });
      webSocket.on("close", (code, reason) => connections.ended(connection, code, reason.toString()));
      // The close event that follows says it all.
      webSocket.on("error", () => {});
      guardFrames(socket, limits.frameBytes, (before) => {
        messagesMost = before;
        // `ws` has yet to read this chunk, and the messages in it that came before.
        setImmediate(() => connections.close(connection, 1009, "Frame is too large"));
      });

      function expireIn(ms: number): NodeJS.Timeout {
        return setTimeout(() => {
          const now = Date.now();
          const left = Math.min(
            connection.lastActiveAt + limits.idleMs - now,
            connectedAt + limits.connectionMs - now,
          );
          if (left <= 0) connections.close(connection, 1001, "Going away");
          else timer = expireIn(left);
        }, ms).unref();
      }
    }

    /** The invocations of one connection's messages start in the order of arrival and run at the same time. */
    async function received(connection: Connection, body: string): Promise<void> {
      const messageRequestId = newRequestId();
      const fail = (text: string) =>
        connections.send(
          connection,
          JSON.stringify({ message: text, connectionId: id, requestId: messageRequestId }),
        );
      const route = routes.get(select(body)) ?? routes.get("$default");
      if (!route) return fail("Forbidden");
      if (route.throttle && !route.throttle.take()) return fail("Too Many Requests");
      const invoked = await invoke(route, {
        requestContext: {
          ...contextOf({ routeKey: route.key, eventType: "MESSAGE", requestId: messageRequestId }),
          messageId: newRequestId(),
        },
        body,
      });
      if (!invoked) return fail("Endpoint request timed out");
      if (!invoked.ok) return fail("Internal server error");
      if (!route.responds) return;
      const result = proxyResult(invoked.payload);
      if (!result) return fail("Internal server error");
      if (result.body) connections.send(connection, result.body);
    }

    async function disconnected(code: number, reason: string): Promise<void> {
      const route = routes.get("$disconnect");
      if (!route) return;
      const headers = { Host: request.headers.host ?? domainName, "x-api-key": "", "x-restapi": "" };
      await invoke(route, {
        headers,
        multiValueHeaders: Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, [value]]),
        ),
        requestContext: {
          ...contextOf({ routeKey: "$disconnect", eventType: "DISCONNECT", requestId: newRequestId() }),
          disconnectStatusCode: code,
          disconnectReason: reason || disconnectReasons[code] || "",
        },
      });
    }
  };
}

const disconnectReasons: Partial<Record<number, string>> = {
  1001: "Going away",
  1005: "Client-side close frame status not set",
  1006: "Connection closed abnormally",
};

/**
 * Reads the route key out of a message. What is no JSON, or names nothing, is for `$default`.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html
 */
function routeSelector(expression: string): (body: string) => string {
  const path = /^\$\{?request\.body\.([\w.-]+)\}?$/.exec(expression)?.[1]?.split(".");
  if (!path)
    throw new Unsupported(
      `The route selection expression ${expression} is of no kind that the gateway knows`,
    );
  return (body) => {
    try {
      let value: unknown = JSON.parse(body);
      for (const name of path) value = (value as Record<string, unknown> | null)?.[name];
      // A message cannot pass for a connection's beginning or end.
      if (typeof value === "string" && !value.startsWith("$")) return value;
      return typeof value === "number" || typeof value === "boolean" ? String(value) : "$default";
    } catch {
      return "$default";
    }
  };
}

/** Sixteen bytes in base64. */
function isKey(text: string | undefined): boolean {
  return text !== undefined && /^[+/0-9A-Za-z]{22}==$/.test(text);
}

/** Header names as the client wrote them, values single (the last) and multiple. */
function receivedFields(request: IncomingMessage) {
  const headers: Record<string, string> = {};
  const multiValueHeaders: Record<string, string[]> = {};
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index]!;
    const value = request.rawHeaders[index + 1]!;
    headers[name] = value;
    multiValueHeaders[name] = [...(multiValueHeaders[name] ?? []), value];
  }
  const query = new URLSearchParams(request.url?.split("?")[1] ?? "");
  if (query.size === 0) return { headers, multiValueHeaders };
  const names = [...new Set(query.keys())];
  return {
    headers,
    multiValueHeaders,
    queryStringParameters: Object.fromEntries(query),
    multiValueQueryStringParameters: Object.fromEntries(names.map((name) => [name, query.getAll(name)])),
  };
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}

/** The context of a policy holds strings, numbers and booleans, and reaches the functions as strings. */
function flattened(context: Record<string, unknown>): Record<string, string> | undefined {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(context)) {
    if (value === null || value === undefined) continue;
    if (typeof value === "object") return undefined;
    flat[name] = String(value);
  }
  return flat;
}

/** @returns undefined for a result without a status, which API Gateway takes for a malformed one. */
function proxyResult(payload: unknown): { status: number; body: string; protocol?: string } | undefined {
  if (typeof payload !== "object" || payload === null) return undefined;
  const { statusCode, headers, body } = payload as {
    statusCode?: unknown;
    headers?: Record<string, unknown>;
    body?: unknown;
  };
  const status = Number(statusCode);
  if (!Number.isInteger(status) || (body != null && typeof body !== "string")) return undefined;
  const [, protocol] =
    Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === "sec-websocket-protocol") ?? [];
  return { status, body: body ?? "", ...(protocol === undefined ? {} : { protocol: String(protocol) }) };
}

function refuseHandshake(
  socket: Duplex,
  status: number,
  text: string,
  requestId: string,
  connectionId: string,
): void {
  const body = JSON.stringify({ message: text, connectionId, requestId });
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Refused"}`,
      "Connection: close",
      "Content-Type: application/json",
      `Content-Length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ].join("\r\n"),
  );
}
