import { quote, quotedAsData } from "../shared/quoting.ts";
import { depths } from "./depths.ts";

export const goals = {
  understand: "to understand what happened and why",
  clarify: "to make clear what is vague or contradictory",
  discover: "to discover what the narrator does not see yet",
  question: "to put what the narrator is sure of to the test",
} as const;
export type Goal = keyof typeof goals;

export type Exchange = { question: string; answer: string };

/** So many of the last exchanges are shown again. */
const remembered = 3;

function exchangesOf(exchanges: Exchange[], fence: string): string[] {
  return exchanges.map(({ question, answer }, index) =>
    quote("exchange", fence, `Question: ${question}\nAnswer: ${answer}`, String(index + 1)),
  );
}

export function questionPrompt(asked: {
  narrative: string;
  goal: Goal;
  depth: number;
  exchanges: Exchange[];
  /** Questions that nobody has answered, which are not to be asked again. */
  before?: string[];
  fence: string;
}): string {
  const { narrative, goal, depth, exchanges, before = [], fence } = asked;
  return [
    `You lead a Socratic dialogue about a narrative, ${goals[goal]}. You only ask; you neither explain nor judge nor ` +
      "advise. Ask one open question about a single aspect, one that cannot be answered with yes or no and that takes up " +
      `what was said last. It goes for ${depths[depth]!.about}. Write the question only.`,
    quotedAsData(fence),
    quote("narrative", fence, narrative),
    ...exchangesOf(exchanges.slice(-remembered), fence),
    ...before.slice(-remembered).map((question) => quote("asked-before", fence, question)),
  ].join("\n\n");
}

export function insightsPrompt(narrative: string, exchange: Exchange, fence: string): string {
  return [
    "Somebody was asked a question about a narrative of theirs, and answered it. Name one to three insights that the " +
      "answer holds: what it shows that the narrative alone did not. Each in one sentence; nothing that was not said.",
    quotedAsData(fence),
    quote("narrative", fence, narrative),
    ...exchangesOf([exchange], fence),
  ].join("\n\n");
}

export function synthesisPrompt(
  narrative: string,
  goal: Goal,
  turns: (Exchange & { insights: string[] })[],
  fence: string,
): string {
  const insights = turns.flatMap((turn) => turn.insights);
  return [
    `Below are a narrative and a dialogue that was held about it, ${goals[goal]}. Write down in a few paragraphs what is ` +
      "understood now: what the dialogue has brought to light, how it hangs together, and what remains open. Address the " +
      "narrator.",
    quotedAsData(fence),
    quote("narrative", fence, narrative),
    ...exchangesOf(turns, fence),
    ...(insights.length > 0
      ? [quote("insights", fence, insights.map((text) => `- ${text}`).join("\n"))]
      : []),
  ].join("\n\n");
}

export function suggestionPrompt(
  understanding: string,
  choices: Record<"persona" | "namespace" | "style", Record<string, { description: string }>>,
  fence: string,
): string {
  const lists = Object.entries(choices).map(
    ([kind, presets]) =>
      `The ${kind} is one of:\n${Object.entries(presets)
        .map(([name, { description }]) => `- ${name}: ${description}`)
        .join("\n")}`,
  );
  return [
    "What is understood below is going to be told as an allegory. Choose who tells it (persona), the world it is told in " +
      "(namespace) and how it is worded (style), so that they bring out what matters in it. Answer with three names.",
    ...lists,
    quotedAsData(fence),
    quote("understanding", fence, understanding),
  ].join("\n\n");
}
