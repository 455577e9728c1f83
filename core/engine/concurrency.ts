import { createHash } from "node:crypto";
import { load } from "../payloads/payloads.ts";
import { Unavailable } from "../protocol/error.ts";
import type { Entry } from "../protocol/event.ts";
import type { JobRecord } from "../protocol/job.ts";
import type { Services } from "../services.ts";
import type { Pool, Waiting } from "../slots/slots.ts";
import { tenantPartition } from "../table.ts";
import type { Logger } from "./context.ts";
import type { AnyJobType } from "./job-type.ts";
import { wake } from "./wake.ts";

type SlotServices = Pick<Services, "slots" | "queue" | "payloads" | "settings" | "now" | "newId" | "sleep">;

/** The slots of one pass. */
export type Held = { giveBack(): Promise<void> };

/**
 * A slot for a pass in every pool that its job counts in. Nothing is read or written for a job that no limit applies
 * to. No promise rests on slots but the limit itself: the journal's order decides what happens once.
 * @returns undefined when there is none; the job is woken when one comes free.
 */
export async function takeSlots(
  services: SlotServices,
  job: JobRecord,
  jobType: AnyJobType | undefined,
  entries: Entry[],
  logger: Logger,
): Promise<Held | undefined> {
  const { slots, settings, now, newId } = services;
  const pools = await poolsOf(services, job, jobType, entries, logger);
  const by = newId();
  const held: Pool[] = [];
  const over = new AbortController();
  const all: Held = {
    async giveBack() {
      over.abort();
      await keeping;
      for (const pool of held) await release(services, pool, by);
    },
  };
  let keeping: Promise<void> | undefined;
  for (const pool of pools) {
    if (!(await takeOrWait(pool))) {
      await all.giveBack();
      return undefined;
    }
    held.push(pool);
  }
  if (held.length > 0) keeping = keep();
  return all;

  async function takeOrWait(pool: Pool): Promise<boolean> {
    const until = now() + settings.slotMs;
    if (await slots.take(pool, by, until)) return true;
    const place = placeOf(job);
    await slots.enter(pool, place);
    // A slot that came free before this one stood in the line has woken nobody.
    if (!(await slots.take(pool, by, until))) return false;
    await slots.leave(pool, place);
    return true;
  }

  /** Most passes are over before their slots would be. */
  async function keep(): Promise<void> {
    for (;;) {
      await services.sleep(settings.slotMs / 2, over.signal);
      if (over.signal.aborted) return;
      for (const pool of held) {
        // Without an answer the slot runs out, which costs the limit something and nobody else.
        await slots.extend(pool, by, now() + settings.slotMs).catch(() => {});
      }
    }
  }
}

/** How many jobs are served up to this one, itself included; undefined when it waits for no slot. */
export async function placeInLine(
  services: Pick<Services, "slots" | "payloads" | "settings">,
  job: JobRecord,
  jobType: AnyJobType | undefined,
  entries: Entry[],
  logger: Logger,
): Promise<number | undefined> {
  const pools = await poolsOf(services, job, jobType, entries, logger);
  const places = await Promise.all(pools.map((pool) => services.slots.position(pool, placeOf(job))));
  // It stands in one line at a time.
  return places.find((place) => place !== undefined);
}

function placeOf({ tenant, jobId, lane, createdAt }: JobRecord): Waiting {
  return { tenant, jobId, lane, createdAt };
}

async function release(
  { slots, queue }: Pick<Services, "slots" | "queue">,
  pool: Pool,
  by: string,
): Promise<void> {
  try {
    await slots.giveBack(pool, by);
    const next = await slots.next(pool);
    if (next) await wake({ queue }, next);
  } catch (error) {
    // It comes free by itself, and what waits for it is found by the sweeper.
    if (!(error instanceof Unavailable)) throw error;
  }
}

async function poolsOf(
  { payloads, settings }: Pick<Services, "payloads" | "settings">,
  { tenant, type }: JobRecord,
  jobType: AnyJobType | undefined,
  entries: Entry[],
  logger: Logger,
): Promise<Pool[]> {
  const own = tenantPartition(tenant);
  const pools: Pool[] = [];
  const { maxRunningPerTenant } = settings;
  if (Number.isFinite(maxRunningPerTenant)) pools.push({ name: own, limit: maxRunningPerTenant });
  const concurrency = jobType?.concurrency;
  if (concurrency) {
    const { limit, per, key } = concurrency;
    const submitted = entries[0]?.events[0];
    let name = per === "tenant" ? `${own}#${type}` : type;
    if (key && submitted?.kind === "job.submitted") {
      const input = await load(payloads, submitted.input);
      name += `#${createHash("sha256")
        .update(keyOf(key, input, logger))
        .digest("base64url")}`;
    }
    pools.push({ name, limit });
  }
  return pools;
}

/** A key that cannot be had must not stop the job: it counts with the others that have none. */
function keyOf(key: (input: unknown) => string, input: unknown, logger: Logger): string {
  try {
    return String(key(input));
  } catch (error) {
    logger.error("the key of a job's concurrency failed", {
      error: error instanceof Error ? error.name : "",
    });
    return "";
  }
}
