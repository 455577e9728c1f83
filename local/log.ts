import { createWriteStream, type WriteStream } from "node:fs";

/** What the runner tells: to the terminal, and with everything the functions wrote to a file. */
export interface Log {
  /** For whoever sits in front of it; what is `routine` only with `verbose`. */
  line(text: string, options?: { routine?: boolean }): void;
  /** What a function wrote itself. */
  output(functionName: string, text: string): void;
  close(): Promise<void>;
}

const flushMs = 20;

export function openLog(options: { file?: string; print?: (text: string) => void; verbose?: boolean }): Log {
  const { print = () => {}, verbose = false } = options;
  const file: WriteStream | undefined = options.file
    ? createWriteStream(options.file, { flags: "a", mode: 0o600 })
    : undefined;
  // Writing to a terminal or pipe holds up whoever does it, and a job is a dozen lines.
  let lines: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const text = lines.join("\n");
    lines = [];
    if (text !== "") print(text);
  };
  const show = (line: string) => {
    lines.push(line);
    timer ??= setTimeout(flush, flushMs);
  };
  const timed = (text: string) => `${new Date().toTimeString().slice(0, 8)}.${milliseconds()} ${text}`;
  return {
    line(text, { routine = false } = {}) {
      const line = timed(text);
      if (verbose || !routine) show(line);
      file?.write(`${line}\n`);
    },
    output(functionName, text) {
      const line = `${functionName} | ${text}`;
      if (verbose) show(line);
      file?.write(`${line}\n`);
    },
    close() {
      flush();
      return new Promise((resolve) => (file ? file.end(() => resolve()) : resolve()));
    },
  };
}

function milliseconds(): string {
  return String(Date.now() % 1000).padStart(3, "0");
}
