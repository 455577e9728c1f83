import { commandLine, type Terminal } from "./command.ts";
import { completionCommands } from "./completion.ts";
import { conversationCommands } from "./conversations.ts";
import type { Exit } from "./exit.ts";
import { jobCommands } from "./jobs.ts";
import { journalCommands } from "./journals.ts";
import { keyCommands } from "./keys.ts";
import { operationCommands } from "./operations.ts";
import { peopleCommands } from "./people.ts";
import { scheduleCommands } from "./schedules.ts";
import { workCommands } from "./works.ts";

const families = [
  jobCommands,
  workCommands,
  peopleCommands,
  conversationCommands,
  scheduleCommands,
  journalCommands,
  operationCommands,
  keyCommands,
  completionCommands,
];

/** The whole program, ready to be run once. */
export function convokeProgram(args: string[], terminal: Terminal) {
  const { program, family, run } = commandLine(terminal, args);
  for (const commands of families) commands(family);
  return { program, run };
}

/** @returns how it has ended: docs/cli.md says what the numbers mean. */
export function run(args: string[], terminal: Terminal): Promise<Exit> {
  return convokeProgram(args, terminal).run();
}
