import type { Conversations, Message } from "../../core/conversations/conversation.ts";
import type { JobContext } from "../../core/engine/context.ts";
import type { ChatMessage } from "../../core/models/model.ts";

/** About 6,000 tokens: enough to know what was talked about, small beside a model's window and its price. */
const historyCharacters = 24_000;
const historyMessages = 40;

/**
 * What was said before this message: the newest exchanges that fit, in order. Read once, so that a message that
 * arrives meanwhile does not change a replay.
 */
export async function earlierExchanges(
  ctx: JobContext,
  conversations: Conversations,
): Promise<ChatMessage[]> {
  const { conversation, tenant } = ctx.job;
  if (!conversation || conversation.message === 1) return [];
  return ctx.step("history", async () => {
    const messages = await conversations.messages(tenant, conversation.id, {
      after: Math.max(0, conversation.message - 1 - historyMessages),
      limit: 2 * historyMessages,
    });
    return newestThatFit(messages, conversation.message);
  });
}

/**
 * Questions with their answers: a question whose job failed, was cancelled or still waits has none and is left out. An
 * answer may stand behind later questions, which had to wait for their turn.
 */
function newestThatFit(messages: Message[], current: number): ChatMessage[] {
  const answers = new Map<number | string, string>(
    messages.flatMap(({ role, answers, jobId, content }) =>
      role === "assistant" ? [[answers ?? jobId, content]] : [],
    ),
  );
  const window: ChatMessage[] = [];
  let characters = 0;
  for (const { number, role, content: question, jobId } of messages.toReversed()) {
    const answer = answers.get(number) ?? answers.get(jobId);
    if (role !== "user" || number === current || answer === undefined) continue;
    characters += question.length + answer.length;
    if (characters > historyCharacters) break;
    window.unshift({ role: "user", content: question }, { role: "assistant", content: answer });
  }
  return window;
}
