import { randomUUID } from "node:crypto";
import type { Services } from "../../core/services.ts";
import type { HttpEvent } from "../../functions/api/api.ts";
import type { AuthorizerContext } from "../../functions/sockets/authorize.ts";
import type { sockets } from "../../functions/sockets/sockets.ts";

/** What the network does to a request or frame on its way. */
export type Network = { loses: () => boolean };

/** The HTTP API's function as a client's `fetch`, with a network that loses requests and answers. */
export function fetchFrom(
  handle: (event: HttpEvent) => Promise<{ statusCode: number; headers?: unknown; body?: string }>,
  { loses }: Network,
): typeof fetch {
  return async (input, init = {}) => {
    const url = new URL(String(input));
    const method = init.method ?? "GET";
    if (loses()) throw new TypeError("The request got lost");
    const event = {
      version: "2.0",
      rawPath: url.pathname,
      rawQueryString: url.search.slice(1),
      headers: { host: url.host, ...(init.headers as Record<string, string>) },
      requestContext: {
        requestId: randomUUID(),
        domainName: url.host,
        http: { method, path: url.pathname },
      },
      body: init.body ?? null,
      isBase64Encoded: false,
    } as unknown as HttpEvent;
    const answered = await handle(event);
    init.signal?.throwIfAborted();
    if (loses()) throw new TypeError("The answer got lost");
    const { statusCode, headers, body } = answered;
    return new Response(statusCode === 204 ? null : body, {
      status: statusCode,
      headers: headers as Record<string, string>,
    });
  };
}

type SocketsFunction = ReturnType<typeof sockets>;

/** The WebSocket API in this process: its connections, and a `WebSocket` that opens them. */
export function socketApi({ loses }: Network) {
  const open = new Map<string, Connection>();
  let handle: SocketsFunction;

  class Connection extends EventTarget {
    static readonly CONNECTING = 0;
    static readonly OPEN = 1;
    static readonly CLOSING = 2;
    static readonly CLOSED = 3;
    readyState: number = Connection.CONNECTING;
    binaryType = "blob";
    readonly id = randomUUID();
    #authorizer: AuthorizerContext | undefined;

    constructor(_url: string, protocols: string[]) {
      super();
      void this.#connect({ "sec-websocket-protocol": protocols.join(", ") });
    }

    async #connect(headers: Record<string, string>): Promise<void> {
      try {
        const admitted = await handle({ type: "REQUEST", methodArn: "arn:ws/$connect", headers });
        if (!("policyDocument" in admitted) || !admitted.context) throw new Error("Not admitted");
        this.#authorizer = admitted.context;
        await this.#say("$connect", { headers });
        if (this.readyState !== Connection.CONNECTING) return;
        open.set(this.id, this);
        this.readyState = Connection.OPEN;
        this.dispatchEvent(new Event("open"));
      } catch {
        this.dispatchEvent(new Event("error"));
        this.close();
      }
    }

    async #say(routeKey: string, more: object): Promise<string | undefined> {
      const { id: connectionId } = this;
      const requestContext = {
        routeKey,
        connectionId,
        requestId: randomUUID(),
        authorizer: this.#authorizer,
      };
      const answer = await handle({ requestContext, ...more });
      return "body" in answer ? answer.body : undefined;
    }

    send(data: string): void {
      if (loses()) return;
      // API Gateway says what it can when a function fails: nothing.
      void this.#say("$default", { body: data }).then(
        (frame) => frame !== undefined && this.receive(frame),
        () => undefined,
      );
    }

    receive(frame: string): void {
      if (this.readyState !== Connection.OPEN || loses()) return;
      this.dispatchEvent(new MessageEvent("message", { data: frame }));
    }

    close(): void {
      if (this.readyState === Connection.CLOSED) return;
      this.readyState = Connection.CLOSED;
      open.delete(this.id);
      if (this.#authorizer) void this.#say("$disconnect", {}).catch(() => undefined);
      this.dispatchEvent(Object.assign(new Event("close"), { code: 1006, reason: "", wasClean: false }));
    }
  }

  const posting: Services["sockets"] = {
    async post(connectionId, frame) {
      const connection = open.get(connectionId);
      if (!connection) return "gone";
      if (loses()) return "busy";
      connection.receive(frame);
      return "sent";
    },
    async close(connectionId) {
      open.get(connectionId)?.close();
    },
  };

  return {
    WebSocket: Connection as unknown as typeof WebSocket,
    sockets: posting,
    /** @param sockets - the function, which itself posts to the connections. */
    serve(sockets: SocketsFunction): void {
      handle = sockets;
    },
    cutAll(): void {
      for (const connection of [...open.values()]) connection.close();
    },
  };
}
