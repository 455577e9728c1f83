import * as z from "zod";
import { faultsOf, longestPath } from "./paths.ts";

const sentence = z.string().trim().min(1).max(1_000);

/** What the spec writer makes of a description. */
export const draft = z.object({
  summary: z.string().trim().min(1).max(4_000),
  features: z
    .array(sentence)
    .min(1)
    .max(30)
    .meta({ description: "What it does, each so that it can be checked" }),
  constraints: z.array(sentence).max(20).meta({ description: "Languages, limits, conventions" }),
  questions: z
    .array(z.object({ question: sentence, assumption: sentence }))
    .max(3)
    .meta({
      description:
        "What the description leaves open and what changes what is built, each with what will be assumed without an answer. Empty when it is clear",
    }),
});

export type Draft = z.infer<typeof draft>;

export const decision = z.object({
  question: z.string(),
  answer: z.string(),
  by: z.enum(["user", "assumption"]),
});

export type Decision = z.infer<typeof decision>;

/** What is to be built, with nothing left open. */
export const specification = z.object({
  summary: z.string(),
  features: z.array(z.string()),
  constraints: z.array(z.string()),
  decisions: z.array(decision).meta({ description: "What was open, and how it was settled" }),
});

export type Specification = z.infer<typeof specification>;

/** What the architect draws: the files in an order in which each builds on earlier ones only. */
export function architectureOf(mostFiles: number) {
  return z
    .object({
      overview: z.string().trim().min(1).max(8_000),
      technologies: z.array(sentence).max(20),
      files: z
        .array(
          z.object({
            path: z.string().max(longestPath).meta({
              description:
                'Relative to the project\'s folder, e.g. "README.md", "src/index.ts", "src/greeting.ts"',
            }),
            purpose: sentence,
          }),
        )
        .min(2)
        .max(mostFiles)
        .meta({ description: "What others build on comes first" }),
    })
    .superRefine(({ files }, context) => {
      for (const message of faultsOf(files.map(({ path }) => path)))
        context.addIssue({ code: "custom", path: ["files"], message });
    });
}

export type Architecture = z.infer<ReturnType<typeof architectureOf>>;

/** One file that one developer writes, once those that it depends on are there. */
export type Task = {
  path: string;
  purpose: string;
  instructions: string;
  /** Positions of earlier tasks. */
  dependsOn: number[];
};

/** Paths make poor names of properties: providers allow few signs there. */
export const labelOf = (index: number): string => `file_${index + 1}`;

/**
 * What the tech lead answers with: one task for each file, which can depend on earlier files only. So no file can be
 * forgotten, and no circle can be said.
 */
export function tasksOf(files: Architecture["files"]): z.ZodType<Record<string, TaskAnswer>> {
  const instructions = z.string().trim().min(1).max(4_000);
  const task = (path: string, index: number): z.ZodType<TaskAnswer> => {
    const earlier = Array.from({ length: index }, (_, before) => labelOf(before));
    const shape =
      index === 0
        ? z.object({ instructions })
        : z.object({ instructions, depends_on: z.array(z.enum(earlier)).max(index) });
    return shape.meta({ description: path });
  };
  return z.object(Object.fromEntries(files.map(({ path }, index) => [labelOf(index), task(path, index)])));
}

type TaskAnswer = { instructions: string; depends_on?: string[] };

export function tasksIn(files: Architecture["files"], answer: Record<string, TaskAnswer>): Task[] {
  return files.map((file, index) => {
    const { instructions, depends_on: labels = [] } = answer[labelOf(index)]!;
    const dependsOn = files.flatMap((_, before) => (labels.includes(labelOf(before)) ? [before] : []));
    return { ...file, instructions, dependsOn };
  });
}

/** What the reviewer answers with. */
export function reviewOf(files: number) {
  const labels = Array.from({ length: files }, (_, index) => labelOf(index));
  return z.object({
    summary: z.string().trim().min(1).max(4_000),
    findings: z
      .array(z.object({ file: z.enum(labels), problem: sentence, change: sentence }))
      .max(20)
      .meta({ description: "What would not work or is missing. Empty when nothing has to change" }),
  });
}

export type Finding = z.infer<ReturnType<typeof reviewOf>>["findings"][number];
