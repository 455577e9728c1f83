import type { AttributeRecord, Configuration, Field } from "../../core/configuration/configuration.ts";
import type { Json } from "../../core/protocol/json.ts";
import { defaults, namespaces, personas, styles } from "../projection/presets.ts";

export const attributeNames = ["persona", "namespace", "language_style"] as const;
export type AttributeName = (typeof attributeNames)[number];

type Kind = {
  presets: Record<string, Record<string, string | string[]>>;
  standard: string;
  /** What the attribute's traits are, said before them in a prompt. */
  heading: string;
};

const kinds: Record<AttributeName, Kind> = {
  persona: { presets: personas, standard: defaults.persona, heading: "Who speaks" },
  namespace: { presets: namespaces, standard: defaults.namespace, heading: "The world that is spoken of" },
  language_style: { presets: styles, standard: defaults.style, heading: "How it is worded" },
};

/** The field that says from which preset the others come. */
export const presetField = "preset";

const about: Record<string, string> = {
  description: "In one sentence",
  perspective: "From where things are seen",
  voice_style: "How the voice sounds",
  expertise_domains: "What the persona knows much about",
  bias_tendencies: "To what the persona inclines",
  core_metaphors: "Images that everything there is said in",
  power_structures: "Who has the say",
  technology_level: "What can be done, and with what",
  social_dynamics: "How people deal with each other",
  conflict_patterns: "What is fought over, and how",
  formality_level: "From casual to ceremonial",
  sentence_structure: "How sentences are built",
  vocabulary_level: "Which words are chosen",
  rhetorical_devices: "Figures of speech",
  cultural_markers: "What it reminds of",
};

function system(value: Json, field: Partial<Field>): Field {
  return {
    value,
    fieldType: Array.isArray(value) ? "json" : "text",
    description: "",
    weight: 1,
    generatedBy: "system",
    isCore: true,
    ...field,
  };
}

/** The fields of an attribute: those of its preset, in their place what the tenant has set, and the tenant's own. */
export function fieldsOf(
  attribute: AttributeName,
  configured: AttributeRecord["fields"] = {},
): Record<string, Field> {
  const { presets, standard } = kinds[attribute];
  const preset = system(standard, {
    fieldType: "select",
    description: "Where the other fields come from, unless they are set",
    options: Object.keys(presets),
    weight: 0,
  });
  const chosen = String((configured[presetField] ?? preset).value);
  const traits = Object.entries(presets[chosen] ?? {}).map(
    ([name, value]) => [name, system(value, { description: about[name]! })] as const,
  );
  return { [presetField]: preset, ...Object.fromEntries(traits), ...configured };
}

/** @returns undefined when there is no field of this name. */
export function fieldIn(fields: Record<string, Field>, name: string): Field | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** What a prompt is told of an attribute, by field, the heaviest first. */
export type Traits = Record<string, Json>;

function traitsOf(fields: Record<string, Field>): Traits {
  const said = Object.entries(fields).filter(([, { weight }]) => weight > 0);
  said.sort(([, one], [, other]) => other.weight - one.weight);
  return Object.fromEntries(
    said.map(([name, { value, promptTemplate }]) => [
      name,
      promptTemplate?.includes("{value}")
        ? promptTemplate.replaceAll("{value}", () => inWords(value))
        : value,
    ]),
  );
}

function inWords(value: Json): string {
  if (Array.isArray(value)) return value.map(inWords).join("; ");
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** Traits as people read them: `voice_style` and `["a", "b"]` become `- voice style: a; b`. */
export function sheet(traits: object): string {
  return Object.entries(traits)
    .filter(([, value]) => value !== "" && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `- ${name.replaceAll("_", " ")}: ${inWords(value)}`)
    .join("\n");
}

/** An attribute's part of a system prompt. */
export function contributionOf(attribute: AttributeName, fields: Record<string, Field>): string {
  return `${kinds[attribute].heading}:\n${sheet(traitsOf(fields))}`;
}

/**
 * What an attribute comes down to in a job: the preset that was asked for, as it is; if none was, what the tenant has
 * configured.
 */
export async function chosen(
  configuration: Configuration,
  tenant: string,
  attribute: AttributeName,
  asked: string | undefined,
): Promise<{ name: string; traits: Traits }> {
  const configured = asked === undefined ? await configuration.get(tenant, attribute) : undefined;
  const fields = fieldsOf(
    attribute,
    asked === undefined ? configured?.fields : { [presetField]: system(asked, { weight: 0 }) },
  );
  return { name: String(fields[presetField]!.value), traits: traitsOf(fields) };
}
