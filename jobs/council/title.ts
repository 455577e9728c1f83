import type { JobContext } from "../../core/engine/context.ts";
import { StepError } from "../../core/protocol/error.ts";
import type { Council } from "./input.ts";
import { titlePrompt } from "./prompts.ts";

/** What a conversation is called that has no title yet, and what it stays when none can be found. */
export const untitled = "New Conversation";

/** A few words for lists. Nobody waits long for them and nothing fails without them. */
export async function findTitle(ctx: JobContext, council: Council): Promise<string> {
  try {
    const answer = await ctx.generate(
      "title",
      {
        model: council.title_model,
        messages: [{ role: "user", content: titlePrompt(council.question) }],
        maxOutputTokens: 500,
      },
      { timeout: { seconds: 30 }, retryStrategy: () => ({ shouldRetry: false }) },
    );
    return cleanTitle(answer.text);
  } catch (error) {
    if (error instanceof StepError) return untitled;
    throw error;
  }
}

/** On one line, without quotation marks around it, 50 characters at most. */
export function cleanTitle(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return shorten(line.replace(/^[\s"'“”‘’«»`*]+|[\s"'“”‘’«»`*]+$/g, "")) || untitled;
}

/** As it is up to the limit, else three characters less and three dots. Counts whole characters, never half an emoji. */
export function shorten(text: string, limit = 50): string {
  const characters = Array.from(text);
  return characters.length > limit ? `${characters.slice(0, limit - 3).join("")}...` : text;
}
