import type { ChildProcess } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Process, tree } from "../../bench/support/processes.ts";
import { localScheduleScale } from "../../core/config.ts";
import type { CloudOptions } from "../../local/cloud.ts";
import { createKey } from "../../local/keys.ts";
import { commandLine, exited, spawnBound } from "../../local/processes.ts";
import { synthesize } from "../../local/synthesize.ts";
import { loadTemplate } from "../../local/template.ts";
import type { Effect } from "./account.ts";

const jobs = "./test/chaos/jobs.ts";

/**
 * The embedded cloud as `npm start` runs it, on a directory of its own, with the engines and all sandboxes in processes
 * of their own below one runner. All of them end with this process, however it ends.
 */
export class ChaosCloud {
  http = "";
  key = "";
  readonly #directory = mkdtempSync(join(tmpdir(), `convoke-chaos-${process.pid}-`));
  /** Every process that was ever seen, with its command line. */
  readonly #seen = new Map<number, string>();
  #runner: ChildProcess | undefined;

  get #assembly(): string {
    return join(this.#directory, "assembly");
  }

  get #effects(): string {
    return join(this.#directory, "effects.log");
  }

  /** What calls have left behind. A line that a kill has cut off tells nothing. */
  get effects(): Effect[] {
    const lines = readFileSync(this.#effects, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Effect);
  }

  async start(): Promise<void> {
    // A copy, because what was synthesized goes when somebody else has synthesized often enough.
    cpSync(await synthesize({ jobs }), this.#assembly, { recursive: true });
    writeFileSync(this.#effects, "");
    const { http, endpoints } = await this.#run(0);
    this.http = http;
    this.key = await createKey({ endpoints, template: loadTemplate(this.#assembly) }, { tenant: "chaos" });
  }

  /** On the same data and port. */
  async restart(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#run(Number(new URL(this.http).port));
        return;
      } catch (error) {
        if (attempt === 5) throw error;
      }
    }
  }

  async #run(port: number): Promise<{ http: string; endpoints: Record<"dynamodb" | "sqs" | "s3", string> }> {
    const options: CloudOptions = {
      assembly: this.#assembly,
      dataDirectory: join(this.#directory, "data"),
      port,
      scheduleScale: localScheduleScale,
      environment: { CHAOS_EFFECTS: this.#effects },
    };
    const program = join(import.meta.dirname, "../support/run-cloud.ts");
    const runner = spawnBound(process.execPath, [program, JSON.stringify(options)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#runner = runner;
    for await (const line of createInterface({ input: runner.stdout! })) {
      if (!line.startsWith("{")) continue;
      runner.stdout!.resume();
      return JSON.parse(line);
    }
    throw new Error(`The runner has ended with ${runner.exitCode ?? runner.signalCode}`);
  }

  /** The runner and whatever runs below it. */
  processes(): Process[] {
    const found = this.#runner?.pid === undefined ? [] : tree(this.#runner.pid);
    for (const { pid } of found) if (!this.#seen.has(pid)) this.#seen.set(pid, commandLine(pid) ?? "");
    return found;
  }

  async runnerEnded(): Promise<void> {
    await exited(this.#runner!);
  }

  /** Those that were seen and still run. */
  left(): number[] {
    return [...this.#seen]
      .filter(([pid, command]) => commandLine(pid) === command && command)
      .map(([pid]) => pid);
  }

  /** Ends everything, whatever state it is in. */
  async stop(): Promise<void> {
    const all = this.processes();
    // Nobody can be asked to end who stands still; and there is nothing that a kill could spoil.
    for (const { pid } of all) signal(pid, "SIGKILL");
    if (this.#runner) await exited(this.#runner);
    for (let waited = 0; this.left().length > 0 && waited < 100; waited += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    if (existsSync(this.#directory)) rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** @returns false when there is no such process any more. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
