import { isDeepStrictEqual } from "node:util";
import type { AttributeRecord, Configuration } from "./configuration.ts";
import { attributeItem, attributeKey } from "./items.ts";

export function memoryConfiguration(): Configuration {
  const stored = new Map<string, AttributeRecord>();
  const keyOf = (tenant: string, attribute: string) => JSON.stringify(attributeKey(tenant, attribute));

  return {
    async get(tenant, attribute) {
      return structuredClone(stored.get(keyOf(tenant, attribute)));
    },
    async put(record) {
      // Building the item refuses what the table would refuse.
      attributeItem(record);
      const key = keyOf(record.tenant, record.attribute);
      const standing = stored.get(key);
      if ((standing?.version ?? 0) !== record.version - 1) return isDeepStrictEqual(standing, record);
      stored.set(key, structuredClone(record));
      return true;
    },
  };
}
