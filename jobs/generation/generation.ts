import * as z from "zod";
import type { JobContext } from "../../core/engine/context.ts";
import { defineJob } from "../../core/engine/job-type.ts";
import type { ModelName } from "../../core/models/model.ts";
import type { Payloads } from "../../core/payloads/payloads.ts";
import { ServiceError, StepError, StepFailed } from "../../core/protocol/error.ts";
import type { JsonObject } from "../../core/protocol/json.ts";
import { askFor, writeText } from "../shared/ask-model.ts";
import { modelFields, modelsOf, withModels } from "../shared/models.ts";
import { fenceFor } from "../shared/quoting.ts";
import { type Show, stagesOf } from "../shared/stages.ts";
import { artifact, bundle, bundled, kept, mustBeFile, type Written } from "./files.ts";
import { inOrder } from "./in-order.ts";
import {
  type Architecture,
  architectureOf,
  type Decision,
  type Draft,
  draft,
  type Finding,
  labelOf,
  reviewOf,
  type Specification,
  specification,
  type Task,
  tasksIn,
  tasksOf,
} from "./plan.ts";
import {
  architecturePrompt,
  type Brief,
  filePrompt,
  fixPrompt,
  reviewPrompt,
  specificationPrompt,
  tasksPrompt,
} from "./prompts.ts";

const usual = { minutesToAnswer: 24 * 60, files: 20, parallel: 4, fixRounds: 2 };

/** What a project says of itself. */
export const projectFields = {
  name: z.string().trim().min(1).max(100),
  description: z.string().trim().min(1).max(20_000).meta({ description: "What is to be built" }),
  preferences: z
    .string()
    .trim()
    .min(1)
    .max(4_000)
    .optional()
    .meta({ description: "Languages, frameworks, conventions" }),
  ask: z.boolean().optional().meta({
    description: "Whether to ask when something is unclear, or to go on with an assumption. Default: true",
  }),
  answer_within_minutes: z
    .int()
    .min(1)
    .max(5 * 24 * 60)
    .optional()
    .meta({
      description: `Without an answer by then the assumption stands. Default: ${usual.minutesToAnswer}`,
    }),
  max_files: z
    .int()
    .min(2)
    .max(40)
    .optional()
    .meta({ description: `Default: ${usual.files}` }),
  max_parallel: z
    .int()
    .min(1)
    .max(10)
    .optional()
    .meta({ description: `Files that are written at the same time. Default: ${usual.parallel}` }),
  max_fix_rounds: z
    .int()
    .min(0)
    .max(3)
    .optional()
    .meta({
      description: `How often what the reviewer finds is mended and reviewed again. Default: ${usual.fixRounds}`,
    }),
  ...modelFields,
};

export const generationInput = z
  .strictObject({
    project_id: z.string().max(100).optional().meta({ description: "The project that it is for" }),
    user_id: z.string().max(200).optional().meta({ description: "Who wants it" }),
    ...projectFields,
  })
  .meta({ id: "GenerationInput" });

type Input = z.infer<typeof generationInput>;

export const generationResult = z
  .object({
    project_id: z.string().nullable(),
    user_id: z.string().nullable(),
    specification,
    architecture: z.object({ overview: z.string(), technologies: z.array(z.string()) }),
    files: z.array(artifact).meta({ description: "In the order of the architecture" }),
    review: z.object({
      rounds: z.int().meta({ description: "How often everything was reviewed" }),
      summary: z.string().nullable().meta({ description: "Of the last review" }),
      open_findings: z
        .array(z.object({ path: z.string(), problem: z.string(), change: z.string() }))
        .meta({ description: "What the last review found and nobody has mended" }),
    }),
    bundle: bundle.meta({ description: "All files as a zip" }),
  })
  .meta({ id: "GenerationResult" });

type Result = z.infer<typeof generationResult>;

const stages = {
  specification: { name: "Writing the specification", percentage: 5 },
  clarification: { name: "Asking what is unclear", percentage: 12 },
  architecture: { name: "Drawing the architecture", percentage: 15 },
  tasks: { name: "Dividing the work", percentage: 22 },
  development: { name: "Writing the files", percentage: 30 },
  review: { name: "Reviewing and fixing", percentage: 75 },
  bundle: { name: "Bundling", percentage: 95 },
  end: { name: "Generation complete", percentage: 100 },
};

/** What everybody who works on one project has in common. */
type Workshop = {
  input: Input;
  brief: Brief;
  models: [ModelName, ...ModelName[]];
  payloads: Payloads;
  show: Show<typeof stages>;
};

type Plan = { specification: Specification; architecture: Architecture; tasks: Task[] };

