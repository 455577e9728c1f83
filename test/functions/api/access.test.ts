import { generateKeyPairSync, sign } from "node:crypto";
import { FetchError } from "aws-jwt-verify/error";
import { describe, expect, test } from "vitest";
import { jwtSettings } from "../../../core/keys/authenticate.ts";
import { doorSettings } from "../../../functions/api/api.ts";
import { pathsOf } from "../../../functions/api/route.ts";
import { routes } from "../../../functions/api/routes.ts";
import { routeBodies as bodies } from "../../support/route-bodies.ts";
import { door } from "./door.ts";

const everyRoute = routes.flatMap((route) =>
  pathsOf(route)
    // What stands in its query is the right to call it: operations.test.ts.
    .filter((path) => path !== "/api/callbacks/signed")
    .map((path) => ({ method: route.method.toUpperCase(), path, access: route.access })),
);

describe.each(everyRoute)("$method $path", ({ method, path, access }) => {
  const protectedRoute = access !== "open";

  test("answers nobody without a key, with a wrong, foreign, revoked or expired one", async () => {
    const { ask, makeKey, services, acme } = await door();
    const revoked = await makeKey("acme", ["admin"]);
    await services.keys.revoke(revoked.split("_")[1]!);
    const expired = await makeKey("acme", ["admin"], services.now() - 1);
    const forged = `${acme.slice(0, -4)}AAAA`;

    for (const key of [undefined, "ck_", "nonsense", forged, revoked, expired]) {
      const { status, headers, body } = await ask(method, addressOf(path, "absent"), {
        key,
        body: bodies[path],
      });
      expect(status).toBe(protectedRoute ? 401 : 200);
      if (!protectedRoute) continue;
      expect(headers["www-authenticate"]).toBe('Bearer realm="convoke"');
      expect(body.code).toBe("unauthorized");
    }
  });

  if (protectedRoute && access !== "known")
    test("needs its scope", async () => {
      const { ask, makeKey } = await door();
      // Whoever may write jobs may answer them.
      const enough = access === "jobs:approve" ? [access, "jobs:write"] : [access];
      const without = (["jobs:read", "jobs:write", "jobs:approve"] as const).filter(
        (scope) => !enough.includes(scope),
      );
      const asking = { key: await makeKey("acme", without), body: bodies[path] };

      const { status, body } = await ask(method, addressOf(path, "absent"), asking);

      expect(status).toBe(403);
      expect(body).toMatchObject({ code: "forbidden", detail: expect.stringContaining(`scope ${access}`) });
    });

  test("lets an administrator in", async () => {
    const { ask, makeKey } = await door();
    const { status } = await ask(method, addressOf(path, "absent"), {
      key: await makeKey("acme", ["admin"]),
      body: bodies[path],
    });
    expect(status).toBe(path.includes("{") ? 404 : routeStatus(path, method));
  });

  test("shows nothing of another tenant", async () => {
    const { ask, post, makeKey, work } = await door();
    const conversation = (await post("/api/conversations", { title: "canary" })).body.id;
    const job = (
      await post(`/api/conversations/${conversation}/messages`, { type: "oracle", content: "canary" })
    ).body.job_id;
    await work();
    const key = await makeKey("globex", ["admin"]);

    const id = path.startsWith("/api/conversations") ? conversation : job;
    const { status, body } = await ask(method, addressOf(path, id), { key, body: bodies[path] });

    expect(JSON.stringify(body)).not.toContain("canary");
    if (path.includes("{")) expect(status).toBe(404);
  });
});

/** Of the routes without a place in their path, one asks for more than its name. */
const queries: Record<string, string> = { "/api/next-moments": "?cron=0+7+*+*+*" };

function addressOf(path: string, id: string): string {
  return `${path.replace("{id}", id)}${queries[path] ?? ""}`;
}

function routeStatus(path: string, method: string): number | undefined {
  return routes.find((route) => pathsOf(route).includes(path) && route.method === method.toLowerCase())
    ?.answer.status;
}

describe("an API key", () => {
  test("is looked up once in a while, not at every request, and is gone soon after it is revoked", async () => {
    let clock = Date.now();
    const { get, services, makeKey } = await door({ services: { now: () => clock } });
    const key = await makeKey("acme", ["jobs:read"]);
    let checks = 0;
    const { check } = services.keys;
    services.keys.check = (given) => {
      checks += 1;
      return check(given);
    };

    for (let count = 0; count < 5; count += 1) await get("/api/jobs", { key });
    expect(checks).toBe(1);

    await services.keys.revoke(key.split("_")[1]!);
    clock += services.settings.keyCacheMs + 1;
    expect((await get("/api/jobs", { key })).status).toBe(401);
  });

  test("that expires while it is remembered is refused", async () => {
    let clock = Date.now();
    const { get, makeKey } = await door({ services: { now: () => clock } });
    const key = await makeKey("acme", ["jobs:read"], clock + 1_000);
    expect((await get("/api/jobs", { key })).status).toBe(200);

    clock += 1_001;

    expect((await get("/api/jobs", { key })).status).toBe(401);
  });

  test("tells its holder what it is for", async () => {
    const { get, acme } = await door();

    const { body } = await get("/api/keys/current");

    expect(body).toEqual({
      id: acme.split("_")[1],
      tenant: "acme",
      scopes: ["jobs:read", "jobs:write"],
      expires_at: null,
    });
  });
});

