import { once } from "node:events";
import { connect, type Socket } from "node:net";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import {
  type ApiGiven,
  Fails,
  type GatewayEvent,
  gatewayFor,
  onlyConnection,
  openSocket,
  refusalOf,
} from "../support/gateway.ts";

function sockets(routes: ApiGiven["routes"], more: Partial<ApiGiven> = {}): Record<string, ApiGiven> {
  return { Sockets: { protocol: "WEBSOCKET", stage: "ws", routes, ...more } };
}

const fine = () => ({ statusCode: 200 });
const answering = { fn: "fn", responds: true };

/** A function that keeps its events and answers each message with the event. */
function recorder() {
  return vi.fn((event: GatewayEvent): unknown => ({ statusCode: 200, body: JSON.stringify(event) }));
}

function policy(Effect: string, context: Record<string, unknown> = {}) {
  return {
    principalId: "me",
    policyDocument: { Statement: [{ Effect, Action: "execute-api:Invoke", Resource: "*" }] },
    context,
  };
}

// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
test("the handshake asks the authorizer, then $connect, and every later event carries the authorizer's context", async () => {
  const authorizer = vi.fn((_: GatewayEvent) => policy("Allow", { tenant: "t", level: 3, admin: true }));
  const fn = recorder();
  const gateway = await gatewayFor(
    sockets(
      { $connect: { fn: "fn", authorizer: "Auth" }, $disconnect: "fn", $default: answering },
      { authorizers: { Auth: { fn: "authorizer" } } },
    ),
    { authorizer, fn },
  );
  const client = await openSocket(`${gateway.ws}?a=1&a=2`, { headers: { "X-Token": "secret" } });
  client.send("hello");
  const message = (await client.next()) as GatewayEvent;
  client.socket.close(4001, "enough");
  await vi.waitFor(() => expect(fn).toHaveBeenCalledTimes(3));

  const { requestContext: asked, headers, multiValueHeaders, ...request } = authorizer.mock.calls[0]![0];
  expect(request).toEqual({
    type: "REQUEST",
    methodArn: "arn:aws:execute-api:us-east-1:000000000000:sockets/ws/$connect",
    queryStringParameters: { a: "2" },
    multiValueQueryStringParameters: { a: ["1", "2"] },
    stageVariables: {},
  });
  expect(headers["X-Token"]).toBe("secret");
  expect((multiValueHeaders as Record<string, string[]>)["X-Token"]).toEqual(["secret"]);
  expect(asked).toEqual({
    routeKey: "$connect",
    eventType: "CONNECT",
    messageDirection: "IN",
    stage: "ws",
    apiId: "sockets",
    domainName: `127.0.0.1:${gateway.port}`,
    connectionId: expect.stringMatching(/^[\w-]{15}=$/),
    connectedAt: expect.any(Number),
    requestTimeEpoch: expect.any(Number),
    requestTime: expect.stringMatching(/ \+0000$/),
    requestId: expect.any(String),
    extendedRequestId: expect.any(String),
    identity: { sourceIp: "127.0.0.1", userAgent: "" },
  });

  const context = { principalId: "me", tenant: "t", level: "3", admin: "true" };
  const [connected, , disconnected] = fn.mock.calls.map(([event]) => event);
  expect(connected!.headers["X-Token"]).toBe("secret");
  for (const { requestContext } of [connected!, message, disconnected!]) {
    expect(requestContext.authorizer).toEqual(context);
    expect(requestContext.connectionId).toBe(asked.connectionId);
    expect(requestContext.connectedAt).toBe(asked.connectedAt);
  }
  expect(message).toMatchObject({ body: "hello", isBase64Encoded: false });
  expect(message).not.toHaveProperty("headers");
  expect(message.requestContext).toMatchObject({ routeKey: "$default", eventType: "MESSAGE" });
  expect(message.requestContext.messageId).toEqual(expect.any(String));
  expect(disconnected!.requestContext).toMatchObject({
    routeKey: "$disconnect",
    eventType: "DISCONNECT",
    disconnectStatusCode: 4001,
    disconnectReason: "enough",
  });
});

