import * as z from "zod";
import { type AnyJobType, defineJob } from "../core/engine/job-type.ts";

/** What one call of the simulated model is told. In a crash test the last two rankings take `stagger` ms. */
export type ReferenceInput = { job: string; latency: number; stagger?: number };

export const members = [0, 1, 2, 3];

/** Bytes of one answer, by the kind of step. */
export const answerBytes = { answer: 2048, rank: 1024, final: 3072 };

/**
 * The job of all comparisons: a council of four with nine calls, each of which is a durable step. Four answers, four
 * rankings, one conclusion; no title, and nothing but text.
 * @param callModel - answers after a delay; `step` is `answer-0`, `rank-3`, `final-0`.
 */
export function referenceJob(
  callModel: (input: ReferenceInput, step: string) => Promise<string>,
): AnyJobType {
  return defineJob({
    type: "reference",
    version: 1,
    summary: "A council of four simulated members, to measure with",
    input: z.object({ job: z.string(), latency: z.number(), stagger: z.number().optional() }),
    result: z.string(),
    example: { job: "1", latency: 0 },
    title: ({ job }) => `Reference ${job}`,
    description: ({ latency }) => `Nine calls of ${latency} ms`,
    async run(ctx, input) {
      const step = (name: string) => ctx.step(name, () => callModel(input, name));
      const answers = await ctx.promise.all(
        "answers",
        members.map((member) => step(`answer-${member}`)),
      );
      const ranks = await ctx.promise.all(
        "ranks",
        members.map((member) => step(`rank-${member}`)),
      );
      const whole = (texts: string[], bytes: number) => texts.every((text) => text.length === bytes);
      if (!whole(answers, answerBytes.answer) || !whole(ranks, answerBytes.rank))
        throw new Error("Lost data");
      return step("final-0");
    },
  });
}
