import { decodeCursor, encodeCursor, listPosition } from "../cursor.ts";
import { countKey, projectItem, projectKey, projectList } from "./items.ts";
import type { ProjectKey, ProjectRecord, Projects } from "./project.ts";

export function memoryProjects(): Projects {
  const stored = new Map<string, ProjectRecord>();
  const counts = new Map<string, number>();
  const find = (key: ProjectKey) => stored.get(projectKey(key).pk);
  const write = (record: ProjectRecord) => {
    // Building the item refuses what the table would refuse.
    projectItem(record);
    stored.set(projectKey(record).pk, structuredClone(record));
  };

  return {
    async create(record, mostADay) {
      if (find(record)) return "exists";
      const { pk, sk } = countKey(record);
      const count = counts.get(pk + sk) ?? 0;
      if (count >= mostADay) return "too many";
      counts.set(pk + sk, count + 1);
      write(record);
      return "created";
    },
    async get(key) {
      return structuredClone(find(key));
    },
    async list(tenant, { limit, cursor }) {
      const list = projectList(tenant);
      const position = ({ createdAt, id }: ProjectRecord) => listPosition(createdAt, id);
      const before = cursor === undefined ? undefined : decodeCursor(list, cursor);
      const rest = [...stored.values()]
        .filter((record) => record.tenant === tenant && (!before || position(record) < before))
        .sort((a, b) => (position(a) < position(b) ? 1 : -1));
      const projects = structuredClone(rest.slice(0, limit));
      if (rest.length <= limit) return { projects };
      return { projects, cursor: encodeCursor(list, position(projects.at(-1)!)) };
    },
    async update(record) {
      if (find(record)?.version !== record.version - 1) return false;
      write(record);
      return true;
    },
  };
}
