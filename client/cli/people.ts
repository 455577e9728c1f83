import { InvalidRequest, NotFound } from "../../core/protocol/error.ts";
import type { Json } from "../../core/protocol/json.ts";
import type { Answer, Question } from "../views.ts";
import { type Family, readJson, type Session } from "./command.ts";
import { type Form, flagRows, inputFrom } from "./input-flags.ts";
import { pages } from "./pages.ts";

/** What jobs ask of people. */
export function peopleCommands({ command, act }: Family): void {
  command(
    "inbox",
    "list what jobs ask of people, and how it is answered",
    "convoke inbox",
    "convoke inbox --json | jq -r .callback_id",
  ).action(
    act(async (session: Session) => {
      const open: Question[] = [];
      for await (const question of questions(session)) open.push(question);
      if (session.json) session.table(open, [], () => []);
      else for (const question of open) session.print(asked(question));
      return undefined;
    }),
  );

  command(
    "answer <callback> [answer...]",
    "answer what a job waits for: with flags named like the fields of its form, with JSON, or - for stdin",
    "convoke answer 019abc.uR7qXw --answer 'Because nobody asked me.'",
    `convoke answer 019abc.Lm4eTz '{"dish": "pie"}'`,
    "convoke answer 019abc.Lm4eTz --refuse 'Out of office'",
  )
    .usage("<callback> [options] [--<field> <value>...] [<json>]")
    .option("--refuse <why>", "tell the job that it gets no answer")
    .allowUnknownOption()
    .action(
      act(async (session: Session, callback: string, words: string[], { refuse }: { refuse?: string }) => {
        if (refuse !== undefined && words.length > 0)
          throw new InvalidRequest("Either an answer or a refusal, not both");
        const answer: Answer =
          refuse === undefined
            ? { result: await resultFrom(session, callback, words) }
            : { error: { message: refuse } };
        const decision = await session.client.answer(callback, answer, { signal: session.signal });
        session.answer(decision, `${decision.job_id} has its answer.`);
        return undefined;
      }),
    );
}

async function* questions({ client, signal }: Session): AsyncGenerator<Question, void, void> {
  for await (const page of pages((cursor) => client.inbox({ cursor, signal }))) yield* page.questions;
}

/** A document on its own is the service's to judge; for flags the question says which fields there are. */
async function resultFrom(session: Session, callback: string, words: string[]): Promise<Json> {
  const [only = "null"] = words;
  if (words.length < 2 && !only.startsWith("--")) return readJson(only, session.terminal);
  for await (const question of questions(session)) {
    if (question.callback_id === callback) return inputFrom(formOf(question), words, session.terminal);
  }
  throw new NotFound(
    `Nobody asks for "${callback}" in the inbox; what other systems answer is given as JSON`,
  );
}

function formOf({ schema }: Question): Form {
  return { name: "This answer", schema, more: "See: convoke inbox" };
}

function asked(question: Question): string {
  const { callback_id, job_title, deadline, default: otherwise } = question;
  const by = deadline === null ? "" : `, by ${deadline}`;
  const or = otherwise === undefined ? "" : ` (otherwise ${JSON.stringify(otherwise)})`;
  const flags = flagRows(formOf(question)).map(([flag]) => flag);
  const how = flags.length > 0 ? `\n  convoke answer ${callback_id} ${flags.join(" ")}` : "";
  return `${callback_id}  ${job_title}: ${question.question}${by}${or}${how}`;
}