test("a handshake is refused with 401 without the identity source, 403 on Deny, 500 when the authorizer fails", async () => {
  const fn = vi.fn(fine);
  const authorizer = vi.fn(({ headers }: GatewayEvent): unknown => {
    if (headers.authorization === "deny") return policy("Deny");
    if (headers.authorization === "nested") return policy("Allow", { list: [1] });
    if (headers.authorization === "large") return policy("Allow", { text: "x".repeat(8_192) });
    throw new Error(headers.authorization === "unauthorized" ? "Unauthorized" : "out of order");
  });
  const gateway = await gatewayFor(
    sockets(
      { $connect: { fn: "fn", authorizer: "Auth" } },
      { authorizers: { Auth: { fn: "authorizer", IdentitySource: ["route.request.header.Authorization"] } } },
    ),
    { authorizer, fn },
  );
  const refused = (authorization: string) =>
    refusalOf(openSocket(gateway.ws, { headers: authorization ? { authorization } : {} }));
  expect(await refused("")).toMatchObject({ status: 401, body: { message: "Unauthorized" } });
  expect(authorizer).not.toHaveBeenCalled();
  expect((await refused("deny")).status).toBe(403);
  expect((await refused("unauthorized")).status).toBe(401);
  expect((await refused("broken")).status).toBe(500);
  // A context holds strings, numbers and booleans, 8 KB in all.
  expect((await refused("nested")).status).toBe(500);
  expect((await refused("large")).status).toBe(500);
  expect(fn).not.toHaveBeenCalled();
  expect(gateway.connections.count).toBe(0);
});

// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
test("$connect may refuse the handshake with a status of its own", async () => {
  const answers: Record<string, () => unknown> = {
    "/ws?busy": () => ({ statusCode: 429 }),
    "/ws?throws": () => {
      throw new Error("secret");
    },
    "/ws?nothing": () => undefined,
    "/ws?slow": () => new Promise(() => {}),
  };
  let asked = "";
  const fn = vi.fn(() => answers[asked]!());
  const gateway = await gatewayFor(sockets({ $connect: { fn: "fn", timeoutMs: 50 }, $disconnect: "gone" }), {
    fn,
    gone: fine,
  });
  const statuses: Record<string, number> = {};
  for (asked of Object.keys(answers)) {
    statuses[asked] = (await refusalOf(openSocket(`http://127.0.0.1:${gateway.port}${asked}`))).status;
  }
  expect(statuses).toEqual({ "/ws?busy": 429, "/ws?throws": 502, "/ws?nothing": 502, "/ws?slow": 504 });
});

test("only the stage's own path takes connections", async () => {
  const gateway = await gatewayFor(sockets({ $default: "fn" }), { fn: fine });
  expect((await refusalOf(openSocket(`${gateway.ws}/else`))).status).toBe(403);
  expect((await refusalOf(openSocket(`http://127.0.0.1:${gateway.port}/other`))).status).toBe(403);
  expect((await fetch(`http://127.0.0.1:${gateway.port}/ws`)).status).toBe(403);
});

// https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-connect-route-subprotocol.html
test("the subprotocol that $connect chooses is the one of the connection", async () => {
  const gateway = await gatewayFor(sockets({ $connect: "fn" }), {
    fn: ({ headers }) => ({
      statusCode: 200,
      headers: headers["Sec-WebSocket-Protocol"] ? { "sec-websocket-protocol": "convoke.v1" } : {},
    }),
  });
  const client = await openSocket(gateway.ws, { protocols: ["convoke.v1", "ticket.abc"] });
  expect(client.socket.protocol).toBe("convoke.v1");
  expect((await openSocket(gateway.ws)).socket.protocol).toBe("");
});

