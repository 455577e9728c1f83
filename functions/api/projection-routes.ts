import * as z from "zod";
import { readJob } from "../../core/engine/job-reading.ts";
import { NotFound } from "../../core/protocol/error.ts";
import { projectionInput, projectionResult } from "../../jobs/projection/projection.ts";
import { accept } from "./accept.ts";
import { jobKey } from "./job-key.ts";
import { type AnyRoute, type Door, route } from "./route.ts";
import * as schemas from "./schemas.ts";

const type = "projection";

const projectionView = z
  .object({
    id: z.string(),
    status: schemas.job.shape.status,
    progress: schemas.job.shape.progress,
    error: schemas.job.shape.error,
    degraded: schemas.job.shape.degraded,
    mock: schemas.job.shape.mock,
    created_at: z.string(),
    source_narrative: z.string(),
    projection: projectionResult.shape.projection
      .nullable()
      .meta({ description: "Null until the job has completed" }),
  })
  .meta({ id: "Projection" });

type ProjectionView = z.infer<typeof projectionView>;

const searchQuery = z.strictObject({
  query: z
    .string()
    .max(200)
    .default("")
    .meta({ description: "Words that all must occur, in any case; without any, the newest projections" }),
  limit: schemas.wholeOr(10, 1, 50),
});

/** So many of the newest projections are looked through. */
const searched = 200;

async function read(
  services: Door["services"],
  key: { tenant: string; jobId: string },
): Promise<ProjectionView | undefined> {
  const job = await readJob(services, key);
  if (job?.type !== type) return undefined;
  const result = projectionResult.safeParse(job.result_data);
  const { id, status, progress, error, degraded, mock, created_at } = job;
  const { narrative } = projectionInput.parse(job.input_data);
  const projection = result.success ? result.data.projection : null;
  return { id, status, progress, error, degraded, mock, created_at, source_narrative: narrative, projection };
}

async function search({ services }: Door, tenant: string, { query, limit }: z.infer<typeof searchQuery>) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found: ProjectionView[] = [];
  let cursor: string | undefined;
  let seen = 0;
  do {
    const page = await services.journal.list(tenant, { type, status: "completed", limit: 25, cursor });
    const views = await Promise.all(page.jobs.map(({ jobId }) => read(services, { tenant, jobId })));
    for (const view of views) {
      const { source_narrative, projection } = view ?? {};
      const text =
        `${source_narrative} ${projection?.final_projection} ${projection?.reflection}`.toLowerCase();
      if (view && words.every((word) => text.includes(word))) found.push(view);
    }
    seen += page.jobs.length;
    cursor = page.cursor;
  } while (cursor && found.length < limit && seen < searched);
  return found.slice(0, limit);
}

/** Allegorical retellings of narratives. */
export const projectionRoutes: AnyRoute[] = [
  route({
    method: "post",
    path: "/api/projection/create",
    summary: "Retells a narrative as an allegory",
    access: "jobs:write",
    body: projectionInput,
    idempotent: true,
    answer: { status: 202, description: "A job of type projection", schema: schemas.acceptedJob },
    handle: async (call, door) => {
      return accept(call, door, { type, input: call.body });
    },
  }),

  route({
    method: "get",
    path: "/api/projection/{id}",
    summary: "Reads a projection",
    access: "jobs:read",
    params: schemas.idParams,
    answer: { status: 200, description: "The projection, as far as it is", schema: projectionView },
    handle: async (call, { services }) => {
      const view = await read(services, jobKey(call));
      if (!view) throw new NotFound(`No projection "${call.params.id}"`);
      return view;
    },
  }),

  route({
    method: "get",
    path: "/api/projections/search",
    summary: "Finds completed projections by the words in them, newest first",
    access: "jobs:read",
    query: searchQuery,
    answer: {
      status: 200,
      description: `Of the newest ${searched}`,
      schema: z.object({ projections: z.array(projectionView) }),
    },
    handle: async ({ principal, query }, door) => ({
      projections: await search(door, principal.tenant, query),
    }),
  }),
];
