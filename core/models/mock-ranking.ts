import { quotations, seeded } from "./mock-text.ts";
import type { Taste } from "./mock-voices.ts";

/** An answer by somebody else, as it stands in a prompt. */
export type Labelled = { label: string; text: string };

/** Answers between tags with a label (`<answer label="Response A">`), or under lines that say `Response A:`. */
export function labelledAnswers(prompt: string): Labelled[] {
  const inTags = quotations(prompt).flatMap(({ attributes, text }) => {
    const label = /label="(Response [A-Z])"/.exec(attributes)?.[1];
    return label ? [{ label, text }] : [];
  });
  if (inTags.length > 0) return inTags;
  const headings = [...prompt.matchAll(/^[#* ]{0,8}(Response [A-Z])[*: ]{0,8}$/gm)].slice(0, 26);
  return headings.map((heading, index) => ({
    label: heading[1]!,
    text: prompt.slice(heading.index + heading[0].length, headings[index + 1]?.index),
  }));
}

/** Best first. Under which label an answer stands in the prompt, and where, plays no part. */
export function rank(answers: Labelled[], by: { words: string[]; taste: Taste; judge: string }): Labelled[] {
  const score = (answer: Labelled) => {
    const found = traits(answer, by.words);
    const liked = traitNames.reduce((sum, trait) => sum + by.taste[trait] * found[trait], 0);
    // Two judges of the same taste still do not always agree.
    return liked + 1.5 * seeded(`${by.judge}\n${read(answer)}`)();
  };
  return answers
    .map((answer) => ({ answer, score: score(answer) }))
    .sort((one, other) => other.score - one.score)
    .map(({ answer }) => answer);
}

/** What there is to say for and against an answer. */
export function remarks(answer: Labelled, words: string[]): { good: string; bad: string } {
  const found = traits(answer, words);
  const [worst, ...others] = [...traitNames].sort((one, other) => found[one] - found[other]);
  return { good: praise[others.at(-1)!], bad: blame[worst!] };
}

const praise: Record<keyof Taste, string> = {
  coverage: "It takes up everything that was asked",
  reasons: "It gives reasons that can be followed",
  examples: "It makes its point with something concrete",
  caution: "It says how sure it is",
  brevity: "It comes to the point",
};
const blame: Record<keyof Taste, string> = {
  coverage: "It passes over a part of what was asked",
  reasons: "It asserts more than it argues",
  examples: "It stays general where a case would help",
  caution: "It is surer than it can be",
  brevity: "It is longer than it would have to be",
};

/** The ranking in prose, in the form that a council asks for. */
export function evaluation(best: Labelled[], words: string[]): string {
  const judged = best.map((answer) => {
    const { good, bad } = remarks(answer, words);
    return `${answer.label}: ${good}. ${bad}.`;
  });
  const places = best.map(({ label }, index) => `${index + 1}. ${label}`);
  return [...judged.sort(), ["FINAL RANKING:", ...places].join("\n")].join("\n\n");
}

const traitNames = ["coverage", "reasons", "examples", "caution", "brevity"] as const;

/** Each from 0 to 1. */
function traits(answer: Labelled, words: string[]): Taste {
  const text = read(answer);
  const lower = text.toLowerCase();
  const covered = words.filter((word) => lower.includes(word)).length;
  const share = (pattern: RegExp, enough: number) => Math.min(1, (text.match(pattern)?.length ?? 0) / enough);
  const sentences = text.split(/[.!?:;]\s/).length;
  return {
    coverage: words.length === 0 ? 0 : covered / words.length,
    reasons: share(/\b(because|therefore|since|hence|so that)\b/gi, 3),
    examples: share(/\b(for example|consider|imagine|take a case)\b|\d/gi, 2),
    caution: share(/\b(perhaps|probabl[ey]|might|may|likely|provisional|partly)\b/gi, 2),
    brevity: Math.min(1, (60 * sentences) / Math.max(1, text.length)),
  };
}

/** A judge reads the beginning alone, so that instructions behind the last answer do not count for it. */
function read(answer: Labelled): string {
  return answer.text.trim().slice(0, 700);
}
