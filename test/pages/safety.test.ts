import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import { test } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";

test("whoever follows the link of `npm start` is signed in, and the key is nowhere in the page", async ({
  visitor: { open, page, context },
  cloud,
}) => {
  await open("/jobs");

  await page.getByRole("link", { name: "Inbox" }).waitFor();
  expect(page.url()).toBe(`${cloud.http}/jobs`);
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", path: "/" });
  const kept = await page.evaluate(() =>
    JSON.stringify([
      document.cookie,
      { ...localStorage },
      { ...sessionStorage },
      history.state,
      location.href,
    ]),
  );
  const secret = cloud.key.split("_").slice(2).join("_");
  expect(kept).not.toContain(secret);
  expect(kept).not.toContain(cookie!.value);
  await page.goBack().catch(() => {});
  expect(page.url()).not.toContain(secret);
});

test("nobody in the page, itself included, can make a policy that would let text become HTML or code", async ({
  visitor: { open, page, expectComplaint },
}) => {
  await open("/jobs");
  expectComplaint(/trusted-types|TrustedTypePolicy/);

  const told = await page.evaluate(() =>
    ["default", "dompurify", "convoke"].map((name) => {
      try {
        const { trustedTypes } = window as unknown as {
          trustedTypes: { createPolicy(name: string, rules: object): object };
        };
        return trustedTypes.createPolicy(name, { createHTML: (text: string) => text });
      } catch (error) {
        return (error as Error).name;
      }
    }),
  );

  expect(told).toEqual(["TypeError", "TypeError", "TypeError"]);
});

test("a page of another port of this machine, whose requests carry the cookie, can neither read nor do anything", async ({
  visitor: { open, page, context, expectComplaint },
  cloud,
}) => {
  await open("/jobs");
  const { job_id } = await cloud.client.submit("council", { question: "A secret?" });
  const before = (await cloud.client.list()).jobs.length;
  const elsewhere = createServer((_, response) =>
    response.setHeader("content-type", "text/html").end("<!doctype html><title>Elsewhere</title>"),
  );
  await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
  const { port } = elsewhere.address() as AddressInfo;
  // To go there at all, and what Chromium says of requests that CORS refuses.
  expectComplaint(new RegExp(`127.0.0.1:${port}`));
  expectComplaint(/ERR_FAILED|401 \(Unauthorized\)|response code: 403/);
  const other = await context.newPage();
  await other.goto(`http://127.0.0.1:${port}/`);

  const told = await other.evaluate(
    async ([base, ws, id]) => {
      const body = JSON.stringify({ type: "council", input: { question: "Forged?" } });
      const tries: [string, RequestInit][] = [
        [`/api/jobs/${id}`, {}],
        ["/api/session", { headers: { "X-Convoke-Session": "1" } }],
        ["/api/jobs", { method: "POST", body, headers: { "content-type": "text/plain" } }],
        ["/api/jobs", { method: "POST", body, mode: "no-cors" }],
        ["/api/jobs", { method: "POST", body, headers: { "X-Convoke-Session": "1" } }],
        ["/api/session", { method: "DELETE", mode: "no-cors" }],
      ];
      const read: string[] = [];
      for (const [path, init] of tries) {
        const answer = await fetch(base + path, { credentials: "include", ...init }).catch(() => undefined);
        const text = await answer?.text().catch(() => "");
        if (text) read.push(text);
      }
      const socket = new WebSocket(ws!, ["convoke.v1"]);
      await new Promise((resolve) => {
        socket.onopen = () => resolve(read.push("a socket"));
        socket.onclose = resolve;
      });
      const form = document.body.appendChild(document.createElement("form"));
      Object.assign(form, { method: "post", action: `${base}/api/jobs`, enctype: "text/plain" });
      const field = form.appendChild(document.createElement("input"));
      field.name = body.slice(0, -1);
      field.value = "}";
      return read;
    },
    [cloud.http, cloud.ws!, job_id] as const,
  );
  const posted = other.waitForRequest(`${cloud.http}/api/jobs`);
  await other.evaluate(() => document.querySelector("form")!.submit());
  await other.waitForURL(`${cloud.http}/api/jobs`);

  expect(told).toEqual([]);
  expect(await other.locator("body").innerText()).toContain("unauthorized");
  expect((await (await posted).allHeaders()).cookie).toContain("convoke_session_");
  expect((await cloud.client.list()).jobs).toHaveLength(before);
  // Nor has it signed anybody out.
  await page.reload();
  await page.getByRole("link", { name: "Inbox" }).waitFor();
  elsewhere.closeAllConnections();
  await new Promise((resolve) => elsewhere.close(resolve));
});

test("whose key is revoked is asked for another one, and is shown nothing more", async ({ visit, cloud }) => {
  const { key } = await cloud.as({ tenant: "leaver" });
  const { open, page, expectComplaint } = await visit({ key });
  await open("/jobs");
  await page.getByRole("link", { name: "Inbox" }).waitFor();

  const { TableName } = cloud.template.outputs;
  const item = { pk: { S: `K#${key.split("_")[1]}` }, sk: { S: "K" } };
  await cloud.dynamo.call("DeleteItem", { TableName: TableName!, Key: item });
  expectComplaint(/401 \(Unauthorized\)/);
  await page.reload();

  await page.getByLabel(/key/i).waitFor();
  expect(await page.getByRole("link", { name: "Inbox" }).count()).toBe(0);
});

test("a file is shown by its address, which carries no header and leads to the bucket", async ({
  visitor: { open, page },
  cloud,
}) => {
  const { job_id } = await cloud.client.submit("video", { prompt: "Waves" });
  await eventually(async () => (await cloud.client.get(job_id)).status === "completed", 30_000);
  await open("/jobs");

  const width = await page.evaluate(async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    return image.naturalWidth;
  }, `/api/videos/${job_id}/content`);

  expect(width).toBeGreaterThan(0);
});
