import { isUtf8 } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { WebSocket } from "ws";
import type { TokenBucket } from "./token-bucket.ts";

/** An established WebSocket connection; before the end of `$connect` there is none. */
export type Connection = {
  id: string;
  /** Of the API that it belongs to. */
  stage: string;
  sourceIp: string;
  userAgent: string;
  connectedAt: number;
  /** When something was last sent or received. */
  lastActiveAt: number;
  socket: WebSocket;
  /** Tells `$disconnect`; called once. */
  onEnd: (code: number, reason: string) => void;
};

/** What becomes of one post: `busy` is a 429, `gone` a 410 though the connection lives, `drop` a 200 that never arrives. */
export type PushFate = "send" | "drop" | "duplicate" | "busy" | "gone" | { delayMs: number };

/** What goes wrong on purpose. Seeded by whoever sets it. */
export type Faults = {
  push?: (connectionId: string, frame: string) => PushFate;
  /** False: this connection's `$disconnect` is never delivered, which is as much as AWS promises. */
  disconnect?: (connectionId: string) => boolean;
};

export class Connections {
  readonly #open = new Map<string, Connection>();
  readonly #bufferedBytes: number;
  #faults: Faults = {};

  /** @param bufferedBytes - What may wait for one client that does not read, before it is cut off. */
  constructor(bufferedBytes: number) {
    this.#bufferedBytes = bufferedBytes;
  }

  get count(): number {
    return this.#open.size;
  }

  list(): { id: string; connectedAt: number; lastActiveAt: number; sourceIp: string }[] {
    return [...this.#open.values()].map(({ id, connectedAt, lastActiveAt, sourceIp }) => ({
      id,
      connectedAt,
      lastActiveAt,
      sourceIp,
    }));
  }

  /** From now on; without faults everything arrives once, in order. */
  disturb(faults: Faults = {}): void {
    this.#faults = faults;
  }

  /** Ends a connection as a network does: without a close frame. */
  cut(id: string): void {
    const connection = this.#open.get(id);
    if (!connection) return;
    connection.socket.terminate();
    this.ended(connection, 1006, "");
  }

  add(connection: Connection): void {
    this.#open.set(connection.id, connection);
  }

  find(stage: string, id: string): Connection | undefined {
    const connection = this.#open.get(id);
    return connection?.stage === stage ? connection : undefined;
  }

  isOpen(connection: Connection): boolean {
    return this.#open.has(connection.id);
  }

  /** Sends one frame. A client that does not read is cut off before it fills the memory. */
  send(connection: Connection, frame: Buffer | string): void {
    if (!this.isOpen(connection)) return;
    connection.lastActiveAt = Date.now();
    connection.socket.send(frame, { binary: typeof frame !== "string" && !isUtf8(frame) });
    if (connection.socket.bufferedAmount > this.#bufferedBytes) this.cut(connection.id);
  }

  /** A post over `@connections`, with whatever the faults make of it. */
  post(connection: Connection, frame: Buffer): "sent" | "busy" | "gone" {
    const fate = this.#faults.push?.(connection.id, frame.toString()) ?? "send";
    if (fate === "busy" || fate === "gone") return fate;
    if (typeof fate === "object") setTimeout(() => this.send(connection, frame), fate.delayMs);
    else if (fate !== "drop") this.send(connection, frame);
    if (fate === "duplicate") this.send(connection, frame);
    return "sent";
  }

  /** Closes from this side. The connection is gone at once, whenever the client answers. */
  close(connection: Connection, code: number, reason: string): void {
    if (!this.isOpen(connection)) return;
    connection.socket.close(code, reason);
    this.ended(connection, code, reason);
  }

  ended(connection: Connection, code: number, reason: string): void {
    if (!this.#open.delete(connection.id)) return;
    if (this.#faults.disconnect?.(connection.id) ?? true) connection.onEnd(code, reason);
  }

  /** The end of the gateway: nobody is told. */
  abandon(): void {
    for (const { socket } of this.#open.values()) socket.terminate();
    this.#open.clear();
  }
}

/**
 * Answers one request to `@connections`.
 * @param readBody - undefined when the body is over the limit.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
 */
export async function manageConnection(
  request: IncomingMessage,
  response: ServerResponse,
  {
    connections,
    stage,
    id,
    throttle,
    readBody,
  }: {
    connections: Connections;
    stage: string;
    /** As it stands in the path, percent-encoded. */
    id: string;
    throttle: TokenBucket;
    readBody: () => Promise<Buffer | undefined>;
  },
): Promise<void> {
  // The signature itself is not checked, but a web page cannot send this header without a preflight.
  if (!request.headers.authorization?.startsWith("AWS4-")) {
    return refuse(response, 403, "ForbiddenException", "Missing Authentication Token");
  }
  const body = await readBody();
  if (!throttle.take()) return refuse(response, 429, "LimitExceededException", "Too many requests");
  const connection = id === "" ? undefined : connections.find(stage, decoded(id));
  if (id === "" || id.includes("/")) return refuse(response, 403, "ForbiddenException", "Forbidden");
  if (!connection) return refuse(response, 410, "GoneException", "Gone");
  switch (request.method) {
    case "GET":
      return answer(response, 200, {
        connectedAt: new Date(connection.connectedAt).toISOString(),
        identity: { sourceIp: connection.sourceIp, userAgent: connection.userAgent },
        lastActiveAt: new Date(connection.lastActiveAt).toISOString(),
      });
    case "DELETE":
      connections.close(connection, 1000, "Connection Closed Normally");
      return answer(response, 204);
    case "POST": {
      if (!body) return refuse(response, 413, "PayloadTooLargeException", "Message too long");
      const posted = connections.post(connection, body);
      if (posted === "busy") return refuse(response, 429, "LimitExceededException", "Too many requests");
      if (posted === "gone") return refuse(response, 410, "GoneException", "Gone");
      return answer(response, 200);
    }
    default:
      return refuse(response, 403, "ForbiddenException", "Forbidden");
  }
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

/** The SDK makes its exception classes of this header. */
function refuse(response: ServerResponse, status: number, type: string, message: string): void {
  response.setHeader("x-amzn-errortype", type);
  answer(response, status, { message });
}

function answer(response: ServerResponse, status: number, value?: unknown): void {
  response.statusCode = status;
  if (value !== undefined) response.setHeader("content-type", "application/json");
  response.end(value === undefined ? undefined : JSON.stringify(value));
}
