import * as z from "zod";
import {
  type AttributeRecord,
  changeAttribute,
  type Field,
  fieldTypes,
} from "../../core/configuration/configuration.ts";
import { readJob } from "../../core/engine/job-reading.ts";
import { invalid, parse } from "../../core/engine/parse.ts";
import { submit } from "../../core/engine/submit.ts";
import { Conflict, NotFound } from "../../core/protocol/error.ts";
import { isTerminal } from "../../core/protocol/job.ts";
import { iso } from "../../core/protocol/wire.ts";
import {
  type AttributeName,
  attributeNames,
  contributionOf,
  fieldIn,
  fieldsOf,
} from "../../jobs/configuration/attributes.ts";
import { changedField, withField, without } from "../../jobs/configuration/fields.ts";
import { fieldName, fieldShape, generateFieldInput } from "../../jobs/configuration/generate-field.ts";
import { concatenated, systemPromptResult } from "../../jobs/configuration/system-prompt.ts";
import { accept, ended } from "./accept.ts";
import { type AnyRoute, type Door, route } from "./route.ts";
import * as schemas from "./schemas.ts";

const attribute = z.enum(attributeNames);
const attributeParams = z.object({ attribute });
const fieldParams = z.object({ attribute, field: fieldName });

const fieldView = z
  .object({
    value: schemas.json,
    field_type: z.enum(fieldTypes),
    description: z.string(),
    options: z.array(z.string()).nullable(),
    prompt_template: z.string().nullable(),
    weight: z.number(),
    generated_by: z.enum(["user", "ai", "system"]).meta({ description: "`system`: as the preset has it" }),
    is_core: z.boolean().meta({ description: "Belongs to the attribute and cannot be removed" }),
    last_modified: schemas.moment.nullable(),
    job_id: z.string().nullable().meta({ description: "The job that has generated the value" }),
  })
  .meta({ id: "ConfigurationField" });

const attributeView = z
  .object({
    attribute,
    version: z.number().meta({ description: "Counts changes; 0 before the first one" }),
    fields: z.record(z.string(), fieldView),
  })
  .meta({ id: "ConfigurationAttribute" });

const { field_type, description, options, prompt_template, weight, version } = fieldShape;
const putBody = z
  .strictObject({
    value: schemas.json
      .optional()
      .meta({ description: "As `field_type` says. `null` takes a core field back to its preset" }),
    field_type,
    description,
    options,
    prompt_template,
    weight,
    version,
  })
  .meta({ id: "ConfigurationChange", description: "What is absent stays as it is" });

const generateBody = generateFieldInput.omit({ attribute: true });

const systemPromptQuery = z.strictObject({
  context: z.string().max(2_000).default("").meta({ description: "What the prompt is for" }),
  wait: schemas.wholeOr(0, 0, 20).meta({ description: "Seconds to wait for the model" }),
});

/** A merged prompt is found again for as long as its job is kept. */
const mergedKeptSeconds = 30 * 86_400;

function viewOf(
  attribute: AttributeName,
  record: AttributeRecord | undefined,
): z.infer<typeof attributeView> {
  const fields = Object.entries(fieldsOf(attribute, record?.fields));
  return {
    attribute,
    version: record?.version ?? 0,
    fields: Object.fromEntries(fields.map(([name, field]) => [name, viewOfField(field)])),
  };
}

function viewOfField(field: Field): z.infer<typeof fieldView> {
  return {
    value: field.value,
    field_type: field.fieldType,
    description: field.description,
    options: field.options ?? null,
    prompt_template: field.promptTemplate ?? null,
    weight: field.weight,
    generated_by: field.generatedBy,
    is_core: field.isCore,
    last_modified: field.modifiedAt === undefined ? null : iso(field.modifiedAt),
    job_id: field.jobId ?? null,
  };
}

/** The version that a change is meant for, if the caller says so: in the body, or in `If-Match`. */
function expectedVersion(ifMatch: string | undefined, inBody: number | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch === "*") return inBody;
  const version = /^"?(\d{1,9})"?$/.exec(ifMatch)?.[1];
  if (version === undefined) throw invalid("If-Match", 'Invalid input: expected a version such as "3"');
  if (inBody !== undefined && inBody !== Number(version))
    throw invalid("version", "Invalid input: If-Match names another one");
  return Number(version);
}

async function partsOf({ services }: Door, tenant: string): Promise<Record<string, string>> {
  const records = await Promise.all(attributeNames.map((name) => services.configuration.get(tenant, name)));
  return Object.fromEntries(
    attributeNames.map((name, index) => [name, contributionOf(name, fieldsOf(name, records[index]?.fields))]),
  );
}

