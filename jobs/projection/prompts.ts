import { sheet, type Traits } from "../configuration/attributes.ts";
import { quote, quotedAsData } from "../shared/quoting.ts";

type Chosen = { name: string; traits: Traits };

/** Whom, where and how: a preset, or what a tenant has made of it. */
export type Setting = { persona: Chosen; namespace: Chosen; style: Chosen };

export const phases = ["deconstruct", "map", "reconstruct", "stylize", "reflect"] as const;
export type Phase = (typeof phases)[number];

/**
 * What a phase is asked. Each works on the text that the phase before it has made; the reflection sees the original
 * and the finished version.
 */
export function promptFor(
  phase: Phase,
  { persona, namespace, style }: Setting,
  texts: { narrative: string; before: string; fence: string },
): string {
  const { narrative, before, fence } = texts;
  const data = quotedAsData(fence);
  switch (phase) {
    case "deconstruct":
      return [
        "Take this narrative apart into what it consists of. Write five short sections, WHO, WHAT, WHY, HOW and " +
          "OUTCOME: who acts and who is acted upon, what happens, from which motives, by which means, with which result. " +
          "Stay with what the narrative says or plainly implies; add nothing.",
        data,
        quote("narrative", fence, narrative),
      ].join("\n\n");
    case "map":
      return [
        `Carry these elements over into the world "${namespace.name}". Give every person, every action and every ` +
          "institution one concrete counterpart there, and say which stands for which. Relations, the order of events and " +
          "what is at stake stay as they are.",
        data,
        quote("world", fence, sheet(namespace.traits)),
        quote("elements", fence, before),
      ].join("\n\n");
    case "reconstruct":
      return [
        "Tell the story again as an allegory in its new world: the same story, event by event, with the counterparts " +
          `below in the place of the originals, in the voice of "${persona.name}". Write the story only.`,
        data,
        quote("voice", fence, sheet(persona.traits)),
        quote("mapping", fence, before),
      ].join("\n\n");
    case "stylize":
      return [
        `Reword this story in the style "${style.name}". Change tone, rhythm and choice of words; change neither what ` +
          "happens nor who does it. Write the story only.",
        data,
        quote("style", fence, sheet(style.traits)),
        quote("story", fence, before),
      ].join("\n\n");
    case "reflect":
      return [
        "Below are a narrative and an allegorical version of it. Reflect on what the version brings to light about the " +
          "original: what shows more clearly in the other world, what the choice of voice and style adds, and what is lost. " +
          "Address a reader who knows both.",
        data,
        quote("narrative", fence, narrative),
        quote("version", fence, before),
      ].join("\n\n");
  }
}
