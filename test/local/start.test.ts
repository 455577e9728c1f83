import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { commandLine } from "../../local/processes.ts";
import { synthesize } from "../../local/synthesize.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryDirectory } from "../support/temporary.ts";

type Started = { child: ChildProcess; ready: { http: string; ws: string; key: string }; lines: string[] };

async function start(...options: string[]): Promise<Started> {
  await synthesize();
  const child = spawn(process.execPath, ["local/start.ts", "--port", "0", ...options], {
    cwd: join(import.meta.dirname, "../.."),
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own, like that of a command in a terminal.
    detached: true,
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines: string[] = [];
  const output = createInterface({ input: child.stdout! });
  output.on("line", (line) => lines.push(line));
  createInterface({ input: child.stderr! }).on("line", (line) => lines.push(line));
  const ready = await new Promise<string>((resolve, reject) => {
    output.on("line", (line) => line.startsWith("ready ") && resolve(line));
    child.once("exit", () => reject(new Error(lines.join("\n"))));
  });
  return { child, ready: JSON.parse(ready.slice("ready ".length)), lines };
}

const ended = (child: ChildProcess) =>
  new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));

/** The processes that a runner has started, by what the kernel knows. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
}

test("npm start answers, keeps its key with the data over a restart, and leaves nothing behind on Ctrl-C [A3-19]", async () => {
  const data = temporaryDirectory();

  const first = await start("--data", data);
  const health = await fetch(`${first.ready.http}/api/health`);
  const mine = await fetch(`${first.ready.http}/api/jobs`, {
    headers: { authorization: `Bearer ${first.ready.key}` },
  });
  const children = childrenOf(first.child.pid!);
  // What a terminal does at Ctrl-C: everybody in the group is told.
  process.kill(-first.child.pid!, "SIGINT");
  const code = await ended(first.child);
  const second = await start("--data", data);

  expect([health.status, mine.status, code]).toEqual([200, 200, 0]);
  expect(first.lines.filter((line) => line.includes("engine ended"))).toEqual([]);
  expect(first.ready.ws).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/ws$/);
  expect(children.length).toBeGreaterThanOrEqual(2);
  expect(children.filter((pid) => commandLine(pid) !== undefined)).toEqual([]);
  expect(second.ready.key).toBe(first.ready.key);
  expect(first.lines).toContain(`console: ${first.ready.http}/#key=${first.ready.key}`);
  expect(JSON.parse(readFileSync(join(data, "endpoint.json"), "utf8"))).toMatchObject(second.ready);
  expect(statSync(join(data, "endpoint.json")).mode & 0o777).toBe(0o600);
});

test("a kill -9 of npm start leaves no process behind", async () => {
  const { child } = await start("--memory");
  await eventually(() => childrenOf(child.pid!).length >= 4);
  const children = childrenOf(child.pid!);

  child.kill("SIGKILL");

  await eventually(() => children.every((pid) => commandLine(pid) === undefined), 3_000);
});

test("a second start on the same data says who is in the way", async () => {
  const data = temporaryDirectory();
  await start("--data", data);

  await expect(start("--data", data)).rejects.toThrow(`Another start of Convoke is using ${data}`);
});
