import type * as z from "zod";
import type { JobContext } from "../../core/engine/context.ts";
import { defineJob } from "../../core/engine/job-type.ts";
import { ServiceError, StepError } from "../../core/protocol/error.ts";
import { iso } from "../../core/protocol/wire.ts";
import type { projectionResult } from "../projection/projection.ts";
import { askFor, writeText } from "../shared/ask-model.ts";
import { modelsOf, withModels } from "../shared/models.ts";
import { fenceFor } from "../shared/quoting.ts";
import { depthOf, depths } from "./depths.ts";
import { type Goal, insightsPrompt, questionPrompt, suggestionPrompt, synthesisPrompt } from "./prompts.ts";
import {
  answerForm,
  answerPath,
  endsDialogue,
  insights,
  type MaieuticInput,
  type MaieuticResult,
  maieuticInput,
  maieuticResult,
  offerForm,
  offerPath,
  sessionSoFar,
  synthesisPath,
  type Turn,
  turnPath,
} from "./session.ts";
import { choices, guessed, type Suggestion, suggestion } from "./suggestion.ts";

type Answered = Turn & { answer: string };

/** What all turns of one dialogue have in common. */
type Session = {
  ctx: JobContext;
  narrative: string;
  goal: Goal;
  maxTurns: number;
  models: [string, ...string[]];
  fence: string;
};

/** A dialogue that nobody carries on is summed up a day before its job would be too old. */
const openForMs = 6 * 86_400_000;
/** The longest narrative that a projection takes. */
const narrativeLength = 50_000;

/** Asks about a narrative, each question deeper than the one before, and waits for the answers: for days, if need be. */
export const maieutic = defineJob<MaieuticInput, MaieuticResult>({
  type: "maieutic",
  version: 1,
  summary: "Leads a Socratic dialogue about a narrative and sums up what is understood in the end",
  input: maieuticInput,
  result: maieuticResult,
  example: {
    narrative: "A manager takes credit for a colleague's idea.",
    goal: "understand",
    max_turns: 3,
    interactive: false,
  },
  prepare: withModels,
  title: ({ goal = "understand", interactive }) =>
    interactive === false ? `Questions to ${goal} a narrative` : `Dialogue to ${goal} a narrative`,
  description: ({ narrative }) => narrative.slice(0, 50),

  async run(ctx, input) {
    const { narrative, goal = "understand", max_turns: maxTurns = 5, interactive = true } = input;
    const models = modelsOf(input);
    const session: Session = { ctx, narrative, goal, maxTurns, models, fence: fenceFor(ctx.job.jobId) };
    show(session, 1, "Starting dialogue session", `${models[0]} is going to ask, ${maxTurns} times at most`);
    await ctx.step("session", async () => ({ goal, max_turns: maxTurns, models }));
    const result = sessionSoFar(ctx.job, input, new Map());
    if (!interactive) {
      const turns = await prepare(session);
      show(session, maxTurns + 2, "Dialogue prepared", `${turns.length} questions are ready`);
      return { ...result, turns };
    }
    const turns = await converse(session);
    if (turns.length > 0) {
      result.final_understanding = await synthesise(session, turns);
      result.extracted_elements = await project(session, turns, result.final_understanding);
    }
    show(
      session,
      maxTurns + 2,
      "Dialogue complete",
      `${turns.length} of ${maxTurns} questions were answered`,
    );
    return { ...result, turns };
  },
});

/** @param at - the step that begins, of as many as there can be questions, one for the start and one for the end. */
function show({ ctx, maxTurns }: Session, at: number, current_step: string, details: string): void {
  const total_steps = maxTurns + 2;
  const percentage = Math.round((1000 * at) / total_steps) / 10;
  ctx.progress({ current_step, total_steps, completed_steps: at - 1, percentage, details });
}

/** Question after question, each given an answer, until there are enough or somebody has had enough. */
async function converse(session: Session): Promise<Answered[]> {
  const { ctx, maxTurns } = session;
  const turns: Answered[] = [];
  for (let number = 1; number <= maxTurns; number += 1) {
    const { question, depth } = await ask(session, number, { exchanges: turns });
    show(session, number + 1, `Waiting for answer ${number}`, question.slice(0, 200));
    const { answer: given } = await ctx.ask(answerPath(number), {
      question,
      schema: answerForm,
      deadline: stillOpen(ctx),
      default: { answer: "done" },
    });
    const answer = given.trim();
    if (endsDialogue(answer)) break;
    const timestamp = iso(ctx.now());
    show(session, number + 1, `Considering answer ${number}`, "What the answer shows");
    const found = await insightsOf(session, number, { question, answer });
    turns.push(
      await ctx.step(
        turnPath(number),
        async (): Promise<Answered> => ({ question, answer, insights: found, depth_level: depth, timestamp }),
      ),
    );
  }
  return turns;
}

