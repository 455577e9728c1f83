import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve, sep } from "node:path";
import { text } from "node:stream/consumers";
import { styleText } from "node:util";
import { Command, CommanderError } from "commander";
import { InvalidRequest, ServiceError } from "../../core/protocol/error.ts";
import type { JobStatus } from "../../core/protocol/job.ts";
import { isTerminal } from "../../core/protocol/job.ts";
import type { Json } from "../../core/protocol/json.ts";
import type { EventView, JobView } from "../../core/protocol/wire.ts";
import { type Convoke, convoke } from "../convoke.ts";
import type { DeltaView } from "../feed.ts";
import type { PlanDecision, Question } from "../views.ts";
import { councilNews, renderCouncil, renderOutcome, renderResult } from "./council.ts";
import { applyToCouncil, type CouncilResult, newCouncil } from "./council-view.ts";
import { converse } from "./dialogue.ts";
import { findEndpoint } from "./endpoint.ts";
import { columns, type Paint, plain, safe } from "./text.ts";

/** What the command line has of the world. */
export type Terminal = {
  environment: NodeJS.ProcessEnv;
  directory: string;
  stdin: NodeJS.ReadableStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  /** @returns how to stop listening. */
  onInterrupt(stop: () => void): () => void;
};

const exit = { completed: 0, failed: 1, usage: 2, interrupted: 130 } as const;

type Common = { url?: string; key?: string; json?: boolean };

