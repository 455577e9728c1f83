import type { Json, JsonObject } from "../protocol/json.ts";
import { type Labelled, remarks } from "./mock-ranking.ts";
import { pick, remark } from "./mock-text.ts";

type Filling = {
  words: string[];
  random: () => number;
  /** The answers to be ranked, best first; empty where there are none. */
  best: Labelled[];
};

/**
 * A value of the schema. A list of the answers' labels is filled with them best first, a list of objects with a label
 * with one object for each answer, and everything else with something that fits.
 */
export function instanceOf(schema: JsonObject, filling: Filling): Json {
  return fitting(schema, schema, filling, undefined);
}

function fitting(given: JsonObject, root: JsonObject, filling: Filling, about: Labelled | undefined): Json {
  const schema = resolve(given, root);
  const { words, random, best } = filling;
  const inner = (part: JsonObject, answer = about) => fitting(part, root, filling, answer);
  if (schema.const !== undefined) return schema.const;
  const named = choicesOf(schema);
  if (named && schema.default !== undefined)
    return named.find((choice) => words.includes(String(choice).toLowerCase())) ?? (schema.default as Json);
  if (named) return about && named.includes(about.label) ? about.label : pick(named, random);
  const choices = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(choices)) return inner(choices[0] as JsonObject);

  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case "object": {
      const properties = Object.entries((schema.properties ?? {}) as Record<string, JsonObject>);
      return Object.fromEntries(
        properties.map(([key, property]) => [key, (about && said(key, about, words)) ?? inner(property)]),
      );
    }
    case "array": {
      const items = (schema.items ?? {}) as JsonObject;
      if (best.length > 0 && !about && isLabelled(resolve(items, root))) {
        return best.map((answer) => inner(items, answer));
      }
      const length = typeof schema.minItems === "number" ? Math.max(1, schema.minItems) : 1;
      if (length === 1) return [inner(items)];
      return Array.from({ length }, (_, turn) => inner(inTurn(resolve(items, root), turn)));
    }
    case "integer":
    case "number": {
      const { minimum = 1, maximum = Number(minimum) + 9 } = schema;
      const value = Number(minimum) + random() * (Number(maximum) - Number(minimum));
      return schema.type === "integer" ? Math.round(value) : value;
    }
    case "boolean":
      return random() < 0.5;
    case "null":
      return null;
    default:
      return remark(words, random).slice(0, Number(schema.maxLength ?? 2_000));
  }
}

/** The values that a schema names: all that there are, or those that its description gives as examples, `e.g. "a", "b"`. */
function choicesOf({ enum: all, description }: JsonObject): Json[] | undefined {
  if (Array.isArray(all)) return all;
  const examples = /\be\.g\. ("[^"]+"(?:, "[^"]+")*)/.exec(String(description ?? ""))?.[1];
  return examples?.split(/", "/).map((example) => example.replaceAll('"', ""));
}

/** The items of a list are told apart by what they name first: of a few names that one, another for each. */
function inTurn(items: JsonObject, turn: number): JsonObject {
  const named = choicesOf(items);
  if (named) return { ...items, enum: [named[turn % named.length]!] };
  const properties = Object.entries((items.properties ?? {}) as Record<string, JsonObject>);
  const about = properties.find(([, property]) => choicesOf(property));
  if (!about) return items;
  return { ...items, properties: { ...Object.fromEntries(properties), [about[0]]: inTurn(about[1], turn) } };
}

/** What an object says about one answer, for the usual words of evaluations. */
function said(key: string, answer: Labelled, words: string[]): Json | undefined {
  const { good, bad } = remarks(answer, words);
  if (key === "label") return answer.label;
  if (key === "strengths") return [good];
  if (key === "weaknesses") return [bad];
  return undefined;
}

/** Is it one of the labels, or an object with one? */
function isLabelled(items: JsonObject): boolean {
  const properties = (items.properties ?? {}) as JsonObject;
  if (Array.isArray(items.enum)) return items.enum.every((value) => /^Response [A-Z]$/.test(String(value)));
  return "label" in properties;
}

function resolve(schema: JsonObject, root: JsonObject): JsonObject {
  if (typeof schema.$ref !== "string") return schema;
  const path = schema.$ref.split("/").slice(1);
  return path.reduce<JsonObject>((part, key) => part[key] as JsonObject, root);
}
