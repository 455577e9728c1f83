import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type Api, readApis } from "./apis.ts";
import { Connections, manageConnection } from "./connections.ts";
import type { Serve } from "./distribution.ts";
import { httpApi, type Url } from "./http-api.ts";
import type { Lambdas } from "./lambdas.ts";
import { type Template, Unsupported } from "./template.ts";
import { TokenBucket } from "./token-bucket.ts";
import { webSocketApi } from "./websocket-api.ts";

/**
 * What API Gateway allows.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html (requests and connections per account)
 */
const awsLimits = {
  bodyBytes: 10 * 1024 * 1024,
  /** Of the request line and the header values together. */
  headerBytes: 10_240,
  frameBytes: 32 * 1024,
  messageBytes: 128 * 1024,
  idleMs: 10 * 60_000,
  connectionMs: 2 * 60 * 60_000,
  authorizerContextBytes: 8 * 1024,
  /** Of all APIs and `@connections` together. */
  requestsPerSecond: 10_000,
  requestBurst: 5_000,
  connectsPerSecond: 500,
  connectBurst: 500,
  /** AWS does not say when it gives up a client that does not read. */
  bufferedBytes: 4 * 1024 * 1024,
};

export type GatewayLimits = typeof awsLimits;

export type Gateway = {
  port: number;
  /** Open WebSocket connections, and the faults that may befall them. */
  connections: Connections;
  close(): Promise<void>;
};

/**
 * Serves the template's distribution and APIs at one address: an HTTP API's `$default` stage at `/`, every other stage at
 * `/<stage>`, and the connections of a WebSocket stage at `/<stage>/@connections/<id>`.
 * @param port - 0 for any free one.
 * @param distribution - is asked before the HTTP APIs.
 * @throws Unsupported when two stages want the same path, or one asks for what the gateway cannot do.
 */
export async function startGateway({
  template,
  lambdas,
  port,
  distribution = () => false,
  log = () => {},
  limits: changed = {},
}: {
  template: Pick<Template, "of" | "find">;
  lambdas: Lambdas;
  port: number;
  distribution?: Serve | undefined;
  log?: (line: string) => void;
  limits?: Partial<GatewayLimits>;
}): Promise<Gateway> {
  const limits = { ...awsLimits, ...changed };
  const apis = readApis(template);
  const stages = new Set<string>();
  for (const { stage } of [...apis.http, ...apis.webSocket]) {
    if (stages.has(stage))
      throw new Unsupported(`Two APIs have a stage ${stage}: one address serves them all`);
    stages.add(stage);
  }
  // The header limit is answered by the gateway, with AWS's text; Node's own is for what is far beyond it.
  const server = createServer({
    maxHeaderSize: 64 * 1024,
    keepAliveTimeout: 120_000,
    // Who offers HTTP/2, as curl and Java do, is served without.
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === "websocket",
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address() as AddressInfo;
  const domainName = `127.0.0.1:${address.port}`;

  const connections = new Connections(limits.bufferedBytes);
  const account = new TokenBucket(limits.requestsPerSecond, limits.requestBurst);
  const connects = new TokenBucket(limits.connectsPerSecond, limits.connectBurst);
  const common = { lambdas, domainName, log };
  const readBody = (request: IncomingMessage) => readUpTo(request, limits.bodyBytes);
  const byStage = <T>(list: Api[], serve: (api: Api) => T) =>
    new Map(list.map((api) => [api.stage, serve(api)]));
  const http = byStage(apis.http, (api) => httpApi({ api, readBody, ...common }));
  const webSockets = byStage(apis.webSocket, (api) => webSocketApi({ api, connections, limits, ...common }));

  server.on("request", (request, response) => {
    route(request, response).catch((error: unknown) => {
      log(`${request.method} ${request.url}: ${error instanceof Error ? error.stack : error}`);
      if (!response.headersSent) sayShortly(response, 500, "Internal Server Error");
      else response.destroy();
    });
  });
  server.on("upgrade", (request, socket, head) => {
    upgrade(request, socket, head).catch((error: unknown) => {
      log(`upgrade of ${request.url}: ${error instanceof Error ? error.stack : error}`);
      socket.destroy();
    });
  });

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (headerSize(request) > limits.headerBytes) {
      return sayShortly(response, 431, "Request Header Fields Too Large");
    }
    const { first, rest, path, query } = parts(request);
    if (webSockets.has(first)) {
      const id = /^\/@connections\/(.*)$/.exec(rest)?.[1];
      if (id === undefined) return sayShortly(response, 403, "Forbidden");
      return manageConnection(request, response, {
        connections,
        stage: first,
        id,
        throttle: account,
        readBody: () => readUpTo(request, limits.messageBytes),
      });
    }
    if (distribution(request, response, path)) return;
    if (!account.take()) return sayShortly(response, 429, "Too Many Requests");
    const stage = http.get(first);
    const url: Url = { path: stage ? rest : path, fullPath: path, query };
    const serve = stage ?? http.get("$default");
    if (!serve) return sayShortly(response, 404, "Not Found");
    return serve(request, response, url);
  }

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { first, rest } = parts(request);
    const serve = rest === "/" && request.method === "GET" ? webSockets.get(first) : undefined;
    if (!serve)
      return void socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    if (!connects.take()) {
      return void socket.end(
        "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
      );
    }
    return serve(request, socket, head);
  }

  return {
    port: address.port,
    connections,
    async close() {
      connections.abandon();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** `/ws/@connections/x?y` is `ws`, `/@connections/x`, the path as a whole, and `y`. */
function parts(request: IncomingMessage): { first: string; rest: string; path: string; query: string } {
  const [, path = "/", query = ""] = /^([^?]*)\??(.*)$/.exec(request.url ?? "/") ?? [];
  const [, first = "", rest = ""] = /^\/([^/]*)(.*)$/.exec(path) ?? [];
  return { first, rest: rest || "/", path, query };
}

function headerSize(request: IncomingMessage): number {
  let bytes = (request.method?.length ?? 0) + (request.url?.length ?? 0) + " HTTP/1.1 ".length;
  for (let index = 1; index < request.rawHeaders.length; index += 2) {
    bytes += request.rawHeaders[index]!.length;
  }
  return bytes;
}

/** @returns undefined when there is more. Node drains what is not read here, so that the client hears the answer. */
async function readUpTo(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  if (length === undefined && encoding === undefined) return Buffer.alloc(0);
  if (Number(length) > maxBytes) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes);
}

function sayShortly(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ message: text }));
}