// https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html
test("the route selection expression names the route, and $default takes the rest", async () => {
  const gateway = await gatewayFor(
    sockets(
      { $default: answering, join: answering, $connect: "connect" },
      { api: { RouteSelectionExpression: "$request.body.do.what" } },
    ),
    {
      fn: ({ requestContext }) => ({ statusCode: 200, body: `"${requestContext.routeKey}"` }),
      connect: fine,
    },
  );
  const client = await openSocket(gateway.ws);
  const routed = async (message: unknown) => {
    client.send(message);
    return client.next();
  };
  expect(await routed({ do: { what: "join" } })).toBe("join");
  expect(await routed({ do: { what: "leave" } })).toBe("$default");
  expect(await routed({ do: { what: "$connect" } })).toBe("$default");
  for (const other of ["no json", "null", "7", '{"do":null}']) expect(await routed(other)).toBe("$default");
});

// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-response.html
test("what a function returns goes to the client only from a route with a response", async () => {
  const gateway = await gatewayFor(
    sockets({ quiet: "fn", loud: answering }, { api: { RouteSelectionExpression: "$request.body.action" } }),
    { fn: ({ body }) => ({ statusCode: 200, body }) },
  );
  const client = await openSocket(gateway.ws);
  client.send({ action: "quiet" });
  client.send({ action: "loud" });
  expect(await client.next()).toEqual({ action: "loud" });
  expect(client.waiting()).toBe(0);
});

test("a client hears of a function that failed, was too slow or does not exist, but not why", async () => {
  const gateway = await gatewayFor(
    sockets({
      fails: "fails",
      exits: "exits",
      slow: { fn: "slow", timeoutMs: 30 },
      odd: { fn: "odd", responds: true },
    }),
    {
      fails: () => {
        throw new Error("secret");
      },
      exits: () => {
        throw new Fails("exit");
      },
      slow: () => new Promise(() => {}),
      odd: () => ({ statusCode: 200, body: { not: "a string" } }),
    },
  );
  const client = await openSocket(gateway.ws);
  const { id } = onlyConnection(gateway);
  const heard = async (action: string) => {
    client.send({ action });
    const { message, connectionId, requestId, ...rest } = await client.next();
    expect([connectionId, typeof requestId, rest]).toEqual([id, "string", {}]);
    return message;
  };
  expect(await heard("fails")).toBe("Internal server error");
  expect(await heard("exits")).toBe("Internal server error");
  expect(await heard("odd")).toBe("Internal server error");
  expect(await heard("slow")).toBe("Endpoint request timed out");
  expect(await heard("unknown")).toBe("Forbidden");
});

test("messages of a connection start in their order and do not wait for each other", async () => {
  const started: string[] = [];
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const gateway = await gatewayFor(sockets({ $default: answering }), {
    fn: async ({ body }) => {
      started.push(body!);
      if (body === "0") await gate;
      return { statusCode: 200, body };
    },
  });
  const client = await openSocket(gateway.ws);
  const numbers = Array.from({ length: 50 }, (_, number) => String(number));
  for (const number of numbers) client.send(number);
  await vi.waitFor(() => expect(client.waiting()).toBe(49));
  release();
  await vi.waitFor(() => expect(client.waiting()).toBe(50));
  expect(started).toEqual(numbers);
});

// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
test("a frame of 32 KB passes, a larger one closes the connection with 1009", async () => {
  const fn = vi.fn(({ body }: GatewayEvent) => ({ statusCode: 200, body: String(body!.length) }));
  const gone = vi.fn(fine);
  const gateway = await gatewayFor(sockets({ $default: answering, $disconnect: "gone" }), { fn, gone });
  const client = await openSocket(gateway.ws);
  client.send("x".repeat(32 * 1024));
  expect(await client.next()).toBe(32 * 1024);
  client.send("x".repeat(32 * 1024 + 1));
  expect((await client.closed).code).toBe(1009);
  expect(fn).toHaveBeenCalledTimes(1);
  await vi.waitFor(() => expect(gone).toHaveBeenCalledTimes(1));
  expect(gone.mock.calls).toMatchObject([[{ requestContext: { disconnectStatusCode: 1009 } }]]);
});