/** What a tenant's jobs go by where a request does not say. */
export const configurationRoutes: AnyRoute[] = [
  route({
    method: "get",
    path: "/api/config",
    summary: "Reads what is configured",
    access: "jobs:read",
    answer: {
      status: 200,
      description: "All attributes with their fields",
      schema: z.object({ attributes: z.array(attributeView) }),
    },
    handle: async ({ principal: { tenant } }, { services: { configuration } }) => ({
      attributes: await Promise.all(
        attributeNames.map(async (name) => viewOf(name, await configuration.get(tenant, name))),
      ),
    }),
  }),

  // Before the attributes, of which none has this name.
  route({
    method: "get",
    path: "/api/config/system-prompt",
    summary: "One system prompt from all that is configured, merged by a model",
    access: "jobs:write",
    query: systemPromptQuery,
    answer: {
      status: 200,
      description: "The parts one after the other while the job that merges them has not completed",
      schema: z.object({
        system_prompt: z.string(),
        merged_by: z.enum(["model", "concatenation"]),
        parts: z.record(z.string(), z.string()),
        job_id: z.string(),
        status: schemas.status,
      }),
    },
    handle: async ({ principal: { tenant, id: by }, query: { context, wait } }, door) => {
      const parts = await partsOf(door, tenant);
      const input = { parts, ...(context.trim() ? { context } : {}) };
      // The same parts for the same purpose have been merged before.
      const cache = { ttlSeconds: mergedKeptSeconds };
      const request = { type: "system-prompt", input, cache };
      const { job } = await submit(door.services, door.jobs, { tenant, by }, request);
      const key = { tenant, jobId: job.jobId };
      const last = isTerminal(job.status) ? job : await ended(door, key, wait);
      const merged = last && systemPromptResult.safeParse((await readJob(door.services, last))?.result_data);
      return {
        system_prompt: merged?.success ? merged.data.system_prompt : concatenated(parts, context.trim()),
        merged_by: merged?.success ? ("model" as const) : ("concatenation" as const),
        parts,
        job_id: job.jobId,
        status: last?.status ?? job.status,
      };
    },
  }),

  route({
    method: "get",
    path: "/api/config/{attribute}",
    summary: "Reads an attribute",
    access: "jobs:read",
    params: attributeParams,
    answer: { status: 200, description: "Its fields; `ETag` is its version", schema: attributeView },
    handle: async ({ principal: { tenant }, params: { attribute }, setHeader }, { services }) => {
      const view = viewOf(attribute, await services.configuration.get(tenant, attribute));
      setHeader("ETag", `"${view.version}"`);
      return view;
    },
  }),

  route({
    method: "put",
    path: "/api/config/{attribute}/{field}",
    summary: "Sets a field, or adds one",
    access: "jobs:write",
    params: fieldParams,
    body: putBody,
    conditional: true,
    answer: {
      status: 200,
      description: "The attribute with the change; 409 if it was meant for another version",
      schema: attributeView,
    },
    handle: async (call, { services }) => {
      const { params, body, ifMatch, principal, setHeader } = call;
      const { attribute, field } = params;
      const { version: inBody, ...change } = body;
      const place = { tenant: principal.tenant, attribute };
      const modifiedAt = services.now();
      const record = await changeAttribute(
        services.configuration,
        place,
        expectedVersion(ifMatch, inBody),
        ({ fields }) => withField(attribute, fields, field, { ...change, generatedBy: "user", modifiedAt }),
      );
      setHeader("ETag", `"${record.version}"`);
      return viewOf(attribute, record);
    },
  }),

  route({
    method: "delete",
    path: "/api/config/{attribute}/{field}",
    summary: "Removes a field that is not a core field",
    access: "jobs:write",
    params: fieldParams,
    conditional: true,
    answer: {
      status: 200,
      description: "The attribute without it; 409 for a core field, or if it was meant for another version",
      schema: attributeView,
    },
    handle: async ({ params: { attribute, field }, principal, ifMatch, setHeader }, { services }) => {
      const place = { tenant: principal.tenant, attribute };
      const expected = expectedVersion(ifMatch, undefined);
      const record = await changeAttribute(services.configuration, place, expected, ({ fields }) => {
        const standing = fieldIn(fieldsOf(attribute, fields), field);
        if (!standing) throw new NotFound(`Attribute "${attribute}" has no field "${field}"`);
        if (standing.isCore)
          throw new Conflict(`"${field}" is a core field; the value null takes it back to its preset`);
        return without(fields, field);
      });
      setHeader("ETag", `"${record.version}"`);
      return viewOf(attribute, record);
    },
  }),

  route({
    method: "post",
    path: "/api/config/{attribute}/generate-field",
    summary: "Has a model write the value of a field, in view of the others",
    access: "jobs:write",
    params: attributeParams,
    body: generateBody,
    idempotent: true,
    answer: { status: 202, description: "A job of type configuration", schema: schemas.acceptedJob },
    handle: async (call, door) => {
      const { attribute } = call.params;
      const input = parse(generateFieldInput, { attribute, ...call.body });
      const record = await door.services.configuration.get(call.principal.tenant, attribute);
      // What the job would find out is better known now.
      const standing = fieldIn(fieldsOf(attribute, record?.fields), input.field);
      changedField(input.field, standing, { ...input, generatedBy: "ai" });
      return accept(call, door, { type: "configuration", input });
    },
  }),
];
