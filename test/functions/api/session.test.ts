import { describe, expect, test } from "vitest";
import { type Asking, door } from "./door.ts";

const header = { "x-convoke-session": "1" };

/** A door, and a browser that has signed in at it with acme's key. */
async function signedIn(options: Parameters<typeof door>[0] = {}) {
  const api = await door(options);
  const answer = await api.post("/api/session");
  const [cookie = ""] = answer.cookies;
  const cookies = [cookie.split(";")[0]!];
  const asked = (method: string, path: string, asking: Asking = {}) =>
    api.ask(method, path, { key: undefined, cookies, headers: header, ...asking });
  return { ...api, answer, cookie, cookies, asked };
}

describe("a browser that has signed in", () => {
  test("holds a cookie that no script, other site or plain connection is given", async () => {
    const { answer, cookie, acme } = await signedIn();

    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({
      tenant: "acme",
      name: acme.split("_")[1],
      scopes: ["jobs:read", "jobs:write"],
    });
    expect(cookie).toMatch(
      /^__Host-convoke_session=[\w-]{43}; Max-Age=43[12]\d\d; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    expect(cookie).not.toContain(acme.split("_").slice(2).join("_"));
    expect(Date.parse(answer.body.expires_at) - Date.now()).toBeLessThanOrEqual(12 * 3_600_000);
  });

  test("needs no key for anything that its key may do, and may do nothing else", async () => {
    const { asked } = await signedIn();

    expect((await asked("GET", "/api/session")).body).toMatchObject({ tenant: "acme" });
    const { status, body } = await asked("POST", "/api/jobs", {
      body: { type: "oracle", input: { question: "Why?" } },
    });
    expect(status).toBe(202);
    expect((await asked("GET", `/api/jobs/${body.job_id}`)).status).toBe(200);
    expect((await asked("POST", "/api/ws-ticket")).status).toBe(201);
    const reader = await door();
    const key = await reader.makeKey("acme", ["jobs:read"]);
    const { cookies } = await reader.post("/api/session", undefined, { key });
    const own = { key: undefined, cookies: [cookies[0]!.split(";")[0]!], headers: header };
    expect((await reader.post("/api/conversations", {}, own)).status).toBe(403);
  });

  test("on this machine has a cookie without a secure connection, one for each port", async () => {
    const api = await door();
    const local = { "x-forwarded-proto": "http", host: "127.0.0.1:4000" };

    const { cookies } = await api.post("/api/session", undefined, { headers: local });

    expect(cookies[0]).toMatch(
      /^convoke_session_4000=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    const own = { key: undefined, cookies: [cookies[0]!.split(";")[0]!] };
    const there = (host: string) =>
      api.get("/api/session", { ...own, headers: { ...header, ...local, host } });
    expect((await there("127.0.0.1:4000")).status).toBe(200);
    expect((await there("127.0.0.1:4001")).status).toBe(401);
  });

  test("is somebody else to nobody: a wrong, empty or doubled cookie opens nothing", async () => {
    const { asked, cookies } = await signedIn();
    const [own] = cookies as [string];
    for (const cookie of [`${own}x`, own.slice(0, -1), "__Host-convoke_session=", own.replace("__Host-", "")])
      expect((await asked("GET", "/api/session", { cookies: [cookie] })).status).toBe(401);
  });

  test("that signs out is out at once, everywhere", async () => {
    const { asked, cookies } = await signedIn();

    const { status, body, cookies: set } = await asked("DELETE", "/api/session");

    expect({ status, body }).toEqual({ status: 200, body: { signed_out: true } });
    expect(set[0]).toMatch(
      /^__Host-convoke_session=; Max-Age=0; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    expect((await asked("GET", "/api/session", { cookies })).status).toBe(401);
  });

  test("is out when its key is revoked, and when its day is over", async () => {
    let clock = Date.now();
    const { asked, services, acme } = await signedIn({ services: { now: () => clock } });
    clock += 12 * 3_600_000 - 1;
    expect((await asked("GET", "/api/session")).status).toBe(200);
    clock += 1;
    expect((await asked("GET", "/api/session")).status).toBe(401);
    clock -= 1_000;
    await services.keys.revoke(acme.split("_")[1]!);
    const { status, body } = await asked("GET", "/api/session");
    expect(status).toBe(401);
    expect(body.code).toBe("unauthorized");
  });

  test("is signed in no longer than its key is good, and cannot prolong that by signing in again", async () => {
    let clock = Date.now();
    const api = await door({ services: { now: () => clock } });
    const ends = clock + 60_000;
    const key = await api.makeKey("acme", ["jobs:read"], ends);
    const { body, cookies } = await api.post("/api/session", undefined, { key });
    expect(Date.parse(body.expires_at)).toBe(ends);
    const own = { key: undefined, cookies: [cookies[0]!.split(";")[0]!], headers: header };
    clock += 30_000;
    expect(Date.parse((await api.post("/api/session", undefined, own)).body.expires_at)).toBe(ends);
  });
});

describe("a page of another site", () => {
  test("makes a browser send the cookie in vain: it cannot send the header", async () => {
    const { ask, cookies } = await signedIn();
    const job = { body: { type: "oracle", input: { question: "Why?" } } };
    const forged: [string, string, Asking][] = [
      ["POST", "/api/jobs", job],
      ["POST", "/api/jobs", { ...job, headers: { "x-convoke-session": "0" } }],
      ["POST", "/api/jobs", { ...job, headers: { "sec-fetch-site": "same-origin" } }],
      ["GET", "/api/jobs", { headers: { "sec-fetch-site": "cross-site" } }],
      ["GET", "/api/jobs", { headers: { "sec-fetch-site": "same-site" } }],
      ["POST", "/api/ws-ticket", {}],
      ["POST", "/api/session", {}],
    ];
    for (const [method, path, asking] of forged) {
      const { status, cookies: set } = await ask(method, path, { key: undefined, cookies, ...asking });
      expect(status).toBe(401);
      expect(set).toEqual([]);
    }
    expect((await ask("GET", "/api/jobs")).body.jobs).toEqual([]);
  });

  test("cannot sign somebody out", async () => {
    const { ask, asked, cookies } = await signedIn();
    await ask("DELETE", "/api/session", { key: undefined, cookies });
    expect((await asked("GET", "/api/session")).status).toBe(200);
  });

  test.each(["https://evil.test", "https://console.test"])(
    "is not allowed the header or the cookie by CORS, whether or not %s may call with a key",
    async (origin) => {
      const { ask } = await door({ settings: { allowedOrigins: ["https://console.test"] } });
      const asks = {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-convoke-session",
      };
      const { headers } = await ask("OPTIONS", "/api/jobs", { key: undefined, headers: asks });
      expect(headers["access-control-allow-headers"] ?? "").not.toMatch(/x-convoke-session/i);
      expect(headers["access-control-allow-credentials"]).toBeUndefined();
    },
  );
});

test("an address in our own page, which cannot carry a header, may be read", async () => {
  const { ask, cookies } = await signedIn();
  const headers = { "sec-fetch-site": "same-origin" };
  expect((await ask("GET", "/api/jobs", { key: undefined, cookies, headers })).status).toBe(200);
});

test("a key beside the cookie is what counts, even a wrong one", async () => {
  const { asked, makeKey } = await signedIn();
  const other = await makeKey("globex", ["jobs:read"]);
  expect((await asked("GET", "/api/session", { key: other })).body).toMatchObject({ tenant: "globex" });
  expect((await asked("GET", "/api/session", { key: "ck_wrong" })).status).toBe(401);
});
