import type { Ask } from "../../core/protocol/job.ts";
import type { MaieuticInput, MaieuticResult, Suggestion, Turn } from "./shapes.ts";
import { type Work, type Writing, whole } from "./work.ts";

/** A dialogue at any moment. */
export type DialogueView = {
  narrative: string;
  goal: string;
  mostTurns: number;
  isInteractive: boolean;
  turns: TurnView[];
  understanding: Writing;
  /** As it is offered, and as it was taken. */
  suggestion: Suggestion | undefined;
  isDeclined: boolean;
  /** A retelling is offered, and nobody has said yes or no. */
  offer: Open | undefined;
  /** Of the projection that was accepted. */
  projectionId: string | undefined;
  projection: { final_projection: string } | undefined;
  projectionError: string | undefined;
};

export type TurnView = {
  number: number;
  depth: number;
  question: Writing;
  /** Null where none was wanted, or somebody has ended the dialogue instead. */
  answer: string | null | undefined;
  insights: string[] | undefined;
  /** It waits for an answer. */
  open?: Open;
};

type Open = { callbackId: string; ask: Ask; until: number | undefined };

export const depthNames = [
  "What happened",
  "Motives and conflicts",
  "Causes and tensions",
  "Assumptions",
  "What is universal",
];

const deepest = depthNames.length - 1;

/** @param told - answers that the service has taken in, by callback, and that the journal at hand does not have yet. */
export function dialogueView(
  input: MaieuticInput | undefined,
  result: MaieuticResult | undefined,
  work: Work,
  told: ReadonlyMap<string, string> = new Map(),
): DialogueView {
  const turns = result?.turns.length ? finished(result.turns, work) : underWay(work, told);
  const elements = result?.extracted_elements ?? {};
  const offer = openAt(work, "offer");
  const suggested = elements.suggestion ?? work.object<Suggestion>("suggestion");
  const { accept, ...wanted } = work.value<{ accept: boolean } & Partial<Suggestion>>("offer") ?? {};
  const understood = work.writing("understanding");
  return {
    narrative: result?.initial_narrative ?? input?.narrative ?? "",
    goal: result?.goal ?? input?.goal ?? "understand",
    mostTurns: result?.max_turns ?? input?.max_turns ?? 5,
    isInteractive: input?.interactive !== false,
    turns,
    understanding: result?.final_understanding ? whole(result.final_understanding, understood) : understood,
    suggestion: suggested && { ...suggested, ...wanted },
    isDeclined: accept === false,
    offer: offer && !told.has(offer.callbackId) ? offer : undefined,
    projectionId: work.part("projection")?.step.childJobId,
    projection: elements.projection as DialogueView["projection"],
    projectionError: elements.projection_error?.message,
  };
}

function finished(turns: Turn[], work: Work): TurnView[] {
  return turns.map(({ question, answer, insights, depth_level }, index) => ({
    number: index + 1,
    depth: depth_level,
    question: whole(question, work.writing(`question-${index + 1}`)),
    answer,
    insights,
  }));
}

function underWay(work: Work, told: ReadonlyMap<string, string>): TurnView[] {
  const turns: TurnView[] = [];
  for (let number = 1; ; number += 1) {
    const asked = work.part(`answer-${number}`);
    const written = work.part(`question-${number}`);
    if (!asked && !written) return turns;
    const turn = work.value<Turn>(`turn-${number}`);
    const open = openAt(work, `answer-${number}`);
    const writing = work.writing(`question-${number}`);
    const question = turn?.question ?? asked?.step.ask?.question;
    const given = work.value<{ answer: string }>(`answer-${number}`)?.answer;
    const answer = turn?.answer ?? given ?? (open && told.get(open.callbackId));
    turns.push({
      number,
      depth: turn?.depth_level ?? Math.min(number - 1, deepest),
      question: question === undefined ? writing : whole(question, writing),
      answer,
      insights: turn?.insights,
      ...(open && answer === undefined ? { open } : {}),
    });
  }
}

function openAt(work: Work, name: string): Open | undefined {
  const part = work.part(name);
  const { callbackId, ask, until } = part?.step ?? {};
  return part?.status === "waiting" && callbackId && ask ? { callbackId, ask, until } : undefined;
}
