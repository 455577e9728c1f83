import { expect, test } from "vitest";
import type { ConversationMessage } from "../../client/index.ts";
import { turnsOf } from "../../console/live/turns.ts";

function said(
  number: number,
  role: "user" | "assistant",
  answers: number | null = null,
): ConversationMessage {
  return {
    number,
    role,
    content: `${role} ${number}`,
    job_id: `job-${answers ?? number}`,
    answers,
    created_at: "2026-01-02T03:04:05.000Z",
  };
}

const read = (messages: ConversationMessage[]) =>
  turnsOf(messages).flatMap(({ question, answer }) => [question, answer].flatMap((one) => one?.number ?? []));

test("an answer stands below its question, also when the next question was asked before it came", () => {
  expect(read([said(1, "user"), said(2, "user"), said(3, "assistant", 1), said(4, "assistant", 2)])).toEqual([
    1, 3, 2, 4,
  ]);
});

test("what a job in the background says later stands where it was said", () => {
  const messages = [
    said(1, "user"),
    said(2, "assistant", 1),
    said(3, "user"),
    said(4, "assistant", 3),
    said(5, "assistant", 1),
    said(6, "user"),
  ];
  expect(read(messages)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(turnsOf(messages)[2]).toEqual({ number: 5, answer: messages[4] });
});

test("an answer whose question is not among the messages shown stands for itself", () => {
  expect(read([said(8, "assistant", 3), said(9, "user")])).toEqual([8, 9]);
});
