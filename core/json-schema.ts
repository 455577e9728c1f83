import * as z from "zod";
import type { JsonObject } from "./protocol/json.ts";

const known = new Map<string, z.ZodType>();
const mostKnown = 100;

/**
 * What reads values that a JSON Schema describes. It is kept, because making one costs milliseconds, and one question is
 * put to many.
 * @throws when the schema itself cannot be used.
 */
export function readerOf(schema: JsonObject): z.ZodType {
  const key = JSON.stringify(schema);
  const made = known.get(key) ?? z.fromJSONSchema(schema);
  if (known.size >= mostKnown) known.clear();
  known.set(key, made);
  return made;
}
