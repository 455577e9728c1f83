import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** JSON Schema, as far as the API's own document uses it. */
type Schema = {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  not?: Schema;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  description?: string;
};
type Content = { content?: Record<string, { schema: Schema }> };
type Operation = {
  summary: string;
  parameters?: { in: string; name: string; required?: boolean; schema: Schema }[];
  requestBody?: Content & { required?: boolean };
  responses: Record<string, Content>;
};
type Document = {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};

/** What the service and its clients fold and compare has one definition, which says more than the document can. */
const shared: Record<string, string> = {
  Budget: "Budget",
  Entry: "Entry",
  Event: "EventView",
  ExplainedFailure: "FailureView",
  Failure: "Failure",
  Job: "JobView",
  JobStatus: "JobStatus",
  JobSummary: "JobSummary",
  Usage: "Usage",
  __schema0: "Json",
};

/** `client/api.ts`: the types of every route, from the document that the service gives of itself. */
export function apiTypes({ paths, components }: Document): string {
  const schemas = Object.entries(components.schemas).filter(([name]) => !(name in shared));
  const operations = Object.entries(paths).filter(([path]) => path.startsWith("/api/"));
  return `// Written by \`node client/write-api.ts\` from functions/api/openapi.json, which comes from the schemas of the routes.
import type { Entry } from "../core/protocol/event.ts";
import type { Budget, Failure, JobStatus, Usage } from "../core/protocol/job.ts";
import type { Json } from "../core/protocol/json.ts";
import type { EventView, FailureView, JobSummary, JobView } from "../core/protocol/wire.ts";

/** What is asked for and given, by its name in the document. */
export type Schemas = {
${schemas.map(([name, schema]) => field(name, schema, true)).join("\n")}
};

/** Every route, with what it takes and gives. */
export type Api = {
${operations.flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => entry(`${method.toUpperCase()} ${path}`, operation))).join("\n")}
};
`;
}

function entry(route: string, { summary, parameters = [], requestBody, responses }: Operation): string {
  const given = (place: string) => {
    const found = parameters.filter((parameter) => parameter.in === place);
    if (found.length === 0) return "undefined";
    return `{ ${found.map(({ name, schema, required }) => field(name, schema, required)).join(" ")} }`;
  };
  const body = requestBody?.content?.["application/json"]?.schema;
  const answers = Object.entries(responses)
    .filter(([status]) => /^20/.test(status))
    .flatMap(([, { content }]) => content?.["application/json"] ?? [])
    .map(({ schema }) => type(schema));
  // An answer that there never is: the file is where the redirect leads.
  const redirects = "303" in responses && answers.every((answer) => answer === "never" || answer === "null");
  return `${comment(summary)} ${JSON.stringify(route)}: {
    path: ${given("path")};
    query: ${given("query")};
    body: ${body ? type(body) : "undefined"}${requestBody?.required === false ? " | undefined" : ""};
    answer: ${redirects ? "Blob" : answers.join(" | ")};
  };`;
}

function field(name: string, schema: Schema, required: boolean | undefined): string {
  const key = /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
  return `${comment(schema.description)} ${key}${required ? "" : "?"}: ${type(schema)};`;
}

function comment(text: string | undefined): string {
  return text ? `\n/** ${text.replaceAll("*/", "*\\/")} */\n` : "";
}

function type(schema: Schema): string {
  if (schema.$ref) {
    const name = schema.$ref.replace("#/components/schemas/", "");
    return shared[name] ?? `Schemas[${JSON.stringify(name)}]`;
  }
  if (schema.not) return "never";
  if ("const" in schema) return JSON.stringify(schema.const);
  const alternatives = schema.enum?.map((value) => JSON.stringify(value)) ?? schema.anyOf?.map(type);
  if (alternatives) return alternatives.join(" | ");
  const kinds = [schema.type ?? "any"].flat();
  return kinds.map((kind) => ofKind(kind, schema)).join(" | ");
}

function ofKind(kind: string, { items, properties, required = [], additionalProperties }: Schema): string {
  if (kind === "integer") return "number";
  if (kind === "any") return "Json";
  if (kind === "array") return `(${items ? type(items) : "Json"})[]`;
  if (kind !== "object") return kind;
  const fields = Object.entries(properties ?? {}).map(([name, schema]) =>
    field(name, schema, required.includes(name)),
  );
  if (typeof additionalProperties === "object") {
    const some = required.length < fields.length ? " | undefined" : "";
    fields.push(`[field: string]: ${type(additionalProperties)}${some};`);
  }
  return `{ ${fields.join(" ")} }`;
}

if (import.meta.main) {
  const document = new URL("../functions/api/openapi.json", import.meta.url);
  const types = fileURLToPath(new URL("api.ts", import.meta.url));
  writeFileSync(types, apiTypes(JSON.parse(readFileSync(document, "utf8"))));
  const biome = fileURLToPath(new URL("../node_modules/.bin/biome", import.meta.url));
  execFileSync(biome, ["check", "--write", types], { stdio: "inherit" });
}