test("a ticket opens one WebSocket for the tenant that asked for it", async () => {
  const { post, services } = await door();

  const { status, body } = await post("/api/ws-ticket");

  expect(status).toBe(201);
  expect(body.url).toBe("wss://sockets.test/ws");
  expect(Date.parse(body.expires_at)).toBeLessThanOrEqual(Date.now() + 30_000);
  expect(await services.keys.redeemTicket(body.ticket)).toMatchObject({ tenant: "acme" });
  expect(await services.keys.redeemTicket(body.ticket)).toBeUndefined();
});

describe("a token of the configured issuer", () => {
  const issuer = "https://login.test";
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const published = {
    keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k1", alg: "RS256", use: "sig" }],
  };
  const settings = {
    jwt: {
      issuer,
      audience: "convoke",
      tenantClaim: "org",
      fetchKeys: async () => new TextEncoder().encode(JSON.stringify(published)).buffer as ArrayBuffer,
    },
  };
  const seconds = () => Math.floor(Date.now() / 1000);
  const claims = () => ({
    iss: issuer,
    aud: "convoke",
    sub: "ada",
    org: "acme",
    scope: "openid jobs:read",
    exp: seconds() + 300,
  });

  function token(payload: object, { key = privateKey, header = {} } = {}): string {
    const parts = [{ alg: "RS256", typ: "JWT", kid: "k1", ...header }, payload];
    const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
  }

  test("is as good as a key, for its tenant and scopes", async () => {
    const { get, post } = await door({ settings });
    const key = token(claims());

    const { body } = await get("/api/keys/current", { key });

    expect(body).toMatchObject({ id: "ada", tenant: "acme", scopes: ["jobs:read"] });
    expect((await post("/api/conversations", {}, { key })).status).toBe(403);
  });

  test.each([
    ["is expired", () => token({ ...claims(), exp: seconds() - 120 })],
    ["never expires", () => token({ ...claims(), exp: undefined })],
    ["is not valid yet", () => token({ ...claims(), nbf: seconds() + 120 })],
    ["is for another audience", () => token({ ...claims(), aud: "other" })],
    ["is of another issuer", () => token({ ...claims(), iss: "https://evil.test" })],
    ["is signed by another key", () => token(claims(), { key: stranger })],
    ["names an unknown key", () => token(claims(), { header: { kid: "../../k1" } })],
    [
      "claims to need no signature",
      () => `${token(claims(), { header: { alg: "none" } }).replace(/[^.]+$/, "")}`,
    ],
    ["claims a symmetric signature", () => token(claims(), { header: { alg: "HS256" } })],
    ["names no tenant", () => token({ ...claims(), org: undefined })],
    ["names a tenant that would reach into another's keys", () => token({ ...claims(), org: "a#J#b" })],
    ["names no subject", () => token({ ...claims(), sub: undefined })],
    ["is cut off", () => token(claims()).slice(0, -10)],
  ])("is refused when it %s", async (_what, make) => {
    const { get } = await door({ settings });
    expect((await get("/api/keys/current", { key: make() })).status).toBe(401);
  });

  test("is neither good nor bad while the issuer's keys cannot be fetched", async () => {
    const fetchKeys = () => Promise.reject(new FetchError(issuer, "connection refused"));
    const { get } = await door({ settings: { jwt: { ...settings.jwt, fetchKeys } } });

    const { status, headers, body } = await get("/api/keys/current", { key: token(claims()) });

    expect(status).toBe(503);
    expect(headers["retry-after"]).toBe("1");
    expect(body.code).toBe("unavailable");
  });

  test("is refused where no issuer is configured", async () => {
    const { get } = await door();
    expect((await get("/api/keys/current", { key: token(claims()) })).status).toBe(401);
  });
});

describe("the settings", () => {
  test("come from the environment", () => {
    expect(
      doorSettings({
        SOCKET_ENDPOINT: "https://abc.execute-api.eu-central-1.amazonaws.com/ws",
        ALLOWED_ORIGINS: "https://a.test,https://b.test",
        JWT_ISSUER: "https://login.test",
        JWT_AUDIENCE: "convoke",
      }),
    ).toEqual({
      socketUrl: "wss://abc.execute-api.eu-central-1.amazonaws.com/ws",
      allowedOrigins: ["https://a.test", "https://b.test"],
      jwt: { issuer: "https://login.test", audience: "convoke", tenantClaim: "tenant" },
    });
  });

  test("without an issuer accept keys only, and an issuer without an audience is a mistake", () => {
    expect(jwtSettings({})).toBeUndefined();
    expect(() => jwtSettings({ JWT_ISSUER: "https://login.test" })).toThrow("JWT_AUDIENCE");
  });
});

describe("a web page", () => {
  test("of an allowed origin may call the API", async () => {
    const { ask } = await door();
    const headers = { origin: "https://console.test", "access-control-request-method": "POST" };

    const preflight = await ask("OPTIONS", "/api/jobs", { key: undefined, headers });
    const call = await ask("GET", "/api/jobs", { headers });
    const refused = await ask("GET", "/api/jobs", { key: undefined, headers });

    expect(preflight.status).toBe(204);
    for (const { headers: answered } of [preflight, call, refused])
      expect(answered["access-control-allow-origin"]).toBe("https://console.test");
    expect(preflight.headers["access-control-allow-headers"]).toContain("Idempotency-Key");
    expect(call.headers["access-control-allow-credentials"]).toBeUndefined();
  });

  test.each(["https://evil.test", "https://console.test.evil.test", "null"])(
    "of %s may not",
    async (origin) => {
      const { ask } = await door();
      for (const method of ["OPTIONS", "GET"]) {
        const { headers } = await ask(method, "/api/jobs", { headers: { origin } });
        expect(headers["access-control-allow-origin"]).toBeUndefined();
      }
    },
  );
});
