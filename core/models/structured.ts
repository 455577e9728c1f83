import * as z from "zod";
import type { Json, JsonObject } from "../protocol/json.ts";

/**
 * The object that a model was asked for, wherever in its text it stands: alone, in a code block, or after a sentence of
 * introduction.
 *
 * @returns undefined when there is none that fits the schema.
 */
export function objectIn(text: string, schema: JsonObject): Json | undefined {
  const fits = z.fromJSONSchema(schema);
  const block = /```(?:json)?\s*\n([\s\S]*?)\n\s*```/.exec(text)?.[1];
  const braces = text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1);
  for (const candidate of [text, block, braces]) {
    const parsed = candidate ? parse(candidate) : undefined;
    if (parsed !== undefined && fits.safeParse(parsed).success) return parsed;
  }
  return undefined;
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
