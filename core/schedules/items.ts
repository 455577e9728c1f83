import { listPosition } from "../cursor.ts";
import { bodyOf, type Item, type Packed, withBody } from "../pack.ts";
import { tenantPartition } from "../table.ts";
import type { ScheduleKey, ScheduleRecord } from "./schedule.ts";

export const scheduleKey = "SCHEDULE";

/** The part of the index of what is due that holds schedules. Those of jobs are numbers. */
export const dueSchedules = "schedules";

export function schedulePartition({ tenant, id }: ScheduleKey): string {
  return `${scheduleList(tenant)}#${id}`;
}

/** The list of a tenant's schedules, and the partition that counts them. */
export function scheduleList(tenant: string): string {
  return `${tenantPartition(tenant)}#S`;
}

/** The inverse of `schedulePartition`; undefined for any other partition. */
export function scheduleAt(partition: string): ScheduleKey | undefined {
  const match = /^T#([^#]*)#S#(.*)$/s.exec(partition);
  return match ? { tenant: decodeURIComponent(match[1]!), id: match[2]! } : undefined;
}

/** What conditions and indexes need is in attributes of its own and nowhere else. */
export function scheduleItem(record: ScheduleRecord): Item {
  const { version, nextAt, ...rest } = record;
  return withBody(
    {
      pk: schedulePartition(record),
      sk: scheduleKey,
      version,
      ...(nextAt === undefined ? {} : { due_shard: dueSchedules, due_at: nextAt }),
      list_pk: scheduleList(record.tenant),
      list_sk: listPosition(record.createdAt, record.id),
    },
    rest,
  );
}

export type ScheduleItem = { version: number; due_at?: number; body: Packed };

export function scheduleOf(item: ScheduleItem): ScheduleRecord {
  return {
    ...bodyOf<Omit<ScheduleRecord, "version" | "nextAt">>(item),
    version: item.version,
    ...(item.due_at === undefined ? {} : { nextAt: item.due_at }),
  };
}
