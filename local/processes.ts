import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The full path of a program on the PATH. */
export function onPath(program: string): string | undefined {
  return (process.env.PATH ?? "")
    .split(delimiter)
    .map((directory) => join(directory, program))
    .find((path) => existsSync(path));
}

const setpriv = process.platform === "linux" ? onPath("setpriv") : undefined;

/**
 * Starts a program that must not outlive this process, not even a kill -9 of it. Where the kernel can see to that
 * (Linux), it does; elsewhere a shell that holds a pipe of ours kills the program when the pipe breaks.
 *
 * The program is out of reach of Ctrl-C, which a terminal sends to everybody: it ends when this process decides to.
 */
export function spawnBound(program: string, args: string[], options: SpawnOptions): ChildProcess {
  const apart: SpawnOptions = { ...options, detached: true };
  if (setpriv) return spawn(setpriv, ["--pdeathsig", "KILL", program, ...args], apart);
  const child = spawn(program, args, apart);
  if (child.pid !== undefined) {
    const watchdog = spawn("sh", ["-c", `cat >/dev/null; kill -9 ${child.pid}`], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    child.once("exit", () => watchdog.kill("SIGKILL"));
    watchdog.unref();
  }
  return child;
}

/** The command line of a running process, undefined when there is none. */
export function commandLine(pid: number): string | undefined {
  try {
    if (process.platform === "linux") {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim() || undefined;
    }
    return execFileSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

export function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
    return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}
