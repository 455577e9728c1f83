import type { Command } from "commander";
import { InvalidRequest } from "../../core/protocol/error.ts";
import { type JobStatus, jobStatuses, type Lane, lanes } from "../../core/protocol/job.ts";
import type { Json, JsonObject } from "../../core/protocol/json.ts";
import type { JobSummary, JobView } from "../../core/protocol/wire.ts";
import type { JobType } from "../views.ts";
import { amount, type Family, given, list, oneOf, readJson, type Session, whole } from "./command.ts";
import { type Exit, exitOfJob } from "./exit.ts";
import { begin, follow, type Making, widthOf } from "./follow.ts";
import { exampleLine, flagRows, formOf, inputFrom } from "./input-flags.ts";
import { rangeOf, renderEnd, spent } from "./job-frame.ts";
import { pages } from "./pages.ts";
import { columns } from "./text.ts";

type Submitting = Making & {
  help?: boolean;
  title?: string;
  priority?: Lane;
  tag?: string[];
  at?: string;
  delay?: number;
  after?: string[];
  cache?: number;
  maxCost?: number;
  idempotencyKey?: string;
};

/** Jobs of any type, from their submit to their end. */
export function jobCommands({ command, act }: Family): void {
  detachable(
    command(
      "submit [type] [input...]",
      "submit a job of any type; its input is flags named like its fields, a JSON document, or - for stdin",
      "convoke submit translation --text 'Time flies like an arrow.' --intermediate-language french",
      "convoke submit translation --help",
      "convoke submit projection --narrative - --persona philosopher < story.txt",
      "convoke submit council --question 'Why is the sky blue?' --members mock:ada,mock:blaise --detach --json",
      `convoke submit audit --input '{"enterprise_report_id": "annual-report-2025", "selected_norms": ["ifrs"]}'`,
    ),
  )
    .usage("<type> [options] [--<field> <value>...] [--input <json>]")
    .helpOption(false)
    .option("-h, --help", "with a type: the flags of its input")
    .option("--title <text>", "how it is called in lists")
    .option("--priority <lane>", lanes.join(", "), oneOf(...lanes))
    .option("--tag <tags>", "to find it by", list)
    .option("--at <moment>", "not before this moment (ISO 8601)")
    .option("--delay <seconds>", "not before so many seconds from now", whole)
    .option("--after <jobs>", "jobs that have to end before it begins", list)
    .option("--cache <seconds>", "take the result of a job with the same input that is not older", whole)
    .option("--max-cost <dollars>", "stop when it has cost so much", amount)
    .option("--idempotency-key <key>", "two submits with one key are one job")
    .allowUnknownOption()
    .action(
      act(
        async (
          session: Session,
          type: string | undefined,
          words: string[],
          options: Submitting,
          command: Command,
        ) => {
          const {
            help,
            detach,
            title,
            priority,
            tag: tags,
            at: run_at,
            delay,
            after,
            cache,
            maxCost,
          } = options;
          if (type === undefined) return help ? command.help() : command.error(nameOne);
          if (help) return explain(session, await typeOf(session, type));
          return begin(session, { detach }, async ({ signal }) =>
            session.client.submit(type, await inputOf(session, type, words), {
              ...given({
                title,
                priority,
                tags,
                run_at,
                delay_seconds: delay,
                depends_on: after,
                cache: cache === undefined ? undefined : { ttl_seconds: cache },
                budget: maxCost === undefined ? undefined : { max_cost_usd: maxCost },
                idempotencyKey: options.idempotencyKey,
              }),
              signal,
            }),
          );
        },
      ),
    );

  command(
    "types [type]",
    "list the kinds of work that there are, or show one",
    "convoke types",
    "convoke types council --json",
  ).action(
    act(async (session: Session, type: string | undefined) => {
      if (type !== undefined) return explain(session, await typeOf(session, type));
      const types = await typesOf(session);
      session.table(types, ["TYPE", "VERSION", "WHAT IT DOES"], (known) => [
        known.type,
        String(known.version),
        known.summary,
      ]);
      return undefined;
    }),
  );

  command(
    "watch <job>",
    "show a job at work, from the beginning or from where you were, until it ends",
    "convoke watch 019abc",
    "convoke watch 019abc --after 12 --json",
  )
    .option("--after <seq>", "the last event that you know", whole, 0)
    .action(
      act((session: Session, job: string, { after }: { after: number }) => follow(session, job, after)),
    );

  command(
    "show <job>",
    "print a job and its result",
    "convoke show 019abc",
    "convoke show 019abc --json | jq .result_data",
  ).action(
    act(async (session: Session, job: string) => show(session, await session.client.get(job, session))),
  );

  command(
    "list",
    "list jobs, newest first",
    "convoke list --status failed --type council",
    "convoke list --tag nightly --all --json",
  )
    .option("--status <status>", jobStatuses.join(", "), oneOf(...jobStatuses))
    .option("--type <type>", "of one type")
    .option("--tag <tag>", "with a tag")
    .option("--before <moment>", "submitted before this moment (ISO 8601)")
    .option("--limit <count>", "how many", whole, 20)
    .option("--all", "all of them")
    .action(
      act(async (session: Session, { all, before, limit, ...filter }: Listing) => {
        const jobs: JobSummary[] = [];
        const ask = (cursor: string | undefined) =>
          session.client.list({
            ...filter,
            ...given({ created_before: before, cursor }),
            limit: all ? 100 : Math.min(100, limit - jobs.length),
            signal: session.signal,
          });
        for await (const page of pages(ask)) {
          jobs.push(...page.jobs);
          if (!all && jobs.length >= limit) break;
        }
        session.table(jobs, ["JOB", "TYPE", "STATUS", "CREATED", "TITLE"], (job) => [
          job.id,
          job.type,
          job.status,
          job.created_at,
          job.title,
        ]);
        return undefined;
      }),
    );

  command("cancel <job>", "cancel a job", "convoke cancel 019abc --reason 'Asked the wrong question'")
    .option("--reason <text>", "why")
    .action(
      act(async ({ client, signal, answer }: Session, job: string, { reason }: { reason?: string }) => {
        answer(await client.cancel(job, { ...given({ reason }), signal }), `${job} will end as cancelled.`);
        return undefined;
      }),
    );

  command(
    "pause <job>",
    "let nothing more of a job begin until it is resumed",
    "convoke pause 019abc --reason lunch",
  )
    .option("--reason <text>", "why")
    .action(
      act(async ({ client, signal, answer }: Session, job: string, { reason }: { reason?: string }) => {
        const paused = await client.pause(job, { ...given({ reason }), signal });
        answer(paused, `${job} is paused. Let it go on with: convoke resume ${job}`);
        return undefined;
      }),
    );

  command("resume <job>", "let a paused job go on", "convoke resume 019abc").action(
    act(async ({ client, signal, answer }: Session, job: string) => {
      answer(await client.resume(job, { signal }), `${job} goes on.`);
      return undefined;
    }),
  );

  detachable(
    command(
      "retry <job>",
      "do a failed or cancelled job again from its failed step, as a new job",
      "convoke retry 019abc",
    ),
  ).action(
    act((session: Session, job: string, options: Making) =>
      begin(session, options, (patient) => session.client.retry(job, patient)),
    ),
  );

  detachable(
    command(
      "fork <job> [changes...]",
      "begin a new job with what a job has done up to an event; flags change its input",
      "convoke fork 019abc --after 4 --members mock:ada,mock:zeno",
      `convoke fork 019abc --input '{"question": "Why is the sea blue?"}' --title Sea --detach`,
    ),
  )
    .usage("<job> [options] [--<field> <value>...] [--input <json>]")
    .option("--after <seq>", "the last event to look back on; without it all of them", whole)
    .option("--title <text>", "of the new job")
    .allowUnknownOption()
    .action(
      act((session: Session, job: string, changes: string[], options: Forking) =>
        begin(session, options, async ({ signal }) => {
          const { after: after_seq, title } = options;
          const typeOfJob = async (id: string) => (await session.client.get(id, { signal })).type;
          const input =
            changes.length > 0 ? await changesOf(session, await typeOfJob(job), changes) : undefined;
          return session.client.fork(job, { ...given({ after_seq, title, input }), signal });
        }),
      ),
    );
}

