import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve, sep } from "node:path";
import { InvalidRequest } from "../../core/protocol/error.ts";
import { type Family, given, list, oneOf, type Session, whole } from "./command.ts";
import { converse } from "./dialogue.ts";
import { type Exit, exit } from "./exit.ts";
import { begin, type Making } from "./follow.ts";
import { detachable, show } from "./jobs.ts";

type Council = Making & { members?: string[]; chairman?: string; conversation?: string };
type Video = Making & { model?: string; seconds?: number };
type Dialogue = { goal?: string; turns?: number; job?: string };
type Decision = { feedback?: string; plan?: string };

/** Work that has a command of its own. */
export function workCommands({ command, act }: Family): void {
  detachable(
    command(
      "council <question>",
      "ask a council of models and show how it works",
      "convoke council 'Why is the sky blue?'",
      "convoke council 'And at dusk?' --members mock:ada,mock:blaise,mock:clara --chairman mock:zeno",
    ),
  )
    .option("--members <models>", "who answers and ranks", list)
    .option("--chairman <model>", "who writes the final answer")
    .option("--conversation <id>", "ask as the next message of a conversation")
    .action(
      act((session: Session, question: string, { members, chairman, conversation, ...making }: Council) =>
        begin(session, making, ({ signal }) => {
          const { client } = session;
          const input = given({ members, chairman });
          return conversation === undefined
            ? client.submit("council", { question, ...input }, { signal })
            : client.conversations.send(conversation, question, { type: "council", input, signal });
        }),
      ),
    );

  command(
    "dialogue [narrative]",
    "be asked about a narrative until it is understood; answers are read from stdin",
    "convoke dialogue 'My boss took the credit for my idea.' --goal understand --turns 3",
    "convoke dialogue --job 019abc",
  )
    .option("--goal <goal>", "what for", oneOf("understand", "clarify", "discover", "question"))
    .option("--turns <count>", "how many questions at most", whole)
    .option("--job <id>", "go on with a dialogue that was begun before")
    .action(act(hold));

  detachable(
    command(
      "video <prompt>",
      "have a video made, and show how it is done",
      "convoke video 'A lighthouse in a storm' --model mock:video --seconds 6",
    ),
  )
    .option("--model <model>", "who makes it: google:..., bedrock:... or mock:...")
    .option("--seconds <count>", "how long it is to be", whole)
    .action(
      act((session: Session, prompt: string, { model, seconds: duration_seconds, ...making }: Video) =>
        begin(session, making, (patient) =>
          session.client.submit("video", { prompt, ...given({ model, duration_seconds }) }, patient),
        ),
      ),
    );

  detachable(
    command(
      "project <name> <description>",
      "have a project generated, and show how it is done",
      "convoke project Greeter 'A command that greets whoever is named, in three languages'",
    ),
  ).action(
    act(async (session: Session, name: string, description: string, making: Making) => {
      const { client } = session;
      let project = "";
      const ended = await begin(session, making, async (patient) => {
        project = (await client.projects.create({ name, description }, patient)).id;
        return client.projects.generate(project, patient);
      });
      const hint = `Project ${project}. Its files: convoke files ${project} --out <directory>`;
      if (!making.detach) session.answer({ project_id: project }, hint);
      return ended;
    }),
  );

  command(
    "files <project>",
    "list a project's files, or write them to a directory",
    "convoke files 019abc",
    "convoke files 019abc --out greeter",
  )
    .option("--out <directory>", "where to; what is there already is not replaced")
    .action(
      act(async (session: Session, project: string, { out }: { out?: string }) => {
        const { client, signal, terminal } = session;
        const { files } = await client.projects.files(project, { signal });
        for (const { path } of out === undefined ? [] : files) {
          const { content } = await client.projects.file(project, path, { signal });
          await writeBelow(resolve(terminal.directory, out!), path, content);
        }
        if (session.json) session.table(files, [], () => []);
        else for (const file of files) session.print(`${file.bytes}\t${file.path}`);
        return undefined;
      }),
    );

  for (const approved of [true, false]) {
    const verb = approved ? "approve" : "reject";
    command(
      `${verb} <workflow>`,
      approved ? "have an audit carried out by its plan" : "have an audit planned again",
      `convoke ${verb} 019abc --feedback 'Mind the treasury'`,
    )
      .option("--feedback <text>", "what to mind from now on")
      .option("--plan <id>", "which plan is meant; without it the one that waits")
      .action(
        act(
          async (
            { client, signal, answer }: Session,
            workflow: string,
            { feedback, plan: plan_id }: Decision,
          ) => {
            const decision = { approved, ...given({ feedback, plan_id }) };
            const made = await client.workflows.decide(auditOf(workflow), decision, { signal });
            const { workflow_id, processing_message } = made;
            const said = `${made.plan_id} of ${workflow_id} is ${made.approved ? "approved" : "rejected"}. ${processing_message ?? ""}`;
            answer(
              made,
              `${said.trimEnd()}\nWatch it with: convoke watch ${workflow_id.slice("audit_".length)}`,
            );
            return undefined;
          },
        ),
      );
  }

  command(
    "report <workflow>",
    "print the report of an audit, in Markdown",
    "convoke report 019abc > report.md",
  ).action(
    act(async ({ client, signal, answer, complain }: Session, workflow: string) => {
      const id = auditOf(workflow);
      const report = await client.workflows.report(id, { signal });
      if (report) answer(report, report.final_report);
      else
        complain(`${id} has no report yet: ${(await client.workflows.get(id, { signal })).status_message}`);
      return report ? exit.done : exit.conflict;
    }),
  );
}

/** An audit may be named by its job. */
function auditOf(workflow: string): string {
  return workflow.startsWith("audit_") ? workflow : `audit_${workflow}`;
}

/** A dialogue from its beginning, or from where it was left. */
async function hold(
  session: Session,
  narrative: string | undefined,
  { goal, turns, job }: Dialogue,
): Promise<Exit> {
  const { terminal, complain, signal, client } = session;
  if ((narrative === undefined) === (job === undefined))
    throw new InvalidRequest("Needs a narrative, or --job with a dialogue that was begun before");
  client.connect();
  const input = given({ goal, max_turns: turns });
  const jobId =
    job ?? (await client.submit("maieutic", { narrative: narrative!, ...input }, { signal })).job_id;
  // With --json what is asked is for people all the same, and beside what programs read.
  const print = session.json ? complain : session.print;
  try {
    if (await converse(client, jobId, { stdin: terminal.stdin, print, signal })) {
      print("");
      return show(session, await client.get(jobId, { signal }));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  complain(`\nThe dialogue waits. Go on with: convoke dialogue --job ${jobId}`);
  return exit.interrupted;
}

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
