import type { Services } from "../services.ts";
import { jobPartition, tenantWatchesPartition } from "../table.ts";
import type { Sockets, Watch, Watched, Watches } from "./sockets.ts";

export interface MemorySockets extends Sockets {
  /** What each open connection was sent. A connection that is not in here is gone. */
  sent: Map<string, string[]>;
  /** Connections that answer `busy` for now. */
  busy: Set<string>;
  open(connectionId: string): void;
}

export function memorySockets(): MemorySockets {
  const sent = new Map<string, string[]>();
  const busy = new Set<string>();
  return {
    sent,
    busy,
    open(connectionId) {
      sent.set(connectionId, []);
    },
    async post(connectionId, frame) {
      if (busy.has(connectionId)) return "busy";
      const frames = sent.get(connectionId);
      frames?.push(frame);
      return frames ? "sent" : "gone";
    },
    async close(connectionId) {
      sent.delete(connectionId);
    },
  };
}

type Kept = { partition: string; connection: string; watch: Watch; expiresAt: number };

export function memoryWatches({ settings, now }: Pick<Services, "settings" | "now">): Watches {
  let stored: Kept[] = [];
  const partitionOf = (tenant: string, what: Watched) =>
    what === "mine" ? tenantWatchesPartition(tenant) : jobPartition({ tenant, jobId: what.jobId });
  const connectionOf = (tenant: string, connectionId: string) => JSON.stringify([tenant, connectionId]);
  const isAt = (partition: string, connection: string) => (kept: Kept) =>
    kept.partition === partition && kept.connection === connection;
  const watching = (partition: string) =>
    structuredClone(
      stored
        .filter((kept) => kept.partition === partition && kept.expiresAt > now())
        .map(({ watch }) => watch)
        .sort((a, b) => (a.connectionId < b.connectionId ? -1 : 1)),
    );

  return {
    async add(tenant, what, watch) {
      const partition = partitionOf(tenant, what);
      const connection = connectionOf(tenant, watch.connectionId);
      const isThis = isAt(partition, connection);
      const others = stored.filter((kept) => kept.connection === connection && !isThis(kept));
      if (others.length >= settings.maxWatchesPerConnection) return false;
      const expiresAt = watch.at + settings.watchKeptSeconds * 1000;
      stored = [
        ...stored.filter((kept) => !isThis(kept)),
        { partition, connection, watch: structuredClone(watch), expiresAt },
      ];
      return true;
    },
    async remove(tenant, what, connectionId) {
      const connection = connectionOf(tenant, connectionId);
      const partitions = [what].flat().map((one) => partitionOf(tenant, one));
      stored = stored.filter(
        (kept) => kept.connection !== connection || !partitions.includes(kept.partition),
      );
    },
    async removeAll(tenant, connectionId) {
      const connection = connectionOf(tenant, connectionId);
      stored = stored.filter((kept) => kept.connection !== connection);
    },
    async ofJob(job) {
      return watching(jobPartition(job));
    },
    async ofTenant(tenant) {
      return watching(tenantWatchesPartition(tenant));
    },
  };
}
