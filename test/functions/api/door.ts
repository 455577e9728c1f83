import { expect } from "vitest";
import * as z from "zod";
import { type AnyJobType, defineJob } from "../../../core/engine/job-type.ts";
import { pass } from "../../../core/engine/pass.ts";
import { registry } from "../../../core/engine/registry.ts";
import type { Scope } from "../../../core/keys/keys.ts";
import { type MemoryOverrides, memoryServices } from "../../../core/memory.ts";
import { StepFailed } from "../../../core/protocol/error.ts";
import type { Services } from "../../../core/services.ts";
import { api, type DoorSettings, type HttpEvent } from "../../../functions/api/api.ts";
import { type AnyRoute, pathsOf } from "../../../functions/api/route.ts";
import { routes } from "../../../functions/api/routes.ts";
import { job, problem } from "../../../functions/api/schemas.ts";
import { jobTypes } from "../../../jobs/index.ts";
import { silent } from "../../support/engine.ts";

/** Answers at once, in conversations too. Its result has fields beside the text, as a council's has. */
const oracle = defineJob({
  type: "oracle",
  version: 2,
  summary: "Knows everything",
  input: z.strictObject({ question: z.string(), tone: z.string().optional() }),
  result: z.object({ answer: z.string() }),
  example: { question: "Why is the sky blue?" },
  prepare: (input, deployment) => ({ ...input, tone: input.tone ?? deployment.titleModel }),
  title: (input) => `On ${input.question}`,
  description: (input) => input.question,
  run: async (ctx, input) => {
    ctx.progress({
      current_step: "Thinking",
      total_steps: 2,
      completed_steps: 1,
      percentage: 50,
      details: "",
    });
    return ctx.step("think", async () => ({ answer: `${input.question} 42.` }));
  },
  reply: ({ answer }) => ({ content: answer, data: { stage1: ["a"], metadata: { votes: 3 } }, title: "Sky" }),
});

const sleeper = defineJob({
  type: "sleeper",
  version: 1,
  summary: "Sleeps for an hour",
  input: z.unknown(),
  result: z.string(),
  example: null,
  title: () => "A nap",
  description: () => "Sleeps",
  run: async (ctx) => {
    await ctx.wait("nap", { hours: 1 });
    return "rested";
  },
});

const failing = defineJob({
  type: "failing",
  version: 1,
  summary: "Fails",
  input: z.object({ question: z.string() }),
  result: z.string(),
  example: { question: "?" },
  title: () => "Failing",
  description: () => "Fails",
  run: async (): Promise<string> => {
    throw new StepFailed("quorum_not_reached", "No member answered");
  },
  reply: (content) => ({ content, data: {} }),
});

const form = defineJob({
  type: "form",
  version: 1,
  summary: "Takes many answers",
  input: z.object({ answers: z.array(z.string()) }),
  result: z.null(),
  example: { answers: ["yes"] },
  title: () => "A form",
  description: () => "Answers",
  run: async () => null,
});

/** An older version of `oracle`, kept for jobs that began with it. */
const oldOracle: AnyJobType = { ...oracle, version: 1 };

export type Answer = {
  status: number;
  headers: Record<string, string>;
  /** What `Set-Cookie` says. */
  cookies: string[];
  // Tests reach into answers freely; their shape has been checked against the route's schema by then.
  // biome-ignore lint/suspicious/noExplicitAny: checked by `checkShape`
  body: any;
};

export type Asking = {
  key?: string | undefined;
  body?: unknown;
  /** Sent as it stands, instead of `body`. */
  raw?: string | Buffer;
  headers?: Record<string, string>;
  cookies?: string[];
};

/** What lives in the table: kept there instead of in memory, when given. */
export type TableServices = Pick<Services, "journal" | "conversations" | "keys" | "newId">;

