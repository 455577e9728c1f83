import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { pathsOf } from "../../functions/api/route.ts";
import { routes } from "../../functions/api/routes.ts";
import { startTestCloud } from "../support/cloud.ts";
import { councilProvider } from "../support/council-provider.ts";
import { eventually } from "../support/eventually.ts";
import { collect, ended, journalOf } from "../support/journals.ts";
import { routeBodies as bodies } from "../support/route-bodies.ts";

const canary = "CANARY-of-the-first-tenant";
const members = ["mock:athena", "mock:borges"];
const input = { question: "Mine?", members };
test("two tenants cannot see or touch each other's things by any route or socket message", async () => {
  const provider = await councilProvider(10);
  onTestFinished(() => provider.close());
  const cloud = await startTestCloud({ environment: provider.environment });
  onTestFinished(() => cloud.stop());
  const first = await cloud.as({ tenant: "first" });
  const second = await cloud.as({ tenant: "second" });
  const received: string[] = [];
  const ask = async (method: string, path: string, init: { body?: object; headers?: object } = {}) => {
    const response = await fetch(cloud.http + path, {
      method,
      headers: {
        authorization: `Bearer ${second.key}`,
        ...(init.body ? { "content-type": "application/json" } : {}),
        ...init.headers,
      },
      ...(init.body ? { body: JSON.stringify(init.body) } : {}),
    });
    const text = await response.text();
    received.push(text, JSON.stringify([...response.headers]));
    const isJson = response.headers.get("content-type")?.includes("json");
    return { status: response.status, body: isJson ? JSON.parse(text) : {} };
  };
  const socket = new WebSocket(cloud.ws!, { headers: { authorization: `Bearer ${second.key}` } });
  const frames: { type: string; code?: string; job_id?: string }[] = [];
  socket.on("message", (data) => {
    received.push(String(data));
    frames.push(JSON.parse(String(data)));
  });
  await new Promise((resolve) => socket.once("open", resolve));

  // The first tenant's things: a job that has ended, one that is at work, and a conversation.
  const question = `What is ${canary}?`;
  const submit = () =>
    first.client.submit(
      "council",
      { question, members },
      { title: canary, tags: [canary], idempotencyKey: "shared" },
    );
  const { job_id: over } = await submit();
  await ended(first.client, over);
  const conversation = await first.client.conversations.create({ title: canary });
  const release = provider.hold(({ request }) => JSON.stringify(request.body).includes(canary));
  const { job_id: atWork } = await first.client.conversations.send(conversation.id, question);
  const watched = collect(first.client.watch(atWork));
  const { next_cursor: cursor } = await first.client.list({ limit: 1 });
  const ids = [over, atWork, conversation.id];

  for (const route of routes) {
    for (const path of pathsOf(route)) {
      // The same types as those of the functions' tests are not deployed here.
      const body =
        route.body && JSON.parse(JSON.stringify(bodies[path] ?? {}).replaceAll("oracle", "council"));
      if (!path.includes("{")) {
        await ask(route.method.toUpperCase(), path, { ...(body ? { body } : {}) });
        continue;
      }
      for (const id of ids) {
        const { status, body: answer } = await ask(route.method.toUpperCase(), path.replace(/\{\w+\}/, id), {
          ...(body ? { body } : {}),
        });
        expect([route.method, path, status, answer.code]).toEqual([route.method, path, 404, "not_found"]);
      }
    }
  }
  const joining = { type: "council", input, conversation_id: conversation.id };
  expect((await ask("POST", "/api/jobs", { body: joining })).status).toBe(404);
  const sameKey = await ask("POST", "/api/jobs", {
    body: { type: "council", input: { question, members: [...members] }, title: "Not theirs" },
    headers: { "idempotency-key": "shared" },
  });
  expect(sameKey.status).toBe(202);
  expect(sameKey.body).not.toHaveProperty("deduplicated");
  // What the second tenant says itself may of course come back to it.
  received.splice(0, received.length, ...received.filter((text) => !text.includes(sameKey.body.job_id)));
  await ask("POST", `/api/jobs/${sameKey.body.job_id}/cancel`);
  await ask("GET", `/api/jobs?cursor=${encodeURIComponent(cursor!)}`);

  const messages = ids.flatMap((job_id) => [
    { type: "watch", job_id, after: 0, deltas: true, batch: true },
    { type: "watch", job_id },
    { type: "ping", job_id },
  ]);
  for (const message of messages) socket.send(JSON.stringify(message));
  await eventually(() => frames.length === messages.length);
  expect(frames.map(({ type, code }) => [type, code])).toEqual(messages.map(() => ["error", "not_found"]));
  socket.send(JSON.stringify({ type: "watch", scope: "mine" }));
  await eventually(() => frames.some(({ type }) => type === "watching"));
  for (const job_id of ids) socket.send(JSON.stringify({ type: "unwatch", job_id }));
  // Who pushes looks once a second for new watches of this kind.
  await sleep(1_000);
  const { job_id: own } = await second.client.submit("council", input);
  await ended(second.client, own);
  await eventually(() => frames.some(({ type, job_id }) => type === "status" && job_id === own));

  release();

  // Nobody has taken the first tenant's watch away, or ended its job.
  expect(await watched).toEqual(await journalOf(first.client, atWork));
  expect((await first.client.get(atWork)).status).toBe("completed");
  socket.close();
  expect(received.length).toBeGreaterThan(40);
  expect(received.filter((text) => text.includes(canary))).toEqual([]);
  expect(frames.filter(({ job_id, type }) => type !== "error" && ids.includes(job_id ?? ""))).toEqual([]);
});
