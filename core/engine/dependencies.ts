import type { Settings } from "../config.ts";
import { isTerminal, type JobKey, type JobRecord } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import type { HowItEnds } from "./how-it-ends.ts";
import { invalid } from "./parse.ts";
import { wake } from "./wake.ts";

/**
 * Only jobs that are there may be named, so no job can wait for itself, however long the way round. They are read
 * before the write instead of being checked in its transaction: a job never goes away but by its age, and a check would
 * stand in the way of the worker that writes its HEAD.
 * @throws InvalidRequest that names the first id of which there is no job.
 */
export async function checkDependencies(
  { journal }: Pick<Services, "journal">,
  tenant: string,
  jobIds: string[],
): Promise<void> {
  const heads = await Promise.all(jobIds.map((jobId) => journal.head({ tenant, jobId })));
  const missing = heads.indexOf(undefined);
  if (missing >= 0) throw invalid(`depends_on.${missing}`, `No job "${jobIds[missing]}"`);
}

type Standing = JobRecord["status"] | "expired";

type Awaited = { open: boolean; failed?: { jobId: string; status: Standing } };

/** How things stand with the jobs that have to end before this one begins. One that has expired counts as failed. */
async function awaited({ journal }: Pick<Services, "journal">, job: JobRecord): Promise<Awaited> {
  const { tenant } = job;
  const stands = await Promise.all(
    (job.dependencies?.job_ids ?? []).map(async (jobId) => {
      let head = await journal.head({ tenant, jobId });
      // What goes on with a fresh journal has not ended.
      while (head?.continuedAs !== undefined) head = await journal.head({ tenant, jobId: head.continuedAs });
      const status: Standing = head?.status ?? "expired";
      return { jobId, status };
    }),
  );
  const isOpen = ({ status }: { status: Standing }) => status !== "expired" && !isTerminal(status);
  const failed = stands.find((one) => !isOpen(one) && one.status !== "completed");
  return { open: stands.some(isOpen), ...(failed ? { failed } : {}) };
}

/** What becomes of a job that waits for others: it waits on, it ends before it has begun, or nothing keeps it any more. */
export async function afterDependencies(
  services: Pick<Services, "journal">,
  job: JobRecord,
): Promise<"open" | HowItEnds | undefined> {
  if (!job.dependencies) return undefined;
  const { open, failed } = await awaited(services, job);
  const { on_failure: policy } = job.dependencies;
  if (!failed || policy === "continue") return open ? "open" : undefined;
  const { jobId, status } = failed;
  const message = `Job ${jobId}, which this one depends on, ${status === "expired" ? "has expired" : `is ${status}`}`;
  if (policy === "skip") return { end: "cancelled", by: "dependency", reason: message };
  const details = { job_id: jobId, job_status: status };
  return { end: "failed", failure: { code: "dependency_failed", message, details } };
}

const longestPatienceMs = 3_600_000;

/**
 * When to look again at a job that waits for others. Their ends wake it; this repairs a wake-up that got lost, and what
 * has waited for long may wait a little longer, so that thousands that wait for days cost next to nothing.
 */
export function patience(
  job: JobRecord,
  now: Millis,
  { sweepSeconds }: Pick<Settings, "sweepSeconds">,
): Millis {
  const waited = now - Math.max(job.createdAt, job.runAt ?? 0);
  return Math.max(sweepSeconds * 1000, Math.min(waited / 16, longestPatienceMs));
}

const pageSize = 100;
/** What one end wakes itself. The others are found by the sweeper: a worker has more to do. */
const wokenMost = 500;

/** Tells the jobs that wait for this one that it has ended. */
export async function wakeDependents(
  { journal, queue }: Pick<Services, "journal" | "queue">,
  { tenant, jobId }: JobKey,
): Promise<void> {
  let cursor: string | undefined;
  let woken = 0;
  do {
    const page = await journal
      .dependents({ tenant, jobId }, { limit: pageSize, ...(cursor === undefined ? {} : { cursor }) })
      .catch(() => undefined);
    if (!page) return;
    await Promise.all(page.dependents.map((dependent) => wake({ queue }, { tenant, ...dependent })));
    woken += page.dependents.length;
    cursor = page.cursor;
  } while (cursor !== undefined && woken < wokenMost);
}
