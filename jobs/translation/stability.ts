import * as z from "zod";
import { defineJob } from "../../core/engine/job-type.ts";
import { StepError, StepFailed } from "../../core/protocol/error.ts";
import { modelFields, modelsOf, withModels } from "../shared/models.ts";
import { fenceFor } from "../shared/quoting.ts";
import { languageNames, stabilityLanguages } from "./languages.ts";
import { stabilityPrompt } from "./prompts.ts";
import { analysis, rounded, roundTrip, roundTripOf } from "./round-trip.ts";

export const stabilityInput = z
  .strictObject({
    text: z.string().trim().min(1).max(20_000),
    languages: z
      .array(z.enum(languageNames))
      .min(1)
      .max(languageNames.length)
      .optional()
      .meta({
        description: `Default: ${stabilityLanguages.join(", ")}`,
      }),
    source_language: z.string().trim().min(1).max(50).optional().meta({ description: "Default: english" }),
    ...modelFields,
  })
  .meta({ id: "StabilityInput" });

export const stabilityResult = z
  .object({
    original_text: z.string(),
    languages: z.array(
      z.union([
        roundTrip,
        z.object({
          intermediate_language: z.string(),
          error: z.object({ code: z.string(), message: z.string() }),
        }),
      ]),
    ),
    drift_by_language: z.record(z.string(), z.number()),
    average_drift: z.number().nullable(),
    stability_score: z.number().nullable().meta({ description: "1 - average_drift: 1 is perfectly stable" }),
    stable_elements: z.array(z.string()).meta({ description: "Up to five, the most stable first" }),
    volatile_elements: z.array(z.string()).meta({ description: "Up to five, the most volatile first" }),
  })
  .meta({ id: "StabilityResult" });

type Input = z.infer<typeof stabilityInput>;
type Result = z.infer<typeof stabilityResult>;

/** What a model names beyond the five that are asked for is not worth asking again. */
const five = z.array(z.string()).transform((elements) => elements.slice(0, 5));
const core = z.object({ stable: five, volatile: five });

/** Sends a text through several languages and back, and finds the core of meaning that survives all of them. */
export const stability = defineJob<Input, Result>({
  type: "translation-stability",
  version: 1,
  summary: "Sends a text through several languages and back, and finds the meaning that survives all of them",
  input: stabilityInput,
  result: stabilityResult,
  example: { text: "Time flies like an arrow.", languages: ["spanish", "chinese"] },
  prepare: withModels,
  title: ({ languages = stabilityLanguages }) => `Stability of meaning in ${languages.length} languages`,
  description: ({ text }) => text.slice(0, 50),

  async run(ctx, input) {
    const { text, source_language: source = "english" } = input;
    const languages = [...new Set(input.languages ?? stabilityLanguages)];
    const models = modelsOf(input);
    const fence = fenceFor(ctx.job.jobId);
    let ended = 0;
    const show = (current_step: string, details: string) =>
      ctx.progress({
        current_step,
        total_steps: languages.length + 1,
        completed_steps: ended,
        percentage: Math.round((1000 * ended) / (languages.length + 1)) / 10,
        details,
      });

    show("Translating", `Through ${languages.join(", ")} and back`);
    // A language that fails is named in the result and costs the others nothing.
    const outcomes: Result["languages"] = await Promise.all(
      languages.map((intermediate) =>
        ctx.runInChildContext(intermediate, async (scope) => {
          try {
            return await roundTripOf(scope, { text, source, intermediate, models, fence });
          } catch (error) {
            if (!(error instanceof StepError)) throw error;
            ctx.degraded();
            return {
              intermediate_language: intermediate,
              error: { code: error.code, message: error.message },
            };
          } finally {
            ended += 1;
            show("Translating", `${ended} of ${languages.length} languages: ${intermediate} is back`);
          }
        }),
      ),
    );
    const returned = outcomes.filter((outcome) => "final_text" in outcome);
    if (returned.length === 0) {
      const reasons = outcomes.flatMap((outcome) => ("error" in outcome ? outcome.error.message : []));
      throw new StepFailed("no_translation", `No language could be translated: ${reasons.join("; ")}`);
    }

    const drifts = returned.flatMap(({ intermediate_language: language, semantic_drift: drift }) =>
      drift === null ? [] : [[language, drift] as const],
    );
    const average =
      drifts.length > 0 ? rounded(drifts.reduce((sum, [, drift]) => sum + drift, 0) / drifts.length) : null;
    show("Finding the stable core", `Comparing ${returned.length} reports`);
    const reports = returned.map(
      ({ intermediate_language: language, preserved_elements, lost_elements }) => ({
        language,
        preserved: preserved_elements,
        lost: lost_elements,
      }),
    );
    // The languages are paid for: their reports are the result, with or without a common core.
    const found = await analysis(ctx, "core", stabilityPrompt(text, reports, fence), core, models);
    ended += 1;
    show("Completed", "The stable core has been found");
    return {
      original_text: text,
      languages: outcomes,
      drift_by_language: Object.fromEntries(drifts),
      average_drift: average,
      stability_score: average === null ? null : rounded(1 - average),
      stable_elements: found?.stable ?? [],
      volatile_elements: found?.volatile ?? [],
    };
  },
});
