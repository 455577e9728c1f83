import * as z from "zod";
import type { JobContext } from "../../core/engine/context.ts";
import type { ModelAnswer, ModelRequest } from "../../core/models/model.ts";
import { StepFailed } from "../../core/protocol/error.ts";
import type { JsonObject } from "../../core/protocol/json.ts";

/** A request that the first of several models answers that can. */
export type Request = Omit<ModelRequest, "model" | "messages" | "schema"> & {
  models: [string, ...string[]];
  prompt: string;
};

/** A truncated answer is worth reading, an empty or a censored one is none. Asking again would bring the same. */
export function mustSaySomething(answer: ModelAnswer): void {
  if (answer.finish === "content_filter")
    throw new StepFailed("answer_filtered", `The provider of ${answer.model} withheld the answer`);
  if (answer.text.trim() === "" && answer.object === undefined)
    throw new StepFailed("answer_empty", `${answer.model} answered with nothing`);
}

/**
 * Has a text written, and shows it to those who watch as it comes. One that was cut off is less than was asked for.
 * @param request.check - what else the text must be: one that it throws for is left to the next model.
 */
export async function writeText(
  ctx: JobContext,
  name: string,
  request: Request & { check?: (answer: ModelAnswer) => void },
): Promise<ModelAnswer> {
  const { models, prompt, check: mustBeMore, ...rest } = request;
  const [model, ...fallback] = models;
  const messages = [{ role: "user" as const, content: prompt }];
  const check = (answer: ModelAnswer) => {
    mustSaySomething(answer);
    mustBeMore?.(answer);
  };
  const answer = await ctx.stream(name, { ...rest, model, messages }, { fallback, check });
  if (answer.finish === "length") ctx.degraded();
  return answer;
}

/**
 * Has a question answered in a given shape. An answer that does not fit is sent back once, with what is wrong with it.
 * @throws StepError when no model answers, StepFailed `answer_unusable` when the second answer does not fit either.
 */
export async function askFor<T>(
  ctx: JobContext,
  name: string,
  request: Request,
  shape: z.ZodType<T>,
): Promise<{ value: T; answer: ModelAnswer }> {
  const { models, prompt, ...rest } = request;
  const [model, ...fallback] = models;
  const schema = z.toJSONSchema(shape, { io: "input", unrepresentable: "any" }) as JsonObject;
  const asked = { role: "user" as const, content: prompt };
  const config = { fallback, check: mustSaySomething };

  const first = await ctx.generate(name, { ...rest, model, messages: [asked], schema }, config);
  const read = shape.safeParse(first.object);
  if (read.success) return { value: read.data, answer: first };

  const faults =
    first.object === undefined ? "It is no JSON object of that form." : z.prettifyError(read.error);
  const repair = `Your reply cannot be used:\n${faults}\nReply once more, with a JSON object of the wanted form and nothing else.`;
  const messages = [
    asked,
    { role: "assistant" as const, content: first.text },
    { role: "user" as const, content: repair },
  ];
  const second = await ctx.generate(`${name}-repair`, { ...rest, model, messages, schema }, config);
  const again = shape.safeParse(second.object);
  if (again.success) return { value: again.data, answer: second };
  throw new StepFailed(
    "answer_unusable",
    `${second.model} did not answer "${name}" in the wanted form, twice`,
    {
      details: { text: second.text.slice(0, 2_000) },
    },
  );
}
