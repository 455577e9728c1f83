import { request } from "node:http";
import { expect, test, vi } from "vitest";
import { type ApiGiven, Fails, type GatewayEvent, gatewayFor } from "../support/gateway.ts";

const echo = (event: GatewayEvent) => event;

function api(routes: ApiGiven["routes"], more: Partial<ApiGiven> = {}): Record<string, ApiGiven> {
  return { Api: { protocol: "HTTP", stage: "$default", routes, ...more } };
}

/** A request as it is written here: fetch would join and sort headers. */
function send(
  url: string,
  { method = "GET", headers = [], body }: { method?: string; headers?: string[]; body?: Buffer | string },
): Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: ["host", new URL(url).host, ...headers] });
    sent.on("error", reject);
    sent.on("response", async (response) => {
      const chunks: Buffer[] = await response.toArray();
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: Buffer.concat(chunks),
      });
    });
    sent.end(body);
  });
}

// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
test("a request reaches the function as payload format 2.0", async () => {
  const gateway = await gatewayFor(
    api({ "POST /pets/{id}": "fn" }, { stageProperties: { StageVariables: { color: "blue" } } }),
    { fn: echo },
  );
  const answer = await send(`${gateway.http}/pets/a%20b?x=1&x=2&y=c%26d&z`, {
    method: "POST",
    headers: [
      ...["X-Many", "1", "X-Many", "2", "Cookie", "a=1; b=2", "User-Agent", "test", "Connection", "close"],
      ...["Content-Type", "application/json", "X-Forwarded-For", "10.0.0.1"],
    ],
    body: '{"ä":1}',
  });
  const event = JSON.parse(answer.body.toString());
  const { requestId, time, timeEpoch, ...requestContext } = event.requestContext;
  expect({ ...event, requestContext }).toEqual({
    version: "2.0",
    routeKey: "POST /pets/{id}",
    rawPath: "/pets/a b",
    rawQueryString: "x=1&x=2&y=c%26d&z",
    cookies: ["a=1", "b=2"],
    headers: {
      host: `127.0.0.1:${gateway.port}`,
      "x-many": "1,2",
      "user-agent": "test",
      "content-type": "application/json",
      "content-length": "8",
      "x-forwarded-for": "10.0.0.1, 127.0.0.1",
      "x-forwarded-port": String(gateway.port),
      "x-forwarded-proto": "http",
    },
    queryStringParameters: { x: "1,2", y: "c&d", z: "" },
    pathParameters: { id: "a b" },
    stageVariables: { color: "blue" },
    requestContext: {
      accountId: "000000000000",
      apiId: "api",
      domainName: `127.0.0.1:${gateway.port}`,
      domainPrefix: "127",
      http: {
        method: "POST",
        path: "/pets/a b",
        protocol: "HTTP/1.1",
        sourceIp: "127.0.0.1",
        userAgent: "test",
      },
      routeKey: "POST /pets/{id}",
      stage: "$default",
    },
    body: '{"ä":1}',
    isBase64Encoded: false,
  });
  expect(answer.headers["apigw-requestid"]).toBe(requestId);
  expect(time).toMatch(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
  expect(Math.abs(Date.now() - timeEpoch)).toBeLessThan(10_000);
});

test("a request without query, cookies and body has none of these fields", async () => {
  const gateway = await gatewayFor(api({ "GET /": "fn" }), { fn: echo });
  const event = await (await fetch(`${gateway.http}/`)).json();
  for (const absent of ["cookies", "queryStringParameters", "pathParameters", "stageVariables", "body"]) {
    expect(event).not.toHaveProperty(absent);
  }
  expect(event.rawQueryString).toBe("");
});

test("binary bodies travel in base64, both ways", async () => {
  const gateway = await gatewayFor(api({ "POST /": "fn" }), {
    fn: ({ body, isBase64Encoded, headers }) => ({
      statusCode: 200,
      headers: { "Content-Type": headers["content-type"], "X-Encoded": isBase64Encoded },
      body,
      isBase64Encoded,
    }),
  });
  const bytes = Buffer.from([0, 255, 128, 10]);
  const types = { "image/png": true, "application/x-www-form-urlencoded": true, "text/csv": false };
  for (const [type, encoded] of Object.entries({ ...types, "application/problem+json": false })) {
    const body = encoded ? bytes : Buffer.from("täxt");
    const answer = await send(`${gateway.http}/`, { method: "POST", headers: ["content-type", type], body });
    expect(answer.headers["x-encoded"]).toBe(String(encoded));
    expect(answer.headers["content-type"]).toBe(type);
    expect(answer.body).toEqual(body);
  }
  const zipped = ["content-type", "application/json", "content-encoding", "gzip"];
  const answer = await send(`${gateway.http}/`, { method: "POST", headers: zipped, body: bytes });
  expect(answer.headers["x-encoded"]).toBe("true");
});

test("an answer with a status is passed on, and anything else is a 200 in JSON", async () => {
  const results: Record<string, unknown> = {
    full: { statusCode: 201, headers: { "X-A": 1 }, cookies: ["a=1; Secure", "b=2"], body: "made" },
    object: { hello: "world" },
    text: "plain",
    nothing: undefined,
    empty: { statusCode: 204 },
  };
  const gateway = await gatewayFor(api({ "GET /{name}": "fn" }), {
    fn: ({ pathParameters }) => results[pathParameters!.name!],
  });
  const full = await fetch(`${gateway.http}/full`);
  expect([full.status, await full.text()]).toEqual([201, "made"]);
  expect(full.headers.get("x-a")).toBe("1");
  expect(full.headers.getSetCookie()).toEqual(["a=1; Secure", "b=2"]);
  expect(full.headers.get("content-type")).toBe("text/plain;charset=utf-8");
  for (const [name, body] of Object.entries({
    object: '{"hello":"world"}',
    text: "plain",
    nothing: "null",
  })) {
    const bare = await fetch(`${gateway.http}/${name}`);
    expect([bare.status, await bare.text()]).toEqual([200, body]);
    expect(bare.headers.get("content-type")).toBe("application/json");
  }
  const empty = await fetch(`${gateway.http}/empty`);
  expect([empty.status, await empty.text()]).toEqual([204, ""]);
});

test("an answer that API Gateway would not accept is a 500", async () => {
  const malformed = [
    { statusCode: "many", body: "" },
    { statusCode: 200, body: { an: "object" } },
    { statusCode: 200, headers: { "x-a": "line\nbreak" } },
  ];
  const gateway = await gatewayFor(api({ "GET /{index}": "fn" }), {
    fn: ({ pathParameters }) => malformed[Number(pathParameters!.index)],
  });
  for (const index of malformed.keys()) {
    const answer = await fetch(`${gateway.http}/${index}`);
    expect([answer.status, await answer.json()]).toEqual([500, { message: "Internal Server Error" }]);
  }
});

// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
test("the most specific route gets the request", async () => {
  const keys = [
    "$default",
    "ANY /{proxy+}",
    "GET /pets/{proxy+}",
    "ANY /pets/dog/{id}",
    "GET /pets/dog/{id}",
    "GET /pets/dog/1",
    "GET /{kind}/cat/{id}",
  ];
  const gateway = await gatewayFor(api(Object.fromEntries(keys.map((key) => [key, "fn"]))), {
    fn: ({ routeKey, pathParameters }) => ({ routeKey, pathParameters }),
  });
  const routed = async (method: string, path: string) => {
    const answer = await fetch(gateway.http + path, { method });
    return Object.values(await answer.json());
  };
  expect(await routed("GET", "/pets/dog/1")).toEqual(["GET /pets/dog/1"]);
  expect(await routed("GET", "/pets/dog/2")).toEqual(["GET /pets/dog/{id}", { id: "2" }]);
  expect(await routed("POST", "/pets/dog/1")).toEqual(["ANY /pets/dog/{id}", { id: "1" }]);
  expect(await routed("GET", "/pets/fish/3/fin")).toEqual(["GET /pets/{proxy+}", { proxy: "fish/3/fin" }]);
  expect(await routed("GET", "/pets/cat/5")).toEqual(["GET /{kind}/cat/{id}", { kind: "pets", id: "5" }]);
  expect(await routed("POST", "/test/5")).toEqual(["ANY /{proxy+}", { proxy: "test/5" }]);
  // A greedy variable needs something to catch.
  expect(await routed("GET", "/")).toEqual(["$default"]);
});

test("a request without a route is a 404, and one that cannot be decoded a 400", async () => {
  const gateway = await gatewayFor(api({ "GET /a/{id}": "fn" }), { fn: echo });
  const none = await fetch(`${gateway.http}/b`);
  expect([none.status, await none.json()]).toEqual([404, { message: "Not Found" }]);
  expect((await send(`${gateway.http}/a/%zz`, {})).status).toBe(400);
});

test("a client that offers HTTP/2 is served in HTTP/1.1", async () => {
  const gateway = await gatewayFor(api({ "GET /": "fn" }), { fn: () => "fine" });
  const offer = ["connection", "Upgrade, HTTP2-Settings", "upgrade", "h2c", "http2-settings", "AAMAAABk"];
  expect((await send(`${gateway.http}/`, { headers: offer })).status).toBe(200);
});

test("a named stage is part of the path that the function sees", async () => {
  const gateway = await gatewayFor(
    { ...api({ "GET /a": "fn" }), Old: { protocol: "HTTP", stage: "v1", routes: { "GET /a": "fn" } } },
    { fn: echo },
  );
  const event = await (await fetch(`${gateway.http}/v1/a`)).json();
  expect([event.rawPath, event.requestContext.stage, event.routeKey]).toEqual(["/v1/a", "v1", "GET /a"]);
  expect((await (await fetch(`${gateway.http}/a`)).json()).requestContext.stage).toBe("$default");
});

// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
test("the gateway answers preflights and owns the CORS headers when the API has a CORS configuration", async () => {
  const CorsConfiguration = {
    AllowOrigins: ["https://a.example", "http://*"],
    AllowMethods: ["GET", "POST"],
    AllowHeaders: ["authorization"],
    ExposeHeaders: ["etag"],
    MaxAge: 60,
  };
  const invoked = vi.fn(() => ({ statusCode: 200, headers: { "access-control-allow-origin": "evil" } }));
  const gateway = await gatewayFor(api({ "ANY /{proxy+}": "fn" }, { api: { CorsConfiguration } }), {
    fn: invoked,
  });
  const preflight = (origin: string) =>
    fetch(`${gateway.http}/x`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST" },
    });
  const allowed = await preflight("https://a.example");
  expect(allowed.status).toBe(204);
  expect(Object.fromEntries(allowed.headers)).toMatchObject({
    "access-control-allow-origin": "https://a.example",
    "access-control-allow-methods": "GET,POST",
    "access-control-allow-headers": "authorization",
    "access-control-max-age": "60",
  });
  const foreign = await preflight("https://b.example");
  expect([foreign.status, foreign.headers.get("access-control-allow-origin")]).toEqual([204, null]);
  expect(invoked).not.toHaveBeenCalled();

  const answer = await fetch(`${gateway.http}/x`, { headers: { origin: "http://localhost:3000" } });
  expect(answer.headers.get("access-control-allow-origin")).toBe("http://localhost:3000");
  expect(answer.headers.get("access-control-expose-headers")).toBe("etag");
  const other = await fetch(`${gateway.http}/x`, { headers: { origin: "https://b.example" } });
  expect(other.headers.get("access-control-allow-origin")).toBeNull();
});

