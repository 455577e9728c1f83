import type { Json, JsonObject } from "../../core/protocol/json.ts";

/** A part of a JSON Schema, and what makes a field of it. */
export type Schema = JsonObject;

/** What a person is shown for a part of a schema. */
export type Shape = (
  | { kind: "text"; long: boolean }
  | { kind: "moment" }
  | { kind: "number"; whole: boolean }
  | { kind: "choice"; options: Option[] }
  | { kind: "choices"; options: Option[] }
  | { kind: "list"; items: Schema }
  | { kind: "object"; fields: ObjectField[] }
  | { kind: "map"; values: Schema }
  | { kind: "variants"; variants: Variant[] }
  | { kind: "constant"; value: Json }
  | { kind: "json" }
) & { nullable: boolean };

export type Option = { value: Json; label: string };
export type ObjectField = { name: string; schema: Schema; required: boolean };
export type Variant = { title: string; schema: Schema };

/** @param root - the whole document, where definitions are. */
export function resolved(schema: Schema, root: Schema): Schema {
  const reference = schema.$ref;
  if (typeof reference !== "string") return schema;
  const { $ref: _, ...beside } = schema;
  const target = reference
    .replace(/^#\/?/, "")
    .split("/")
    .filter(Boolean)
    .reduce<Json | undefined>(
      (at, name) => (isObject(at) ? at[name.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined),
      root,
    );
  return isObject(target) ? { ...resolved(target, root), ...beside } : beside;
}

/** What to show for a schema. What cannot be shown in a friendlier way is a field for JSON. */
export function shapeOf(schema: Schema, root: Schema, name = ""): Shape {
  const { enum: listed, const: constant } = schema;
  if (constant !== undefined) return { kind: "constant", value: constant, nullable: false };
  const types = typesOf(schema);
  const nullable = types.includes("null");
  if (Array.isArray(listed)) {
    const options = listed.filter((value) => value !== null).map(optionOf);
    return { kind: "choice", options, nullable: nullable || listed.includes(null) };
  }
  const branches = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(branches)) return shapeOfBranches(branches.filter(isObject), root, name);
  const [type, another] = types.filter((one) => one !== "null");
  if (another !== undefined) return { kind: "json", nullable };
  return { ...shapeOfType(type, schema, root, name), nullable };
}

/** Without `nullable`, which the union around it says. */
type BareShape = Shape extends infer S ? (S extends Shape ? Omit<S, "nullable"> : never) : never;

function shapeOfType(type: string | undefined, schema: Schema, root: Schema, name: string): BareShape {
  switch (type) {
    case "string":
      return schema.format === "date-time"
        ? { kind: "moment" }
        : { kind: "text", long: isLong(schema, name) };
    case "number":
    case "integer":
      return { kind: "number", whole: type === "integer" };
    case "boolean":
      return { kind: "choice", options: [true, false].map(optionOf) };
    case "array":
      return shapeOfList(schema, root);
    case "object":
      return shapeOfObject(schema);
    default:
      return { kind: "json" };
  }
}

function shapeOfList({ items }: Schema, root: Schema): BareShape {
  if (!isObject(items)) return { kind: "json" };
  const one = shapeOf(resolved(items, root), root);
  if (one.kind === "choice" && one.options.every(({ value }) => typeof value === "string"))
    return { kind: "choices", options: one.options };
  return { kind: "list", items };
}

function shapeOfObject({ properties, required, additionalProperties: others }: Schema): BareShape {
  if (isObject(properties)) {
    const fields = Object.entries(properties).map(([name, schema]) => ({
      name,
      schema: isObject(schema) ? schema : {},
      required: Array.isArray(required) && required.includes(name),
    }));
    // What may hold more than is named is written as a whole, so that nothing of it gets lost.
    if (others === undefined || others === false) return { kind: "object", fields };
  } else if (isObject(others) && Object.keys(others).length > 0) return { kind: "map", values: others };
  return { kind: "json" };
}

function shapeOfBranches(branches: Schema[], root: Schema, name: string): Shape {
  const real = branches.map((branch) => resolved(branch, root));
  const full = real.filter((branch) => branch.type !== "null");
  const nullable = full.length < real.length;
  const [only] = full;
  if (full.length === 1 && only) return { ...shapeOf(only, root, name), nullable };
  if (full.every((branch) => branch.const !== undefined)) {
    const options = full.map((branch) => ({ ...optionOf(branch.const!), ...titleOf(branch) }));
    return { kind: "choice", options, nullable };
  }
  // Bare types beside each other, as in "any JSON", say nothing that would make a form.
  if (!full.some(({ properties }) => isObject(properties))) return { kind: "json", nullable };
  const variants = full.map((schema, index) => ({ title: variantTitle(schema, root, index), schema }));
  return { kind: "variants", variants, nullable };
}

function variantTitle(schema: Schema, root: Schema, index: number): string {
  const { title } = titleOf(schema) as { title?: string };
  if (title) return title;
  const constants = Object.values(constantsOf(schema, root));
  if (constants.length > 0) return constants.map(String).join(", ");
  return typesOf(schema).join(" or ") || `Variant ${index + 1}`;
}

/** The fields of an object that can only be one thing, which tell variants apart. */
export function constantsOf({ properties }: Schema, root: Schema): JsonObject {
  if (!isObject(properties)) return {};
  const fixed = Object.entries(properties).flatMap(([name, schema]) => {
    const value = isObject(schema) ? resolved(schema, root).const : undefined;
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(fixed);
}

/** Which variant a value is of; the first one when there is none yet. */
export function variantOf(variants: Variant[], value: Json | undefined, root: Schema): number {
  const found = variants.findIndex(({ schema }) => fits(schema, value, root));
  return Math.max(0, found);
}

function fits(schema: Schema, value: Json | undefined, root: Schema): boolean {
  if (value === undefined) return false;
  if (schema.const !== undefined) return schema.const === value;
  const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const types = typesOf(schema).map((one) => (one === "integer" ? "number" : one));
  if (types.length > 0 && !types.includes(type)) return false;
  if (!isObject(value)) return true;
  return Object.entries(constantsOf(schema, root)).every(([name, constant]) => value[name] === constant);
}

/** What a field begins with once it is there: what can only be one thing, and nothing else. */
export function blank(schema: Schema, root: Schema): Json | undefined {
  const real = resolved(schema, root);
  if (real.default !== undefined) return real.default;
  const shape = shapeOf(real, root);
  switch (shape.kind) {
    case "constant":
      return shape.value;
    case "text":
      return "";
    case "list":
    case "choices":
      return [];
    case "map":
      return {};
    case "object":
      return constantsOf(real, root);
    case "variants":
      return blank(shape.variants[0]!.schema, root);
    default:
      return null;
  }
}

/** An object with a field set or, by `undefined`, without it. */
export function withField(value: Json | undefined, name: string, field: Json | undefined): JsonObject {
  const { [name]: _, ...rest } = isObject(value) ? value : {};
  return field === undefined ? rest : { ...(isObject(value) ? value : {}), [name]: field };
}

/**
 * What a description says of each choice (`Default: plain. plain: As it is. poetic: With rhymes`), and what it says of
 * all. Nothing is taken apart unless it speaks of every one.
 */
export function explained(
  description: string,
  options: Option[],
): { all: string; each: Record<string, string> } {
  const found = options
    .map(({ label }) => ({ label, at: startOf(description, label) }))
    .sort((a, b) => a.at - b.at);
  const [first] = found;
  if (!first || first.at < 0) return { all: description, each: {} };
  const each = found.map(({ label, at }, index) => {
    const text = description.slice(at + label.length + 1, found[index + 1]?.at);
    return [label, text.trim().replace(/\.$/, "")] as const;
  });
  return { all: description.slice(0, first.at).trim().replace(/\.$/, ""), each: Object.fromEntries(each) };
}

function startOf(description: string, label: string): number {
  if (description.startsWith(`${label}: `)) return 0;
  const at = description.indexOf(`. ${label}: `);
  return at < 0 ? -1 : at + 2;
}

/** `selected_norms` as a person would write it. */
export function labelOf(name: string): string {
  const words = name.replaceAll(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The faults that the service has found under a part of the request (or in all of it, ""), by their place there. */
export function faultsIn(details: Json | undefined, under: string): Record<string, string> {
  const list = isObject(details) && Array.isArray(details.errors) ? details.errors : [];
  const faults = list.flatMap((error) => {
    if (!isObject(error) || typeof error.field !== "string") return [];
    const { field, message } = error;
    if (under === "") return [[field, String(message)] as const];
    if (field === under) return [["", String(message)] as const];
    return field.startsWith(`${under}.`) ? [[field.slice(under.length + 1), String(message)] as const] : [];
  });
  return Object.fromEntries(faults);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function optionOf(value: Json): Option {
  if (typeof value === "boolean") return { value, label: value ? "Yes" : "No" };
  return { value, label: typeof value === "string" ? value : JSON.stringify(value) };
}

function titleOf({ title }: Schema): { label?: string; title?: string } {
  return typeof title === "string" ? { label: title, title } : {};
}

function typesOf({ type, properties }: Schema): string[] {
  if (typeof type === "string") return [type];
  if (Array.isArray(type)) return type.map(String);
  return properties ? ["object"] : [];
}

/** So long a text may grow before one line is too little to read it again. */
const oneLine = 500;

function isLong({ maxLength, pattern, format }: Schema, name: string): boolean {
  if (pattern !== undefined || format !== undefined || /url$/i.test(name)) return false;
  return (typeof maxLength === "number" ? maxLength : oneLine) >= oneLine;
}
