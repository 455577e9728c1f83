import { Conflict, Unavailable } from "../protocol/error.ts";
import type { Json, Millis } from "../protocol/json.ts";

export const fieldTypes = ["text", "number", "boolean", "select", "textarea", "json"] as const;
export type FieldType = (typeof fieldTypes)[number];

/** One typed value of an attribute. */
export type Field = {
  value: Json;
  fieldType: FieldType;
  description: string;
  /** What a `select` may be. */
  options?: string[];
  /** How the value is said in a prompt: `{value}` is where it stands. */
  promptTemplate?: string;
  /** Heavier fields are said first, those of weight 0 not at all. */
  weight: number;
  generatedBy: "user" | "ai" | "system";
  /** Belongs to the attribute and cannot be removed. */
  isCore: boolean;
  modifiedAt?: Millis;
  /** The job that has generated it. */
  jobId?: string;
};

/** What a tenant has made of an attribute: the fields that are not as they come. */
export type AttributeRecord = {
  tenant: string;
  attribute: string;
  fields: Record<string, Field>;
  /** Counts changes, so that two writers notice each other. 0 before the first one. */
  version: number;
};

/** What tenants have configured. */
export interface Configuration {
  get(tenant: string, attribute: string): Promise<AttributeRecord | undefined>;
  /** @returns false when neither version `record.version - 1` nor this very record is stored. */
  put(record: AttributeRecord): Promise<boolean>;
}

const tries = 8;

/**
 * Changes an attribute as it stands, again when somebody else was faster.
 * @param expected - the version that the change was meant for; without it any.
 * @param edit - returns the new fields, or undefined when nothing has to be written.
 * @throws Conflict when the expected version has passed; what `edit` throws; Unavailable.
 */
export async function changeAttribute(
  configuration: Configuration,
  { tenant, attribute }: { tenant: string; attribute: string },
  expected: number | undefined,
  edit: (record: AttributeRecord) => AttributeRecord["fields"] | undefined,
): Promise<AttributeRecord> {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const standing = (await configuration.get(tenant, attribute)) ?? {
      tenant,
      attribute,
      fields: {},
      version: 0,
    };
    const fields = edit(standing);
    if (!fields) return standing;
    if (expected !== undefined && expected !== standing.version) {
      const details = { version: standing.version };
      throw new Conflict(`Attribute "${attribute}" has version ${standing.version}, not ${expected}`, {
        details,
      });
    }
    const changed = { ...standing, fields, version: standing.version + 1 };
    if (await configuration.put(changed)) return changed;
  }
  throw new Unavailable("Others change the same attribute too often");
}
