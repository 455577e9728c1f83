import * as z from "zod";
import type { Json } from "../protocol/json.ts";
import { childIdOf } from "./ids.ts";
import type { AnyJobType, JobType } from "./job-type.ts";

const mostJobs = 100;

/** The jobs of a batch, without a look at what their types want. */
export const batchInput = z.strictObject({
  jobs: z
    .array(
      z.strictObject({
        type: z.string().max(64).meta({ description: "One of GET /api/job-types" }),
        input: z
          .custom<Json>((value) => value !== undefined, "Invalid input: expected a value")
          .meta({
            description: "As the job type's input_schema says",
          }),
        title: z.string().trim().min(1).max(200).optional(),
      }),
    )
    .min(1)
    .max(mostJobs),
});

const batchResult = z.object({
  completed: z.number(),
  failed: z.number(),
  jobs: z.array(
    z.object({
      job_id: z.string(),
      type: z.string(),
      completed: z.boolean(),
      error: z.object({ code: z.string(), message: z.string() }).optional(),
    }),
  ),
});

export const batchType = "batch";

/**
 * Up to 100 jobs as one: with a progress, an end and a cancel of their own. Each of its jobs is a job like any other,
 * read by its id; one that fails is no failure of the batch.
 * @param find - the types that a batch may hold: all are checked before anything is written.
 */
export function batchJob(
  find: (type: string) => AnyJobType | undefined,
): JobType<z.infer<typeof batchInput>, z.infer<typeof batchResult>> {
  return {
    type: batchType,
    version: 1,
    summary: "Up to 100 jobs of any types, submitted, shown and cancelled as one",
    input: batchInput.superRefine(({ jobs }, context) => {
      for (const [index, { type, input }] of jobs.entries()) {
        const jobType = type === batchType ? undefined : find(type);
        if (!jobType) {
          const message = type === batchType ? "A batch holds no batches" : `No job type "${type}"`;
          context.addIssue({ code: "custom", path: ["jobs", index, "type"], message });
        }
        for (const issue of jobType?.input.safeParse(input).error?.issues ?? []) {
          context.addIssue({ ...issue, path: ["jobs", index, "input", ...issue.path] });
        }
      }
    }),
    result: batchResult,
    example: { jobs: [{ type: "council", input: { question: "Why is the sky blue?" } }] },
    title: ({ jobs }) => `${jobs.length} jobs`,
    description: ({ jobs }) => [...new Set(jobs.map(({ type }) => type))].join(", "),
    run: async (ctx, { jobs }) => {
      let ended = 0;
      const show = () =>
        ctx.progress({
          current_step: "Jobs",
          total_steps: jobs.length,
          completed_steps: ended,
          percentage: (100 * ended) / jobs.length,
          details: `${ended} of ${jobs.length} jobs have ended`,
        });
      show();
      const outcomes = await Promise.all(
        jobs.map(async ({ type, input, title }, index) => {
          const name = `job-${index}`;
          const error = await ctx.invoke(name, type, input, title === undefined ? {} : { title }).then(
            () => undefined,
            ({ code, message }: { code: string; message: string }) => ({ code, message }),
          );
          ended += 1;
          show();
          const one = { job_id: childIdOf(ctx.job, name), type, completed: error === undefined };
          return error ? { ...one, error } : one;
        }),
      );
      const completed = outcomes.filter((one) => one.completed).length;
      return { completed, failed: outcomes.length - completed, jobs: outcomes };
    },
  };
}
