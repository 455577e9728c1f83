import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, relative, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import type { Jobs } from "../../core/engine/job-type.ts";
import type { Given, Verdict } from "../../core/engine/replay-check.ts";
import { InvalidRequest } from "../../core/protocol/error.ts";
import type { Entry } from "../../core/protocol/event.ts";
import type { Json } from "../../core/protocol/json.ts";
import type { Family, Session } from "./command.ts";
import { type Exit, exit } from "./exit.ts";
import { operatorServices, type Where, withTable } from "./operator.ts";
import { clip, jsonLine } from "./text.ts";

type Replaying = { jobs: string; break?: string };
type Writing = { jobs: string; out: string };

/** A job's journal away from its service: to look into it, to run through it, and to keep it as a test. */
export function journalCommands({ command, act }: Family): void {
  command(
    "export <job>",
    "print a job's journal, one entry a line, with every value in place",
    "convoke export 019abc > job.jsonl",
  ).action(
    act(async ({ client, signal, terminal }: Session, job: string) => {
      for await (const entry of client.journal(job, { signal }))
        terminal.stdout.write(`${jsonLine(entry)}\n`);
      return undefined;
    }),
  );

  withTable(
    command(
      "import <files...>",
      "put exported journals, or - for stdin, into the service that runs here; what has not ended is paused",
      "convoke import job.jsonl",
      "convoke export 019abc --url https://api.example.com --key ck_... | convoke import -",
    ),
  )
    .option("--tenant <name>", "whose jobs they become", "default")
    .action(
      act(async (session: Session, files: string[], { tenant, ...where }: Where & { tenant: string }) => {
        const { importJournal } = await import("../../core/journal/import.ts");
        const services = await operatorServices(session, where);
        for (const file of files) {
          for (const entries of await journalsOf(session, file)) {
            const { jobId, type, status, paused } = await importJournal(services, entries, tenant);
            const held = paused ? ", paused here: nothing is done for it unless it is resumed" : "";
            session.answer({ job_id: jobId, type, status }, `${jobId}  ${type}, ${status}${held}`);
          }
        }
        return undefined;
      }),
    );

  command(
    "replay <source>",
    "run the code at hand through a job's journal, step by step and without any effect; a job, a file, or - for stdin",
    "convoke replay 019abc",
    "convoke replay job.jsonl --json",
    "node --inspect-brk client/cli/main.ts replay job.jsonl --break stage2/mock:ada",
  )
    .option("--jobs <module>", "exports `jobs`, the registry to replay with", "jobs/index.ts")
    .option("--break <step>", "stop in the debugger before the job is given this step's outcome")
    .action(
      act(async (session: Session, source: string, { jobs: module, break: at }: Replaying) => {
        const { checkReplay, foldOf } = await import("../../core/engine/replay-check.ts");
        const { memoryPayloads } = await import("../../core/payloads/memory.ts");
        const jobs = await registryOf(session, module);
        let ends: Exit = exit.done;
        for (const entries of await journalsOf(session, source)) {
          const { jobId, type, version, title, status } = foldOf(entries);
          const about = { job_id: jobId, type, version, status, entries: entries.length };
          session.answer(about, `${type}@${version}  ${jobId}  ${status}  ${title}`);
          const verdict = await checkReplay(jobs, entries, memoryPayloads(), (given) => {
            session.answer(givenView(given), givenLine(given, session.terminal.stdout.columns ?? 160));
            // biome-ignore lint/suspicious/noDebugger: this is what the option is for
            if (given.step === at) debugger;
          });
          session.answer(verdict, verdictLine(verdict, `${type}@${version}`));
          if (verdict.verdict !== "fits") ends = exit.failed;
        }
        return ends;
      }),
    );

  command(
    "to-test <source>",
    "keep a job's journal as a test: the code must go on replaying it as it was recorded",
    "convoke to-test 019abc",
    "convoke to-test job.jsonl --out test/jobs/recorded",
  )
    .option("--jobs <module>", "exports `jobs`, the registry that the test replays with", "jobs/index.ts")
    .option("--out <directory>", "where to", "test/recorded")
    .action(
      act(async (session: Session, source: string, { jobs, out }: Writing) => {
        const { foldOf } = await import("../../core/engine/replay-check.ts");
        const { directory } = session.terminal;
        const below = resolve(directory, out);
        await mkdir(below, { recursive: true });
        for (const entries of await journalsOf(session, source)) {
          const { type, version, jobId, title } = foldOf(entries);
          const name = `${type}-${jobId}`.replace(/[^\w.@-]+/g, "-");
          const journal = resolve(below, `${name}.jsonl`);
          const test = resolve(below, `${name}.test.ts`);
          const registry = relative(below, resolve(directory, jobs)).replace(/^(?!\.)/, "./");
          await write(journal, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
          await write(
            test,
            testOf({ name: `${type}@${version}, ${title}`, registry, journal: basename(journal) }),
          );
          const files = [journal, test].map((file) => relative(directory, file));
          session.answer(
            { job_id: jobId, files },
            `${files.join("\n")}\nRun it with: npx vitest run ${files[1]}`,
          );
        }
        return undefined;
      }),
    );
}

/** The journals of a file, of stdin, or of a job of the service. */
async function journalsOf(session: Session, source: string): Promise<Entry[][]> {
  const { exportedJournals } = await import("../../core/journal/exported.ts");
  const { terminal, client, signal } = session;
  if (source === "-") return exportedJournals(await text(terminal.stdin), "stdin");
  const written = await readFile(resolve(terminal.directory, source), "utf8").catch(() => undefined);
  if (written !== undefined) return exportedJournals(written, source);
  if (source.endsWith(".jsonl")) throw new InvalidRequest(`There is no file ${source}`);
  const entries: Entry[] = [];
  for await (const entry of client.journal(source, { signal })) entries.push(entry);
  return [entries];
}

async function registryOf({ terminal }: Session, module: string): Promise<Jobs> {
  const path = resolve(terminal.directory, module);
  try {
    const { jobs } = (await import(pathToFileURL(path).href)) as { jobs?: Jobs };
    if (jobs) return jobs;
  } catch (cause) {
    throw new InvalidRequest(`${module} cannot be loaded: ${(cause as Error).message}`, { cause });
  }
  throw new InvalidRequest(`${module} exports no \`jobs\``);
}

function givenView({ outcome, ...given }: Given) {
  return { ...given, ...(outcome.ok ? { given: outcome.value } : { thrown: outcome.failure }) };
}

function givenLine({ seq, step, kind, attempt, outcome, awaited }: Given, width: number): string {
  const again = attempt > 1 ? `, attempt ${attempt}` : "";
  const what = outcome.ok
    ? `is given ${jsonLine(outcome.value)}`
    : `is thrown ${outcome.failure.code}: ${outcome.failure.message}`;
  const others = awaited.filter((path) => path !== step);
  const lines = [clip(`${String(seq).padStart(6)}  ${step} (${kind}${again}) ${what}`, width)];
  if (others.length > 0) lines.push(clip(`        beside it waits for ${others.join(", ")}`, width));
  return lines.join("\n");
}

function verdictLine(verdict: Verdict, version: string): string {
  switch (verdict.verdict) {
    case "fits":
      return "It fits: the code goes the way of the journal to its end.";
    case "missing":
      return `This code has no ${version}.`;
    case "unreadable":
      return `The journal cannot be read: ${verdict.message}`;
    case "diverges":
      return `It diverges${verdict.step ? ` at "${verdict.step}"` : ""}: ${verdict.message}`;
    default:
      return verdict satisfies never;
  }
}

function testOf({ name, registry, journal }: { name: string; registry: string; journal: string }): string {
  const title: Json = `${name}: is replayed by today's code as it was recorded`;
  return `import { readFileSync } from "node:fs";
import { replayed } from "convoke/testing";
import { expect, test } from "vitest";
import { jobs } from "${registry}";

test(${JSON.stringify(title)}, async () => {
  const journal = readFileSync(new URL("./${journal}", import.meta.url), "utf8");
  expect(await replayed(jobs, journal)).toEqual({ verdict: "fits" });
});
`;
}

/** @throws InvalidRequest when there is such a file. */
async function write(file: string, content: string): Promise<void> {
  try {
    await writeFile(file, content, { flag: "wx" });
  } catch (cause) {
    throw new InvalidRequest(`${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
}
