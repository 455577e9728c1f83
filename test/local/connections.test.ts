import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  ForbiddenException,
  GetConnectionCommand,
  GoneException,
  LimitExceededException,
  PayloadTooLargeException,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";
import { expect, onTestFinished, test, vi } from "vitest";
import type { PushFate } from "../../local/connections.ts";
import type { GatewayLimits } from "../../local/gateway.ts";
import {
  type GatewayEvent,
  gatewayFor,
  onlyConnection,
  openSocket,
  type TestFunction,
} from "../support/gateway.ts";

// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html

const fine = () => ({ statusCode: 200 });

async function cloud(functions: Record<string, TestFunction> = {}, limits: Partial<GatewayLimits> = {}) {
  const gateway = await gatewayFor(
    {
      Sockets: {
        protocol: "WEBSOCKET",
        stage: "ws",
        routes: { $connect: "connect", $disconnect: "disconnect" },
      },
      Others: { protocol: "WEBSOCKET", stage: "other", routes: { $connect: "connect" } },
    },
    { connect: fine, disconnect: fine, ...functions },
    limits,
  );
  const client = clientOf(`${gateway.http}/ws`);
  const post = (ConnectionId: string, Data: string | Uint8Array) =>
    client.send(new PostToConnectionCommand({ ConnectionId, Data }));
  return { gateway, client, post };
}

function clientOf(endpoint: string) {
  const client = new ApiGatewayManagementApiClient({
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts: 1,
  });
  onTestFinished(() => client.destroy());
  return client;
}

test("posts arrive in their order, and GET tells of the connection", async () => {
  const { gateway, client, post } = await cloud();
  const socket = await openSocket(gateway.ws, { headers: { "user-agent": "tester" } });
  const { id, connectedAt } = onlyConnection(gateway);
  for (let number = 0; number < 20; number++) await post(id, JSON.stringify({ number, text: "ä" }));
  for (let number = 0; number < 20; number++) {
    expect(await socket.next()).toEqual({ number, text: "ä" });
  }
  const told = await client.send(new GetConnectionCommand({ ConnectionId: id }));
  expect(told.ConnectedAt).toEqual(new Date(connectedAt));
  expect(told.LastActiveAt!.getTime()).toBeGreaterThanOrEqual(connectedAt);
  // The SDK reads this member by a name that the service does not send, so the body itself is looked at.
  expect(gateway.connections.list()[0]).toMatchObject({ sourceIp: "127.0.0.1" });
});

test("DELETE closes the connection with 1000 and $disconnect fires", async () => {
  const disconnect = vi.fn((_: GatewayEvent) => fine());
  const { gateway, client, post } = await cloud({ disconnect });
  const socket = await openSocket(gateway.ws);
  const { id } = onlyConnection(gateway);
  await client.send(new DeleteConnectionCommand({ ConnectionId: id }));
  await expect(post(id, "late")).rejects.toThrow(GoneException);
  expect((await socket.closed).code).toBe(1000);
  await vi.waitFor(() => expect(disconnect).toHaveBeenCalledTimes(1));
  expect(disconnect.mock.calls[0]![0].requestContext).toMatchObject({
    connectionId: id,
    disconnectStatusCode: 1000,
  });
});

test("a connection that never was, has ended or is not yet established is a GoneException", async () => {
  let during: Promise<unknown> = Promise.resolve();
  const { gateway, client, post } = await cloud({
    connect: async ({ requestContext }) => {
      during = post(requestContext.connectionId, "too early").catch((error: unknown) => error);
      await during;
      return fine();
    },
  });
  await expect(post("L0SM9cOFvHcCIhw=", "x")).rejects.toThrow(GoneException);
  const socket = await openSocket(gateway.ws);
  expect(await during).toBeInstanceOf(GoneException);
  const { id } = onlyConnection(gateway);
  await post(id, "1");
  expect(await socket.next()).toBe(1);
  socket.socket.terminate();
  await vi.waitFor(() => expect(gateway.connections.count).toBe(0));
  await expect(post(id, "x")).rejects.toThrow(GoneException);
  await expect(client.send(new GetConnectionCommand({ ConnectionId: id }))).rejects.toThrow(GoneException);
});

