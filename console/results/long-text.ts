import type { Json, JsonObject } from "../../core/protocol/json.ts";

/** Fields in which a job keeps what people are to read. */
const names = ["content", "text", "answer", "report", "summary", "response", "markdown", "output"];

/** The text of a result that is there to be read, and what there is besides. */
export function longTextOf(value: Json | undefined): { text: string; rest: JsonObject } | undefined {
  if (typeof value === "string") return { text: value, rest: {} };
  if (value === undefined || value === null || typeof value !== "object" || Array.isArray(value))
    return undefined;
  const name = names.find((one) => typeof value[one] === "string" && reads(value[one]));
  if (name === undefined) return undefined;
  const { [name]: text, ...rest } = value;
  return { text: text as string, rest };
}

/** A word or a code is a value; sentences and lines are a text. */
function reads(text: string): boolean {
  return text.length > 80 || /\n|\S[.!?]\s|\*\*|^#/.test(text);
}
