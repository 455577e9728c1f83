import * as z from "zod";
import type { Standing } from "./aggregate.ts";
import type { Answer } from "./ballots.ts";
import type { Ranking } from "./ranking.ts";

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

/** What a stage brought, and whom it lost. */
export type Outcome<T> = { got: T[]; lost: CouncilResult["metadata"]["failures"] };

export type Tally = { standings: Standing[]; agreement: number | undefined; counted: number };

/** All that a council has done, in the shape that clients know. */
export function report(work: {
  answers: Outcome<Answer>;
  rankings: Outcome<Ranking>;
  tally: Tally;
  final: CouncilResult["stage3"];
  title: string | null;
}): CouncilResult {
  const { answers, rankings, tally, final, title } = work;
  return {
    stage1: answers.got.map(({ member, label: _label, text, ...marks }) => ({
      model: member.name,
      response: text,
      ...marks,
    })),
    stage2: rankings.got.map(({ ballot, format, text, order, ...marks }) => {
      const presented = ballot.entries.map(({ answer }) => answer);
      return {
        model: ballot.ranker.name,
        ranking: text,
        parsed_ranking: order.map((answer) => answer.label),
        parsed: order.length > 0,
        format,
        label_to_model: keyTo(presented),
        presented: presented.map((answer) => answer.label),
        ...marks,
      };
    }),
    stage3: final,
    metadata: {
      label_to_model: keyTo(answers.got),
      aggregate_rankings: tally.standings,
      agreement: tally.agreement ?? null,
      rankings_counted: tally.counted,
      failures: [...answers.lost, ...rankings.lost],
      ...(tally.counted > 0 ? {} : { note: "There is no aggregate ranking: none could be had or read" }),
    },
    title,
  };
}

/** In the order of the labels. */
function keyTo(answers: Answer[]): Record<string, string> {
  const sorted = answers.toSorted((a, b) => (a.label < b.label ? -1 : 1));
  return Object.fromEntries(sorted.map(({ label, member }) => [label, member.name]));
}
