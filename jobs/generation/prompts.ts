import { quote, quotedAsData } from "../shared/quoting.ts";
import { fileTag, type Written } from "./files.ts";
import { type Architecture, type Finding, labelOf, type Specification, type Task } from "./plan.ts";

/** What every role is told of the project. */
export type Brief = { name: string; description: string; preferences?: string | undefined; fence: string };

/** So much of other files is shown at once, in characters. */
const mostShown = 200_000;

function wanted({ name, description, preferences, fence }: Brief): string[] {
  return [
    quotedAsData(fence),
    quote("project", fence, `${name}\n\n${description}`),
    ...(preferences ? [quote("preferences", fence, preferences)] : []),
  ];
}

function specified({ summary, features, constraints, decisions }: Specification, fence: string): string {
  const lines = [
    summary,
    ...features.map((feature) => `- ${feature}`),
    ...constraints.map((constraint) => `- Constraint: ${constraint}`),
    ...decisions.map(({ question, answer }) => `- ${question} ${answer}`),
  ];
  return quote("specification", fence, lines.join("\n"));
}

function drawn({ overview, technologies, files }: Architecture, fence: string): string {
  const lines = [
    overview,
    `Technologies: ${technologies.join(", ")}`,
    ...files.map(({ path, purpose }, index) => `${labelOf(index)}: ${path}: ${purpose}`),
  ];
  return quote("architecture", fence, lines.join("\n"));
}

/** Files as far as there is room; of the longer ones the beginning. */
function shown(files: { path: string; content: string }[], fence: string): string[] {
  const room = Math.floor(mostShown / Math.max(1, files.length));
  return files.map(({ path, content }) => {
    const text = content.length > room ? `${content.slice(0, room)}\n[the rest is not shown]` : content;
    return quote("source", fence, text, path);
  });
}

/** The spec writer. */
export function specificationPrompt(brief: Brief): string {
  return [
    "You write the specification of a software project that others will build from it without asking again.",
    ...wanted(brief),
    "Say what it is and list its features, each so that it can be checked, and its constraints. Keep to what was asked " +
      "for and to what that needs. Where the description leaves something open, decide it yourself, unless another " +
      "decision would lead to another program: ask that, at most three questions, each with what you will assume " +
      "without an answer.",
  ].join("\n\n");
}

/** The architect. */
export function architecturePrompt(brief: Brief, specification: Specification, mostFiles: number): string {
  return [
    "You are the architect of a software project. Draw the smallest structure that fulfils its specification.",
    ...wanted(brief),
    specified(specification, brief.fence),
    `Describe how the parts work together and name every file, at most ${mostFiles}: source, tests, configuration, and a ` +
      "README that says how to run it. List a file after those that it builds on. Paths are relative to the project's " +
      "folder; every file is a text that a developer can write in one go.",
  ].join("\n\n");
}

/** The tech lead. */
export function tasksPrompt(brief: Brief, specification: Specification, architecture: Architecture): string {
  return [
    "You lead the developers of a software project. Each of them writes one file and sees, besides the architecture, " +
      "only your instructions and the files that you let it depend on.",
    quotedAsData(brief.fence),
    specified(specification, brief.fence),
    drawn(architecture, brief.fence),
    "For every file, say what its developer has to know: names, signatures, formats, and how it fits to the others, so " +
      "that files which are written at the same time fit together. Let a file depend on another one only if its " +
      "developer has to read that: what depends on nothing is written at once.",
  ].join("\n\n");
}

function asFile(path: string, fence: string): string {
  const tag = fileTag(fence);
  return (
    `Reply with the whole content of ${path} and nothing else, without placeholders or omissions, between a line ` +
    `<${tag}> and a line </${tag}>.`
  );
}

type Plan = { specification: Specification; architecture: Architecture };

/** A developer. */
export function filePrompt(brief: Brief, plan: Plan, task: Task, dependencies: Written[]): string {
  const { fence } = brief;
  const read = dependencies.map(({ artifact, content }) => ({ path: artifact.path, content }));
  return [
    `You are a developer. Write the file ${task.path}: ${task.purpose}`,
    quotedAsData(fence),
    specified(plan.specification, fence),
    drawn(plan.architecture, fence),
    ...(read.length > 0 ? ["The files that it builds on:", ...shown(read, fence)] : []),
    quote("instructions", fence, task.instructions),
    asFile(task.path, fence),
  ].join("\n\n");
}

/** The reviewer. */
export function reviewPrompt(brief: Brief, plan: Plan, files: Written[]): string {
  const { fence } = brief;
  const sources = files.map(({ artifact, content }, index) => ({
    path: `${labelOf(index)}: ${artifact.path}`,
    content,
  }));
  return [
    "You review a software project before it is handed over. Nobody has run it.",
    quotedAsData(fence),
    specified(plan.specification, fence),
    quote("architecture", fence, plan.architecture.overview),
    ...shown(sources, fence),
    "Find what would not work and what is missing: names that do not fit together between files, errors, features " +
      "without code, instructions in the README that are wrong. For each finding name the file that has to change, the " +
      "problem, and the change. Taste is no finding. When nothing has to change, there is none.",
  ].join("\n\n");
}

/** A developer, once the reviewer has found something. */
export function fixPrompt(
  brief: Brief,
  plan: Plan,
  file: Written,
  findings: Finding[],
  others: Written[],
): string {
  const { fence } = brief;
  const { path } = file.artifact;
  const read = others.map(({ artifact, content }) => ({ path: artifact.path, content }));
  return [
    `You are a developer. A review has found faults in ${path}: mend them, and leave the rest of the file as it is.`,
    quotedAsData(fence),
    specified(plan.specification, fence),
    ...(read.length > 0 ? ["The other files:", ...shown(read, fence)] : []),
    quote("source", fence, file.content, path),
    quote(
      "findings",
      fence,
      findings.map(({ problem, change }) => `- ${problem} Change: ${change}`).join("\n"),
    ),
    asFile(path, fence),
  ].join("\n\n");
}
