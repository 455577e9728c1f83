import type { JsonObject } from "../../core/protocol/json.ts";
import { languageNames } from "../translation/languages.ts";

/** What a message may be handed to. */
export type Specialist = {
  /** A job type. */
  type: string;
  /** For the model that chooses. */
  does: string;
  /** For the choice without a model: what people say who want it. */
  sounds: RegExp;
  /** Its input. Undefined when the message does not say enough for it. */
  inputFrom: (message: string, found: { language?: string }) => JsonObject | undefined;
};

/** Takes what nobody else does. */
export const generalist = "council";

export const specialists: Specialist[] = [
  {
    type: generalist,
    does: "answers questions of every kind: several models answer, and the best of it is summed up",
    sounds: /(?!)/,
    inputFrom: (question) => ({ question }),
  },
  {
    type: "video",
    does: "makes a short film of what the message describes, when the user asks to see it move",
    sounds: /\b(video|film|clip|movie|animation|animate)\b/i,
    inputFrom: (prompt) => ({ prompt: prompt.slice(0, 4_000) }),
  },
  {
    type: "projection",
    does: "retells a story that the message contains as an allegory in another world",
    sounds: /\b(allegory|allegorical(ly)?|retell|parable|fable)\b/i,
    inputFrom: (narrative) => (narrative.length <= 50_000 ? { narrative } : undefined),
  },
  {
    type: "translation",
    does: "sends a text into another language and back, to show what of its meaning is lost",
    sounds: /\b(round[- ]trip|translate|translation)\b/i,
    inputFrom: (text, { language }) => {
      const named = languageNames.find((name) => new RegExp(`\\b${name}\\b`, "i").test(text)) ?? language;
      return named && text.length <= 50_000 ? { text, intermediate_language: named } : undefined;
    },
  },
];
