import { createHash } from "node:crypto";
import { S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { uploadRef } from "../../core/payloads/payloads.ts";
import { s3Payloads } from "../../core/payloads/s3.ts";
import { type Engines, startEngines } from "../support/engines.ts";

let engines: Engines;
beforeAll(async () => {
  engines = await startEngines();
  engines.queues.provision(
    {},
    {
      contracts: [
        {
          AllowedMethods: ["PUT"],
          AllowedOrigins: ["https://console.test"],
          AllowedHeaders: ["content-type"],
        },
        { AllowedMethods: ["GET"], AllowedOrigins: ["*"] },
      ],
    },
  );
});
afterAll(() => engines.stop());

const payloads = () => s3Payloads(new S3Client(), "contracts");

function refOf(content: string) {
  const sha256 = createHash("sha256").update(content).digest("hex");
  return uploadRef("acme", { bytes: Buffer.byteLength(content), sha256 });
}

async function put(content: string, url: string, headers: Record<string, string>): Promise<number> {
  const { status } = await fetch(url, { method: "PUT", body: content, headers });
  return status;
}

test("a link takes exactly the bytes that it was made for", async () => {
  const ref = refOf('{"a":1}');
  const { url, headers } = await payloads().uploadLink(ref, 60);
  expect(await put('{"a":2}', url, headers)).toBe(400);
  expect(await put('{"a":10}', url, headers)).toBe(403);
  expect(await put('{"a":1}', url, { ...headers, "content-type": "text/html" })).toBe(403);
  expect(await put('{"a":1}', url, headers)).toBe(200);
  expect(await payloads().get(ref)).toBe('{"a":1}');
});

test("a link opens one object, for its time, to reading or to writing", async () => {
  const mine = await payloads().put({ tenant: "acme", jobId: "1" }, '"mine"');
  const theirs = await payloads().put({ tenant: "other", jobId: "2" }, '"theirs"');
  const link = await payloads().readingLink(mine, 60);
  expect(await (await fetch(link)).text()).toBe('"mine"');
  expect((await fetch(link.replace(mine.key, theirs.key))).status).toBe(403);
  expect((await fetch(link.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"))).status).toBe(403);
  expect((await fetch(link.split("?")[0]!)).status).toBe(403);
  expect(await put('"mine"', link, {})).toBe(403);
  expect((await fetch(await payloads().readingLink(mine, -1))).status).toBe(403);
});

test("pages of other origins are admitted as the bucket's rules say", async () => {
  const ref = refOf("1");
  const { url } = await payloads().uploadLink(ref, 60);
  const preflight = (origin: string, method: string) =>
    fetch(url, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": method,
        "access-control-request-headers": "content-type",
      },
    });
  const admitted = await preflight("https://console.test", "PUT");
  expect([admitted.status, admitted.headers.get("access-control-allow-origin")]).toEqual([
    200,
    "https://console.test",
  ]);
  expect((await preflight("https://elsewhere.test", "PUT")).status).toBe(403);
  expect((await preflight("https://console.test", "DELETE")).status).toBe(403);
});
