import { listPosition } from "../cursor.ts";
import { bodyOf, type Item, type Packed, withBody } from "../pack.ts";
import { tenantPartition } from "../table.ts";
import { dayOf, type ProjectKey, type ProjectRecord } from "./project.ts";

/** The list of a tenant's projects, and the partition that counts them. */
export function projectList(tenant: string): string {
  return `${tenantPartition(tenant)}#P`;
}

export function projectKey({ tenant, id }: ProjectKey): { pk: string; sk: string } {
  return { pk: `${projectList(tenant)}#${id}`, sk: "PROJECT" };
}

/** Where the projects of one person and day are counted. */
export function countKey(record: ProjectRecord): { pk: string; sk: string } {
  return { pk: projectList(record.tenant), sk: `DAY#${dayOf(record).day}#${record.by}` };
}

export function projectItem(record: ProjectRecord): Item {
  const { version, ...rest } = record;
  return withBody(
    {
      ...projectKey(record),
      version,
      list_pk: projectList(record.tenant),
      list_sk: listPosition(record.createdAt, record.id),
    },
    rest,
  );
}

export type ProjectItem = { version: number; body: Packed };

export function projectOf(item: ProjectItem): ProjectRecord {
  return { ...bodyOf<Omit<ProjectRecord, "version">>(item), version: item.version };
}