test("without a CORS configuration an OPTIONS request is one like any other", async () => {
  const gateway = await gatewayFor(api({ "ANY /{proxy+}": "fn" }), {
    fn: () => ({ statusCode: 204, headers: { "access-control-allow-origin": "https://a.example" } }),
  });
  const answer = await fetch(`${gateway.http}/x`, {
    method: "OPTIONS",
    headers: { origin: "https://a.example", "access-control-request-method": "POST" },
  });
  expect(answer.headers.get("access-control-allow-origin")).toBe("https://a.example");
});

// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
test("an authorizer with simple answers decides, its context reaches the function, and its answers are cached", async () => {
  const authorizer = vi.fn(({ headers }: GatewayEvent) => {
    if (headers.authorization === "broken") throw new Error("out of order");
    return { isAuthorized: headers.authorization === "good", context: { tenant: { id: 7 } } };
  });
  const gateway = await gatewayFor(
    api(
      { "GET /a": { fn: "fn", authorizer: "Auth" }, "GET /b": { fn: "fn", authorizer: "Auth" } },
      {
        authorizers: {
          Auth: {
            fn: "authorizer",
            IdentitySource: ["$request.header.Authorization"],
            EnableSimpleResponses: true,
            AuthorizerResultTtlInSeconds: 300,
          },
        },
      },
    ),
    { fn: echo, authorizer },
  );
  const ask = (path: string, authorization?: string) =>
    fetch(gateway.http + path, { headers: authorization === undefined ? {} : { authorization } });
  expect((await ask("/a")).status).toBe(401);
  expect(authorizer).not.toHaveBeenCalled();
  expect((await (await ask("/a", "good")).json()).requestContext.authorizer).toEqual({
    lambda: { tenant: { id: 7 } },
  });
  expect(authorizer.mock.lastCall![0]).toMatchObject({
    version: "2.0",
    type: "REQUEST",
    routeArn: "arn:aws:execute-api:us-east-1:000000000000:api/$default/GET/a",
    identitySource: ["good"],
    routeKey: "GET /a",
  });
  expect((await ask("/b", "good")).status).toBe(200);
  expect(authorizer).toHaveBeenCalledTimes(1);
  expect((await ask("/a", "bad")).status).toBe(403);
  expect((await ask("/a", "broken")).status).toBe(500);
});