/** The API on in-memory services, asked as API Gateway asks it. Every answer is checked against the route table. */
export async function door(
  options: {
    services?: Partial<MemoryOverrides>;
    settings?: Partial<DoorSettings>;
    table?: TableServices;
    jobs?: AnyJobType[];
  } = {},
) {
  const jobs = registry(options.jobs ?? [oldOracle, oracle, sleeper, failing, form, ...jobTypes]);
  const services = memoryServices({
    model: { generate: () => Promise.reject(new Error("These jobs call no model")) },
    ...options.services,
  });
  Object.assign(services, options.table);
  const lines: { message: string; fields: object }[] = [];
  const log = (message: string, fields: object = {}) => void lines.push({ message, fields });
  const handler = api(
    services,
    jobs,
    { socketUrl: "wss://sockets.test/ws", allowedOrigins: ["https://console.test"], ...options.settings },
    { debug: log, info: log, warn: log, error: log },
  );
  const makeKey = async (tenant: string, scopes: Scope[], expiresAt?: number) =>
    (await services.keys.create({ tenant, scopes, ...(expiresAt === undefined ? {} : { expiresAt }) })).key;
  const acme = await makeKey("acme", ["jobs:read", "jobs:write"]);

  async function ask(method: string, path: string, asking: Asking = {}): Promise<Answer> {
    const { key = "key" in asking ? undefined : acme, body, raw, headers = {}, cookies } = asking;
    const [rawPath = "", rawQueryString = ""] = path.split("?");
    const bytes = Buffer.from(raw ?? (body === undefined ? "" : JSON.stringify(body)));
    const event = {
      version: "2.0",
      rawPath,
      rawQueryString,
      headers: {
        host: "api.test",
        ...(bytes.length > 0 ? { "content-type": "application/json" } : {}),
        ...(key ? { authorization: `Bearer ${key}` } : {}),
        ...headers,
      },
      ...(cookies ? { cookies } : {}),
      requestContext: { requestId: "request-1", domainName: "api.test", http: { method, path: rawPath } },
      body: bytes.length > 0 ? bytes.toString("base64") : null,
      isBase64Encoded: true,
    } as unknown as HttpEvent;
    const answered = await handler(event);
    const { statusCode, headers: sentHeaders = {}, body: sent, isBase64Encoded } = answered;
    const text = isBase64Encoded ? Buffer.from(sent, "base64").toString() : sent;
    const answer = {
      status: statusCode,
      headers: sentHeaders as Record<string, string>,
      cookies: ("cookies" in answered ? answered.cookies : undefined) ?? [],
      body: /json$/.test(String(sentHeaders["content-type"])) && text ? JSON.parse(text) : text || undefined,
    };
    checkShape(method, rawPath, answer);
    return answer;
  }

  return {
    services,
    jobs,
    acme,
    makeKey,
    lines,
    ask,
    get: (path: string, asking?: Asking) => ask("GET", path, asking),
    post: (path: string, body?: unknown, asking?: Asking) => ask("POST", path, { body, ...asking }),
    /** Submits for acme and answers the job's id. */
    async submitted(body: object = { type: "oracle", input: { question: "Why?" } }): Promise<string> {
      return (await ask("POST", "/api/jobs", { body })).body.job_id;
    },
    /** Works off everything that is in the queue, as a worker would. */
    async work(): Promise<void> {
      for (let ready = services.queue.receive(); ready.length > 0; ready = services.queue.receive()) {
        for (const { job } of ready) {
          await pass(services, jobs, job, { deadline: services.now() + 60_000, logger: silent });
        }
      }
    },
  };
}

function routeOf(method: string, path: string): AnyRoute | undefined {
  return routes.find(
    (route) =>
      route.method === method.toLowerCase() &&
      pathsOf(route).some((known) => new RegExp(`^${known.replace(/\{\w+\}/g, "[^/]+")}$`).test(path)),
  );
}

/** Not one of the replies that the route declares beside its answer. */
function isUsual(route: AnyRoute | undefined, { status, headers }: Answer): boolean {
  return status === route?.answer.status && headers["content-type"] === "application/json";
}

/** An answer is what its schema says and nothing more: no field leaves by accident. */
function checkShape(method: string, path: string, answer: Answer): void {
  const { status, headers, body } = answer;
  expect(headers["x-request-id"]).toBe("request-1");
  expect(headers["x-content-type-options"]).toBe("nosniff");
  expect(headers["cache-control"]).toBe("no-store");
  if (method === "OPTIONS" || method === "HEAD") return;
  const route = routeOf(method, path);
  if (status === 303) {
    expect(route?.redirects).toBe(true);
    expect(body).toBeUndefined();
  } else if (status < 400 && !isUsual(route, answer)) {
    const reply = route?.replies?.find(
      (one) => one.status === status && one.contentType === headers["content-type"],
    );
    const waitedFor = headers["preference-applied"] ? job : undefined;
    expect((waitedFor ?? reply?.schema)?.parse(body)).toEqual(body);
  } else if (status < 400) {
    expect(status).toBe(route?.answer.status);
    expect(headers["content-type"]).toBe("application/json");
    expect(route?.answer.schema.parse(body)).toEqual(body);
  } else {
    expect(headers["content-type"]).toBe("application/problem+json");
    expect(problem.parse(body)).toEqual(body);
    expect(body.status).toBe(status);
    expect(body.request_id).toBe("request-1");
    expect(JSON.stringify(body)).not.toMatch(/\bat .*\.ts:|node_modules/);
  }
}
