import { text } from "node:stream/consumers";
import { InvalidRequest } from "../../core/protocol/error.ts";
import type { Json, JsonObject } from "../../core/protocol/json.ts";
import type { JobType } from "../views.ts";
import { readJson, type Terminal } from "./command.ts";

/** As much of JSON Schema as the inputs of jobs use. */
type Schema = {
  $ref?: string;
  type?: string;
  description?: string;
  enum?: Json[];
  pattern?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  required?: string[];
  items?: Schema;
};

/** An object that a person has to write. */
export type Form = {
  /** What it is for, as a sentence begins with it: `A translation`. */
  name: string;
  schema: object;
  /** Where there is more to read. */
  more: string;
};

export function formOf({ type, input_schema: schema }: JobType): Form {
  return { name: `A ${type}`, schema, more: `See: convoke submit ${type} --help` };
}

/** What a person may write: a flag for each field of the schema. */
type Flags = { form: Form; root: Schema; resolve(schema: Schema): Schema };

function flagsOf(form: Form): Flags {
  const document = form.schema as Schema & { $defs?: Record<string, Schema> };
  const resolve = (schema: Schema): Schema => {
    const name = schema.$ref?.replace("#/$defs/", "");
    const { $ref: _ref, ...beside } = schema;
    return name === undefined ? schema : { ...resolve(document.$defs?.[name] ?? {}), ...beside };
  };
  return { form, root: resolve(document), resolve };
}

/**
 * An object as it is written on the command line: a JSON document, flags that are named like the fields of the schema, or
 * both, in which case the flags come last. A field of an object is `--start.url`; `-` is what stdin has.
 * @param partial - it changes an input that is there already, so nothing is required.
 * @throws InvalidRequest that names the flag.
 */
export async function inputFrom(
  form: Form,
  words: string[],
  terminal: Terminal,
  { partial = false } = {},
): Promise<JsonObject> {
  const flags = flagsOf(form);
  let input: JsonObject = {};
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (!word.startsWith("--")) {
      input = { ...input, ...(await document(word, terminal)) };
      continue;
    }
    const [, flag = "", , inline] = /^--([^=]+)(=(.*))?$/s.exec(word) ?? [];
    const next = () => {
      const value = inline ?? rest.shift();
      if (value === undefined) throw new InvalidRequest(`--${flag} needs a value`);
      return value;
    };
    if (flag === "input") {
      input = { ...input, ...(await document(next(), terminal)) };
      continue;
    }
    const field = fieldOf(flags, flag.replace(/^input\./, ""));
    if (field.schema.type === "boolean") {
      put(input, field.path, inline === undefined ? !field.negated : truth(flag, inline));
    } else {
      const written = next();
      const value = written === "-" ? (await text(terminal.stdin)).replace(/\n$/, "") : written;
      put(input, field.path, readValue(flags, flag, field.schema, value, at(input, field.path)));
    }
  }
  const missing = partial ? [] : (flags.root.required ?? []).filter((name) => input[name] === undefined);
  if (missing.length > 0) {
    const named = missing.map((name) => `--${kebab(name)}`).join(" and ");
    throw new InvalidRequest(`${form.name} needs ${named}. ${form.more}`);
  }
  return input;
}

async function document(written: string, terminal: Terminal): Promise<JsonObject> {
  const value = await readJson(written, terminal);
  if (value && typeof value === "object" && !Array.isArray(value)) return value;
  throw new InvalidRequest("The input is no JSON object");
}

type Field = { path: string[]; schema: Schema; negated: boolean };

/** @throws InvalidRequest when there is none. */
function fieldOf(flags: Flags, flag: string): Field {
  const found = find(flags, flag);
  if (found) return { ...found, negated: false };
  const positive = flag.startsWith("no-") ? find(flags, flag.slice(3)) : undefined;
  if (positive?.schema.type === "boolean") return { ...positive, negated: true };
  const { name, more } = flags.form;
  const known = Object.keys(flags.root.properties ?? {}).map((property) => `--${kebab(property)}`);
  throw new InvalidRequest(`${name} has no --${flag}. It has ${known.join(", ")}. ${more}`);
}

function find({ root, resolve }: Flags, flag: string): Omit<Field, "negated"> | undefined {
  let schema: Schema = root;
  const path: string[] = [];
  for (const name of flag.split(".")) {
    const { properties = {}, additionalProperties: others } = schema;
    const known = Object.keys(properties).find((property) => kebab(property) === kebab(name));
    const next = known === undefined ? others : properties[known];
    if (next === undefined || typeof next === "boolean") return undefined;
    path.push(known ?? name);
    schema = resolve(next);
  }
  return { path, schema };
}

