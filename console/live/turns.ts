import type { ConversationMessage } from "../../client/index.ts";

/** What a conversation shows below each other: a question with its answer, or what a job has said later. */
export type Turn = {
  number: number;
  question?: ConversationMessage;
  answer?: ConversationMessage;
};

/**
 * A conversation as it reads. Whoever asks again before the answer is there writes between the two, so the first answer
 * moves up to its question; what a job in the background says after that stands where it was said.
 */
export function turnsOf(messages: ConversationMessage[]): Turn[] {
  const turns: Turn[] = [];
  const asked = new Map<number, Turn>();
  for (const message of messages.toSorted((a, b) => a.number - b.number)) {
    const turn = message.answers === null ? undefined : asked.get(message.answers);
    if (message.role === "user") {
      const turn = { number: message.number, question: message };
      asked.set(message.number, turn);
      turns.push(turn);
    } else if (turn && !turn.answer) turn.answer = message;
    else turns.push({ number: message.number, answer: message });
  }
  return turns;
}
