import * as z from "zod";
import { readJob } from "../../core/engine/job-reading.ts";
import { wholeJournal } from "../../core/engine/whole-journal.ts";
import { inParallel } from "../../core/in-parallel.ts";
import type { ProjectRecord } from "../../core/projects/project.ts";
import { Conflict, NotFound } from "../../core/protocol/error.ts";
import { type JobRecord, lanes, type PayloadRef } from "../../core/protocol/job.ts";
import { callbackView, failureView, iso, progressView } from "../../core/protocol/wire.ts";
import { type Artifact, artifact, keptIn } from "../../jobs/generation/files.ts";
import { generation, generationResult, projectFields } from "../../jobs/generation/generation.ts";
import { createProject, generate, jobOfProject, projectStatus } from "../../jobs/generation/projects.ts";
import { accepted } from "./accept.ts";
import { jobKey, noJob } from "./job-key.ts";
import { type AnyRoute, type Call, type Door, Reply, route, SeeOther } from "./route.ts";
import * as schemas from "./schemas.ts";

const status = z.enum(["pending", "in_progress", "completed", "failed"]);

const project = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    user_id: z.string().meta({ description: "Who made it" }),
    created_at: z.string(),
    status: status.meta({ description: "A view of its job; without one it is pending" }),
    generations: z.int().meta({ description: "How often it was generated" }),
    job_id: z.string().nullable().meta({ description: "Its latest job of type generation" }),
    progress: schemas.job.shape.progress,
    error: schemas.job.shape.error,
    degraded: z.boolean(),
    mock: z.boolean(),
    questions: schemas.job.shape.callbacks.meta({
      description: "What it waits for from its user; POST /api/callbacks/{id} answers",
    }),
  })
  .meta({ id: "Project" });

function projectView(record: ProjectRecord, job: JobRecord | undefined): z.infer<typeof project> {
  const { id, name, description, by, createdAt, generation } = record;
  return {
    id,
    name,
    description,
    user_id: by,
    created_at: iso(createdAt),
    status: job ? projectStatus[job.status] : "pending",
    generations: generation?.number ?? 0,
    job_id: job?.jobId ?? null,
    progress: job ? progressView(job) : null,
    error: failureView(job?.failure),
    degraded: job?.degraded ?? false,
    mock: job?.mock ?? false,
    questions: (job?.callbacks ?? []).filter(({ decided }) => !decided).map(callbackView),
  };
}

const manifest = z
  .object({
    project_id: z.string(),
    job_id: z.string().nullable(),
    complete: z.boolean().meta({ description: "False while files may still be added or mended" }),
    files: z.array(artifact),
  })
  .meta({ id: "ProjectFiles" });

const file = z
  .object({ ...artifact.shape, content: z.string() })
  .meta({ id: "ProjectFile", description: "Data, to be read: nothing of it was ever run" });

const pathParams = z.object({
  ...schemas.idParams.shape,
  path: z.string().min(1).max(300).meta({ description: "As in the manifest, percent-encoded" }),
});

type ById = Call<{ id: string }, unknown, unknown>;

/** @throws NotFound for what does not exist, or is another tenant's. */
async function projectOf({ principal, params }: ById, { services }: Door): Promise<ProjectRecord> {
  const record = await services.projects.get({ tenant: principal.tenant, id: params.id });
  if (!record) throw new NotFound(`No project "${params.id}"`);
  return record;
}

/** What a project's latest job has written: all of it once it has completed, else what is there so far. */
async function written({ services }: Door, record: ProjectRecord) {
  const head = await jobOfProject(services, record);
  if (!head) return { files: [] };
  const job = head.status === "completed" ? await readJob(services, head) : undefined;
  const result = generationResult.safeParse(job?.result_data);
  if (result.success) return { head, result: result.data, files: result.data.files };
  const { entries } = await wholeJournal(services, head);
  return { head, files: keptIn(entries.flatMap(({ events }) => events)) };
}

/** Where the zip of a job is that has completed. Its address is the job's own word, never the caller's. */
async function leadToBundle(
  { services: { payloads, settings } }: Door,
  { bundle }: z.infer<typeof generationResult>,
): Promise<SeeOther> {
  return new SeeOther(await payloads.readingLink(refOf(bundle), settings.readingLinkSeconds));
}

const refOf = ({ ref: key, bytes, sha256 }: Pick<Artifact, "ref" | "bytes" | "sha256">): PayloadRef => ({
  key,
  bytes,
  sha256,
});

const listedAtOnce = 10;
const plainText = "text/plain; charset=utf-8";
const asJson = "application/json";