function readValue(
  flags: Flags,
  flag: string,
  schema: Schema,
  written: string,
  before: Json | undefined,
): Json {
  switch (schema.type) {
    case "string":
      return chosen(flag, schema, written);
    case "number":
    case "integer": {
      const value = Number(written);
      const fits =
        written.trim() !== "" && (schema.type === "integer" ? Number.isInteger(value) : !Number.isNaN(value));
      if (fits) return value;
      throw new InvalidRequest(
        `--${flag} is ${schema.type === "integer" ? "a whole number" : "a number"}, not "${written}"`,
      );
    }
    case "array": {
      const items = flags.resolve(schema.items ?? {});
      if (items.type !== "string" || written.startsWith("[")) return parsed(flag, written);
      // A sentence may have commas in it; a name from a list or of a form has none.
      const words = items.enum || items.pattern ? written.split(",").map((word) => word.trim()) : [written];
      return [...(Array.isArray(before) ? before : []), ...words.map((word) => chosen(flag, items, word))];
    }
    default:
      return parsed(flag, written);
  }
}

function chosen(flag: string, schema: Schema, written: string): string {
  if (!schema.enum || schema.enum.includes(written)) return written;
  throw new InvalidRequest(`--${flag} is one of ${schema.enum.join(", ")}, not "${written}"`);
}

function parsed(flag: string, written: string): Json {
  try {
    return JSON.parse(written) as Json;
  } catch (error) {
    throw new InvalidRequest(`--${flag} is JSON: ${(error as Error).message}`, { cause: error });
  }
}

function truth(flag: string, written: string): boolean {
  if (written === "true" || written === "false") return written === "true";
  throw new InvalidRequest(`--${flag} is true or false, not "${written}"`);
}

function at(input: JsonObject, path: string[]): Json | undefined {
  return path.reduce<Json | undefined>((value, name) => (value as JsonObject | undefined)?.[name], input);
}

function put(input: JsonObject, path: string[], value: Json): void {
  const last = path.at(-1)!;
  let inner = input;
  for (const name of path.slice(0, -1)) {
    inner[name] = { ...(inner[name] as JsonObject | undefined) };
    inner = inner[name] as JsonObject;
  }
  inner[last] = value;
}

function kebab(name: string): string {
  return name.replaceAll("_", "-");
}

// ---- help

/** A row for every flag: how it is written, and what it is for. */
export function flagRows(form: Form): string[][] {
  const flags = flagsOf(form);
  const rows: string[][] = [];
  const add = (schema: Schema, prefix: string, isRequired: boolean) => {
    for (const [name, unresolved] of Object.entries(schema.properties ?? {})) {
      const field = flags.resolve(unresolved);
      const required = isRequired && (schema.required ?? []).includes(name);
      const flag = `${prefix}${kebab(name)}`;
      rows.push([`--${flag}${valueName(flags, field)}`, meaning(flags, field, required)]);
      if (field.properties) add(field, `${flag}.`, required);
    }
  };
  add(flags.root, "", true);
  return rows;
}

function valueName(flags: Flags, schema: Schema): string {
  if (schema.type === "boolean") return "";
  if (schema.type === "array")
    return flags.resolve(schema.items ?? {}).type === "string" ? " <list>" : " <json>";
  if (schema.type === "string") return schema.enum ? " <one>" : " <text>";
  if (schema.type === "integer" || schema.type === "number") return " <number>";
  return " <json>";
}

function meaning(flags: Flags, schema: Schema, required: boolean): string {
  const items = schema.items && flags.resolve(schema.items);
  const choices = schema.enum ?? items?.enum;
  return [
    ...(required ? ["(required)"] : []),
    ...(schema.description ? [schema.description] : []),
    ...(choices ? [`${items ? "Any" : "One"} of ${choices.join(", ")}`] : []),
  ].join(" ");
}

/** The type's example, as it would be typed. */
export function exampleLine({ type, example }: JobType): string {
  const fields = Object.entries(example as JsonObject).map(([name, value]) => {
    if (value === true) return `--${kebab(name)}`;
    if (value === false) return `--no-${kebab(name)}`;
    const isWords =
      Array.isArray(value) && value.every((item) => typeof item === "string" && !/[\s,]/.test(item));
    const written = typeof value === "string" ? value : isWords ? value.join(",") : JSON.stringify(value);
    return `--${kebab(name)} ${quoted(written)}`;
  });
  return ["convoke submit", type, ...fields].join(" ");
}

function quoted(written: string): string {
  return /^[\w./:,@-]+$/.test(written) ? written : `'${written.replaceAll("'", `'"'"'`)}'`;
}

/** The fields that a flag may name, for completion. */
export function flagNames(form: Form): string[] {
  return flagRows(form).map(([flag = ""]) => flag.split(" ")[0]!);
}
