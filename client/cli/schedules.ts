import type { Overlap, Schedule } from "../views.ts";
import { type Family, given, list, oneOf, type Session, whole } from "./command.ts";
import { begin, type Making } from "./follow.ts";
import { detachable, inputOf } from "./jobs.ts";
import { columns } from "./text.ts";

type Creating = {
  cron: string;
  name?: string;
  timezone?: string;
  end?: string;
  overlap?: Overlap;
  tag?: string[];
};

type Asking = { timezone?: string; limit: number };

/** Jobs that come again and again. */
export function scheduleCommands({ group, act }: Family): void {
  const schedules = group("schedules", "jobs that come again and again");

  schedules("list", "list schedules, the newest first", "convoke schedules list")
    .option("--limit <count>", "how many, 100 at most", whole, 100)
    .action(
      act(async ({ client, signal, table }: Session, { limit }: { limit: number }) => {
        const page = await client.schedules.list({ limit, signal });
        table(page.schedules, ["SCHEDULE", "TYPE", "CRON", "NEXT", "NAME"], (one) => [
          one.id,
          one.type,
          one.cron,
          one.paused ? "paused" : (one.next_at ?? "never"),
          one.name,
        ]);
        return undefined;
      }),
    );

  schedules(
    "create <type> [input...]",
    "have a job submitted again and again; its input is written as for submit",
    "convoke schedules create council --cron '0 7 * * 1-5' --timezone Europe/Paris --question 'What is new?'",
  )
    .usage("<type> --cron <expression> [options] [--<field> <value>...] [--input <json>]")
    .requiredOption("--cron <expression>", "five fields, or six with seconds first")
    .option("--name <name>", "how it is called; without it like its type")
    .option("--timezone <zone>", "of the IANA database; without it UTC")
    .option("--end <moment>", "no moment comes after this one (ISO 8601)")
    .option(
      "--overlap <policy>",
      "while the job before is at work: skip, queue, cancel_previous or parallel",
      oneOf("skip", "queue", "cancel_previous", "parallel"),
    )
    .option("--tag <tags>", "of its jobs", list)
    .allowUnknownOption()
    .action(
      act(async (session: Session, type: string, words: string[], options: Creating) => {
        const { cron, name = type, timezone, end: end_at, overlap, tag: tags } = options;
        const input = await inputOf(session, type, words);
        const schedule = { name, type, input, cron, ...given({ timezone, end_at, overlap, tags }) };
        answerWith(session, await session.client.schedules.create(schedule, { signal: session.signal }));
        return undefined;
      }),
    );

  schedules("show <schedule>", "print a schedule", "convoke schedules show 019abc").action(
    act(async (session: Session, id: string) => {
      answerWith(session, await session.client.schedules.get(id, { signal: session.signal }));
      return undefined;
    }),
  );

  schedules(
    "next <cron>",
    "say when a cron expression comes next",
    "convoke schedules next '0 7 * * 1-5' --timezone Europe/Paris",
  )
    .option("--timezone <zone>", "of the IANA database; without it UTC")
    .option("--limit <count>", "how many, 20 at most", whole, 5)
    .action(
      act(async ({ client, signal, answer }: Session, cron: string, { timezone, limit }: Asking) => {
        const moments = await client.schedules.next(cron, { limit, signal, ...given({ timezone }) });
        answer(moments, moments.join("\n"));
        return undefined;
      }),
    );

  schedules("pause <schedule>", "let no more of its moments come", "convoke schedules pause 019abc").action(
    act(async (session: Session, id: string) => {
      answerWith(session, await session.client.schedules.pause(id, { signal: session.signal }));
      return undefined;
    }),
  );

  schedules("resume <schedule>", "let its moments come again", "convoke schedules resume 019abc").action(
    act(async (session: Session, id: string) => {
      answerWith(session, await session.client.schedules.resume(id, { signal: session.signal }));
      return undefined;
    }),
  );

  detachable(
    schedules(
      "run <schedule>",
      "submit its job now, out of turn, and show how it is done",
      "convoke schedules run 019abc",
    ),
  ).action(
    act((session: Session, id: string, making: Making) =>
      begin(session, making, (patient) => session.client.schedules.run(id, patient)),
    ),
  );

  schedules(
    "delete <schedule>",
    "delete a schedule; its jobs stay",
    "convoke schedules delete 019abc",
  ).action(
    act(async ({ client, signal, answer }: Session, id: string) => {
      answer(await client.schedules.delete(id, { signal }), `${id} is deleted.`);
      return undefined;
    }),
  );
}

function answerWith(session: Session, schedule: Schedule): void {
  const { id, name, type, cron, timezone, overlap, paused, next_at, last_at, last_job_id, last_error } =
    schedule;
  const lines = columns([
    ["Schedule", id],
    ["Name", name],
    ["Type", type],
    ["When", `${cron}, ${timezone}`],
    ["Next", paused ? "paused" : (next_at ?? "never")],
    ["Overlap", overlap],
    ...(last_at ? [["Last", `${last_at}, job ${last_job_id}`]] : []),
    ...(last_error ? [["Error", `${last_error.message} (${last_error.code})`]] : []),
  ]);
  session.answer(schedule, lines.join("\n"));
}
