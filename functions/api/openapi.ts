import { writeFileSync } from "node:fs";
import * as z from "zod";
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponsesObject,
} from "zod-openapi";
import { type AnyRoute, pathsOf, submitsJob } from "./route.ts";
import { routes } from "./routes.ts";
import { job, problem } from "./schemas.ts";

const idempotencyKey = z.object({
  "Idempotency-Key": z.string().max(200).optional().meta({
    description: "The same key and body give the same job, another body 422",
  }),
});

const prefer = z.object({
  Prefer: z.string().max(200).optional().meta({
    description:
      "`wait=10` holds the answer back for so many seconds, 25 at most, in case that the job ends by then",
  }),
});

const ifMatch = z.object({
  "If-Match": z
    .string()
    .max(200)
    .optional()
    .meta({ description: "The version that the change is meant for" }),
});

/** What is sent beside the body. */
function headersOf(route: AnyRoute): { header?: z.ZodObject } {
  const shape = {
    ...(route.idempotent ? idempotencyKey.shape : {}),
    ...(submitsJob(route) ? prefer.shape : {}),
    ...(route.conditional ? ifMatch.shape : {}),
  };
  return Object.keys(shape).length > 0 ? { header: z.object(shape) } : {};
}

function operation(route: AnyRoute, path: string): ZodOpenApiOperationObject {
  const { params, query, body } = route;
  const failures = { content: { "application/problem+json": { schema: problem } } };
  return {
    // Of two names of a route the one without the prefix says so.
    operationId: `${route.method}${(path.startsWith("/api/") ? path : `/unprefixed${path}`)
      .replace(/^\/api/, "")
      .replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase())
      .replace(/\W/g, "")}`,
    summary: path === route.path ? route.summary : `${route.summary} (another name of ${route.path})`,
    ...(route.access === "open"
      ? { security: [] }
      : { security: [{ bearer: route.access === "known" ? [] : [route.access] }] }),
    requestParams: {
      ...(params ? { path: params as z.ZodObject } : {}),
      ...(query ? { query: query as z.ZodObject } : {}),
      ...headersOf(route),
    },
    ...(body
      ? {
          requestBody: {
            required: !body.safeParse(undefined).success,
            content: { "application/json": { schema: body } },
          },
        }
      : {}),
    responses: {
      ...responses(route),
      ...(route.redirects
        ? {
            303: {
              description: "`Location` says where the value can be read, without a key, for a short while",
            },
          }
        : {}),
      default: { description: "A problem, with a stable `code`", ...failures },
    },
  };
}

/** By status; answers that share one are told apart by their content type. */
function responses(route: AnyRoute): ZodOpenApiResponsesObject {
  const { answer, replies = [] } = route;
  const contentType = "application/json";
  const waited = {
    status: 200,
    description: "With `Prefer: wait`: the job, if it has ended in time",
    schema: job,
  };
  const all = [
    { ...answer, contentType },
    ...(submitsJob(route) ? [{ ...waited, contentType }] : []),
    ...replies,
  ];
  return Object.fromEntries(
    all.map(({ status, description }) => {
      const same = all.filter((other) => other.status === status);
      const content = Object.fromEntries(same.map(({ contentType, schema }) => [contentType, { schema }]));
      return [status, { description, content }];
    }),
  );
}

/** The OpenAPI document of the routes: from the same schemas that read requests. */
export function openApiDocument() {
  const paths: ZodOpenApiPathsObject = {};
  for (const route of routes) {
    for (const path of pathsOf(route)) {
      paths[path] = { ...paths[path], [route.method]: operation(route, path) };
    }
  }
  return createDocument({
    openapi: "3.1.1",
    info: {
      title: "Convoke",
      version: "1",
      description: "Long LLM orchestrations as durable jobs: submit, leave, come back, and miss nothing.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer", description: "An API key, or a JWT" } },
    },
  });
}

// `node functions/api/openapi.ts` writes the document that the function serves: making it needs a library that weighs
// more than the rest of the function.
if (import.meta.main) {
  writeFileSync(
    new URL("openapi.json", import.meta.url),
    `${JSON.stringify(openApiDocument(), undefined, 2)}\n`,
  );
}