test("an authorizer that answers with a policy allows what the policy allows", async () => {
  const statement = (Effect: string, Resource: string) => ({
    Effect,
    Action: "execute-api:Invoke",
    Resource: `arn:aws:execute-api:us-east-1:000000000000:api/$default/${Resource}`,
  });
  const authorizer = () => ({
    principalId: "me",
    policyDocument: { Statement: [statement("Allow", "GET/*"), statement("Deny", "GET/secret*")] },
    context: { tenant: "t" },
  });
  const gateway = await gatewayFor(
    api(
      { "ANY /{proxy+}": { fn: "fn", authorizer: "Auth" } },
      { authorizers: { Auth: { fn: "authorizer" } } },
    ),
    { fn: (event) => event.requestContext.authorizer, authorizer },
  );
  const open = await fetch(`${gateway.http}/open`);
  expect([open.status, await open.json()]).toEqual([200, { lambda: { tenant: "t" } }]);
  expect((await fetch(`${gateway.http}/secret/x`)).status).toBe(403);
  expect((await fetch(`${gateway.http}/open`, { method: "POST" })).status).toBe(403);
});

// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
test("a body of 10 MB is accepted and a byte more is a 413", async () => {
  const gateway = await gatewayFor(api({ "POST /": "fn" }), { fn: ({ body }) => body!.length });
  const post = (bytes: number) =>
    send(`${gateway.http}/`, {
      method: "POST",
      headers: ["content-type", "text/plain"],
      body: Buffer.alloc(bytes, 97),
    });
  const most = 10 * 1024 * 1024;
  expect((await post(most)).body.toString()).toBe(String(most));
  expect((await post(most + 1)).status).toBe(413);
  const chunked = await send(`${gateway.http}/`, {
    method: "POST",
    headers: ["transfer-encoding", "chunked"],
    body: Buffer.alloc(most + 1),
  });
  expect([chunked.status, JSON.parse(chunked.body.toString())]).toEqual([
    413,
    { message: "Request Entity Too Large" },
  ]);
});

