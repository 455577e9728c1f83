import { createHash } from "node:crypto";
import type { Member } from "./input.ts";

/** What must be visible wherever something that a model wrote is shown. */
export type Marks = { truncated?: true; mock?: true };

/** What a member said to the question. `label` is its anonymous name in the result. */
export type Answer = Marks & { member: Member; label: string; text: string };

/** The answers as one ranker sees them: in its own order, under its own labels. */
export type Ballot = {
  ranker: Member;
  /** In the order shown. `label` is what this ranker knows the answer as, not `answer.label`. */
  entries: { label: string; answer: Answer }[];
};

/** `Response A` to `Response Z`. */
export function labelAt(index: number): string {
  return `Response ${String.fromCharCode(65 + index)}`;
}

/**
 * Shuffles the answers for one ranker, so that neither a place in the list nor a letter can favour an answer: models
 * prefer what they read first. The order follows from the job and the ranker alone, so a replay asks the same
 * question again.
 *
 * With `excludeSelf` the ranker's own answer is left out, unless fewer than two would remain to be compared.
 */
export function ballotFor(
  jobId: string,
  ranker: Member,
  answers: Answer[],
  options: { excludeSelf: boolean },
): Ballot {
  const others = answers.filter((answer) => answer.member.name !== ranker.name);
  const shown = options.excludeSelf && others.length >= 2 ? others : answers;
  const entries = shown
    // Ordered by a hash, every order is as likely as any other.
    .map((answer) => ({ answer, place: digest(jobId, "place", ranker.name, answer.member.name) }))
    .sort((a, b) => (a.place < b.place ? -1 : 1))
    .map(({ answer }, index) => ({ label: labelAt(index), answer }));
  return { ranker, entries };
}

/**
 * Rewrites what a ranker wrote from its own labels to the common ones, so that one key (`label_to_model` of the
 * result) reads every ranking. Understands `Response A` and `Responses A, B and C`; rankers are asked to write labels
 * in full.
 */
export function toCommonLabels(ballot: Ballot, text: string): string {
  const common = new Map(
    ballot.entries.map(({ label, answer }) => [letterOf(label), letterOf(answer.label)]),
  );
  return text.replace(mention, (named) =>
    named.replace(/\b[A-Z]\b/g, (letter) => common.get(letter) ?? letter),
  );
}

const mention =
  /\b[Rr]esponses[ \t]+[A-Z]\b(?:(?:,? (?:and|or) |, ?| ?[&/] ?)[A-Z]\b)*|\b[Rr]esponse[ \t]+[A-Z]\b/g;

function letterOf(label: string): string {
  return label.slice(-1);
}

function digest(...parts: string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("hex");
}
