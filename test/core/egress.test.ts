import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { egress, whyNot } from "../../core/egress.ts";

let hits = 0;
const server = createServer((request, response) => {
  hits += 1;
  if (request.url === "/moved") return void response.writeHead(302, { location: "/" }).end();
  if (request.url === "/large") return void response.end("x".repeat(2_000));
  if (request.url === "/broken") {
    response.writeHead(200, { "content-length": "100" }).write("x");
    return void setTimeout(() => response.destroy(), 5);
  }
  response.end("hello");
});
let origin = "";

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const { signal } = new AbortController();
const limits = { timeoutMs: 2_000, mostBytes: 1_000 };

describe("addresses that lead inside are not called, however they are written", () => {
  test.each([
    "https://127.0.0.1/",
    "https://localhost/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://0.0.0.0/",
    "https://[::]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/v2/credentials",
    "https://[fd00:ec2::254]/",
    "https://100.64.0.1/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.0.1/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://127.0.0.1./",
  ])("%s", async (url) => {
    const call = egress(["*"], limits);
    await expect(call({ method: "POST", url, body: "{}", signal })).rejects.toMatchObject({
      code: "egress_refused",
      cause: { message: expect.stringContaining("is not allowed") },
    });
  });

  test.each([
    "http://example.com/",
    "https://example.com:8443/",
    "https://user:secret@example.com/",
    "https://example.com@127.0.0.1:22/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "//example.com/",
    "nonsense",
    "",
  ])("%s is refused before any name is looked up", (url) => {
    expect(whyNot(url, ["*"])).toEqual(expect.any(String));
  });

  test("the refusal happened on the way, not at the server", async () => {
    const before = hits;
    const { port } = new URL(origin);
    for (const url of [`https://127.0.0.1:${port}/`, `http://localhost:${port}/`, `${origin}/`])
      await expect(egress(["*"], limits)({ method: "GET", url, signal })).rejects.toMatchObject({
        code: "egress_refused",
      });
    expect(hits).toBe(before);
  });
});

test("hosts are named whole, by their subdomains, or all", () => {
  expect(whyNot("https://api.example.com/x", ["api.example.com"])).toBeUndefined();
  expect(whyNot("https://api.example.com/x", ["*.example.com"])).toBeUndefined();
  expect(whyNot("https://api.example.com/x", ["*"])).toBeUndefined();
  expect(whyNot("https://example.com.evil.org/", ["example.com"])).toContain("example.com.evil.org");
  expect(whyNot("https://evilexample.com/", ["*.example.com"])).toBeDefined();
  expect(whyNot("https://example.com/", [])).toBeDefined();
});

test("an origin that is spelled out is trusted, and no other port of it", async () => {
  const call = egress([origin], limits);
  expect(await call({ method: "GET", url: `${origin}/`, signal })).toMatchObject({
    status: 200,
    text: "hello",
  });
  expect(whyNot("http://127.0.0.1:1/", [origin])).toBeDefined();
});

test("a redirect is an answer and is not followed", async () => {
  const before = hits;
  const answer = await egress([origin], limits)({ method: "GET", url: `${origin}/moved`, signal });
  expect(answer.status).toBe(302);
  expect(hits).toBe(before + 1);
});

test.each(["/large", "/broken"])("an answer that is %s is none", async (path) => {
  const asked = egress([origin], limits)({ method: "GET", url: origin + path, signal });
  await expect(asked).rejects.toMatchObject({ code: "egress_failed", retryable: true });
});