test("request line and header values of more than 10,240 bytes are a 431", async () => {
  const gateway = await gatewayFor(api({ "GET /": "fn" }), { fn: () => "fine" });
  const get = (bytes: number) => fetch(`${gateway.http}/`, { headers: { "x-large": "x".repeat(bytes) } });
  expect((await get(10_000)).status).toBe(200);
  expect((await get(10_240)).status).toBe(431);
});

test("a slow function, a failed one and a throttled one are answered as API Gateway does", async () => {
  const gateway = await gatewayFor(
    api({
      "GET /slow": { fn: "slow", timeoutMs: 50 },
      "GET /failed": "failed",
      "GET /throttled": "throttled",
    }),
    {
      slow: () => new Promise((resolve) => setTimeout(resolve, 500)),
      failed: () => {
        throw new Error("secret detail");
      },
      throttled: () => {
        throw new Fails("throttled");
      },
    },
  );
  const ask = async (path: string) => {
    const answer = await fetch(gateway.http + path);
    return [answer.status, await answer.json()];
  };
  expect(await ask("/slow")).toEqual([503, { message: "Service Unavailable" }]);
  expect(await ask("/failed")).toEqual([500, { message: "Internal Server Error" }]);
  expect(await ask("/throttled")).toEqual([503, { message: "Service Unavailable" }]);
});

// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
test("a stage lets its burst through and then throttles, each route by itself", async () => {
  const gateway = await gatewayFor(
    api(
      { "GET /a": "fn", "GET /b": "fn" },
      {
        stageProperties: {
          DefaultRouteSettings: { ThrottlingRateLimit: 0.01, ThrottlingBurstLimit: 3 },
          RouteSettings: { "GET /b": { ThrottlingBurstLimit: 1 } },
        },
      },
    ),
    { fn: () => "fine" },
  );
  const statuses = async (path: string) => {
    const list: number[] = [];
    for (let count = 0; count < 4; count++) list.push((await fetch(gateway.http + path)).status);
    return list;
  };
  expect(await statuses("/a")).toEqual([200, 200, 200, 429]);
  expect(await statuses("/b")).toEqual([200, 429, 429, 429]);
});

test("a template that the gateway would serve otherwise than AWS does not start", async () => {
  const first = api({ "GET /": "fn" });
  const second: ApiGiven = { protocol: "HTTP", stage: "$default", routes: { "GET /": "fn" } };
  await expect(gatewayFor({ ...first, Other: second }, {})).rejects.toThrow("Two APIs have a stage $default");
  await expect(gatewayFor(api({ "GET /": "fn" }, { payloadFormat: "1.0" }), {})).rejects.toThrow(
    "payload format 2.0",
  );
  const odd = { Auth: { fn: "fn", IdentitySource: ["$request.body.token"] } };
  const guarded = { "GET /": { fn: "fn", authorizer: "Auth" } };
  await expect(gatewayFor(api(guarded, { authorizers: odd }), {})).rejects.toThrow("$request.body.token");
});