/** @returns the exit code: 0 completed, 1 failed, 2 wrong usage or not authorised, 130 interrupted (the job goes on). */
export async function run(args: string[], terminal: Terminal): Promise<number> {
  let code: number = exit.completed;
  const interrupted = new AbortController();
  const release = terminal.onInterrupt(() => interrupted.abort());
  const print = (line: string) => terminal.stdout.write(`${line}\n`);
  const complain = (line: string) => terminal.stderr.write(`${line}\n`);

  const act = (work: (client: Convoke, session: Session) => Promise<number>) => async (options: Common) => {
    const endpoint = findEndpoint(options, terminal.environment, terminal.directory);
    if (!endpoint) {
      complain(
        "Where is the service? Run `npm start`, or give --url and --key, or set CONVOKE_URL and CONVOKE_KEY.",
      );
      code = exit.usage;
      return;
    }
    const client = convoke(endpoint);
    try {
      code = await work(client, {
        terminal,
        print,
        complain,
        json: options.json ?? false,
        signal: interrupted.signal,
        url: endpoint.url,
      });
    } finally {
      client.close();
    }
  };

  const program = new Command("convoke")
    .description("Long LLM orchestrations as durable jobs: ask, leave, come back")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    });
  const command = (usage: string, description: string) =>
    program
      .command(usage)
      .description(description)
      .option("--json", "print JSON for programs")
      .option("--url <url>", "where the service is (CONVOKE_URL)")
      .option("--key <key>", "API key (CONVOKE_KEY)");

  command("council <question>", "ask a council of models and show how it works")
    .option("--members <models>", "who answers and ranks, separated by commas")
    .option("--chairman <model>", "who writes the final answer")
    .option("--conversation <id>", "ask as the next message of a conversation")
    .action((question: string, options: Common & CouncilOptions) =>
      act(async (client, session) => {
        client.connect();
        return follow(client, session, await ask(client, question, options, session.signal), 0);
      })(options),
    );
  command(
    "dialogue [narrative]",
    "be asked about a narrative until it is understood; answers are read from stdin",
  )
    .option("--goal <goal>", "understand, clarify, discover or question")
    .option("--turns <count>", "how many questions at most", (value) => Number(value))
    .option("--job <id>", "go on with a dialogue that was begun before")
    .action((narrative: string | undefined, options: Common & DialogueOptions) =>
      act((client, session) => hold(client, session, narrative, options))(options),
    );
  command(
    "submit <type> [input]",
    "submit a job of any type; the input is JSON, or - to read it from stdin",
  ).action((type: string, input: string | undefined, options: Common) =>
    act(async (client, session) => {
      client.connect();
      const { job_id } = await client.submit(type, await readInput(input, terminal), {
        signal: session.signal,
      });
      return follow(client, session, job_id, 0);
    })(options),
  );
  command("video <prompt>", "have a video made, and show how it is done")
    .option("--model <model>", "who makes it: google:..., bedrock:... or mock:...")
    .option("--seconds <count>", "how long it is to be", (value) => Number(value))
    .action((prompt: string, options: Common & { model?: string; seconds?: number }) =>
      act(async (client, session) => {
        const { model, seconds } = options;
        client.connect();
        const asked = { ...(model ? { model } : {}), ...(seconds ? { duration_seconds: seconds } : {}) };
        const { job_id } = await client.submit("video", { prompt, ...asked }, { signal: session.signal });
        return follow(client, session, job_id, 0);
      })(options),
    );
  command("project <name> <description>", "have a project generated, and show how it is done").action(
    (name: string, description: string, options: Common) =>
      act(async (client, session) => {
        const { signal, print, json } = session;
        client.connect();
        const { id } = await client.projects.create({ name, description }, { signal });
        const { job_id } = await client.projects.generate(id, { signal });
        const code = await follow(client, session, job_id, 0);
        if (!json) print(`Project ${id}. Its files: convoke files ${id} --out <directory>`);
        return code;
      })(options),
  );
  command("files <project>", "list a project's files, or write them to a directory")
    .option("--out <directory>", "where to; what is there already is not replaced")
    .action((project: string, options: Common & { out?: string }) =>
      act(async (client, { print, json, signal }) => {
        const { files } = await client.projects.files(project, { signal });
        for (const file of files) {
          if (options.out !== undefined) {
            const { content } = await client.projects.file(project, file.path, { signal });
            await writeBelow(resolve(terminal.directory, options.out), file.path, content);
          }
          print(json ? JSON.stringify(file) : `${file.bytes}\t${safe(file.path)}`);
        }
        return exit.completed;
      })(options),
    );
  command("watch <job>", "show a job's events, from the beginning or from where you were")
    .option("--after <seq>", "the last event that you know", (value) => Number(value), 0)
    .action((job: string, options: Common & { after: number }) =>
      act((client, session) => follow(client, session, job, options.after))(options),
    );
  command("show <job>", "print a job and its result").action((job: string, options: Common) =>
    act(async (client, session) => show(await client.get(job, session), session))(options),
  );
  command("list", "list jobs, newest first")
    .option("--status <status>", "only jobs of this status")
    .option("--limit <count>", "how many", (value) => Number(value), 20)
    .action((options: Common & { status?: JobStatus; limit: number }) =>
      act(async (client, { print, json, signal }) => {
        const { jobs } = await client.list({ status: options.status, limit: options.limit, signal });
        if (json) for (const job of jobs) print(JSON.stringify(job));
        else {
          const rows = jobs.map((job) => [job.id, job.type, job.status, job.created_at, safe(job.title)]);
          for (const line of columns([["JOB", "TYPE", "STATUS", "CREATED", "TITLE"], ...rows])) print(line);
        }
        return exit.completed;
      })(options),
    );
  command("export <job>", "print a job's journal, one entry a line, e.g. for `npm run replay-check`").action(
    (job: string, options: Common) =>
      act(async (client, { print, signal }) => {
        for await (const entry of client.journal(job, { signal })) print(JSON.stringify(entry));
        return exit.completed;
      })(options),
  );
  command("cancel <job>", "cancel a job")
    .option("--reason <text>", "why")
    .action((job: string, options: Common & { reason?: string }) =>
      act(async (client, { print, json, signal }) => {
        const answer = await client.cancel(job, { reason: options.reason, signal });
        print(json ? JSON.stringify(answer) : `${job} will end as cancelled.`);
        return exit.completed;
      })(options),
    );
  command("inbox", "list what jobs ask of people").action((options: Common) =>
    act(async (client, { print, json, signal }) => {
      let cursor: string | undefined;
      do {
        const page = await client.inbox({ cursor, signal });
        for (const question of page.questions) print(json ? JSON.stringify(question) : asked(question));
        cursor = page.next_cursor ?? undefined;
      } while (cursor);
      return exit.completed;
    })(options),
  );
  command("answer <callback> [json]", "answer what a job waits for, with JSON or - for stdin")
    .option("--refuse <why>", "tell the job that it gets no answer")
    .action((callback: string, given: string | undefined, options: Common & { refuse?: string }) =>
      act(async (client, { print, json, signal }) => {
        const answer =
          options.refuse === undefined
            ? { result: await readInput(given ?? "null", terminal) }
            : { error: { message: options.refuse } };
        const decision = await client.answer(callback, answer, { signal });
        print(json ? JSON.stringify(decision) : `${decision.job_id} has its answer.`);
        return exit.completed;
      })(options),
    );
  for (const approved of [true, false]) {
    const verb = approved ? "approve" : "reject";
    command(
      `${verb} <workflow>`,
      approved ? "have an audit carried out by its plan" : "have an audit planned again",
    )
      .option("--feedback <text>", "what to mind from now on")
      .option("--plan <id>", "which plan is meant; without it the one that waits")
      .action((workflow: string, options: Common & { feedback?: string; plan?: string }) =>
        act(async (client, session) => {
          const { feedback, plan: plan_id } = options;
          const decision = { approved, ...(feedback ? { feedback } : {}), ...(plan_id ? { plan_id } : {}) };
          return decided(await client.workflows.decide(auditOf(workflow), decision, session), session);
        })(options),
      );
  }
  command("report <workflow>", "print the report of an audit, in Markdown").action(
    (workflow: string, options: Common) =>
      act(async (client, { print, complain, json, signal }) => {
        const id = auditOf(workflow);
        const report = await client.workflows.report(id, { signal });
        if (report) print(json ? JSON.stringify(report) : safe(report.final_report));
        else
          complain(`${id} has no report yet: ${(await client.workflows.get(id, { signal })).status_message}`);
        return report ? exit.completed : exit.failed;
      })(options),
  );
  command("pause <job>", "let nothing more of a job begin until it is resumed")
    .option("--reason <text>", "why")
    .action((job: string, options: Common & { reason?: string }) =>
      act(async (client, { print, json, signal }) => {
        const answer = await client.pause(job, { reason: options.reason, signal });
        print(json ? JSON.stringify(answer) : `${job} is paused. Let it go on with: convoke resume ${job}`);
        return exit.completed;
      })(options),
    );
  command("resume <job>", "let a paused job go on").action((job: string, options: Common) =>
    act(async (client, { print, json, signal }) => {
      const answer = await client.resume(job, { signal });
      print(json ? JSON.stringify(answer) : `${job} goes on.`);
      return exit.completed;
    })(options),
  );
  command("retry <job>", "do a failed or cancelled job again from its failed step, as a new job").action(
    (job: string, options: Common) =>
      act(async (client, session) => {
        client.connect();
        const { job_id } = await client.retry(job, { signal: session.signal });
        return follow(client, session, job_id, 0);
      })(options),
  );
  command("fork <job>", "begin a new job with what a job has done up to an event")
    .option("--after <seq>", "the last event to look back on; without it all of them", Number)
    .option("--input <json>", "what is different about the input, as a JSON merge patch, or - for stdin")
    .option("--title <text>", "of the new job")
    .action((job: string, options: Common & { after?: number; input?: string; title?: string }) =>
      act(async (client, session) => {
        client.connect();
        const { after, input, title } = options;
        const { job_id } = await client.fork(job, {
          ...(after === undefined ? {} : { after_seq: after }),
          ...(input === undefined ? {} : { input: await readInput(input, terminal) }),
          ...(title === undefined ? {} : { title }),
          signal: session.signal,
        });
        return follow(client, session, job_id, 0);
      })(options),
    );

  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (interrupted.signal.aborted) return exit.interrupted;
    if (error instanceof CommanderError) return error.exitCode === 0 ? exit.completed : exit.usage;
    if (!(error instanceof ServiceError)) throw error;
    complain(`${safe(error.message)} (${error.code})`);
    return error.code === "unauthorized" || error.code === "forbidden" || error.code === "invalid_request"
      ? exit.usage
      : exit.failed;
  } finally {
    release();
  }
  return code;
}

