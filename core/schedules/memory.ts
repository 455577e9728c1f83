import { decodeCursor, encodeCursor, listPosition } from "../cursor.ts";
import { scheduleItem, scheduleList, schedulePartition } from "./items.ts";
import type { ScheduleKey, ScheduleRecord, Schedules } from "./schedule.ts";

export function memorySchedules(): Schedules {
  const stored = new Map<string, ScheduleRecord>();
  const find = (key: ScheduleKey) => stored.get(schedulePartition(key));
  const ofTenant = (tenant: string) => [...stored.values()].filter((record) => record.tenant === tenant);
  const write = (record: ScheduleRecord) => {
    // Building the item refuses what the table would refuse.
    scheduleItem(record);
    stored.set(schedulePartition(record), structuredClone(record));
  };

  return {
    async create(record, most) {
      if (find(record)) return "exists";
      if (ofTenant(record.tenant).length >= most) return "too many";
      write(record);
      return "created";
    },
    async get(key) {
      return structuredClone(find(key));
    },
    async list(tenant, { limit, cursor }) {
      const list = scheduleList(tenant);
      const position = ({ createdAt, id }: ScheduleRecord) => listPosition(createdAt, id);
      const before = cursor === undefined ? undefined : decodeCursor(list, cursor);
      const rest = ofTenant(tenant)
        .filter((record) => !before || position(record) < before)
        .sort((a, b) => (position(a) < position(b) ? 1 : -1));
      const schedules = structuredClone(rest.slice(0, limit));
      if (rest.length <= limit) return { schedules };
      return { schedules, cursor: encodeCursor(list, position(schedules.at(-1)!)) };
    },
    async update(record) {
      if (find(record)?.version !== record.version - 1) return false;
      write(record);
      return true;
    },
    async delete(key) {
      return stored.delete(schedulePartition(key));
    },
    async due(now, limit) {
      return [...stored.values()]
        .filter(({ nextAt }) => nextAt !== undefined && nextAt <= now)
        .sort((a, b) => a.nextAt! - b.nextAt!)
        .slice(0, limit)
        .map(({ tenant, id }) => ({ tenant, id }));
    },
  };
}