/** All questions at once, for a dialogue that is held elsewhere. */
async function prepare(session: Session): Promise<Turn[]> {
  const { ctx, maxTurns } = session;
  const turns: Turn[] = [];
  for (let number = 1; number <= maxTurns; number += 1) {
    const before = turns.map(({ question }) => question);
    const { question, depth } = await ask(session, number, { exchanges: [], before });
    turns.push({ question, answer: null, insights: [], depth_level: depth, timestamp: iso(ctx.now()) });
  }
  return ctx.step("structure", async () => turns);
}

/** Has a question written. Where no model can, one stands in that fits any narrative. */
async function ask(
  session: Session,
  number: number,
  shown: { exchanges: Answered[]; before?: string[] },
): Promise<{ question: string; depth: number }> {
  const { ctx, models, narrative, goal, fence } = session;
  const depth = depthOf(number - 1);
  show(session, number + 1, `Generating question ${number}`, `Depth ${depth}: ${depths[depth]!.about}`);
  const prompt = questionPrompt({ narrative, goal, depth, fence, ...shown });
  const question = await orElse(ctx, depths[depth]!.question, async () => {
    const { text } = await writeText(ctx, `question-${number}`, { models, prompt, maxOutputTokens: 1_024 });
    return text.trim();
  });
  return { question, depth };
}

async function insightsOf(
  { ctx, models, narrative, fence }: Session,
  number: number,
  exchange: { question: string; answer: string },
): Promise<string[]> {
  const prompt = insightsPrompt(narrative, exchange, fence);
  const request = { models, prompt, maxOutputTokens: 2_048 };
  return orElse(
    ctx,
    [],
    async () => (await askFor(ctx, `insights-${number}`, request, insights)).value.insights,
  );
}

async function synthesise(session: Session, turns: Answered[]): Promise<string> {
  const { ctx, models, narrative, goal, maxTurns, fence } = session;
  show(session, maxTurns + 1, "Synthesizing understanding", `From ${turns.length} answers`);
  const prompt = synthesisPrompt(narrative, goal, turns, fence);
  return (await writeText(ctx, synthesisPath, { models, prompt })).text;
}

/** Offers to retell what was understood, and does so if that is wanted. */
async function project(
  session: Session,
  turns: Answered[],
  understanding: string,
): Promise<MaieuticResult["extracted_elements"]> {
  const { ctx, models, narrative, goal, maxTurns, fence } = session;
  const suggested: Suggestion = await orElse(
    ctx,
    guessed(goal, `${narrative}\n${understanding}`),
    async () => {
      const prompt = suggestionPrompt(understanding, choices, fence);
      return (await askFor(ctx, "suggestion", { models, prompt, maxOutputTokens: 1_024 }, suggestion)).value;
    },
  );
  const { persona, namespace, style } = suggested;
  const offer = `Shall it be retold as an allegory? Persona ${persona}, namespace ${namespace}, style ${style}`;
  show(session, maxTurns + 1, "Offering a projection", offer);
  const { accept, ...wanted } = await ctx.ask(offerPath, {
    question: offer,
    schema: offerForm,
    deadline: stillOpen(ctx),
    default: { accept: false },
  });
  if (!accept) return { suggestion: suggested };
  const chosen = { ...suggested, ...wanted };
  show(
    session,
    maxTurns + 1,
    "Creating projection",
    `${chosen.persona}, ${chosen.namespace}, ${chosen.style}`,
  );
  const input = { narrative: enriched(narrative, turns, understanding), ...chosen, models };
  try {
    const made = await ctx.invoke<z.infer<typeof projectionResult>>("projection", "projection", input);
    return { suggestion: suggested, projection: made.projection };
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    // The dialogue is none the worse for it.
    ctx.degraded();
    return { suggestion: suggested, projection_error: { code: error.code, message: error.message } };
  }
}

/** The narrative with what the dialogue has added to it. */
function enriched(narrative: string, turns: Answered[], understanding: string): string {
  const found = turns.flatMap((turn) => turn.insights.map((insight) => `- ${insight}`));
  return [narrative, ...(found.length > 0 ? [found.join("\n")] : []), understanding]
    .join("\n\n")
    .slice(0, narrativeLength);
}

/** How long from now a dialogue still waits for people. */
function stillOpen(ctx: JobContext): { seconds: number } {
  return { seconds: Math.max(0, ctx.job.createdAt + openForMs - ctx.now()) / 1000 };
}

/** What is had without a model when none could do it. */
async function orElse<T>(ctx: JobContext, otherwise: T, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    ctx.degraded();
    return otherwise;
  }
}