function asked({ callback_id, job_title, question, deadline, default: otherwise }: Question): string {
  const by = deadline === null ? "" : `, by ${deadline}`;
  const or = otherwise === undefined ? "" : ` (otherwise ${JSON.stringify(otherwise)})`;
  return safe(`${callback_id}  ${job_title}: ${question}${by}${or}`);
}

/** @throws InvalidRequest for what is no JSON, before anything is sent. */
async function readInput(given: string | undefined, { stdin }: Terminal): Promise<Json> {
  const written = given === "-" ? await text(stdin) : (given ?? "{}");
  try {
    return JSON.parse(written) as Json;
  } catch (error) {
    throw new InvalidRequest(`The input is no JSON: ${(error as Error).message}`);
  }
}

type Session = {
  terminal: Terminal;
  print: (line: string) => void;
  complain: (line: string) => void;
  json: boolean;
  signal: AbortSignal;
  url: string;
};

/** An audit may be named by its job. */
function auditOf(workflow: string): string {
  return workflow.startsWith("audit_") ? workflow : `audit_${workflow}`;
}

function decided(decision: PlanDecision, { print, json }: Session): number {
  if (json) print(JSON.stringify(decision));
  else {
    const { workflow_id, plan_id, approved, processing_message } = decision;
    print(
      `${plan_id} of ${workflow_id} is ${approved ? "approved" : "rejected"}. ${processing_message ?? ""}`.trimEnd(),
    );
    print(`Watch it with: convoke watch ${workflow_id.slice("audit_".length)}`);
  }
  return exit.completed;
}

