import type { Command } from "commander";
import type { Convoke } from "../convoke.ts";
import type { Family, Session } from "./command.ts";
import { flagNames, formOf } from "./input-flags.ts";

/** Each asks the program itself what may come next, so a new command needs no new script. */
const scripts: Record<string, string> = {
  bash: `_convoke() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(convoke complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _convoke convoke`,
  zsh: `#compdef convoke
_convoke() {
  local -a found
  found=("\${(@f)$(convoke complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a found
}
compdef _convoke convoke`,
  fish: `complete -c convoke -f -a '(convoke complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'`,
};

/** Nobody waits longer for a Tab. */
const patienceMs = 1_500;
const newest = 20;

/** What may stand at an argument of this name, asked of the service. */
const candidates: Record<string, (client: Convoke, signal: AbortSignal) => Promise<string[]>> = {
  type: async (client, signal) => (await client.jobTypes({ signal })).map(({ type }) => type),
  job: async (client, signal) => (await client.list({ limit: newest, signal })).jobs.map(({ id }) => id),
  source: async (client, signal) => (await client.list({ limit: newest, signal })).jobs.map(({ id }) => id),
  callback: async (client, signal) =>
    (await client.inbox({ limit: newest, signal })).questions.map(({ callback_id }) => callback_id),
  workflow: async (client, signal) =>
    (await client.list({ type: "audit", limit: newest, signal })).jobs.map(({ id }) => id),
  conversation: async (client, signal) =>
    (await client.conversations.list({ limit: newest, signal })).conversations.map(({ id }) => id),
  schedule: async (client, signal) =>
    (await client.schedules.list({ limit: newest, signal })).schedules.map(({ id }) => id),
  project: async (client, signal) =>
    (await client.projects.list({ limit: newest, signal })).projects.map(({ id }) => id),
};

export function completionCommands({ command, act, program }: Family): void {
  command(
    "completion <shell>",
    `print what makes the Tab key know commands, options, job types and ids: ${Object.keys(scripts).join(", ")}`,
    `eval "$(convoke completion bash)"   # in ~/.bashrc`,
    `eval "$(convoke completion zsh)"    # in ~/.zshrc`,
    "convoke completion fish > ~/.config/fish/completions/convoke.fish",
  ).action(
    act(async ({ answer }: Session, shell: string) => {
      const script = scripts[shell];
      if (script === undefined)
        return program.error(`error: There is completion for ${Object.keys(scripts).join(", ")}`);
      answer({ shell, script }, script);
      return undefined;
    }),
  );

  // For those scripts: the last word is what is being typed.
  program.command("complete [words...]", { hidden: true }).action(
    act(async (session: Session, words: string[]) => {
      for (const word of await following(program, words, session)) session.print(word);
      return undefined;
    }),
  );
}

async function following(program: Command, words: string[], session: Session): Promise<string[]> {
  const typed = words.at(-1) ?? "";
  let command = program;
  const given: string[] = [];
  let valueIsNext = false;
  for (const word of words.slice(0, -1)) {
    const option = command.options.find(({ long, short }) => word === long || word === short);
    if (valueIsNext) valueIsNext = false;
    else if (option) valueIsNext = option.required || option.optional;
    else {
      const below = command.commands.find((one) => one.name() === word);
      if (below) command = below;
      else if (!word.startsWith("-")) given.push(word);
    }
  }
  if (valueIsNext) return [];
  const fits = (found: string[]) => found.filter((word) => word.startsWith(typed));
  if (command.commands.length > 0) {
    const known = command.createHelp().visibleCommands(command);
    return fits(typed.startsWith("-") ? [] : known.map((one) => one.name()));
  }
  try {
    const signal = AbortSignal.any([session.signal, AbortSignal.timeout(patienceMs)]);
    if (typed.startsWith("-")) {
      const options = command.options.flatMap(({ long }) => long ?? []);
      const isOfType = command.registeredArguments[0]?.name() === "type" && given[0] !== undefined;
      const types = isOfType ? await session.client.jobTypes({ signal }) : [];
      const jobType = types.find(({ type }) => type === given[0]);
      return fits([...options, ...(jobType ? flagNames(formOf(jobType)) : [])]);
    }
    const argument = command.registeredArguments[given.length]?.name();
    return fits((await candidates[argument ?? ""]?.(session.client, signal)) ?? []);
  } catch {
    // Without the service there is nothing to offer, and nobody to complain to.
    return [];
  }
}