/** Projects, which jobs of type generation write file by file. */
export const projectRoutes: AnyRoute[] = [
  route({
    method: "post",
    path: "/api/projects",
    summary: "Describes a project that is to be generated",
    access: "jobs:write",
    body: z.strictObject(projectFields).meta({ id: "ProjectRequest" }),
    idempotent: true,
    answer: {
      status: 201,
      description: "The project; 429 when its user has made as many today as are allowed",
      schema: project,
    },
    handle: async (call, { services }) => {
      const { tenant, id: by } = call.principal;
      const made = await createProject(services, { tenant, by }, call.body, call.idempotencyKey);
      if (made.deduplicated) call.setHeader("Idempotent-Replayed", "true");
      return projectView(made.project, await jobOfProject(services, made.project));
    },
  }),

  route({
    method: "get",
    path: "/api/projects",
    summary: "Lists projects, newest first",
    access: "jobs:read",
    query: schemas.pageQuery,
    answer: {
      status: 200,
      description: "A page of projects",
      schema: z.object({ projects: z.array(project), next_cursor: z.string().nullable() }),
    },
    handle: async ({ principal, query }, { services }) => {
      const { projects, cursor } = await services.projects.list(principal.tenant, query);
      const views = await inParallel(projects, listedAtOnce, async (record) =>
        projectView(record, await jobOfProject(services, record)),
      );
      return { projects: views, next_cursor: cursor ?? null };
    },
  }),

  route({
    method: "get",
    path: "/api/projects/{id}",
    summary: "Reads a project",
    access: "jobs:read",
    params: schemas.idParams,
    answer: { status: 200, description: "The project as it is at this moment", schema: project },
    handle: async (call, door) => {
      const record = await projectOf(call, door);
      return projectView(record, await jobOfProject(door.services, record));
    },
  }),

  route({
    method: "post",
    path: "/api/projects/{id}/generate",
    summary: "Has a project generated in the background",
    access: "jobs:write",
    params: schemas.idParams,
    body: z
      .strictObject({
        fresh: z.boolean().optional().meta({
          description: "After a failure: begin anew, instead of going on with what is there",
        }),
        priority: z.enum(lanes).optional(),
      })
      .optional(),
    idempotent: true,
    answer: {
      status: 202,
      description: "A job of type generation; the one that is at work if there is one",
      schema: z
        .object({ ...schemas.acceptedJob.shape, project_id: z.string() })
        .meta({ id: "AcceptedGeneration" }),
    },
    handle: async (call, door) => {
      const { principal, params, idempotencyKey } = call;
      const key = { tenant: principal.tenant, id: params.id };
      const asked = { ...call.body, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) };
      const submitted = await generate(door.services, door.jobs, principal.id, key, asked);
      return { ...accepted(call, door, submitted), project_id: params.id };
    },
  }),

  route({
    method: "get",
    path: "/api/projects/{id}/files",
    summary: "Lists the files of a project, those that are there while it is generated too",
    access: "jobs:read",
    params: schemas.idParams,
    answer: { status: 200, description: "The manifest", schema: manifest },
    handle: async (call, door) => {
      const { head, result, files } = await written(door, await projectOf(call, door));
      return {
        project_id: call.params.id,
        job_id: head?.jobId ?? null,
        complete: result !== undefined,
        files,
      };
    },
  }),

  route({
    method: "get",
    path: "/api/projects/{id}/files/{path}",
    summary: "Reads one file of a project; with `Accept: text/plain` as it is",
    access: "jobs:read",
    params: pathParams,
    answer: { status: 200, description: "The file, as data", schema: file },
    replies: [{ status: 200, description: "The file", contentType: plainText, schema: z.string() }],
    handle: async (call, door) => {
      const { files } = await written(door, await projectOf(call, door));
      const found = files.find(({ path }) => path === call.params.path);
      if (!found) throw new NotFound(`Project "${call.params.id}" has no file "${call.params.path}"`);
      const content = await door.services.payloads.get(refOf(found));
      if (call.preferred([asJson, "text/plain"]) !== asJson) return new Reply(200, plainText, content);
      return { ...found, content };
    },
  }),

  route({
    method: "get",
    path: "/api/projects/{id}/bundle",
    summary: "All files of a project as a zip",
    access: "jobs:read",
    params: schemas.idParams,
    redirects: true,
    answer: {
      status: 200,
      description: "Never given: `Location` says where the zip is. 409 until the project is completed",
      schema: z.never(),
    },
    handle: async (call, door) => {
      const record = await projectOf(call, door);
      const { head, result } = await written(door, record);
      if (!result) {
        const stands = head ? projectStatus[head.status] : "pending";
        throw new Conflict(`Project "${record.id}" has no bundle: it is ${stands}`, {
          details: { project_status: stands },
        });
      }
      return leadToBundle(door, result);
    },
  }),

  route({
    method: "get",
    path: "/api/jobs/{id}/bundle",
    summary: "All files that a job of type generation has written, as a zip",
    access: "jobs:read",
    params: schemas.idParams,
    redirects: true,
    answer: {
      status: 200,
      description: "Never given: `Location` says where the zip is. 409 until the job has completed",
      schema: z.never(),
    },
    handle: async (call, door) => {
      const job = await readJob(door.services, jobKey(call));
      if (!job) throw noJob(call.params.id);
      if (job.type !== generation.type)
        throw new NotFound(`Job "${job.id}" has no bundle: it is of type ${job.type}`);
      const result = generationResult.safeParse(job.result_data);
      if (result.success) return leadToBundle(door, result.data);
      throw new Conflict(`Job "${job.id}" has no bundle: it is ${job.status}`, {
        details: { job_status: job.status },
      });
    },
  }),
];