type CouncilOptions = { members?: string; chairman?: string; conversation?: string };

async function ask(
  client: Convoke,
  question: string,
  { members, chairman, conversation }: CouncilOptions,
  signal: AbortSignal,
): Promise<string> {
  const input = {
    ...(members ? { members: members.split(",").map((member) => member.trim()) } : {}),
    ...(chairman ? { chairman } : {}),
  };
  const accepted = conversation
    ? await client.conversations.send(conversation, question, { type: "council", input, signal })
    : await client.submit("council", { question, ...input }, { signal });
  return accepted.job_id;
}

type DialogueOptions = { goal?: string; turns?: number; job?: string };

/** A dialogue from its beginning, or from where it was left. */
async function hold(
  client: Convoke,
  session: Session,
  narrative: string | undefined,
  { goal, turns, job }: DialogueOptions,
): Promise<number> {
  const { terminal, print, complain, signal } = session;
  if ((narrative === undefined) === (job === undefined))
    throw new InvalidRequest("Needs a narrative, or --job with a dialogue that was begun before");
  client.connect();
  const input = { ...(goal ? { goal } : {}), ...(turns === undefined ? {} : { max_turns: turns }) };
  const jobId =
    job ?? (await client.submit("maieutic", { narrative: narrative!, ...input }, { signal })).job_id;
  const left = () => {
    complain(`\nThe dialogue waits. Go on with: convoke dialogue --job ${jobId}`);
    return exit.interrupted;
  };
  try {
    if (!(await converse(client, jobId, { stdin: terminal.stdin, print, signal }))) return left();
  } catch (error) {
    if (!signal.aborted) throw error;
    return left();
  }
  print("");
  return show(await client.get(jobId, { signal }), session);
}

