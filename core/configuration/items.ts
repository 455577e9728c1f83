import { bodyOf, type Item, type Packed, withBody } from "../pack.ts";
import { tenantPartition } from "../table.ts";
import type { AttributeRecord } from "./configuration.ts";

export function attributeKey(tenant: string, attribute: string): { pk: string; sk: string } {
  return { pk: `${tenantPartition(tenant)}#CONFIG`, sk: attribute };
}

export type AttributeItem = { version: number; body: Packed };

export function attributeItem(record: AttributeRecord): Item {
  const { version, ...rest } = record;
  return withBody({ ...attributeKey(record.tenant, record.attribute), version }, rest);
}

export function attributeOf(item: AttributeItem): AttributeRecord {
  return { ...bodyOf<Omit<AttributeRecord, "version">>(item), version: item.version };
}
