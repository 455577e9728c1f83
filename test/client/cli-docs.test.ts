import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import type { Terminal } from "../../client/cli/command.ts";
import { exitMeanings } from "../../client/cli/exit.ts";
import { convokeProgram } from "../../client/cli/program.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/cli.md"), "utf8");

async function asked(...args: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const terminal = { environment: {}, directory: "/", stdin: new PassThrough(), stdout, stderr };
  const listening = { ...terminal, onInterrupt: () => () => {} } as unknown as Terminal;
  const { run, program } = convokeProgram(args, listening);
  const code = await run();
  stdout.end();
  return { program, code, out: await text(stdout) };
}

/** Commands that do something, by the words that name them. */
function commandsOf(parent: Command, words: string[] = []): Map<string, Command> {
  const found = new Map<string, Command>();
  for (const command of parent.createHelp().visibleCommands(parent)) {
    const path = [...words, command.name()];
    const below = commandsOf(command, path);
    if (command.name() === "help") continue;
    if (below.size === 0) found.set(path.join(" "), command);
    else for (const [name, leaf] of below) found.set(name, leaf);
  }
  return found;
}

const { program } = await asked("--help");
const commands = commandsOf(program);

describe("the page of the command line", () => {
  test.each([...commands.keys()])("has %s, with the examples of its help", async (name) => {
    const { code, out } = await asked(...name.split(" "), "--help");
    expect(code).toBe(0);
    const [, examples = ""] = /\nExamples:\n([\s\S]+)$/.exec(out) ?? [];
    const lines = examples.trimEnd().split("\n");
    expect(lines[0]).toMatch(/convoke /);
    expect(page).toContain(`| \`${name}\` | ${commands.get(name)!.description()} |`);
    for (const line of lines) expect(page).toContain(`\n${line.slice(2)}\n`);
  });

  test("has no command and no option that is not there", () => {
    const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
    const used = blocks.flatMap((block) => [
      ...block.matchAll(/(?<=^|\| |\$\(|-- )convoke (?!completion)(.+)$/gm),
    ]);
    expect(used.length).toBeGreaterThan(commands.size);
    for (const [line, rest = ""] of used) {
      const words = rest.split(/ (?=-)|\s/);
      const name = [words.slice(0, 2).join(" "), words[0]!].find((path) => commands.has(path));
      expect(name, line).toBeDefined();
      const command = commands.get(name!)!;
      // Its flags are those of a schema.
      if (/--<field>/.test(command.usage())) continue;
      const known = command.options.flatMap(({ long, short }) => [long, short]);
      const flags = rest.replace(/ (\||>|#) .*$/, "").match(/(?<=\s)--?[a-z][\w-]*/g) ?? [];
      for (const flag of flags) expect([...known, "--help"], line).toContain(flag);
    }
  });

  test("says what each exit code means", () => {
    for (const [code, meaning] of Object.entries(exitMeanings))
      expect(page).toContain(`| ${code} | ${meaning} |`);
  });
});
