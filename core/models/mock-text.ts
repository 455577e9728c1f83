import { common, type Speech } from "./mock-voices.ts";

/** Numbers from 0 to 1 that follow from the text alone (FNV-1a, then mulberry32). */
export function seeded(text: string): () => number {
  let state = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  }
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick<T>(items: T[], random: () => number): T {
  return items[Math.floor(random() * items.length)]!;
}

function shuffled<T>(items: T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}

export type Quotation = { tag: string; attributes: string; text: string; from: number; to: number };

/**
 * What a prompt quotes between tags, `<answer label="Response A">...</answer>`. At most 200 tags are looked at: a prompt
 * made of nothing else must not keep a worker busy.
 */
export function quotations(prompt: string): Quotation[] {
  const opening = /<([a-z][\w-]*)( [^<>\n]*)?>/gi;
  const found: Quotation[] = [];
  const unclosed = new Set<string>();
  for (let looked = 0; looked < 200; looked++) {
    const match = opening.exec(prompt);
    if (!match) break;
    const [{ length }, tag = "", attributes = ""] = match;
    const close = unclosed.has(tag) ? -1 : prompt.indexOf(`</${tag}>`, match.index + length);
    if (close < 0) {
      unclosed.add(tag);
      continue;
    }
    const to = close + tag.length + 3;
    found.push({ tag, attributes, text: prompt.slice(match.index + length, close), from: match.index, to });
    opening.lastIndex = to;
  }
  return found;
}

/** A prompt without what it quotes: the words of others are not to be obeyed. */
export function instructionsOf(prompt: string): string {
  let at = 0;
  const own = quotations(prompt).map(({ from, to }) => {
    const before = prompt.slice(at, from);
    at = to;
    return before;
  });
  return [...own, prompt.slice(at)].join("");
}

/** The question, also where it is wrapped in instructions; without one, what a job has it work on. */
export function asked(prompt: string): string {
  const quoted = quotations(prompt);
  const wrapped =
    quoted.find(({ tag }) => /^question\b/i.test(tag))?.text ??
    /\bquestion: *\n?(\S[^\n]*)/i.exec(instructionsOf(prompt))?.[1] ??
    quoted.find(({ tag }) => /-[0-9a-f]{16}$/.test(tag))?.text.replace(/^\s*\[mock:[^\]]*\]/, "");
  const line = /\S[^\n]*/.exec(wrapped ?? prompt)?.[0].slice(0, 300) ?? "";
  const plain = line.replace(/^["“”'<>\s]+|["“”'<>\s?.!]+$/g, "");
  return plain.length > 140 ? `${plain.slice(0, 137).trimEnd()}...` : plain;
}

const colourless = new Set(
  `about above after again against all also among and another any anything are because been before being below between
  both but can could did does doing down during each else ever every find for from further get give goes had has have
  having her here hers him himself his how into its itself just know like list made make many may might more most much
  must myself need not now off one only other our ours out over own please really same shall she should some such tell
  than that the their theirs them then there these they thing things this those through too two under until use very
  want was well were what when where whether which while who whom whose why will with within without would write yes yet
  you your yours yourself explain describe`.split(/\s+/),
);

/** The words that carry a question, in its order, each once. */
export function wordsOf(question: string): string[] {
  const found = question.toLowerCase().match(/\p{L}[\p{L}\p{N}'’-]*/gu) ?? [];
  const carrying = found.filter((word) => word.length > 2 && !colourless.has(word));
  return [...new Set(carrying.length > 0 ? carrying : found)].slice(0, 8);
}

/** Four paragraphs about the question in the given voice. */
export function essay(speech: Speech, question: string, words: string[], random: () => number): string {
  const own = shuffled(speech.argument, random);
  const shared = shuffled(common, random);
  const paragraphs = [
    [pick(speech.opening, random), own[0], shared[0]],
    [own[1], shared[1], own[2], shared[2]],
    [shared[3], own[3], ...shared.slice(4, 4 + Math.floor(3 * random()))],
    [pick(speech.closing, random)],
  ];
  return paragraphs
    .map((sentences) =>
      sentences
        .filter((sentence) => sentence !== undefined)
        .map((sentence) => fill(sentence, question, words, random))
        .join(" "),
    )
    .join("\n\n");
}

/** One sentence about the words. */
export function remark(words: string[], random: () => number): string {
  return fill(pick(common, random), words.join(" "), words, random);
}

function fill(sentence: string, question: string, words: string[], random: () => number): string {
  const [a = "the matter", b = "what surrounds it", c = "the exception"] = shuffled(words, random);
  const values: Record<string, string> = { q: question, a, b, c };
  return sentence.replace(/\{([qabc])\}/g, (_, key: string) => values[key]!);
}

const questions = [
  "What would have to be different about {a} for {b} to look another way?",
  "When you say {a}, whom or what do you leave out, and what has {b} to do with that?",
  "What did you take {a} to mean before {b}, and what do you take it to mean now?",
  "Who else could tell of {a}, and what would they say about {b}?",
  "What is it in {a} that makes {b} matter to you?",
];

/** One open question about the words. */
export function openQuestion(words: string[], random: () => number): string {
  return fill(pick(questions, random), words.join(" "), words, random);
}

/** Three to five words. */
export function title(words: string[]): string {
  return [...words, ...["a", "question", "considered"].slice(Math.min(3, words.length))]
    .slice(0, 5)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(" ");
}
