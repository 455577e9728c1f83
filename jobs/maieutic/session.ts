import * as z from "zod";
import type { Json, Millis } from "../../core/protocol/json.ts";
import { iso } from "../../core/protocol/wire.ts";
import { modelFields } from "../shared/models.ts";
import { type Goal, goals } from "./prompts.ts";
import { suggestion } from "./suggestion.ts";

export const maieuticInput = z
  .strictObject({
    narrative: z.string().trim().min(1).max(20_000),
    goal: z
      .enum(Object.keys(goals) as [Goal, ...Goal[]])
      .optional()
      .meta({ description: "Default: understand" }),
    max_turns: z.int().min(1).max(20).optional().meta({ description: "Default: 5, one for each depth" }),
    interactive: z.boolean().optional().meta({
      description: "`false` prepares all questions at once and waits for no answer. Default: true",
    }),
    ...modelFields,
  })
  .meta({ id: "MaieuticInput" });

export type MaieuticInput = z.infer<typeof maieuticInput>;

/** A question with what came of it. What was only prepared has no answer. */
export const turn = z.object({
  question: z.string(),
  answer: z.string().nullable(),
  insights: z.array(z.string()),
  depth_level: z.number().meta({ description: "0: the surface, 4: what is universal" }),
  timestamp: z.string(),
});

export type Turn = z.infer<typeof turn>;

export const maieuticResult = z
  .object({
    id: z.string(),
    initial_narrative: z.string(),
    goal: z.string(),
    max_turns: z.number(),
    turns: z.array(turn),
    extracted_elements: z.object({
      suggestion: suggestion.optional(),
      projection: z.json().optional().meta({ description: "The result of the projection job" }),
      projection_error: z.object({ code: z.string(), message: z.string() }).optional(),
    }),
    final_understanding: z.string().nullable(),
    created_at: z.string(),
  })
  .meta({ id: "MaieuticResult" });

export type MaieuticResult = z.infer<typeof maieuticResult>;

const ending = /^\W*(quit|exit|done)\W*$/i;

/** What a model is asked for after an answer. */
export const insights = z.object({ insights: z.array(z.string().min(1)).min(1).max(3) });

/** Whether an answer is none, but the wish to come to an end. */
export function endsDialogue(answer: string): boolean {
  return ending.test(answer);
}

/** The form of an answer. */
export const answerForm = z.strictObject({
  answer: z
    .string()
    .max(10_000)
    .regex(/\S/, "Invalid input: expected some text")
    .meta({ description: "quit, exit or done ends the dialogue" }),
});

/** The form in which a projection is taken or left. */
export const offerForm = z.strictObject({
  accept: z.boolean(),
  ...suggestion.partial().shape,
});

/** Where a job waits for people. Turns count from 1. */
export const answerPath = (turn: number) => `answer-${turn}`;
export const offerPath = "offer";
/** Where the journal has a whole turn, and the synthesis. */
export const turnPath = (turn: number) => `turn-${turn}`;
export const synthesisPath = "understanding";

/** @returns undefined for any other path. */
export function turnOfAnswer(path: string): number | undefined {
  const turn = /^answer-(\d+)$/.exec(path)?.[1];
  return turn === undefined ? undefined : Number(turn);
}

/** A dialogue that has not come to its end, as far as its journal has it. */
export function sessionSoFar(
  job: { jobId: string; createdAt: Millis },
  input: MaieuticInput,
  steps: Map<string, Json>,
): MaieuticResult {
  const { narrative, goal = "understand", max_turns: maxTurns = 5 } = input;
  // Another model that stands in writes below the path of the first.
  const [, synthesis] = [...steps].find(([path]) => path.split("/", 1)[0] === synthesisPath) ?? [];
  const understanding = z.object({ text: z.string() }).safeParse(synthesis);
  const turns: Turn[] = [];
  for (let number = 1; steps.has(turnPath(number)); number += 1)
    turns.push(turn.parse(steps.get(turnPath(number))));
  return {
    id: job.jobId,
    initial_narrative: narrative,
    goal,
    max_turns: maxTurns,
    turns,
    extracted_elements: {},
    final_understanding: understanding.success ? understanding.data.text : null,
    created_at: iso(job.createdAt),
  };
}