const nameOne = "error: Name a type of job. There are those of: convoke types";

type Listing = {
  status?: JobStatus;
  type?: string;
  tag?: string;
  before?: string;
  limit: number;
  all?: boolean;
};
type Forking = Making & { after?: number; title?: string };

export function detachable(command: Command): Command {
  return command.option("-d, --detach", "do not wait for its end: print the job's id");
}

export function typesOf({ client, signal }: Pick<Session, "client" | "signal">): Promise<JobType[]> {
  return client.jobTypes({ signal });
}

/** @throws InvalidRequest when there is none. */
async function typeOf(session: Session, type: string): Promise<JobType> {
  const types = await typesOf(session);
  const found = types.find((known) => known.type === type);
  if (found) return found;
  throw new InvalidRequest(`No job type "${type}"; there are ${types.map((known) => known.type).join(", ")}`);
}

/** The input of a new job. A document on its own is the service's to judge. */
export async function inputOf(session: Session, type: string, words: string[]): Promise<Json> {
  const [only] = words;
  if (only !== undefined && words.length === 1 && !only.startsWith("--"))
    return readJson(only, session.terminal);
  return inputFrom(formOf(await typeOf(session, type)), words, session.terminal);
}

/** A part of an input, of a job whose other fields are known: none is required. */
export async function changesOf(session: Session, type: string, words: string[]): Promise<JsonObject> {
  return inputFrom(formOf(await typeOf(session, type)), words, session.terminal, { partial: true });
}

