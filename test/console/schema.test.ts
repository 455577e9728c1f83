import { expect, test } from "vitest";
import * as z from "zod";
import {
  blank,
  explained,
  faultsIn,
  resolved,
  type Schema,
  shapeOf,
  variantOf,
  withField,
} from "../../console/ui/schema.ts";
import { jobTypes } from "../../jobs/index.ts";

function schemaOf(type: z.ZodType): Schema {
  return z.toJSONSchema(type, { io: "input", unrepresentable: "any" }) as Schema;
}

function shape(type: z.ZodType) {
  const root = schemaOf(type);
  return shapeOf(resolved(root, root), root);
}

test("each kind of value has a field of its own", () => {
  expect(shape(z.string())).toMatchObject({ kind: "text", long: true });
  expect(shape(z.string().max(200))).toMatchObject({ kind: "text", long: false });
  expect(shape(z.int())).toMatchObject({ kind: "number", whole: true });
  expect(shape(z.number())).toMatchObject({ kind: "number", whole: false });
  expect(shape(z.boolean())).toMatchObject({ kind: "choice", options: [{ value: true }, { value: false }] });
  expect(shape(z.enum(["a", "b"]))).toMatchObject({
    kind: "choice",
    options: [{ value: "a" }, { value: "b" }],
  });
  expect(shape(z.union([z.literal("a"), z.literal(2)]))).toMatchObject({
    kind: "choice",
    options: [{ value: "a" }, { value: 2 }],
  });
  expect(shape(z.array(z.enum(["a", "b"])))).toMatchObject({ kind: "choices" });
  expect(shape(z.array(z.string()))).toMatchObject({ kind: "list" });
  expect(shape(z.record(z.string(), z.string()))).toMatchObject({ kind: "map" });
  expect(shape(z.literal("a"))).toMatchObject({ kind: "constant", value: "a" });
});

test("what may be null says so, whatever way it is written", () => {
  expect(shape(z.string().nullable())).toMatchObject({ kind: "text", nullable: true });
  expect(shape(z.enum(["a"]).nullable())).toMatchObject({ kind: "choice", nullable: true });
  expect(shapeOf({ enum: ["a", null] }, {})).toMatchObject({ options: [{ value: "a" }], nullable: true });
  expect(shapeOf({ type: ["integer", "null"] }, {})).toMatchObject({ kind: "number", nullable: true });
});

test("what no form could show is a field for JSON", () => {
  expect(shape(z.json())).toMatchObject({ kind: "json" });
  expect(shape(z.unknown())).toMatchObject({ kind: "json" });
  expect(shape(z.union([z.string(), z.number()]))).toMatchObject({ kind: "json" });
  // What is not named in the schema would get lost in a form.
  expect(shape(z.looseObject({ a: z.string() }))).toMatchObject({ kind: "json" });
});

const either = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("mail"), to: z.string() }),
  z.strictObject({ kind: z.literal("call"), number: z.int() }),
]);

test("variants are told apart by what can only be one thing", () => {
  const root = schemaOf(either);
  const found = shapeOf(root, root);
  if (found.kind !== "variants") throw new Error(found.kind);
  expect(found.variants.map(({ title }) => title)).toEqual(["mail", "call"]);
  expect(variantOf(found.variants, { kind: "call" }, root)).toBe(1);
  expect(blank(found.variants[1]!.schema, root)).toEqual({ kind: "call" });
});

test("every input of every job type is a form, and JSON only where anything goes", () => {
  const json: string[] = [];
  for (const { type, input } of jobTypes) {
    const root = schemaOf(input);
    const look = (schema: Schema, path: string) => {
      const found = shapeOf(resolved(schema, root), root);
      if (found.kind === "json") json.push(path);
      if (found.kind === "object")
        for (const field of found.fields) look(field.schema, `${path}.${field.name}`);
      if (found.kind === "list") look(found.items, `${path}[]`);
      if (found.kind === "map") look(found.values, `${path}{}`);
    };
    look(root, type);
  }
  expect(json).toEqual(["operation.start.body", "call-off.ticket"]);
});

test("a reference is followed, and what stands beside it counts", () => {
  const root: Schema = { $defs: { "a/b": { type: "string", description: "there" } } };
  expect(resolved({ $ref: "#/$defs/a~1b", description: "here" }, root)).toEqual({
    type: "string",
    description: "here",
  });
});

test("a field that is emptied goes, and one that changes keeps its place", () => {
  expect(withField({ a: 1, b: 2 }, "a", undefined)).toEqual({ b: 2 });
  expect(Object.keys(withField({ a: 1, b: 2 }, "a", 3))).toEqual(["a", "b"]);
  expect(withField(undefined, "a", 1)).toEqual({ a: 1 });
});

test("a description is taken apart only when it speaks of every choice", () => {
  const options = ["plain", "poetic"].map((value) => ({ value, label: value }));
  expect(explained("Default: plain. plain: As it is. poetic: With rhymes", options)).toEqual({
    all: "Default: plain",
    each: { plain: "As it is", poetic: "With rhymes" },
  });
  expect(explained("Default: plain. plain: As it is", options)).toEqual({
    all: "Default: plain. plain: As it is",
    each: {},
  });
});

test("a fault is found where the form has its field", () => {
  const details = {
    errors: [
      { field: "input.members.0", message: "no model" },
      { field: "input", message: "too few" },
      { field: "title", message: "too long" },
    ],
  };
  expect(faultsIn(details, "input")).toEqual({ "members.0": "no model", "": "too few" });
});
