import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Convoke, convoke } from "../../client/index.ts";
import { prose } from "./prose.ts";

export type System = {
  http: string;
  key: string;
  /** Of the process that runs everything else. */
  pid: number;
  /** Of the template, and of everything else until the first request could be answered. */
  startSeconds: { synthesis: number; boot: number };
  client(): Convoke;
  stop(): Promise<void>;
};

const root = join(import.meta.dirname, "../..");

/** Starts the product as `npm start` does, on an empty directory of its own on disk. */
export async function startSystem({ env = {} }: { env?: Record<string, string> } = {}): Promise<System> {
  const data = mkdtempSync(join(tmpdir(), "convoke-bench-"));
  const options = ["--port", "0", "--data", data, "-c", "jobs=./bench/jobs.ts"];
  const runner = spawn(process.execPath, [join(root, "local/start.ts"), ...options], {
    cwd: root,
    env: { ...process.env, MOCK_TEXT: prose, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const clients: Convoke[] = [];
  const stop = async () => {
    for (const client of clients) client.close();
    await ended(runner);
    rmSync(data, { recursive: true, force: true });
  };
  try {
    const { ready, startSeconds } = await start(runner);
    return {
      ...ready,
      pid: runner.pid!,
      startSeconds,
      client() {
        const client = convoke({ url: ready.http, key: ready.key });
        clients.push(client);
        return client;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(runner: ChildProcess) {
  let synthesis = 0;
  let boot = 0;
  const seconds = (line: string) => Number(/\(([\d.]+) s\)$/.exec(line)?.[1] ?? 0);
  // Read to the end: a pipe that nobody empties would hold up the runner.
  const lines = createInterface({ input: runner.stdout! });
  const ready = await new Promise<{ http: string; key: string }>((resolve, reject) => {
    lines.on("line", (line) => {
      if (line.startsWith("template and bundles")) synthesis = seconds(line);
      if (line.startsWith("engines, gateway")) boot = seconds(line);
      if (line.startsWith("ready ")) resolve(JSON.parse(line.slice("ready ".length)));
    });
    runner.once("exit", (code) => reject(new Error(`The system did not start: exit status ${code}`)));
  });
  return { ready, startSeconds: { synthesis, boot } };
}

async function ended(runner: ChildProcess): Promise<void> {
  if (runner.exitCode !== null || runner.signalCode !== null) return;
  const gone = once(runner, "exit");
  runner.kill("SIGINT");
  await gone;
}
