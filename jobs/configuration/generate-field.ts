import * as z from "zod";
import { changeAttribute, fieldTypes } from "../../core/configuration/configuration.ts";
import { defineJob } from "../../core/engine/job-type.ts";
import { Conflict, StepFailed } from "../../core/protocol/error.ts";
import { askFor } from "../shared/ask-model.ts";
import { modelFields, modelsOf, withModels } from "../shared/models.ts";
import { fenceFor } from "../shared/quoting.ts";
import { stagesOf } from "../shared/stages.ts";
import { attributeNames, fieldIn, fieldsOf } from "./attributes.ts";
import { type Change, changedField, withField } from "./fields.ts";
import { valuePrompt } from "./prompts.ts";
import { generatedValue } from "./values.ts";

/** A field's name is part of addresses and of prompts. */
export const fieldName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,39}$/, "Invalid input: expected small letters, digits and _, 40 at most");

/** What may be said of a field besides its value. */
export const fieldShape = {
  field_type: z.enum(fieldTypes).optional().meta({ description: "Of a new field. Default: text" }),
  description: z.string().max(500).optional(),
  options: z
    .array(z.string().min(1).max(200))
    .min(1)
    .max(50)
    .optional()
    .meta({ description: "What a `select` may be" }),
  prompt_template: z
    .string()
    .max(1_000)
    .optional()
    .meta({ description: "How the value is said in a prompt; `{value}` is where it stands" }),
  weight: z.number().min(0).max(10).optional().meta({
    description: "Heavier fields are said first, those of weight 0 not at all. Default: 1",
  }),
  version: z.int().min(0).optional().meta({ description: "Of the attribute, if it has to be this one" }),
};

export const generateFieldInput = z
  .strictObject({ attribute: z.enum(attributeNames), field: fieldName, ...fieldShape, ...modelFields })
  .meta({ id: "GenerateFieldInput" });

export const generateFieldResult = z
  .object({
    attribute: z.enum(attributeNames),
    field: z.string(),
    value: z.json(),
    version: z.number().meta({ description: "Of the attribute that has the value" }),
    model: z.string(),
  })
  .meta({ id: "GenerateFieldResult" });

type Input = z.infer<typeof generateFieldInput>;
type Result = z.infer<typeof generateFieldResult>;

const stages = {
  read: { name: "Reading the attribute", percentage: 25 },
  generate: { name: "Generating the value", percentage: 50 },
  store: { name: "Storing the field", percentage: 75 },
  end: { name: "Field generated", percentage: 100 },
};

/** Has a model write the value of a field, in view of the attribute's other fields, and stores it. */
export const generateField = defineJob<Input, Result>({
  type: "configuration",
  version: 1,
  summary: "Generates the value of a configured field from the attribute's other fields",
  input: generateFieldInput,
  result: generateFieldResult,
  example: { attribute: "persona", field: "favourite_questions", description: "What it would ask anybody" },
  prepare: withModels,
  title: ({ attribute, field }) => `Generating ${field} of ${attribute}`,
  description: ({ description, field }) => description ?? field,

  async run(ctx, input, { configuration }) {
    const show = stagesOf(ctx, stages);
    const { attribute, field: name, version: expected } = input;
    const place = { tenant: ctx.job.tenant, attribute };
    const models = modelsOf(input);
    const change: Change = { ...input, generatedBy: "ai", jobId: ctx.job.jobId };

    show("read", `The other fields of ${attribute}`);
    const { field, others } = await ctx.step("read", async () => {
      const record = await configuration.get(place.tenant, attribute);
      const standing = record?.version ?? 0;
      // Better said before the model is paid for.
      if (expected !== undefined && expected !== standing)
        throw new StepFailed("conflict", `Attribute "${attribute}" has version ${standing}, not ${expected}`);
      const { [name]: _own, ...others } = fieldsOf(attribute, record?.fields);
      const fields = fieldsOf(attribute, record?.fields);
      return { field: changedField(name, fieldIn(fields, name), change), others };
    });

    show("generate", `${models[0]} writes ${name}`);
    const prompt = valuePrompt({ attribute, name, field, others, fence: fenceFor(ctx.job.jobId) });
    const { value: generated, answer } = await askFor(
      ctx,
      "value",
      { models, prompt },
      generatedValue(field),
    );

    show("store", `${attribute} gets its ${name}`);
    const { value } = generated;
    const modifiedAt = ctx.now();
    const { version } = await ctx.step("store", async () => {
      try {
        return await changeAttribute(configuration, place, expected, ({ fields }) =>
          // Written by an attempt whose worker died.
          fieldIn(fields, name)?.jobId === ctx.job.jobId
            ? undefined
            : withField(attribute, fields, name, { ...change, value, modifiedAt }),
        );
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
        throw new StepFailed("conflict", error.message, { details: { value } });
      }
    });
    show("end", `${name} has been generated`);
    return { attribute, field: name, value, version, model: answer.model };
  },
});
