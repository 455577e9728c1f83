import { InvalidRequest } from "../../core/protocol/error.ts";
import type { Question } from "../views.ts";
import { type Family, readJson, type Session } from "./command.ts";

/** What jobs ask of people. */
export function peopleCommands({ command, act }: Family): void {
  command(
    "inbox",
    "list what jobs ask of people",
    "convoke inbox",
    "convoke inbox --json | jq -r .callback_id",
  ).action(
    act(async (session: Session) => {
      const questions: Question[] = [];
      let cursor: string | undefined;
      do {
        const page = await session.client.inbox({ cursor, signal: session.signal });
        questions.push(...page.questions);
        cursor = page.next_cursor ?? undefined;
      } while (cursor);
      if (session.json) session.table(questions, [], () => []);
      else for (const question of questions) session.print(asked(question));
      return undefined;
    }),
  );

  command(
    "answer <callback> [json]",
    "answer what a job waits for, with JSON, with a text, or - for stdin",
    `convoke answer cb_1 '{"dish": "pie"}'`,
    "convoke answer cb_1 --text 'Because nobody asked me.'",
    "convoke answer cb_1 --refuse 'Out of office'",
  )
    .option("--text <text>", "the answer, when it is a text")
    .option("--refuse <why>", "tell the job that it gets no answer")
    .action(
      act(async (session: Session, callback: string, written: string | undefined, options: Answering) => {
        const { text, refuse } = options;
        if ([written, text, refuse].filter((part) => part !== undefined).length > 1)
          throw new InvalidRequest("An answer is JSON, a text, or a refusal: one of them");
        const answer =
          refuse !== undefined
            ? { error: { message: refuse } }
            : { result: text ?? (await readJson(written ?? "null", session.terminal)) };
        const decision = await session.client.answer(callback, answer, { signal: session.signal });
        session.answer(decision, `${decision.job_id} has its answer.`);
        return undefined;
      }),
    );
}

type Answering = { text?: string; refuse?: string };

function asked({ callback_id, job_title, question, deadline, default: otherwise }: Question): string {
  const by = deadline === null ? "" : `, by ${deadline}`;
  const or = otherwise === undefined ? "" : ` (otherwise ${JSON.stringify(otherwise)})`;
  return `${callback_id}  ${job_title}: ${question}${by}${or}`;
}
