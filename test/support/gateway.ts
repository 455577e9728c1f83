import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import type { Json, JsonObject } from "../../core/protocol/json.ts";
import { type Gateway, type GatewayLimits, startGateway } from "../../local/gateway.ts";
import type { Invoked, Lambdas } from "../../local/lambdas.ts";
import { loadTemplate, type Template } from "../../local/template.ts";

type Resources = Record<string, { Type: string; Properties: JsonObject }>;

/** A cloud assembly with these resources, read as the runner reads one. */
function templateOf(resources: Resources): Template {
  const directory = mkdtempSync(join(tmpdir(), "convoke-assembly-"));
  const write = (file: string, value: unknown) => writeFileSync(join(directory, file), JSON.stringify(value));
  write("manifest.json", {
    artifacts: {
      Test: { type: "aws:cloudformation:stack", properties: { templateFile: "Test.template.json" } },
    },
  });
  write("Test.template.json", { Resources: resources });
  write("Test.assets.json", { files: {} });
  try {
    return loadTemplate(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

type RouteGiven = string | { fn: string; authorizer?: string; timeoutMs?: number; responds?: boolean };

export type ApiGiven = {
  protocol: "HTTP" | "WEBSOCKET";
  stage: string;
  routes: Record<string, RouteGiven>;
  authorizers?: Record<string, { fn: string } & JsonObject>;
  /** Further properties of the resources. */
  api?: JsonObject;
  stageProperties?: JsonObject;
  payloadFormat?: string;
};

/** The resources of one API in the shapes that CDK gives them. */
function resourcesOf(id: string, given: ApiGiven): Resources {
  const http = given.protocol === "HTTP";
  const ApiId = { Ref: id };
  const resources: Resources = {
    [id]: {
      Type: "AWS::ApiGatewayV2::Api",
      Properties: { Name: id, ProtocolType: given.protocol, ...given.api },
    },
    [`${id}Stage`]: {
      Type: "AWS::ApiGatewayV2::Stage",
      Properties: { ApiId, StageName: given.stage, AutoDeploy: true, ...given.stageProperties },
    },
  };
  const functionArn = (fn: string): Json => {
    resources[fn] = {
      Type: "AWS::Lambda::Function",
      Properties: {
        Code: { S3Bucket: "assets", S3Key: "x.zip" },
        Handler: "x.handler",
        Runtime: "nodejs24.x",
      },
    };
    return { "Fn::GetAtt": [fn, "Arn"] };
  };
  const invocationUri = (fn: string): Json => ({
    "Fn::Join": [
      "",
      [
        "arn:",
        { Ref: "AWS::Partition" },
        ":apigateway:",
        { Ref: "AWS::Region" },
        ":lambda:path/2015-03-31/functions/",
        functionArn(fn),
        "/invocations",
      ],
    ],
  });
  for (const [name, { fn, ...more }] of Object.entries(given.authorizers ?? {})) {
    resources[name] = {
      Type: "AWS::ApiGatewayV2::Authorizer",
      Properties: {
        ApiId,
        Name: name,
        AuthorizerType: "REQUEST",
        AuthorizerUri: invocationUri(fn),
        ...(http ? { AuthorizerPayloadFormatVersion: "2.0" } : {}),
        ...more,
      },
    };
  }
  for (const [index, [key, route]] of Object.entries(given.routes).entries()) {
    const { fn, authorizer, timeoutMs, responds } = typeof route === "string" ? { fn: route } : route;
    const name = `${id}Route${index}`;
    resources[`${name}Integration`] = {
      Type: "AWS::ApiGatewayV2::Integration",
      Properties: {
        ApiId,
        IntegrationType: "AWS_PROXY",
        IntegrationUri: http ? functionArn(fn) : invocationUri(fn),
        ...(http ? { PayloadFormatVersion: given.payloadFormat ?? "2.0" } : {}),
        ...(timeoutMs === undefined ? {} : { TimeoutInMillis: timeoutMs }),
      },
    };
    resources[name] = {
      Type: "AWS::ApiGatewayV2::Route",
      Properties: {
        ApiId,
        RouteKey: key,
        Target: { "Fn::Join": ["", ["integrations/", { Ref: `${name}Integration` }]] },
        AuthorizationType: authorizer === undefined ? "NONE" : "CUSTOM",
        ...(authorizer === undefined ? {} : { AuthorizerId: { Ref: authorizer } }),
        ...(responds ? { RouteResponseSelectionExpression: "$default" } : {}),
      },
    };
    if (responds) {
      resources[`${name}Response`] = {
        Type: "AWS::ApiGatewayV2::RouteResponse",
        Properties: { ApiId, RouteId: { Ref: name }, RouteResponseKey: "$default" },
      };
    }
  }
  return resources;
}

/** What a function of a test is given; the parts of API Gateway's events that the tests look at. */
export type GatewayEvent = {
  routeKey: string;
  rawPath: string;
  body?: string;
  isBase64Encoded: boolean;
  headers: Record<string, string>;
  pathParameters?: Record<string, string>;
  requestContext: Record<string, unknown> & { connectionId: string; authorizer?: Record<string, unknown> };
} & Record<string, unknown>;

export type TestFunction = (event: GatewayEvent) => unknown;

/** Makes a function fail as Lambda reports it, other than by throwing. */
export class Fails extends Error {
  readonly kind: "exit" | "timeout" | "throttled";
  constructor(kind: Fails["kind"]) {
    super(kind);
    this.kind = kind;
  }
}

function lambdasOf(functions: Record<string, TestFunction>): Lambdas {
  return {
    async invoke(functionId, event): Promise<Invoked> {
      try {
        // Events and results cross a process boundary as JSON.
        const result = await functions[functionId]!(JSON.parse(JSON.stringify(event)));
        return { ok: true, payload: JSON.parse(JSON.stringify(result ?? null)) };
      } catch (error) {
        const { message, name } = error as Error;
        return {
          ok: false,
          kind: error instanceof Fails ? error.kind : "error",
          error: { errorType: name, errorMessage: message },
        };
      }
    },
  };
}

/** A gateway for the length of a test, on a free port. */
export async function gatewayFor(
  apis: Record<string, ApiGiven>,
  functions: Record<string, TestFunction>,
  limits: Partial<GatewayLimits> = {},
): Promise<Gateway & { http: string; ws: string }> {
  const resources = Object.entries(apis).map(([id, given]) => resourcesOf(id, given));
  const gateway = await startGateway({
    template: templateOf(Object.assign({}, ...resources)),
    lambdas: lambdasOf(functions),
    port: 0,
    limits,
  });
  onTestFinished(() => gateway.close());
  return {
    ...gateway,
    http: `http://127.0.0.1:${gateway.port}`,
    ws: `ws://127.0.0.1:${gateway.port}/ws`,
  };
}

/** A client's end of a WebSocket that keeps what arrives until somebody asks for it. */
export type TestSocket = {
  socket: WebSocket;
  send(message: unknown): void;
  /** The next message, read as JSON. */
  next(): Promise<Record<string, unknown>>;
  /** Messages that nobody has asked for yet. */
  waiting(): number;
  closed: Promise<{ code: number; reason: string }>;
};

type Refused = { status: number; body: Record<string, unknown> };

/** @throws Refused when the handshake is. */
export async function openSocket(
  url: string,
  options: { headers?: Record<string, string>; protocols?: string[] } = {},
): Promise<TestSocket> {
  const socket = new WebSocket(url, options.protocols ?? [], { headers: options.headers ?? {} });
  const arrived: string[] = [];
  const asking: ((text: string) => void)[] = [];
  socket.on("message", (data) => {
    const ask = asking.shift();
    if (ask) ask(String(data));
    else arrived.push(String(data));
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await new Promise<void>((resolve, reject) => {
    socket.on("open", () => resolve());
    socket.on("error", reject);
    socket.on("unexpected-response", async (_, response) => {
      const chunks = await response.toArray();
      reject({ status: response.statusCode, body: JSON.parse(Buffer.concat(chunks).toString() || "{}") });
    });
  });
  onTestFinished(() => socket.terminate());
  return {
    socket,
    closed,
    send: (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    next: async () =>
      JSON.parse(arrived.shift() ?? (await new Promise<string>((resolve) => asking.push(resolve)))),
    waiting: () => arrived.length,
  };
}

export async function refusalOf(opening: Promise<TestSocket>): Promise<Refused> {
  return opening.then(
    () => {
      throw new Error("The handshake was not refused");
    },
    (refused: Refused) => refused,
  );
}

export function onlyConnection({ connections }: Pick<Gateway, "connections">) {
  const [connection, ...others] = connections.list();
  if (!connection || others.length > 0)
    throw new Error(`There are ${connections.count} connections, not one`);
  return connection;
}
