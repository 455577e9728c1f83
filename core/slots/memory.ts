import type { Services } from "../services.ts";
import type { Pool, Slots, Waiting } from "./slots.ts";

export function memorySlots({ now }: Pick<Services, "now">): Slots {
  type Known = { held: Map<string, number>; line: Waiting[] };
  const pools = new Map<string, Known>();
  const find = ({ name }: Pool): Known => {
    const known: Known = pools.get(name) ?? { held: new Map(), line: [] };
    pools.set(name, known);
    return known;
  };
  const isSame = (a: Waiting) => (b: Waiting) => a.tenant === b.tenant && a.jobId === b.jobId;

  return {
    async take(pool, by, until) {
      const { held } = find(pool);
      if (held.has(by)) return true;
      for (const [holder, end] of held) if (end <= now() && held.size >= pool.limit) held.delete(holder);
      if (held.size >= pool.limit) return false;
      held.set(by, until);
      return true;
    },
    async extend(pool, by, until) {
      const { held } = find(pool);
      if (held.has(by)) held.set(by, until);
    },
    async giveBack(pool, by) {
      find(pool).held.delete(by);
    },
    async enter(pool, job) {
      const known = find(pool);
      if (known.line.some(isSame(job))) return;
      known.line.push(structuredClone(job));
      known.line.sort((a, b) => a.createdAt - b.createdAt || (a.jobId < b.jobId ? -1 : 1));
    },
    async leave(pool, job) {
      const known = find(pool);
      known.line = known.line.filter((other) => !isSame(job)(other));
    },
    async position(pool, job) {
      const place = find(pool).line.findIndex(isSame(job));
      return place === -1 ? undefined : place + 1;
    },
    async next(pool) {
      return find(pool).line.shift();
    },
  };
}
