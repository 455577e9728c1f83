import type { ChildProcess } from "node:child_process";
import { createRequire } from "node:module";
import { setPriority } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Invoked } from "./lambdas.ts";
import { exited, spawnBound } from "./processes.ts";

/** Of functions that nobody waits for. */
const backgroundNiceness = 5;

/** What one sandbox is made from. */
export type SandboxPlan = {
  /** Shown in the command line of the process. */
  label: string;
  memoryMb: number;
  /** Nobody waits for its answers. */
  background: boolean;
  directory: string;
  environment: Record<string, string>;
};

const preload = join(import.meta.dirname, "sandbox/preload.mjs");
const runtimeClient = createRequire(import.meta.url).resolve("aws-lambda-ric");

/**
 * Of an event and of an answer.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const payloadBytes = 6 * 1024 * 1024;

/** Lambda gives a function ten seconds to initialise. */
const initMs = 10_000;

type Message = { kind: "ready" } | { kind: "done"; body: string } | { kind: "error"; body: string };

/**
 * One execution environment: a process that runs AWS's own runtime client and takes one invocation at a time. It ends
 * for good with a time-out, a crash or `kill`, and with the runner, however that ends.
 */
export class Sandbox {
  readonly pid: number;
  /** Milliseconds from the start of the process until it asked for its first event. */
  initMs: number | undefined;
  usedAt = Date.now();
  #process: ChildProcess;
  #settle: ((message: Message | { kind: "gone" }) => void) | undefined;
  #ready: Promise<boolean>;
  #gone = false;
  /** What the runtime client logged before it gave up, for the one who wanted to invoke. */
  #initError: { errorType: string; errorMessage: string } | undefined;

  constructor(plan: SandboxPlan, onOutput: (line: string) => void, onGone: () => void) {
    const startedAt = performance.now();
    this.#process = spawnBound(
      process.execPath,
      [
        "--import",
        preload,
        `--max-old-space-size=${plan.memoryMb}`,
        // A dozen of these share one machine: what they throw away is collected early rather than kept until there is much.
        "--max-semi-space-size=4",
        runtimeClient,
        `convoke-lambda:${plan.label}`,
      ],
      {
        cwd: plan.directory,
        env: { ...plan.environment, CONVOKE_FUNCTION: plan.label },
        stdio: ["ignore", "pipe", "pipe", "ipc"],
        serialization: "advanced",
      },
    );
    this.pid = this.#process.pid ?? -1;
    // On AWS every sandbox has a machine of its own. Here whoever answers a person goes first.
    if (plan.background && this.pid > 0) setPriority(this.pid, backgroundNiceness);
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      createInterface({ input: stream }).on("line", (line) => {
        if (this.initMs === undefined) this.#initError ??= errorIn(line);
        onOutput(line);
      });
    }
    this.#ready = new Promise((resolve) => {
      const tooLong = setTimeout(() => this.kill(), initMs);
      let ready = false;
      this.#process.on("message", (message: Message) => {
        if (message.kind === "ready" && !ready) {
          ready = true;
          clearTimeout(tooLong);
          this.initMs = performance.now() - startedAt;
          resolve(true);
        } else if (message.kind !== "ready") {
          this.#settle?.(message);
        }
      });
      const gone = () => {
        clearTimeout(tooLong);
        this.#gone = true;
        resolve(false);
        this.#settle?.({ kind: "gone" });
        onGone();
      };
      this.#process.once("exit", gone);
      // Also what comes of talking to a process that has just ended.
      this.#process.on("error", gone);
    });
  }

  /** @returns false when the function could not be loaded. */
  ready(): Promise<boolean> {
    return this.#ready;
  }

  /** @param headers - as Lambda's runtime API would send them; the deadline comes from `timeoutMs`. */
  async invoke(
    requestId: string,
    bodyJson: string,
    headers: Record<string, string>,
    timeoutMs: number,
  ): Promise<Invoked> {
    if (!(await this.#ready)) {
      const { errorType, errorMessage } = this.#initError ?? {
        errorType: "Runtime.ExitError",
        errorMessage: this.#ending(),
      };
      return exit(errorType, `The function did not start: ${errorMessage}`);
    }
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      this.kill();
    }, timeoutMs);
    const message = await new Promise<Message | { kind: "gone" }>((resolve) => {
      this.#settle = resolve;
      if (this.#gone) resolve({ kind: "gone" });
      else {
        this.#process.send({
          bodyJson,
          headers: {
            ...headers,
            "lambda-runtime-aws-request-id": requestId,
            "lambda-runtime-deadline-ms": String(Date.now() + timeoutMs),
          },
        });
      }
    });
    clearTimeout(timer);
    this.#settle = undefined;
    this.usedAt = Date.now();
    if (message.kind === "done" && Buffer.byteLength(message.body) > payloadBytes) {
      return {
        ok: false,
        kind: "error",
        error: {
          errorType: "Function.ResponseSizeTooLarge",
          errorMessage: "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        },
      };
    }
    if (message.kind === "done") return { ok: true, payload: JSON.parse(message.body) };
    if (message.kind === "error") return { ok: false, kind: "error", error: JSON.parse(message.body) };
    if (timedOut) {
      return {
        ok: false,
        kind: "timeout",
        error: {
          errorType: "Sandbox.Timedout",
          errorMessage: `RequestId: ${requestId} Error: Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`,
        },
      };
    }
    return exit("Runtime.ExitError", `RequestId: ${requestId} Error: ${this.#ending()}`);
  }

  /** Stops the clock of an idle sandbox, as Lambda does between invocations. */
  freeze(): void {
    this.#process.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process.kill("SIGCONT");
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  exited(): Promise<void> {
    return exited(this.#process);
  }

  #ending(): string {
    const { exitCode, signalCode } = this.#process;
    return signalCode
      ? `Runtime exited with error: signal: ${signalCode}`
      : `Runtime exited ${exitCode === 0 ? "without providing a reason" : `with error: exit status ${exitCode}`}`;
  }
}

/** The error in a line of the runtime client's log, in either format. */
function errorIn(line: string): { errorType: string; errorMessage: string } | undefined {
  try {
    const logged = JSON.parse(line.slice(line.indexOf("{")));
    const error = logged.message?.errorType ? logged.message : logged;
    return typeof error.errorType === "string" ? error : undefined;
  } catch {
    return undefined;
  }
}

function exit(errorType: string, errorMessage: string): Invoked {
  return { ok: false, kind: "exit", error: { errorType, errorMessage } };
}
