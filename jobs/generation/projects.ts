import { createHash } from "node:crypto";
import { derivedId } from "../../core/derived-id.ts";
import { retry } from "../../core/engine/fork.ts";
import { currentJob } from "../../core/engine/job-reading.ts";
import type { Jobs } from "../../core/engine/job-type.ts";
import { canonical, type SubmitServices, type Submitted, submit } from "../../core/engine/submit.ts";
import { dayOf, type Generation, type ProjectKey, type ProjectRecord } from "../../core/projects/project.ts";
import {
  Conflict,
  IdempotencyMismatch,
  LimitReached,
  NotFound,
  Unavailable,
} from "../../core/protocol/error.ts";
import { isTerminal, type JobRecord, type JobStatus, type Lane } from "../../core/protocol/job.ts";
import type { JsonObject } from "../../core/protocol/json.ts";
import { iso } from "../../core/protocol/wire.ts";
import type { Services } from "../../core/services.ts";
import { generation } from "./generation.ts";

type ProjectServices = Pick<Services, "projects" | "settings" | "now" | "newId">;

/** What a project is, as its owner says. The rest is for the job. */
export type ProjectRequest = { name: string; description: string } & JsonObject;

/**
 * @param idempotencyKey - of any number of requests with one key there is one project.
 * @throws IdempotencyMismatch, LimitReached when its owner has made as many on this day as one may.
 */
export async function createProject(
  { projects, settings, now, newId }: ProjectServices,
  { tenant, by }: { tenant: string; by: string },
  { name, description, ...request }: ProjectRequest,
  idempotencyKey?: string,
): Promise<{ project: ProjectRecord; deduplicated: boolean }> {
  const project: ProjectRecord = {
    tenant,
    id: idempotencyKey === undefined ? newId() : derivedId(tenant, "project", idempotencyKey),
    by,
    createdAt: now(),
    name,
    description,
    request,
    fingerprint: createHash("sha256")
      .update(canonical([name, description, request]))
      .digest("base64url"),
    version: 1,
  };
  const most = settings.maxProjectsPerDay;
  const created = await projects.create(project, most);
  if (created === "created") return { project, deduplicated: false };
  if (created === "too many") {
    const details = { limit: most, resets_at: iso(dayOf(project).endsAt) };
    throw new LimitReached(`${most} projects a day are allowed, and they are made`, { details });
  }
  const standing = await projects.get(project);
  if (standing?.fingerprint !== project.fingerprint)
    throw new IdempotencyMismatch("This idempotency key was used before, for another project");
  return { project: standing, deduplicated: true };
}

/** The job that a project's state is read from; there is none until its first generation. */
export async function jobOfProject(
  services: Pick<Services, "journal">,
  { tenant, generation }: ProjectRecord,
): Promise<JobRecord | undefined> {
  return generation && currentJob(services, { tenant, jobId: generation.jobId });
}

export type ProjectStatus = "pending" | "in_progress" | "completed" | "failed";

/** How a project stands, by the status of its job. */
export const projectStatus: Record<JobStatus, ProjectStatus> = {
  scheduled: "pending",
  pending: "pending",
  running: "in_progress",
  waiting: "in_progress",
  completed: "completed",
  failed: "failed",
  cancelled: "failed",
};

const tries = 5;

/**
 * Has a project generated. While it is at work, whoever asks is given the job at work. After a failure the new job goes on
 * where the failed one ended, unless it shall begin afresh.
 * @throws NotFound, Unavailable.
 */
export async function generate(
  services: SubmitServices & Pick<Services, "projects">,
  jobs: Jobs,
  by: string,
  key: ProjectKey,
  asked: { fresh?: boolean; priority?: Lane; idempotencyKey?: string },
): Promise<Submitted> {
  const { projects, now } = services;
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const project = await projects.get(key);
    if (!project) throw new NotFound(`No project "${key.id}"`);
    const standing = project.generation;
    const job = await jobOfProject(services, project);
    const isSame = asked.idempotencyKey !== undefined && standing?.idempotencyKey === asked.idempotencyKey;
    if (job && (isSame || !isTerminal(job.status)))
      return { job, deduplicated: true, cached: false, behind: [], queued: true };

    let next = standing;
    // One without a job was noted by somebody who has not submitted it yet, or has died before; an old one has expired.
    if (!standing || job || now() - standing.at > services.settings.idempotencyKeptSeconds * 1000) {
      next = following(project, job, now(), asked);
      if (!(await projects.update({ ...project, generation: next, version: project.version + 1 }))) continue;
    }
    try {
      return await begun(services, jobs, by, project, next!, asked.priority);
    } catch (error) {
      // Somebody else has just submitted it.
      if (!(error instanceof Conflict)) throw error;
    }
  }
  throw new Unavailable(`Others change project "${key.id}" too often`);
}

function following(
  { tenant, id, generation: before }: ProjectRecord,
  job: JobRecord | undefined,
  at: number,
  { fresh, idempotencyKey }: { fresh?: boolean; idempotencyKey?: string },
): Generation {
  const number = (before?.number ?? 0) + 1;
  const goesOn = job && !fresh && projectStatus[job.status] === "failed";
  return {
    number,
    jobId: derivedId(tenant, "project", id, String(number)),
    at,
    ...(goesOn ? { retryOf: job.jobId } : {}),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
}

function begun(
  services: SubmitServices,
  jobs: Jobs,
  by: string,
  { tenant, id, by: owner, name, description, request }: ProjectRecord,
  { jobId, retryOf }: Generation,
  priority: Lane | undefined,
): Promise<Submitted> {
  if (retryOf !== undefined) return retry(services, jobs, by, { tenant, jobId: retryOf }, { jobId });
  const input = { project_id: id, user_id: owner, name, description, ...request };
  return submit(
    services,
    jobs,
    { tenant, by },
    {
      type: generation.type,
      input,
      jobId,
      ...(priority ? { priority } : {}),
    },
  );
}