test("a message of 128 KB passes in frames of 32 KB, and a fifth frame closes the connection with 1009", async () => {
  const gateway = await gatewayFor(sockets({ $default: answering }), {
    fn: ({ body }) => ({ statusCode: 200, body: String(body!.length) }),
  });
  const client = await openSocket(gateway.ws);
  const frame = "x".repeat(32 * 1024);
  for (const fin of [false, false, false, true]) client.socket.send(frame, { fin });
  expect(await client.next()).toBe(128 * 1024);
  for (const fin of [false, false, false, false]) client.socket.send(frame, { fin });
  client.socket.send("x", { fin: true });
  expect((await client.closed).code).toBe(1009);
});

// https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-binary-media-types.html
test("a binary frame closes the connection with 1003", async () => {
  const fn = vi.fn(fine);
  const gateway = await gatewayFor(sockets({ $default: "fn" }), { fn });
  const client = await openSocket(gateway.ws);
  client.socket.send(Buffer.from([1, 2, 3]));
  expect((await client.closed).code).toBe(1003);
  expect(fn).not.toHaveBeenCalled();
});

test("a connection ends after ten idle minutes, and after two hours however busy it is", async () => {
  const gone = vi.fn((_: GatewayEvent) => fine());
  const gateway = await gatewayFor(
    sockets({ $default: "fn", $disconnect: "gone" }),
    { fn: fine, gone },
    { idleMs: 300, connectionMs: 900 },
  );
  const [idle, busy] = [await openSocket(gateway.ws), await openSocket(gateway.ws)];
  const openedAt = Date.now();
  const chatter = setInterval(() => busy.socket.send("1"), 50);
  expect(await idle.closed).toEqual({ code: 1001, reason: "Going away" });
  expect(Date.now() - openedAt).toBeGreaterThan(250);
  expect(busy.socket.readyState).toBe(WebSocket.OPEN);
  expect(await busy.closed).toEqual({ code: 1001, reason: "Going away" });
  expect(Date.now() - openedAt).toBeGreaterThan(850);
  clearInterval(chatter);
  const codes = gone.mock.calls.map(([event]) => event.requestContext.disconnectStatusCode);
  expect(codes).toEqual([1001, 1001]);
});

test("$disconnect tells how a connection ended, and may be lost", async () => {
  const gone = vi.fn((_: GatewayEvent) => fine());
  const gateway = await gatewayFor(sockets({ $disconnect: "gone" }), { gone });
  const ended = async (end: (client: Awaited<ReturnType<typeof openSocket>>) => void) => {
    const client = await openSocket(gateway.ws);
    const before = gone.mock.calls.length;
    end(client);
    await client.closed;
    await vi.waitFor(() => expect(gone.mock.calls.length).toBe(before + 1));
    const { disconnectStatusCode, disconnectReason } = gone.mock.lastCall![0].requestContext;
    return [disconnectStatusCode, disconnectReason];
  };
  expect(await ended(({ socket }) => socket.close())).toEqual([
    1005,
    "Client-side close frame status not set",
  ]);
  expect(await ended(({ socket }) => socket.terminate())).toEqual([1006, "Connection closed abnormally"]);
  const cut = () => {
    for (const { id } of gateway.connections.list()) gateway.connections.cut(id);
  };
  expect((await ended(cut))[0]).toBe(1006);

  gateway.connections.disturb({ disconnect: () => false });
  const client = await openSocket(gateway.ws);
  cut();
  expect((await client.closed).code).toBe(1006);
  expect(gateway.connections.count).toBe(0);
  expect(gone).toHaveBeenCalledTimes(3);
});

test("a client that left during $connect is told off with $disconnect", async () => {
  let release = () => {};
  const fn = vi.fn(
    () =>
      new Promise<unknown>((resolve) => {
        release = () => resolve(fine());
      }),
  );
  const gone = vi.fn(fine);
  const gateway = await gatewayFor(sockets({ $connect: "fn", $disconnect: "gone" }), { fn, gone });
  const client = new WebSocket(gateway.ws);
  client.on("error", () => {});
  await vi.waitFor(() => expect(fn).toHaveBeenCalled());
  client.terminate();
  await new Promise((resolve) => setTimeout(resolve, 50));
  release();
  await vi.waitFor(() => expect(gone).toHaveBeenCalled());
  expect(gateway.connections.count).toBe(0);
});

