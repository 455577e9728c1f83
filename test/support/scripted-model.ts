import type { Model, ModelAnswer, ModelRequest } from "../../core/models/model.ts";

/** What a model says to a request: a text, an object of the wanted shape, parts of an answer, or the error it throws. */
type Said = string | { object: ModelAnswer["object"] } | Partial<ModelAnswer> | Error;
type Says = Said | ((request: ModelRequest) => Said);

/** By what the prompt begins with. `prompt test:ada` counts for one model only. */
export type Script = Record<string, Says>;

/** The first message: a repair quotes what came of it. */
export function promptOf(request: ModelRequest): string {
  return request.messages[0]!.content;
}

/** A model that says what a script says. Remembers what it was asked. */
export function scriptedModel(script: Script): Model & { asked: ModelRequest[] } {
  const asked: ModelRequest[] = [];
  return {
    asked,
    async generate(request, { onDelta }) {
      asked.push(request);
      const prompt = promptOf(request);
      const parts = Object.keys(script).filter((part) => {
        const [, words = part, model = request.model] = /^(.*) (test:\w+)$/.exec(part) ?? [];
        return prompt.startsWith(words) && model === request.model;
      });
      // The one that says most of it.
      const says = script[parts.sort((a, b) => b.length - a.length)[0] ?? ""];
      if (says === undefined) throw new Error(`Nothing to say to: ${prompt.slice(0, 100)}`);
      const said = typeof says === "function" ? says(request) : says;
      if (said instanceof Error) throw said;
      const answer =
        typeof said === "string" ? { text: said } : { text: JSON.stringify(said.object ?? ""), ...said };
      if (answer.text) onDelta?.(answer.text);
      return {
        model: request.model,
        finish: "stop",
        usage: { model_calls: 1, input_tokens: 10, output_tokens: 5, cost_usd: 0.001 },
        ...answer,
      };
    },
  };
}
