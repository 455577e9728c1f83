import { describe, expect, test } from "vitest";
import { Unavailable } from "../../../core/protocol/error.ts";
import { door } from "./door.ts";

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
const sleeper = (input: string) => `{"type":"sleeper","input":${input}}`;

describe("a body", () => {
  test.each([
    ["is no JSON", "{", "invalid_request"],
    ["has a comment", "{} // nice", "invalid_request"],
    ["has NaN", sleeper("NaN"), "invalid_request"],
    ["is not UTF-8", Buffer.from([0x22, 0xff, 0x22]), "invalid_request"],
    ["has half of a surrogate pair", sleeper('"\\ud800"'), "invalid_request"],
    ["has half of a surrogate pair in a name", sleeper('{"\\udfff":1}'), "invalid_request"],
    ["would reach an object's prototype", sleeper('{"__proto__":{"admin":true}}'), "invalid_request"],
    ["would reach an object's constructor", sleeper('[{"constructor":1}]'), "invalid_request"],
    ["is nested too deeply", sleeper(nested(64)), "invalid_request"],
    ["is nested without end", nested(100_000), "invalid_request"],
    ["never closes what it opens", "[".repeat(200_000), "invalid_request"],
  ])("that %s is refused", async (_what, raw, code) => {
    const { ask, services } = await door();

    const { status, body } = await ask("POST", "/api/jobs", { raw });

    expect(status).toBe(400);
    expect(body.code).toBe(code);
    expect(services.queue.waiting).toEqual([]);
  });

  test("as deep as the limit is accepted", async () => {
    const { ask } = await door();
    expect((await ask("POST", "/api/jobs", { raw: sleeper(nested(63)) })).status).toBe(202);
  });

  test("up to the limit of bytes is accepted, one byte more is too large", async () => {
    const { ask, services } = await door();
    const room = services.settings.bodyBytes - sleeper('""').length;

    const fits = await ask("POST", "/api/jobs", { raw: sleeper(`"${"x".repeat(room)}"`) });
    const over = await ask("POST", "/api/jobs", { raw: sleeper(`"${"x".repeat(room + 1)}"`) });

    expect(fits.status).toBe(202);
    expect(over.status).toBe(413);
    expect(over.body.code).toBe("too_large");
  });

  test("of too many values is too large", async () => {
    const { ask } = await door();
    const { status } = await ask("POST", "/api/jobs", { raw: sleeper(`[${Array(10_000).fill("1")}]`) });
    expect(status).toBe(413);
  });

  test.each([
    ["compressed", { "content-encoding": "gzip" }],
    ["of another type", { "content-type": "text/plain" }],
    ["of a form", { "content-type": "application/x-www-form-urlencoded" }],
  ])("that is %s is not supported", async (_what, headers) => {
    const { ask } = await door();
    const { status, body } = await ask("POST", "/api/jobs", { raw: sleeper("1"), headers });
    expect(status).toBe(415);
    expect(body.code).toBe("unsupported_media_type");
  });

  test("of a GET means nothing", async () => {
    const { ask } = await door();
    expect((await ask("GET", "/api/jobs", { raw: "{" })).status).toBe(200);
  });

  test("with a thousand faults names twenty", async () => {
    const { post } = await door();
    const { body } = await post("/api/jobs", { type: "form", input: { answers: Array(1_000).fill(7) } });
    expect(body.errors).toHaveLength(20);
  });

  test.each([
    "naïve café",
    "日本語テキスト",
    "👩‍👩‍👧‍👦 family",
    "\u0000\u0001\u001f controls",
    "‮right to left",
    "<script>alert(1)</script>",
    "'; DROP TABLE jobs; --",
    "{{7*7}} #{7*7} %{7*7}",
    "../../etc/passwd",
    "line\r\nSet-Cookie: a=b",
    "\ufeff byte order mark",
    "e\u0301 combining",
  ])("keeps %j as it is", async (text) => {
    const { post, get } = await door();
    const { body } = await post("/api/jobs", { type: "sleeper", input: { text, [text]: 1 }, title: text });
    const job = (await get(`/api/jobs/${body.job_id}`)).body;
    expect(job.input_data).toEqual({ text, [text]: 1 });
    expect(job.title).toBe(text.trim());
  });
});

describe("an address", () => {
  test.each([
    "/",
    "/api",
    "/api/",
    "/api/job",
    "/api/jobs/",
    "/API/jobs",
    "/api/jobs/a/b/c",
    "/api//jobs",
    "/.env",
  ])("%s is not found", async (path) => {
    const { get } = await door();
    const { status, body } = await get(path);
    expect(status).toBe(404);
    expect(body.code).toBe("not_found");
  });

  test.each([
    ["DELETE", "/api/jobs", "POST, GET"],
    ["PUT", "/api/jobs/abc", "GET"],
    ["GET", "/api/jobs/abc/cancel", "POST"],
    ["POST", "/api/health", "GET"],
  ])("is not asked by %s %s", async (method, path, allow) => {
    const { ask } = await door();
    const { status, headers, body } = await ask(method, path);
    expect(status).toBe(405);
    expect(headers.allow).toBe(allow);
    expect(body.code).toBe("method_not_allowed");
  });

  test("is there for HEAD where it is for GET", async () => {
    const { ask } = await door();
    const { status, body } = await ask("HEAD", "/api/health", { key: undefined });
    expect(status).toBe(200);
    expect(body).toBeUndefined();
  });
});

describe("a failure", () => {
  const secret = "prompt with a secret";

  test("of a store is a moment's, and says when to come back", async () => {
    const { get, services } = await door();
    services.journal.list = () => Promise.reject(new Unavailable("The journal did not answer"));

    const { status, headers, body } = await get("/api/jobs");

    expect(status).toBe(503);
    expect(headers["retry-after"]).toBe("1");
    expect(body).toMatchObject({ code: "unavailable", detail: "The journal did not answer" });
  });

  test("that nobody expected tells the caller its request id and nothing else", async () => {
    const { get, services, lines } = await door();
    services.journal.list = () => Promise.reject(new TypeError(`cannot read ${secret}`));

    const { status, body } = await get("/api/jobs");

    expect(status).toBe(500);
    expect(body.code).toBe("internal_error");
    expect(body.detail).toContain("request-1");
    expect(JSON.stringify(body)).not.toContain(secret);
    expect(JSON.stringify(lines)).not.toContain(secret);
    expect(lines[0]).toMatchObject({ message: "request failed", fields: { error: "TypeError" } });
  });

  test("and every other request leaves one line in the log, without bodies, keys or the tenant's name", async () => {
    const { post, lines, acme } = await door();

    await post("/api/jobs", { type: "oracle", input: { question: secret } });

    expect(lines).toEqual([
      {
        message: "request",
        fields: {
          request_id: "request-1",
          method: "POST",
          route: "POST /api/jobs",
          status: 202,
          ms: expect.any(Number),
          tenant: expect.stringMatching(/^[0-9a-f]{12}$/),
        },
      },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(new RegExp(`${secret}|${acme}|acme`));
  });
});