/** Shows a job until it ends, or until whoever watches has seen enough: the job goes on without them. */
/** @throws when the path leaves the directory, whatever the service may say, and when there is such a file. */
async function writeBelow(directory: string, path: string, content: string): Promise<void> {
  const file = resolve(directory, path);
  if (!file.startsWith(directory + sep)) throw new InvalidRequest(`"${path}" is not below ${directory}`);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content, { flag: "wx" });
  } catch (cause) {
    throw new InvalidRequest(`${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
}

async function follow(client: Convoke, session: Session, jobId: string, after: number): Promise<number> {
  const { terminal, complain, json, signal } = session;
  try {
    const live = !json && terminal.stdout.isTTY;
    return await (json
      ? followAsJson(client, session, jobId, after)
      : followAsText(client, session, jobId, after, live));
  } catch (error) {
    if (!signal.aborted) throw error;
    complain(`\nThe job goes on. Come back with: convoke watch ${jobId}`);
    return exit.interrupted;
  }
}

async function followAsJson(
  client: Convoke,
  session: Session,
  jobId: string,
  after: number,
): Promise<number> {
  const { print, signal } = session;
  for await (const event of client.watch(jobId, { after, signal })) print(JSON.stringify(event));
  const job = await client.get(jobId, { signal });
  print(JSON.stringify({ job }));
  return exitCode(job.status);
}

async function followAsText(
  client: Convoke,
  session: Session,
  jobId: string,
  after: number,
  live: boolean,
): Promise<number> {
  const { terminal, print, signal, url } = session;
  const paint: Paint = live ? (style, text) => styleText(style, text, { stream: terminal.stdout }) : plain;
  const width = () => terminal.stdout.columns ?? 100;
  let council = newCouncil(jobId);
  let isCouncil = after > 0 && (await client.get(jobId, { signal })).type === "council";
  const frame = live ? await openFrame(terminal.stdout) : undefined;
  const draw = () => {
    if (isCouncil) frame?.draw(renderCouncil(council, { now: Date.now(), width: width(), paint }));
  };
  const ticking = frame && setInterval(draw, 100);
  try {
    for await (const news of client.watch(jobId, { after, deltas: live, signal })) {
      if (news.kind === "job.submitted") isCouncil = (news as EventView).type === "council";
      const before = council;
      council = applyToCouncil(council, news);
      if (frame && isCouncil) draw();
      else if (isCouncil) for (const line of councilNews(before, council)) print(line);
      else for (const line of eventLines(news)) print(line);
    }
    draw();
  } finally {
    clearInterval(ticking);
    frame?.close();
  }
  print("");
  if (!isCouncil) {
    const job = await client.get(jobId, { signal });
    show(job, session);
    return exitCode(job.status);
  }
  if (!council.result || !isTerminal(council.status)) {
    // The event came without its result, or before the events that were asked for.
    const { status, result_data } = await client.get(jobId, { signal });
    council.status = status;
    if (result_data) council.result = result_data as CouncilResult;
  }
  for (const line of renderOutcome(council, { width: width(), paint })) print(line);
  print(paint("dim", `${url}/api/jobs/${jobId}`));
  return exitCode(council.status);
}

/** Loaded only where there is something to redraw. */
async function openFrame(stream: NodeJS.WriteStream) {
  const { createLogUpdate } = await import("log-update");
  const update = createLogUpdate(stream);
  return { draw: (lines: string[]) => update(lines.join("\n")), close: () => update.done() };
}

function eventLines(news: EventView | DeltaView): string[] {
  if (news.kind === "delta") return [];
  const { at, kind, step, steps, progress } = news as EventView;
  const names = (steps as { step: string }[] | undefined)?.map((begun) => begun.step) ?? [step ?? ""];
  const shown = progress as JobView["progress"];
  const said = shown
    ? `${shown.percentage} % ${safe(shown.current_step)}: ${safe(shown.details)}`
    : safe(names.join(", "));
  return [`${at}  ${kind}  ${said}`.trimEnd()];
}

function show(job: JobView, { print, json, terminal }: Session): number {
  if (json) print(JSON.stringify(job));
  else {
    for (const line of jobLines(job)) print(line);
    if (job.type === "council" && job.result_data) {
      print("");
      const paint: Paint = (style, text) => styleText(style, text, { stream: terminal.stdout });
      for (const line of renderResult(job.result_data as CouncilResult, paint)) print(line);
    } else if (job.result_data !== null) {
      print("");
      print(JSON.stringify(job.result_data, null, 2));
    }
  }
  return job.status === "failed" || job.status === "cancelled" ? exit.failed : exit.completed;
}

function jobLines(job: JobView): string[] {
  const { progress, eta, usage, error } = job;
  return columns([
    ["Job", job.id],
    ["Type", `${job.type}, version ${job.version}`],
    ["Title", safe(job.title)],
    ["Status", job.status],
    ...(progress ? [["Progress", `${progress.percentage} % ${safe(progress.current_step)}`]] : []),
    ...(eta ? [["Ends in", `${eta.seconds_low} to ${eta.seconds_high} s, about ${eta.completes_at}`]] : []),
    ...(error ? [["Error", `${safe(error.message)} (${error.code})`]] : []),
    ["Created", job.created_at],
    ...(job.completed_at ? [["Ended", job.completed_at]] : []),
    [
      "Usage",
      `${usage.model_calls} model calls, ${usage.input_tokens + usage.output_tokens} tokens${usage.cost_usd === undefined ? "" : `, $${usage.cost_usd.toFixed(4)}`}`,
    ],
  ]);
}

function exitCode(status: JobStatus): number {
  return status === "completed" ? exit.completed : exit.failed;
}
