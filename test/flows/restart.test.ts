import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { convoke } from "../../client/index.ts";
import { commandLine } from "../../local/processes.ts";
import { synthesize } from "../../local/synthesize.ts";
import { startTestCloud } from "../support/cloud.ts";
import { councilProvider } from "../support/council-provider.ts";
import { eventually } from "../support/eventually.ts";
import { ended, expectFolded, expectWellFormed, journalOf } from "../support/journals.ts";

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "convoke-flow-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** `npm start` on some data. */
async function start(data: string, environment: Record<string, string>) {
  const runner = spawn(process.execPath, ["local/start.ts", "--port", "0", "--data", data], {
    cwd: join(import.meta.dirname, "../.."),
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void runner.kill("SIGKILL"));
  for await (const line of createInterface({ input: runner.stdout! })) {
    if (!line.startsWith("ready ")) continue;
    runner.stdout!.resume();
    const { http, key } = JSON.parse(line.slice("ready ".length));
    return { runner, client: convoke({ url: http, key }) };
  }
  throw new Error(`The runner ended with ${runner.exitCode}`);
}

/** Everything that a process has started, directly or not. */
function descendantsOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter(Boolean)
    .map(Number);
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

const killed = (runner: ChildProcess) =>
  new Promise<void>((resolve) => {
    runner.once("exit", () => resolve());
    runner.kill("SIGKILL");
  });

test("after a kill -9 of npm start in the middle of jobs, the next start on the same data ends every one of them [A0-29] [A2-03] [A0-27] [A2-02] [A2-76]", async () => {
  const provider = await councilProvider(20);
  onTestFinished(() => provider.close());
  const data = join(temporaryDirectory(), "data");
  const first = await start(data, provider.environment);
  const release = provider.hold(({ part }) => part === "ranking");
  const question = { question: "Why is the sky blue?" };
  const { job_id: inTheMiddle } = await first.client.submit("council", question);
  await eventually(() => provider.asked.filter(({ part }) => part === "ranking").length === 3);
  const justAccepted = await Promise.all(
    Array.from({ length: 5 }, async () => (await first.client.submit("council", question)).job_id),
  );
  const before = await journalOf(first.client, inTheMiddle);
  const processes = descendantsOf(first.runner.pid!);

  await killed(first.runner);
  first.client.close();
  release();
  await eventually(() => processes.every((pid) => commandLine(pid) === undefined), 5_000);
  const second = await start(data, provider.environment);

  for (const jobId of [inTheMiddle, ...justAccepted]) {
    const job = await ended(second.client, jobId);
    const journal = await journalOf(second.client, jobId);
    expect(job.status).toBe("completed");
    expectWellFormed(journal);
    expectFolded(job, journal);
  }
  expect((await journalOf(second.client, inTheMiddle)).slice(0, before.length)).toEqual(before);
  for (const step of ["title", "stage1/openai:alpha", "stage1/openai:beta", "stage1/openai:gamma"]) {
    expect(provider.callsFor({ tenant: "default", jobId: inTheMiddle }, step), step).toBe(1);
  }
  expect(processes.length).toBeGreaterThan(3);
}, 90_000);

/** The same assembly with other code in one place of the worker, as the next deployment would bring it. */
async function nextDeployment(before: string, after: string): Promise<string> {
  const assembly = join(temporaryDirectory(), "assembly");
  cpSync(await synthesize(), assembly, { recursive: true });
  let changed = 0;
  for (const file of readdirSync(assembly, { recursive: true, encoding: "utf8" })) {
    if (!/asset\..*\.mjs$/.test(file)) continue;
    const code = readFileSync(join(assembly, file), "utf8");
    if (!code.includes(before)) continue;
    writeFileSync(join(assembly, file), code.replaceAll(before, after));
    changed += 1;
  }
  if (changed === 0) throw new Error(`No bundle holds "${before}"`);
  return assembly;
}

test("a deployment of changed code in the middle of a job carries it on, and pays for nothing again [A3-02]", async () => {
  const provider = await councilProvider(20);
  onTestFinished(() => provider.close());
  const dataDirectory = join(temporaryDirectory(), "data");
  const old = await startTestCloud({ dataDirectory, environment: provider.environment });
  onTestFinished(() => old.stop());
  const release = provider.hold(({ part }) => part === "synthesis");
  const { job_id: jobId } = await old.client.submit("council", { question: "Why is the sky blue?" });
  await eventually(() => provider.asked.some(({ part }) => part === "synthesis"));

  await old.stop();
  release();
  const assembly = await nextDeployment("has written the council's answer", "has spoken for the council");
  const next = await startTestCloud({ assembly, dataDirectory, environment: provider.environment });
  onTestFinished(() => next.stop());

  const job = await ended(next.client, jobId);
  expect(job).toMatchObject({
    status: "completed",
    progress: { details: "openai:alpha has spoken for the council" },
  });
  expectWellFormed(await journalOf(next.client, jobId));
  const paid = provider.asked.map(({ step }) => step);
  expect(paid.length - new Set(paid).size).toBe(1);
  expect(provider.callsFor({ tenant: "test", jobId }, "stage3")).toBe(2);
}, 60_000);
