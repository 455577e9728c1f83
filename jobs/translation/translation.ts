import * as z from "zod";
import { defineJob } from "../../core/engine/job-type.ts";
import { modelFields, modelsOf, withModels } from "../shared/models.ts";
import { fenceFor } from "../shared/quoting.ts";
import { stagesOf } from "../shared/stages.ts";
import { languageNames } from "./languages.ts";
import { type RoundTrip, roundTrip, roundTripOf } from "./round-trip.ts";

export const translationInput = z
  .strictObject({
    text: z.string().trim().min(1).max(50_000),
    intermediate_language: z.enum(languageNames),
    source_language: z.string().trim().min(1).max(50).optional().meta({ description: "Default: english" }),
    ...modelFields,
  })
  .meta({ id: "TranslationInput" });

export const translationResult = roundTrip.meta({ id: "TranslationResult" });

type Input = z.infer<typeof translationInput>;

const stages = {
  models: { name: "Initializing analysis", percentage: 20 },
  forward: { name: "Forward translation", percentage: 40 },
  backward: { name: "Backward translation", percentage: 60 },
  drift: { name: "Analyzing semantic drift", percentage: 80 },
  end: { name: "Analysis complete", percentage: 100 },
};

/** Sends a text into another language and back, and says what of its meaning was preserved, lost and gained. */
export const translation = defineJob<Input, RoundTrip>({
  type: "translation",
  version: 1,
  summary: "Sends a text into another language and back, and says what of its meaning was lost on the way",
  input: translationInput,
  result: translationResult,
  example: { text: "Time flies like an arrow.", intermediate_language: "japanese" },
  prepare: withModels,
  title: ({ intermediate_language }) => `Round trip through ${intermediate_language}`,
  description: ({ text }) => text.slice(0, 50),

  async run(ctx, input) {
    const show = stagesOf(ctx, stages);
    const models = modelsOf(input);
    show("models", `${models[0]} is going to translate and compare`);
    await ctx.step("models", async () => models);
    const { text, source_language: source = "english", intermediate_language: intermediate } = input;
    const fence = fenceFor(ctx.job.jobId);
    const result = await roundTripOf(ctx, { text, source, intermediate, models, fence }, show);
    show("end", "The analysis is complete");
    return result;
  },

  message: "text",
  reply: ({ final_text, intermediate_language, semantic_drift, lost_elements, ...data }) => ({
    content: [
      final_text,
      `Through ${intermediate_language} and back${semantic_drift === null ? "" : `, semantic drift ${semantic_drift.toFixed(2)}`}.`,
      ...(lost_elements.length > 0 ? [`Lost on the way: ${lost_elements.join("; ")}.`] : []),
    ].join("\n\n"),
    data: { ...data, final_text, intermediate_language, semantic_drift, lost_elements },
  }),
});
