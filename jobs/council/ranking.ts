import * as z from "zod";
import type { Json, JsonObject } from "../../core/protocol/json.ts";
import { type Answer, type Ballot, type Marks, toCommonLabels } from "./ballots.ts";

/** What a ranker that can answer in a given shape is asked for. */
export function rankingSchema(labels: string[]): JsonObject {
  const label = { type: "string", enum: labels };
  const remarks = { type: "array", items: { type: "string" } };
  return {
    type: "object",
    properties: {
      evaluations: {
        type: "array",
        items: {
          type: "object",
          properties: { label, strengths: remarks, weaknesses: remarks },
          required: ["label", "strengths", "weaknesses"],
          additionalProperties: false,
        },
      },
      ranking: { type: "array", items: label, description: "Every label once, best first" },
    },
    required: ["evaluations", "ranking"],
    additionalProperties: false,
  };
}

const structured = z.object({
  evaluations: z.array(
    z.object({ label: z.string(), strengths: z.array(z.string()), weaknesses: z.array(z.string()) }),
  ),
  ranking: z.array(z.string()),
});

/** A ballot that has come back. */
export type Ranking = Marks & {
  ballot: Ballot;
  format: "structured" | "text";
  /** The evaluation in words and with the common labels; a structured one reads like one that was written. */
  text: string;
  /** Best first, each at most once. Empty when the ranking does not count. */
  order: Answer[];
};

/**
 * Reads what a ranker answered, in whichever of the two forms it came. Its ranking counts when it places at least
 * half of the ballot. What it leaves out shares the places behind (see `aggregate`), so that leaving out is no way
 * to lift what is named.
 */
export function readRanking(
  ballot: Ballot,
  answer: { text: string; object?: Json },
): Pick<Ranking, "ballot" | "format" | "text" | "order"> {
  const labels = ballot.entries.map((entry) => entry.label);
  const parsed = structured.safeParse(answer.object);
  const named = parsed.success ? onBallot(parsed.data.ranking, labels) : parseRanking(answer.text, labels);
  const text = parsed.success ? inWords(parsed.data, named) : answer.text;
  const counts = named.length > 0 && named.length * 2 >= labels.length;
  return {
    ballot,
    format: parsed.success ? "structured" : "text",
    text: toCommonLabels(ballot, text),
    order: counts ? named.map((label) => ballot.entries[labels.indexOf(label)]!.answer) : [],
  };
}

function inWords({ evaluations }: z.infer<typeof structured>, order: string[]): string {
  const written = evaluations.map(({ label, strengths, weaknesses }) =>
    [label, ...strengths.map((remark) => `+ ${remark}`), ...weaknesses.map((remark) => `- ${remark}`)].join(
      "\n",
    ),
  );
  const list = order.map((label, index) => `${index + 1}. ${label}`);
  return [...written, ["FINAL RANKING:", ...list].join("\n")].join("\n\n");
}

// A line that begins with the words, whatever a model adds to make it a heading. Mentions within prose do not count.
const marker = /^[ \t#>*_`.()\d-]*final ranking(?:[ \t]*\([^)\n]*\))?[ \t*_`]*(?::|$)/gim;
const numberedLabel = /\d[.):][ \t*_`"'[(]*(Response[ \t]+[A-Z]+)\b/gi;
const mentionedLabel = /\b(Response[ \t]+[A-Z])\b/g;

/**
 * Reads a ranking out of prose: the numbered labels after `FINAL RANKING:`, or where none is numbered all labels
 * mentioned there. A ranker may quote a false ranking that an answer contains, so the last one that holds labels is
 * its own. Without the words there is no ranking, whatever labels the prose mentions.
 * @returns labels of the ballot, best first, each once. Empty when there is no ranking.
 */
export function parseRanking(text: string, labels: string[]): string[] {
  const rankings = text
    .split(marker)
    .slice(1)
    .map((section) => {
      const order = onBallot(found(section, numberedLabel), labels);
      return order.length > 0 ? order : onBallot(found(section, mentionedLabel), labels);
    });
  return rankings.findLast((order) => order.length > 0) ?? [];
}

function found(section: string, label: RegExp): string[] {
  return Array.from(section.matchAll(label), (match) => match[1]!);
}

/** Drops what is not on the ballot, and everything after its first mention. */
function onBallot(named: string[], labels: string[]): string[] {
  const byKey = new Map(labels.map((label) => [key(label), label]));
  return [...new Set(named.flatMap((name) => byKey.get(key(name)) ?? []))];
}

function key(label: string): string {
  return label.trim().replace(/\s+/g, " ").toUpperCase();
}
