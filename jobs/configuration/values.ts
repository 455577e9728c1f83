import * as z from "zod";
import type { Field } from "../../core/configuration/configuration.ts";
import { parse } from "../../core/engine/parse.ts";
import type { Json } from "../../core/protocol/json.ts";

/** An attribute of forty such fields is still small enough for one item of the table. */
const longestText = 4_000;
export const mostFields = 40;

type Typed = Pick<Field, "fieldType" | "options">;

/** What a field's value may be. */
function typedValue({ fieldType, options = [] }: Typed): z.ZodType<Json> {
  switch (fieldType) {
    case "number":
      return z.number();
    case "boolean":
      return z.boolean();
    case "select":
      return z.enum(options as [string, ...string[]]);
    case "json":
      return z
        .json()
        .refine(
          (value) => JSON.stringify(value).length <= longestText,
          `Longer than ${longestText} characters`,
        );
    case "text":
    case "textarea":
      return z.string().max(longestText);
    default:
      return fieldType satisfies never;
  }
}

/** @throws InvalidRequest that names `value`. */
export function checkValue(field: Typed, value: unknown): Json {
  return parse(typedValue(field), value, ["value"]);
}

/**
 * What a model is asked for. JSON without a shape is no shape to ask for: such a field is generated as a list of texts,
 * as those of the presets are.
 */
export function generatedValue(field: Typed): z.ZodType<{ value: Json }> {
  const isList = field.fieldType === "json";
  return z.object({ value: isList ? z.array(z.string().min(1)).min(1).max(8) : typedValue(field) });
}
