import * as z from "zod";

const labels = z.record(z.string(), z.string());
const marks = {
  truncated: z
    .literal(true)
    .optional()
    .meta({ description: "The model hit its limit before it had finished" }),
  mock: z.literal(true).optional().meta({ description: "Answered by a mock model" }),
};

export const councilResult = z
  .object({
    stage1: z.array(
      z.object({
        model: z.string(),
        response: z.string(),
        ...marks,
      }),
    ),
    stage2: z.array(
      z.object({
        model: z.string().meta({ description: "The ranker" }),
        ranking: z
          .string()
          .meta({ description: "Its evaluation in words, with the labels of `label_to_model`" }),
        parsed_ranking: z
          .array(z.string())
          .meta({ description: "Labels, best first. Empty when the ranking could not be used" }),
        parsed: z.boolean().meta({ description: "Whether the ranking was counted" }),
        format: z.enum(["structured", "text"]),
        label_to_model: labels.meta({ description: "The part of `metadata.label_to_model` it had to rank" }),
        presented: z
          .array(z.string())
          .meta({ description: "The same answers in the order in which this ranker was shown them" }),
        ...marks,
      }),
    ),
    stage3: z.object({
      model: z.string(),
      response: z.string(),
      ...marks,
    }),
    metadata: z.object({
      label_to_model: labels,
      aggregate_rankings: z
        .array(
          z.object({
            model: z.string(),
            average_rank: z.number().meta({ description: "1 is best, the number of answers is worst" }),
            rankings_count: z.int(),
            votes: z.int().meta({ description: "Rankings that put it first" }),
          }),
        )
        .meta({ description: "Best first" }),
      agreement: z.number().min(0).max(1).nullable().meta({
        description: "Kendall's W of the counted rankings; null where it is not defined",
      }),
      rankings_counted: z.int(),
      failures: z.array(
        z.object({
          stage: z.enum(["stage1", "stage2"]),
          model: z.string(),
          code: z.string(),
          message: z.string(),
        }),
      ),
      note: z.string().optional().meta({ description: "Why there is no aggregate ranking" }),
    }),
    title: z
      .string()
      .nullable()
      .meta({ description: "Null for a follow-up message, whose conversation has its title" }),
  })
  .meta({ id: "CouncilResult" });

export type CouncilResult = z.infer<typeof councilResult>;