/** A connection whose bytes are the test's own affair. */
function rawHandshake(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(
    ["GET /ws HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
      .concat("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", "")
      .join("\r\n"),
  );
  return socket;
}

test("whatever bytes a client sends, the gateway and the other clients go on", async () => {
  const gateway = await gatewayFor(sockets({ $default: answering }), {
    fn: ({ body }) => ({ statusCode: 200, body }),
  });
  const witness = await openSocket(gateway.ws);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 5 }),
      async (chunks) => {
        const socket = rawHandshake(gateway.port);
        await once(socket, "data");
        for (const chunk of chunks) socket.write(chunk);
        socket.end();
        await once(socket.resume(), "close");
      },
    ),
    { numRuns: 100 },
  );
  witness.send("1");
  expect(await witness.next()).toBe(1);
  await vi.waitFor(() => expect(gateway.connections.count).toBe(1));
});

test("frames are measured however the network cuts them", async () => {
  const bodies: number[] = [];
  const gateway = await gatewayFor(sockets({ $default: "fn" }), {
    fn: ({ body }) => {
      bodies.push(body!.length);
      return fine();
    },
  });
  const sizes = [0, 125, 126, 40, 32 * 1024, 7, 32 * 1024 + 1, 3];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1 }), async (cuts) => {
      bodies.length = 0;
      const socket = rawHandshake(gateway.port);
      await once(socket, "data");
      const bytes = Buffer.concat(sizes.map(frameOf));
      const closed = once(socket, "data");
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = cuts[turn % cuts.length]! < 20 ? 500 : cuts[turn % cuts.length]!;
        socket.write(bytes.subarray(at, at + size));
        at += size;
        await new Promise((resolve) => setImmediate(resolve));
      }
      const [answer] = (await closed) as [Buffer];
      expect([answer[0], answer.readUInt16BE(2)]).toEqual([0x88, 1009]);
      expect(bodies).toEqual([0, 125, 126, 40, 32 * 1024, 7]);
      socket.destroy();
    }),
    { numRuns: 20 },
  );
});

/** A masked text frame; a mask of zeros leaves the text as it is. */
function frameOf(bytes: number): Buffer {
  const header = Buffer.alloc(bytes < 126 ? 6 : bytes < 65_536 ? 8 : 14);
  header[0] = 0x81;
  header[1] = 0x80 | (bytes < 126 ? bytes : 126);
  if (bytes >= 126) header.writeUInt16BE(bytes, 2);
  return Buffer.concat([header, Buffer.alloc(bytes, 97)]);
}

test("a client that does not read is cut off before it fills the memory", async () => {
  const gateway = await gatewayFor(sockets({ $default: "fn" }), { fn: fine }, { bufferedBytes: 256 * 1024 });
  const deaf = rawHandshake(gateway.port);
  deaf.pause();
  await vi.waitFor(() => expect(gateway.connections.count).toBe(1));
  const { id } = onlyConnection(gateway);
  const frame = Buffer.alloc(64 * 1024, 97);
  let posted = 0;
  for (; posted < 1_000 && gateway.connections.count > 0; posted++) {
    gateway.connections.post(gateway.connections.find("ws", id)!, frame);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(gateway.connections.count).toBe(0);
  expect(posted).toBeLessThan(1_000);
  deaf.destroy();
});

test("messages over the route's throttle are refused, connections over it get a 429", async () => {
  const gateway = await gatewayFor(
    sockets(
      { $connect: "fn", $default: answering },
      {
        stageProperties: { DefaultRouteSettings: { ThrottlingRateLimit: 0.01, ThrottlingBurstLimit: 1 } },
      },
    ),
    { fn: ({ body }) => ({ statusCode: 200, body }) },
  );
  const client = await openSocket(gateway.ws);
  client.send("1");
  expect(await client.next()).toBe(1);
  client.send("2");
  expect(await client.next()).toMatchObject({ message: "Too Many Requests" });
  expect((await refusalOf(openSocket(gateway.ws))).status).toBe(429);
});
