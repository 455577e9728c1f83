import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ApiGatewayManagementApiClient } from "@aws-sdk/client-apigatewaymanagementapi";
import { describe, expect, onTestFinished, test } from "vitest";
import { apiGatewaySockets } from "../../core/sockets/apigateway.ts";
import { memorySockets } from "../../core/sockets/memory.ts";
import type { Sockets } from "../../core/sockets/sockets.ts";
import { gatewayFor, onlyConnection, openSocket } from "../support/gateway.ts";

/** One open connection, what its client was sent, and a way to make the service refuse for now. */
type Line = { sockets: Sockets; connectionId: string; received(): Promise<string>; refuse(): void };

async function inMemory(): Promise<Line> {
  const sockets = memorySockets();
  sockets.open("c1");
  return {
    sockets,
    connectionId: "c1",
    received: async () => sockets.sent.get("c1")!.shift()!,
    refuse: () => sockets.busy.add("c1"),
  };
}

function clientFor(endpoint: string): ApiGatewayManagementApiClient {
  return new ApiGatewayManagementApiClient({
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts: 1,
  });
}

async function onGateway(): Promise<Line> {
  const gateway = await gatewayFor(
    { sockets: { protocol: "WEBSOCKET", stage: "ws", routes: { $connect: "fn", $default: "fn" } } },
    { fn: () => ({ statusCode: 200 }) },
  );
  const client = await openSocket(gateway.ws);
  return {
    sockets: apiGatewaySockets(clientFor(`${gateway.http}/ws`)),
    connectionId: onlyConnection(gateway).id,
    received: async () => JSON.stringify(await client.next()),
    refuse: () => gateway.connections.disturb({ push: () => "busy" }),
  };
}

describe.each([
  ["in memory", inMemory],
  ["on the gateway", onGateway],
])("%s", (_, open) => {
  test("a frame arrives as it was sent", async () => {
    const { sockets, connectionId, received } = await open();
    const frame = JSON.stringify({ text: "naïve 🚀" });
    expect(await sockets.post(connectionId, frame)).toBe("sent");
    expect(await received()).toBe(frame);
  });

  test("a connection that was closed, or never was, is gone [A0-25]", async () => {
    const { sockets, connectionId } = await open();
    await sockets.close(connectionId);
    expect(await sockets.post(connectionId, "{}")).toBe("gone");
    expect(await sockets.post("bm9ib2R5", "{}")).toBe("gone");
    await sockets.close(connectionId);
  });

  test("a refusal for now is not taken for the end", async () => {
    const { sockets, connectionId, refuse } = await open();
    refuse();
    expect(await sockets.post(connectionId, "{}")).toBe("busy");
  });
});

test("a service that is silent for two seconds counts as busy", async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const { port } = silent.address() as AddressInfo;
  const began = performance.now();
  expect(await apiGatewaySockets(clientFor(`http://127.0.0.1:${port}/ws`)).post("c1", "{}")).toBe("busy");
  expect(performance.now() - began).toBeGreaterThan(1_900);
  expect(performance.now() - began).toBeLessThan(5_000);
});