/** Has a software project specified, designed, written file by file and reviewed. What it writes is never run. */
export const generation = defineJob<Input, Result>({
  type: "generation",
  version: 1,
  summary: "Specifies, designs, writes and reviews a software project, file by file, and bundles it",
  input: generationInput,
  result: generationResult,
  example: { name: "Greeter", description: "A command that greets whoever is named, in three languages" },
  prepare: withModels,
  title: ({ name }) => name,
  description: ({ description }) => description.slice(0, 200),

  async run(ctx, input, { payloads }) {
    const { name, description, preferences } = input;
    const brief = { name, description, preferences, fence: fenceFor(ctx.job.jobId) };
    const workshop = { input, brief, models: modelsOf(input), payloads, show: stagesOf(ctx, stages) };
    const plan = await planned(ctx, workshop);
    const written = await developed(ctx, workshop, plan);
    const { files, review } = await reviewed(ctx, workshop, plan, written);
    workshop.show("bundle", `Bundling ${files.length} files`);
    const delivered = await bundled(ctx, payloads, files, name);
    workshop.show("end", `${files.length} files are ready`);
    const { overview, technologies } = plan.architecture;
    return {
      project_id: input.project_id ?? null,
      user_id: input.user_id ?? null,
      specification: plan.specification,
      architecture: { overview, technologies },
      ...delivered,
      review,
    };
  },
});

/** Spec writer, architect and tech lead, one after the other. */
async function planned(ctx: JobContext, { input, brief, models, show }: Workshop): Promise<Plan> {
  show("specification", `Specifying ${brief.name}`);
  const wanted = { models, prompt: specificationPrompt(brief), maxOutputTokens: 8_192 };
  const { value: sketch } = await askFor(ctx, "specification", wanted, draft);
  const open = sketch.questions.length;
  show("clarification", open === 1 ? "1 question is open" : `${open} questions are open`);
  const specification = await settled(ctx, input, sketch);

  show("architecture", `${specification.features.length} features need a structure`);
  const { max_files: mostFiles = usual.files } = input;
  const prompt = architecturePrompt(brief, specification, mostFiles);
  const { value: architecture } = await askFor(
    ctx,
    "architecture",
    { models, prompt, maxOutputTokens: 8_192 },
    architectureOf(mostFiles),
  );

  const { files } = architecture;
  show("tasks", `${files.length} files need instructions`);
  const { value: answer } = await askFor(
    ctx,
    "tasks",
    { models, prompt: tasksPrompt(brief, specification, architecture), maxOutputTokens: 16_384 },
    tasksOf(files),
  );
  return { specification, architecture, tasks: tasksIn(files, answer) };
}

/** Nothing is left open: the user decides, or the assumption that the spec writer has named. */
async function settled(
  ctx: JobContext,
  input: Input,
  { questions, ...sketch }: Draft,
): Promise<Specification> {
  const answers = questions.length > 0 && (input.ask ?? true) ? await answered(ctx, input, questions) : {};
  const decisions = questions.map(({ question, assumption }, index): Decision => {
    const answer = answers[`answer_${index + 1}`]?.trim();
    return answer ? { question, answer, by: "user" } : { question, answer: assumption, by: "assumption" };
  });
  return { ...sketch, decisions };
}

/** What the user says to the questions: those that were answered, by the names of the form's fields. */
async function answered(
  ctx: JobContext,
  { name, answer_within_minutes: minutes = usual.minutesToAnswer }: Input,
  questions: Draft["questions"],
): Promise<Record<string, string>> {
  const fields = questions.map(({ question, assumption }, index) => [
    `answer_${index + 1}`,
    { type: "string", maxLength: 2_000, title: question, description: `Without an answer: ${assumption}` },
  ]);
  const schema: JsonObject = {
    type: "object",
    properties: Object.fromEntries(fields),
    additionalProperties: false,
  };
  const list = questions.map(
    ({ question, assumption }, index) => `${index + 1}. ${question} (Without an answer: ${assumption})`,
  );
  try {
    return await ctx.ask<Record<string, string>>("clarification", {
      question: [`Before "${name}" is designed:`, ...list].join("\n"),
      schema,
      deadline: { minutes },
      default: {},
    });
  } catch (error) {
    // Somebody has refused to answer, which leaves the assumptions.
    if (error instanceof StepError) return {};
    throw error;
  }
}

/** The path of a file's steps: told apart by its number, known by its name. */
function placeOf(index: number, path: string): string {
  return `${index + 1}-${path.replace(/[^A-Za-z0-9_.-]+/g, "-")}`;
}

/**
 * Developers, as many at a time as may be, each as soon as what its file builds on is there. When a file cannot be had
 * the others are still written: a retry of the job then begins with what is missing.
 */
