import type { Field } from "../../core/configuration/configuration.ts";
import { quote, quotedAsData } from "../shared/quoting.ts";
import { type AttributeName, sheet } from "./attributes.ts";

/** Asks for the value of one field, in view of all others. */
export function valuePrompt(asked: {
  attribute: AttributeName;
  name: string;
  field: Pick<Field, "description" | "fieldType" | "options">;
  others: Record<string, Field>;
  fence: string;
}): string {
  const { attribute, name, field, others, fence } = asked;
  const values = Object.fromEntries(Object.entries(others).map(([other, { value }]) => [other, value]));
  return [
    `A ${attribute.replaceAll("_", " ")} is described by fields. Write the value of one that is missing, so that it ` +
      "fits the others and adds to them. Give the value alone, without its name and without explanation.",
    quotedAsData(fence),
    quote(
      "field",
      fence,
      [
        `Name: ${name.replaceAll("_", " ")}`,
        field.description ? `Meaning: ${field.description}` : [],
        field.fieldType === "select" ? `One of: ${field.options!.join("; ")}` : [],
      ]
        .flat()
        .join("\n"),
    ),
    quote("others", fence, sheet(values) || "There are no other fields."),
  ].join("\n\n");
}

/** Asks for one system prompt that says what several parts say. */
export function arbitrationPrompt(parts: Record<string, string>, context: string, fence: string): string {
  return [
    "Below are parts of a system prompt for a language model: who it speaks as, the world it speaks of, and how it words " +
      "things. Merge them into one system prompt in the second person. Where parts contradict each other, decide: the " +
      "persona before the style, the style before the world. Leave nothing out that shapes an answer, repeat nothing, and " +
      "write the system prompt only.",
    quotedAsData(fence),
    ...Object.entries(parts).map(([name, text]) => quote("part", fence, text, name)),
    ...(context ? ["What the prompt is going to be used for:", quote("context", fence, context)] : []),
  ].join("\n\n");
}