test("a connection of another stage is none", async () => {
  const { gateway } = await cloud();
  await openSocket(gateway.ws);
  const { id } = onlyConnection(gateway);
  const get = new GetConnectionCommand({ ConnectionId: id });
  await expect(clientOf(`${gateway.http}/other`).send(get)).rejects.toThrow(GoneException);
});

test("a message of 128 KB is posted, a byte more is a PayloadTooLargeException", async () => {
  const { gateway, post } = await cloud();
  const socket = await openSocket(gateway.ws);
  const { id } = onlyConnection(gateway);
  const most = `"${"x".repeat(128 * 1024 - 2)}"`;
  await post(id, most);
  expect(await socket.next()).toHaveLength(most.length - 2);
  await expect(post(id, `${most} `)).rejects.toThrow(PayloadTooLargeException);
  expect(gateway.connections.count).toBe(1);
});

test("posts over the account's rate are a LimitExceededException", async () => {
  const { gateway, post } = await cloud({}, { requestsPerSecond: 0.01, requestBurst: 2 });
  await openSocket(gateway.ws);
  const { id } = onlyConnection(gateway);
  await post(id, "1");
  await post(id, "2");
  await expect(post(id, "3")).rejects.toThrow(LimitExceededException);
});

test("a path that is none and a request without a signature are refused with 403", async () => {
  const { gateway } = await cloud();
  await openSocket(gateway.ws);
  const { id } = onlyConnection(gateway);
  const wrong = clientOf(`${gateway.http}/ws/more`);
  await expect(wrong.send(new PostToConnectionCommand({ ConnectionId: id, Data: "x" }))).rejects.toThrow();
  const path = `${gateway.http}/ws/@connections/`;
  const signed = { authorization: "AWS4-HMAC-SHA256 Credential=local" };
  for (const [url, headers] of [
    [path + encodeURIComponent(id), {}],
    [path, signed],
    [`${path}a/b`, signed],
  ] as const) {
    const answer = await fetch(url, { method: "POST", body: "x", headers });
    expect(answer.status).toBe(403);
    expect(answer.headers.get("x-amzn-errortype")).toBe(ForbiddenException.name);
  }
});

test("bytes that are no text are sent as a binary frame", async () => {
  const { gateway, post } = await cloud();
  const { socket } = await openSocket(gateway.ws);
  const frame = new Promise<[Buffer, boolean]>((resolve) =>
    socket.once("message", (data, isBinary) => resolve([data as Buffer, isBinary])),
  );
  const { id } = onlyConnection(gateway);
  await post(id, Uint8Array.of(0xff, 0xfe));
  expect(await frame).toEqual([Buffer.from([0xff, 0xfe]), true]);
});

test("pushes are lost, doubled, late and refused as the faults say", async () => {
  const { gateway, post } = await cloud();
  const socket = await openSocket(gateway.ws);
  const { id } = onlyConnection(gateway);
  const fates: Record<string, PushFate> = {
    "1": "send",
    "2": "drop",
    "3": { delayMs: 100 },
    "4": "duplicate",
    "5": "busy",
    "6": "gone",
  };
  gateway.connections.disturb({
    push: (connectionId, frame) => (connectionId === id ? fates[frame]! : "send"),
  });
  for (const frame of ["1", "2", "3", "4"]) await post(id, frame);
  await expect(post(id, "5")).rejects.toThrow(LimitExceededException);
  await expect(post(id, "6")).rejects.toThrow(GoneException);
  const arrived = [await socket.next(), await socket.next(), await socket.next(), await socket.next()];
  expect(arrived).toEqual([1, 4, 4, 3]);
  gateway.connections.disturb();
  await post(id, "2");
  expect(await socket.next()).toBe(2);
});
