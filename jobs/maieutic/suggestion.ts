import * as z from "zod";
import { defaults, namespaces, personas, styles } from "../projection/presets.ts";
import type { Goal } from "./prompts.ts";

function nameOf<T extends string>(presets: Record<T, unknown>): z.ZodEnum<{ [K in T]: K }> {
  return z.enum(Object.keys(presets) as [T, ...T[]]) as z.ZodEnum<{ [K in T]: K }>;
}

export const suggestion = z.object({
  persona: nameOf(personas),
  namespace: nameOf(namespaces),
  style: nameOf(styles),
});

export type Suggestion = z.infer<typeof suggestion>;

export const choices = { persona: personas, namespace: namespaces, style: styles };

const personaOf: Record<Goal, Suggestion["persona"]> = {
  understand: "storyteller",
  clarify: "scientist",
  discover: "philosopher",
  question: "critic",
};

const namespaceSigns: [RegExp, Suggestion["namespace"]][] = [
  [/\b(compan|corporat|boss|manager|office|career|salary|colleague)/gi, "corporate-dystopia"],
  [/\b(king|church|honou?r|loyal|famil|inherit|village|tradition)/gi, "medieval-realm"],
  [/\b(grow|seed|river|forest|animal|season|illness|birth|death)/gi, "natural-world"],
  [/\b(uncertain|possib|observ|paradox|chance|doubt)/gi, "quantum-realm"],
  [/\b(machine|invent|factory|engine|industr)/gi, "steampunk-era"],
  [/\b(online|data|network|hack|identity|password|screen)/gi, "cyberpunk-future"],
];

const styleSigns: [RegExp, Suggestion["style"]][] = [
  [/\b(feel|love|grief|fear|heart|dream)/gi, "poetic"],
  [/\b(measure|system|process|evidence|proof)/gi, "technical"],
  [/\b(friend|fun|kids?|weekend|anyway)/gi, "casual"],
];

function strongest<T>(text: string, signs: [RegExp, T][], otherwise: T): T {
  const counted = signs.map(([sign, value]) => ({ value, count: text.match(sign)?.length ?? 0 }));
  const best = counted.reduce((one, other) => (other.count > one.count ? other : one));
  return best.count > 0 ? best.value : otherwise;
}

/** What stands in for a model's choice: by the goal, and by words that are in the text. */
export function guessed(goal: Goal, text: string): Suggestion {
  return {
    persona: personaOf[goal],
    namespace: strongest(text, namespaceSigns, defaults.namespace as Suggestion["namespace"]),
    style: strongest(text, styleSigns, defaults.style as Suggestion["style"]),
  };
}
