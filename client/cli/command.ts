import { text } from "node:stream/consumers";
import { styleText } from "node:util";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { InvalidRequest, ServiceError } from "../../core/protocol/error.ts";
import type { Json } from "../../core/protocol/json.ts";
import { type Convoke, convoke } from "../convoke.ts";
import { findEndpoint } from "./endpoint.ts";
import { type Exit, exit, exitMeanings, exitOfError } from "./exit.ts";
import { columns, jsonLine, type Paint, safe } from "./text.ts";

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

/** What a command works with. */
export type Session = {
  terminal: Terminal;
  /** Programs are reading: everything that is printed is JSON. */
  json: boolean;
  /** Aborted when the person has had enough. */
  signal: AbortSignal;
  /** @throws InvalidRequest when nothing says where the service is. */
  readonly client: Convoke;
  readonly url: string;
  paint: Paint;
  /** Prints a text of whatever origin. */
  print(text: string): void;
  /** Prints lines that are painted, and in which nothing steers the terminal otherwise. */
  draw(lines: string[]): void;
  complain(text: string): void;
  /** One JSON document, or what it says to people. */
  answer(value: unknown, said: string): void;
  /** One JSON document a line, or a table. */
  table<T>(items: T[], heading: string[], row: (item: T) => string[]): void;
};

type Describe = (usage: string, description: string, ...examples: string[]) => Command;

/** What a family of commands is made with. */
export type Family = {
  program: Command;
  /** A command with the options that all have, and examples for its help. */
  command: Describe;
  /** Commands below one name. */
  group(name: string, description: string): Describe;
  /** What a command does, given its arguments and its options. It ends with an exit code; without one all is well. */
  act<A extends unknown[]>(
    work: (session: Session, ...given: A) => Promise<Exit | undefined>,
  ): (...given: A) => Promise<void>;
};

type Where = { url?: string | undefined; key?: string | undefined };
type Common = Where & { json?: boolean };

/** A program of commands, which is run once. */
export function commandLine(terminal: Terminal, args: string[]) {
  const json = args.includes("--json");
  const interrupted = new AbortController();
  const complain = (line: string) => void terminal.stderr.write(`${safe(line)}\n`);
  let code: Exit = exit.done;

  const program = new Command("convoke")
    .description("Long LLM orchestrations as durable jobs: ask, leave, come back")
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (written) => terminal.stdout.write(written),
      writeErr: (written) => terminal.stderr.write(written),
      outputError: (message, write) => (json ? undefined : write(safe(message))),
    })
    .addHelpText(
      "after",
      `\nExit codes:\n${columns(Object.entries(exitMeanings), [0])
        .map((line) => `  ${line}`)
        .join("\n")}`,
    );

  const describe =
    (parent: Command): Describe =>
    (usage, description, ...examples) => {
      const command = parent
        .command(usage)
        .description(description)
        .option("--json", "print JSON for programs: one document, or one a line")
        .option("--url <url>", "where the service is (CONVOKE_URL)")
        .option("--key <key>", "API key (CONVOKE_KEY)");
      if (examples.length === 0) return command;
      return command.addHelpText("after", `\nExamples:\n${examples.map((line) => `  ${line}`).join("\n")}`);
    };

  const family: Family = {
    program,
    command: describe(program),
    group: (name, description) => describe(program.command(name).description(description)),
    act:
      (work) =>
      async (...given) => {
        // Commander adds the options and the command to what the command declares.
        const all: unknown[] = given;
        const command = all.findLast((last) => last instanceof Command)!;
        const { url, key, json: _json, ...own } = command.opts<Common>();
        all[command.registeredArguments.length] = own;
        const { session, close } = open({ url, key });
        try {
          code = (await work(session, ...given)) ?? exit.done;
        } finally {
          close();
        }
      },
  };

  function open(where: Where): { session: Session; close(): void } {
    const { stdout } = terminal;
    const print = (line: string) => void stdout.write(`${safe(line)}\n`);
    let client: Convoke | undefined;
    const endpoint = () => {
      const found = findEndpoint(where, terminal.environment, terminal.directory);
      if (found) return found;
      throw new InvalidRequest(
        "Where is the service? Run `npm start`, or give --url and --key, or set CONVOKE_URL and CONVOKE_KEY",
      );
    };
    const session: Session = {
      terminal,
      json,
      signal: interrupted.signal,
      get url() {
        return endpoint().url;
      },
      get client() {
        client ??= convoke(endpoint());
        return client;
      },
      // Where the stream is no terminal, or NO_COLOR is set, nothing is painted.
      paint: (style, written) => styleText(style, written, { stream: stdout }),
      print,
      draw: (lines) => void stdout.write(lines.map((line) => `${line}\n`).join("")),
      complain,
      answer: (value, said) => (json ? void stdout.write(`${jsonLine(value)}\n`) : print(said)),
      table(items, heading, row) {
        if (json) for (const item of items) stdout.write(`${jsonLine(item)}\n`);
        else
          for (const line of columns([heading, ...items.map(row)].map((cells) => cells.map(safe))))
            print(line);
      },
    };
    return { session, close: () => client?.close() };
  }

  async function run(): Promise<Exit> {
    const release = terminal.onInterrupt(() => interrupted.abort());
    try {
      await program.parseAsync(args, { from: "user" });
      return code;
    } catch (error) {
      if (interrupted.signal.aborted) return exit.interrupted;
      const isUsage = error instanceof CommanderError;
      if (isUsage && error.exitCode === 0) return exit.done;
      if (!isUsage && !(error instanceof ServiceError)) throw error;
      const ends = isUsage ? exit.usage : exitOfError(error);
      if (json) {
        const { code, message } = error;
        const details = isUsage ? undefined : error.details;
        terminal.stderr.write(`${jsonLine({ error: { code, message, details }, exit: ends })}\n`);
      } else if (!isUsage) complain(`${error.message} (${error.code})`);
      return ends;
    } finally {
      release();
    }
  }

  return { program, family, run };
}

/** @throws InvalidRequest for what is no JSON, before anything is sent. */
export async function readJson(given: string, { stdin }: Terminal): Promise<Json> {
  const written = given === "-" ? await text(stdin) : given;
  try {
    return JSON.parse(written) as Json;
  } catch (error) {
    throw new InvalidRequest(`The input is no JSON: ${(error as Error).message}`, { cause: error });
  }
}

// ---- values of options

export function whole(written: string): number {
  const value = Number(written);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError("It is a whole number.");
}

export function amount(written: string): number {
  const value = Number(written);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError("It is a number.");
}

/** An option that may be given several times, each time with one or more values separated by commas. */
export function list(written: string, before: string[] = []): string[] {
  return [...before, ...written.split(",").map((value) => value.trim())];
}

export function oneOf(...choices: readonly string[]): (written: string) => string {
  return (written) => {
    if (choices.includes(written)) return written;
    throw new InvalidArgumentError(`It is one of ${choices.join(", ")}.`);
  };
}

/** The fields that are given: an option that nobody gave is not sent as `undefined`. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
