import * as z from "zod";
import type { JobContext } from "../../core/engine/context.ts";
import { ServiceError } from "../../core/protocol/error.ts";
import { askFor, writeText } from "../shared/ask-model.ts";
import { elementsPrompt, linguisticPrompt, similarityPrompt, translationPrompt } from "./prompts.ts";

const linguistic = z.object({
  tone_change: z.string(),
  style_change: z.string(),
  complexity_change: z.enum(["simpler", "more_complex", "similar"]),
  structural_changes: z.array(z.string()),
  notable_patterns: z.array(z.string()),
});

const elements = z.object({
  preserved: z.array(z.string()),
  lost: z.array(z.string()),
  gained: z.array(z.string()),
});

const similarity = z.object({
  similarity: z.number().min(0).max(1).meta({ description: "0: nothing in common, 1: the same" }),
  reason: z.string(),
});

export const roundTrip = z.object({
  original_text: z.string(),
  translated_text: z.string(),
  final_text: z.string(),
  source_language: z.string(),
  intermediate_language: z.string(),
  semantic_similarity: z
    .number()
    .nullable()
    .meta({ description: "As the model scored it; null if it did not" }),
  semantic_drift: z.number().nullable().meta({ description: "1 - semantic_similarity: 0 is no drift" }),
  score_parsed: z.boolean(),
  preserved_elements: z.array(z.string()),
  lost_elements: z.array(z.string()),
  gained_elements: z.array(z.string()),
  linguistic_analysis: linguistic.nullable(),
});

export type RoundTrip = z.infer<typeof roundTrip>;

/** What a round trip shows of itself, as it happens. */
export type Shown = (stage: "forward" | "backward" | "drift", details: string) => void;

/**
 * Sends a text into a language and back, and looks at what has become of it. The texts are needed; an analysis that
 * cannot be had is left out, and the result is marked as degraded.
 */
export async function roundTripOf(
  ctx: JobContext,
  asked: { text: string; source: string; intermediate: string; models: [string, ...string[]]; fence: string },
  show: Shown = () => {},
): Promise<RoundTrip> {
  const { text, source, intermediate, models, fence } = asked;
  const translate = async (name: string, what: string, from: string, to: string) =>
    (
      await writeText(ctx, name, {
        models,
        prompt: translationPrompt(what, from, to, fence),
        maxOutputTokens: 8_192,
      })
    ).text;

  show("forward", `From ${source} into ${intermediate}`);
  const there = await translate("forward", text, source, intermediate);
  show("backward", `From ${intermediate} back into ${source}`);
  const back = await translate("backward", there, intermediate, source);

  show("drift", "Comparing the two texts");
  const pair = { original: text, returned: back, intermediate, fence };
  const [score, language, meaning] = await Promise.all([
    analysis(ctx, "similarity", similarityPrompt(pair), similarity, models),
    analysis(ctx, "language", linguisticPrompt(pair), linguistic, models),
    analysis(ctx, "elements", elementsPrompt(pair), elements, models),
  ]);
  const scored = score?.similarity ?? null;
  return {
    original_text: text,
    translated_text: there,
    final_text: back,
    source_language: source,
    intermediate_language: intermediate,
    semantic_similarity: scored,
    semantic_drift: scored === null ? null : rounded(1 - scored),
    score_parsed: score !== undefined,
    preserved_elements: meaning?.preserved ?? [],
    lost_elements: meaning?.lost ?? [],
    gained_elements: meaning?.gained ?? [],
    linguistic_analysis: language ?? null,
  };
}

/** 1 - 0.9 is not 0.1 in binary fractions. */
export function rounded(score: number): number {
  return Math.round(score * 1e6) / 1e6;
}

/** An analysis that cannot be had is undefined. */
export async function analysis<T>(
  ctx: JobContext,
  name: string,
  prompt: string,
  shape: z.ZodType<T>,
  models: [string, ...string[]],
): Promise<T | undefined> {
  try {
    return (await askFor(ctx, name, { models, prompt }, shape)).value;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    ctx.degraded();
    return undefined;
  }
}
