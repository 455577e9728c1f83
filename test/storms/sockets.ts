import type { Principal } from "../../core/keys/keys.ts";
import { type AuthorizerContext, authorize } from "../../functions/sockets/authorize.ts";
import { sockets } from "../../functions/sockets/sockets.ts";
import type { World } from "./world.ts";

/** Who may connect in a storm shows a ticket. */
const nobodyElse = async (): Promise<Principal> => {
  throw new Error("Nobody sends this header");
};

const lifeMs = 29_000;

type Connection = { id: string; socket: StormSocket; authorizer: AuthorizerContext; open: boolean };

/** The WebSocket API: connections, the functions behind it, and what happens to both. */
export class SocketGateway {
  /** Somebody has connected so far. */
  inUse = false;
  readonly #connections = new Map<string, Connection>();
  readonly #world: World;
  #count = 0;

  constructor(world: World) {
    this.#world = world;
  }

  async connect(socket: StormSocket, protocols: string[]): Promise<void> {
    const { time, chance, faults } = this.#world;
    this.inUse = true;
    await time.sleep(chance.between(1, 60));
    if (faults.strikes("socket refused")) return this.#refuse(socket);
    const sandbox = this.#world.sandbox(lifeMs, true);
    const answer = await this.#world
      .run(sandbox, (services) => {
        const headers = { "Sec-WebSocket-Protocol": protocols.join(", ") };
        const admission = { authenticate: nobodyElse, keys: services.keys, allowedOrigins: [] };
        return authorize({ type: "REQUEST", methodArn: "arn", headers }, admission);
      })
      .catch(() => "failed" as const);
    if (typeof answer === "string" || !answer.context) return this.#refuse(socket);
    this.#count += 1;
    const connection: Connection = {
      id: `connection-${this.#count}`,
      socket,
      authorizer: answer.context,
      open: true,
    };
    const established = await this.#call(connection, "$connect");
    if (established?.statusCode !== 200) return this.#refuse(socket);
    this.#connections.set(connection.id, connection);
    socket.established(connection.id);
    if (faults.strikes("socket cut")) time.after(chance.between(100, 8_000), () => this.#cut(connection));
    else if (faults.strikes("socket dead"))
      time.after(chance.between(100, 20_000), () => {
        this.#world.watchFaultAt = time.now();
        connection.open = false;
      });
  }

  async received(connectionId: string, body: string): Promise<void> {
    const { time, chance, faults } = this.#world;
    await time.sleep(chance.between(1, 20));
    const connection = this.#connections.get(connectionId);
    if (!connection?.open) return;
    if (faults.strikes("request unanswered")) {
      this.#world.watchFaultAt = time.now();
      return;
    }
    const answer = await this.#call(connection, "$default", body);
    if (answer && "body" in answer && answer.body) this.#carry(connection, answer.body);
  }

  /** The client has closed it. */
  async closed(connectionId: string): Promise<void> {
    const connection = this.#connections.get(connectionId);
    if (!connection) return;
    this.#connections.delete(connectionId);
    connection.open = false;
    if (!this.#world.faults.strikes("disconnect unsaid")) await this.#call(connection, "$disconnect");
  }

  async post(connectionId: string, frame: string): Promise<"sent" | "gone" | "busy"> {
    const { faults, time } = this.#world;
    const connection = this.#connections.get(connectionId);
    if (!connection) return "gone";
    const strikes = (fault: Parameters<typeof faults.strikes>[0]) => {
      const struck = faults.strikes(fault);
      if (struck) this.#world.pushFaultAt = time.now();
      return struck;
    };
    if (strikes("push gone")) return "gone";
    if (strikes("push busy")) return "busy";
    if (strikes("push failed")) throw new Error("The connection could not be served");
    if (!strikes("push lost")) this.#carry(connection, frame);
    return "sent";
  }

  async close(connectionId: string): Promise<void> {
    const connection = this.#connections.get(connectionId);
    if (connection) this.#cut(connection);
  }

  cutAll(): void {
    for (const connection of this.#connections.values()) this.#cut(connection);
  }

  #carry(connection: Connection, frame: string): void {
    const { time, chance, faults, ledger } = this.#world;
    const { tenant } = connection.authorizer;
    const foreign = frame.match(/canary-(\w+)/g)?.find((canary) => canary !== `canary-${tenant}`);
    if (foreign) ledger.violated(`I11 a connection of ${tenant} is sent ${foreign}`);
    const swapped = faults.strikes("push swapped") ? chance.between(0, 800) : 0;
    if (swapped > 0) this.#world.pushFaultAt = time.now();
    time.after(chance.between(1, 20) + swapped, () => {
      if (connection.open) connection.socket.received(frame);
    });
  }

  #cut(connection: Connection): void {
    if (!connection.open) return;
    this.#world.watchFaultAt = this.#world.time.now();
    connection.socket.cut();
    void this.closed(connection.id);
  }

  #refuse(socket: StormSocket): void {
    this.#world.watchFaultAt = this.#world.time.now();
    socket.cut();
  }

  async #call({ id, authorizer }: Connection, routeKey: string, body?: string) {
    const { logger } = this.#world;
    const sandbox = this.#world.sandbox(lifeMs, true);
    const answer = await this.#world
      .run(sandbox, (services) => {
        const admission = { authenticate: nobodyElse, keys: services.keys, allowedOrigins: [] };
        return sockets(
          services,
          admission,
          logger,
        )({
          requestContext: { routeKey, connectionId: id, requestId: "r", authorizer },
          ...(body === undefined ? {} : { body }),
        });
      })
      .catch(() => undefined);
    return answer !== undefined && answer !== "died" && "statusCode" in answer ? answer : undefined;
  }
}

type Listen = (event: { type: string; data?: string; code?: number }) => void;

/** The WebSocket of a client, as far as ReconnectingWebSocket uses one. */
export class StormSocket {
  readyState = 0;
  binaryType = "blob";
  readonly #listeners = new Map<string, Listen>();
  readonly #gateway: SocketGateway;
  #id: string | undefined;

  constructor(gateway: SocketGateway, protocols: string[]) {
    this.#gateway = gateway;
    void gateway.connect(this, protocols);
  }

  addEventListener(type: string, listen: Listen): void {
    this.#listeners.set(type, listen);
  }

  removeEventListener(type: string): void {
    this.#listeners.delete(type);
  }

  send(body: string): void {
    if (this.#id !== undefined) void this.#gateway.received(this.#id, body);
  }

  close(): void {
    if (this.readyState >= 2) return;
    this.readyState = 3;
    if (this.#id !== undefined) void this.#gateway.closed(this.#id);
  }

  established(id: string): void {
    if (this.readyState !== 0) {
      void this.#gateway.closed(id);
      return;
    }
    this.#id = id;
    this.readyState = 1;
    this.#tell({ type: "open" });
  }

  received(data: string): void {
    if (this.readyState === 1) this.#tell({ type: "message", data });
  }

  cut(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#tell({ type: "close", code: 1006 });
  }

  #tell(event: Parameters<Listen>[0]): void {
    this.#listeners.get(event.type)?.(event);
  }
}

/** What `WebSocket` is to the clients of a storm. */
export function webSocketOf(gateway: SocketGateway): typeof WebSocket {
  return class extends StormSocket {
    constructor(_url: string, protocols: string[]) {
      super(gateway, protocols);
    }
  } as unknown as typeof WebSocket;
}
