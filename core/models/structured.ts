import { readerOf } from "../json-schema.ts";
import type { Json, JsonObject } from "../protocol/json.ts";

/** Finds in a text the object that the schema describes. Answers undefined when there is none that fits. */
export type ObjectFinder = (text: string) => Json | undefined;

/**
 * For objects that stand alone, in a code block, or between sentences.
 *
 * @throws when the schema itself cannot be used
 */
export function objectFinder(schema: JsonObject): ObjectFinder {
  const shape = readerOf(schema);
  return (text) => {
    const block = text.split("```", 2)[1]?.replace(/^json/, "");
    const braces = text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1);
    return [text, block, braces]
      .map((candidate) => (candidate ? parse(candidate) : undefined))
      .find((value) => value !== undefined && shape.safeParse(value).success);
  };
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
