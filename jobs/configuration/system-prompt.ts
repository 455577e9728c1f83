import * as z from "zod";
import { defineJob } from "../../core/engine/job-type.ts";
import { writeText } from "../shared/ask-model.ts";
import { modelFields, modelsOf, withModels } from "../shared/models.ts";
import { fenceFor } from "../shared/quoting.ts";
import { arbitrationPrompt } from "./prompts.ts";

const part = z.string().trim().min(1).max(50_000);

export const systemPromptInput = z
  .strictObject({
    parts: z
      .record(z.string().max(64), part)
      .refine((parts) => Object.keys(parts).length > 0, "Needs at least one part"),
    context: z.string().trim().max(2_000).optional().meta({ description: "What the prompt is for" }),
    ...modelFields,
  })
  .meta({ id: "SystemPromptInput" });

export const systemPromptResult = z
  .object({ system_prompt: z.string(), model: z.string() })
  .meta({ id: "SystemPromptResult" });

type Input = z.infer<typeof systemPromptInput>;
type Result = z.infer<typeof systemPromptResult>;

/** Merges the parts of a system prompt into one that does not contradict itself. */
export const systemPrompt = defineJob<Input, Result>({
  type: "system-prompt",
  version: 1,
  summary: "Merges parts of a system prompt into one that does not contradict itself",
  input: systemPromptInput,
  result: systemPromptResult,
  example: {
    parts: { persona: "An old sailor who has seen it all", language_style: "Short sentences, no adverbs" },
    context: "Answers to children's questions",
  },
  prepare: withModels,
  title: () => "Merging a system prompt",
  description: ({ parts, context }) => context || Object.keys(parts).join(", "),

  async run(ctx, input) {
    const prompt = arbitrationPrompt(input.parts, input.context ?? "", fenceFor(ctx.job.jobId));
    const { text, model } = await writeText(ctx, "merge", { models: modelsOf(input), prompt });
    return { system_prompt: text.trim(), model };
  },
});

/** What stands in for a merged prompt. */
export function concatenated(parts: Record<string, string>, context: string): string {
  return [...Object.values(parts), ...(context ? [`This is for: ${context}`] : [])].join("\n\n");
}
