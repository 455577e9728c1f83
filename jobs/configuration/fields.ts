import type { AttributeRecord, Field, FieldType } from "../../core/configuration/configuration.ts";
import { invalid } from "../../core/engine/parse.ts";
import type { Json, Millis } from "../../core/protocol/json.ts";
import { type AttributeName, fieldIn, fieldsOf } from "./attributes.ts";
import { checkValue, mostFields } from "./values.ts";

/** What is to become of a field. What is absent stays as it is. */
export type Change = {
  value?: Json;
  field_type?: FieldType;
  description?: string;
  options?: string[];
  prompt_template?: string;
  weight?: number;
  generatedBy: Field["generatedBy"];
  modifiedAt?: Millis;
  jobId?: string;
};

/** @throws InvalidRequest when the field cannot be like that; its value is not looked at. */
export function changedField(name: string, standing: Field | undefined, change: Change): Field {
  const { field_type, description, options, prompt_template, weight, generatedBy, modifiedAt, jobId } =
    change;
  for (const part of ["field_type", "options"] as const) {
    if (standing?.isCore && change[part] !== undefined)
      throw invalid(part, `"${name}" is a core field, whose type is fixed`);
  }
  const fieldType = field_type ?? standing?.fieldType ?? "text";
  const choices = fieldType === "select" ? (options ?? standing?.options) : undefined;
  if (fieldType === "select" && !choices) throw invalid("options", "A select needs options");
  const promptTemplate = prompt_template ?? standing?.promptTemplate;
  return {
    value: standing?.value ?? null,
    fieldType,
    description: description ?? standing?.description ?? "",
    ...(choices ? { options: choices } : {}),
    ...(promptTemplate ? { promptTemplate } : {}),
    weight: weight ?? standing?.weight ?? 1,
    generatedBy,
    isCore: standing?.isCore ?? false,
    ...(modifiedAt === undefined ? {} : { modifiedAt }),
    ...(jobId ? { jobId } : {}),
  };
}

/**
 * A tenant's fields after a change of one. The value `null` takes a core field back to what its preset says.
 * @throws InvalidRequest that names what cannot be.
 */
export function withField(
  attribute: AttributeName,
  configured: AttributeRecord["fields"],
  name: string,
  change: Change,
): AttributeRecord["fields"] {
  const standing = fieldIn(fieldsOf(attribute, configured), name);
  if (change.value === null && standing?.isCore) return without(configured, name);
  const field = changedField(name, standing, change);
  // A type that has changed may no longer fit the value.
  field.value = checkValue(field, change.value === undefined ? standing?.value : change.value);
  const fields = { ...configured, [name]: field };
  if (Object.keys(fields).length > mostFields)
    throw invalid("field", `An attribute has ${mostFields} configured fields at most`);
  return fields;
}

export function without(fields: AttributeRecord["fields"], name: string): AttributeRecord["fields"] {
  return Object.fromEntries(Object.entries(fields).filter(([other]) => other !== name));
}
