import { quote, quotedAsData } from "../shared/quoting.ts";

export function translationPrompt(text: string, from: string, to: string, fence: string): string {
  return [
    `Translate this text from ${from} into ${to}. Keep meaning, tone and register; where the language has no equal, ` +
      "choose what a native speaker would say. Write the translation only.",
    quotedAsData(fence),
    quote("text", fence, text),
  ].join("\n\n");
}

type Pair = { original: string; returned: string; intermediate: string; fence: string };

function pair({ original, returned, fence }: Pair): string {
  return [quotedAsData(fence), quote("original", fence, original), quote("returned", fence, returned)].join(
    "\n\n",
  );
}

export function similarityPrompt(texts: Pair): string {
  return [
    `The second text is the first one after a translation into ${texts.intermediate} and back. How similar are their ` +
      "meanings, from 0 (nothing in common) to 1 (the same in every respect)? Judge what is said, not how it is worded.",
    pair(texts),
  ].join("\n\n");
}

export function linguisticPrompt(texts: Pair): string {
  return [
    `The second text is the first one after a translation into ${texts.intermediate} and back. Say how its language ` +
      "has changed: tone, style, complexity, sentence structure, and any pattern that stands out.",
    pair(texts),
  ].join("\n\n");
}

export function elementsPrompt(texts: Pair): string {
  return [
    `The second text is the first one after a translation into ${texts.intermediate} and back. List the elements of ` +
      "meaning that were preserved, that were lost, and that were gained on the way: statements, images, nuances, each in " +
      "a few words.",
    pair(texts),
  ].join("\n\n");
}

export function stabilityPrompt(
  original: string,
  reports: { language: string; preserved: string[]; lost: string[] }[],
  fence: string,
): string {
  const lines = reports.map(({ language, preserved, lost }) =>
    quote("report", fence, `Preserved: ${preserved.join("; ")}\nLost: ${lost.join("; ")}`, language),
  );
  return [
    "A text was translated into several languages and back. For each language there is a report of which elements of " +
      "meaning were preserved and which were lost. Name up to five elements that were the most stable over all " +
      "languages, the most stable first, and up to five that were the most volatile, the most volatile first. The same " +
      "element may be worded differently in different reports.",
    quotedAsData(fence),
    quote("original", fence, original),
    ...lines,
  ].join("\n\n");
}