async function developed(ctx: JobContext, workshop: Workshop, plan: Plan): Promise<Written[]> {
  const { tasks } = plan;
  const { brief, input, show } = workshop;
  const written: Written[] = [];
  const done = () => written.filter(Boolean).length;
  show("development", `${tasks.length} files are to be written`);

  const outcomes = await ctx.runInChildContext("develop", (scope) =>
    inOrder(tasks, input.max_parallel ?? usual.parallel, async (index) => {
      const task = tasks[index]!;
      const dependencies = task.dependsOn.map((earlier) => written[earlier]!);
      const prompt = filePrompt(brief, plan, task, dependencies);
      written[index] = await writeFile(scope, workshop, placeOf(index, task.path), task, prompt);
      show("development", `${done()} of ${tasks.length} files are written`, done() / tasks.length);
    }),
  );

  const failed = outcomes.flatMap((outcome, index) =>
    outcome.status === "rejected" ? [{ path: tasks[index]!.path, reason: outcome.reason as unknown }] : [],
  );
  if (failed.length === 0) return written;
  const failures = failed.map(({ path, reason }) => {
    if (!(reason instanceof ServiceError)) throw reason;
    return { path, code: reason.code, message: reason.message };
  });
  throw new StepFailed(
    "generation_incomplete",
    `${failures.length} of ${tasks.length} files could not be written: ${failures[0]!.message}`,
    { details: { failures } },
  );
}

async function writeFile(
  scope: JobContext,
  { models, brief, payloads }: Workshop,
  place: string,
  file: { path: string; purpose: string },
  prompt: string,
): Promise<Written> {
  const check = mustBeFile(brief.fence);
  return scope.runInChildContext(place, async (own) => {
    const answer = await writeText(own, "write", { models, prompt, maxOutputTokens: 32_768, check });
    return kept(own, payloads, file, answer, brief.fence);
  });
}

/**
 * The reviewer reads everything, developers mend what it finds, and it reads again, so many times. A review that cannot
 * be had, or a fault that cannot be mended, leaves the files as they are and says so.
 */
async function reviewed(
  ctx: JobContext,
  workshop: Workshop,
  plan: Plan,
  written: Written[],
): Promise<{ files: Written[]; review: Result["review"] }> {
  const mostRounds = workshop.input.max_fix_rounds ?? usual.fixRounds;
  let files = written;
  let rounds = 0;
  let summary: string | null = null;
  let open: Finding[] = [];
  for (;;) {
    workshop.show("review", `Review ${rounds + 1}`, rounds / (mostRounds + 1));
    const review = await inspected(ctx, workshop, plan, files, rounds + 1);
    if (!review) break;
    rounds += 1;
    ({ summary, findings: open } = review);
    if (open.length === 0 || rounds > mostRounds) break;
    workshop.show("review", `${open.length} findings are being mended`, (rounds - 0.5) / (mostRounds + 1));
    files = await mended(ctx, workshop, plan, files, open, rounds);
  }
  const pathOf = new Map(files.map(({ artifact: { path } }, index) => [labelOf(index), path]));
  const open_findings = open.map(({ file, ...finding }) => ({ path: pathOf.get(file)!, ...finding }));
  return { files, review: { rounds, summary, open_findings } };
}

async function inspected(
  ctx: JobContext,
  { models, brief }: Workshop,
  plan: Plan,
  files: Written[],
  round: number,
) {
  const prompt = reviewPrompt(brief, plan, files);
  try {
    const request = { models, prompt, maxOutputTokens: 8_192 };
    const { value } = await askFor(ctx, `review-${round}`, request, reviewOf(files.length));
    return value;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    ctx.degraded();
    return undefined;
  }
}

async function mended(
  ctx: JobContext,
  workshop: Workshop,
  plan: Plan,
  files: Written[],
  findings: Finding[],
  round: number,
): Promise<Written[]> {
  return ctx.runInChildContext(`fix-${round}`, async (scope) => {
    const independent = files.map(() => ({ dependsOn: [] }));
    const outcomes = await inOrder(
      independent,
      workshop.input.max_parallel ?? usual.parallel,
      async (index) => {
        const file = files[index]!;
        const mine = findings.filter(({ file: label }) => label === labelOf(index));
        if (mine.length === 0) return file;
        const others = files.filter((other) => other !== file);
        const prompt = fixPrompt(workshop.brief, plan, file, mine, others);
        const place = placeOf(index, file.artifact.path);
        return writeFile(scope, workshop, place, file.artifact, prompt);
      },
    );
    return outcomes.map((outcome, index) => {
      if (outcome.status === "fulfilled") return outcome.value;
      if (!(outcome.reason instanceof ServiceError)) throw outcome.reason;
      scope.degraded();
      return files[index]!;
    });
  });
}