function explain(session: Session, jobType: JobType): undefined {
  const { type, summary } = jobType;
  const rows = flagRows(formOf(jobType));
  const wide = Math.max(...rows.map(([flag = ""]) => flag.length)) + 4;
  const fields = rows.flatMap(([flag = "", what = ""]) => {
    const [first = "", ...more] = wrapped(what, Math.max(30, widthOf(session) - wide));
    return [`  ${flag.padEnd(wide - 4)}  ${first}`.trimEnd(), ...more.map((line) => " ".repeat(wide) + line)];
  });
  const usage = `Usage: convoke submit ${type} [options] [--<field> <value>...] [--input <json>]`;
  const lines = [usage, "", summary, "", "Fields:", ...fields, "", "Example:", `  ${exampleLine(jobType)}`];
  session.answer(jobType, [...lines, "", "Its options are in: convoke submit --help"].join("\n"));
  return undefined;
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line];
}

export function show(session: Session, job: JobView): Exit {
  session.answer(job, jobLines(job).join("\n"));
  if (!session.json) session.draw(["", ...renderEnd(job, { width: widthOf(session), paint: session.paint })]);
  return exitOfJob(job.status);
}

function jobLines(job: JobView): string[] {
  const { progress, eta, usage, error } = job;
  return columns([
    ["Job", job.id],
    ["Type", `${job.type}, version ${job.version}`],
    ["Title", job.title],
    ["Status", job.paused ? `${job.status}, paused` : job.status],
    ...(job.tags.length > 0 ? [["Tags", job.tags.join(", ")]] : []),
    ...(progress ? [["Progress", `${progress.percentage} % ${progress.current_step}`]] : []),
    ...(eta ? [["Ends in", `${rangeOf(eta)}, about ${eta.completes_at}`]] : []),
    ...(error
      ? [
          ["Error", `${error.message} (${error.code})`],
          ["Means", error.for_user],
          ["To do", error.for_developer],
        ]
      : []),
    ...(job.blocked ? [["Blocked", `${job.blocked.step}: ${job.blocked.message}`]] : []),
    ...(job.fork_of ? [["Fork of", `${job.fork_of.job_id}, up to event ${job.fork_of.seq}`]] : []),
    ...job.callbacks.flatMap(({ id, ask }) =>
      ask ? [["Asks", `${ask.question} (convoke answer ${id})`]] : [],
    ),
    ["Created", job.created_at],
    ...(job.completed_at ? [["Ended", job.completed_at]] : []),
    ["Usage", [`${usage.model_calls} model calls`, ...spent(usage)].join(", ")],
  ]);
}
