import type { Usage } from "../../core/protocol/job.ts";
import type { Eta, JobView } from "../../core/protocol/wire.ts";
import type { JobPicture, PicturedStep } from "./job-picture.ts";
import { lookOf } from "./looks.ts";
import { clip, money, type Paint, plain, safe, seconds } from "./text.ts";

const marks: Record<PicturedStep["state"], string> = {
  expected: "·",
  working: "…",
  waiting: "‖",
  done: "✓",
  failed: "✗",
  retrying: "↻",
};

const colours = {
  expected: "dim",
  working: "cyan",
  waiting: "yellow",
  done: "green",
  failed: "red",
  retrying: "yellow",
} as const;

export type Frame = {
  /** Epoch milliseconds, for what is still going on. */
  now: number;
  /** Columns and rows of the terminal. */
  width: number;
  height?: number;
  eta?: Eta | null;
  paint?: Paint;
};

/** A job at work as lines of text: what every step does, what is being written, how far the whole is and what it has cost. */
export function renderJob(picture: JobPicture, frame: Frame): string[] {
  const { width, height = 40, paint = plain } = frame;
  const head = paint("bold", clip(`${heading(picture.type)}: ${safe(picture.title)}`, width));
  const foot = footLines(picture, frame);
  const steps = byUrgency(picture);
  const fits = (count: number) =>
    1 + stepLines(picture, steps.slice(0, count), frame).length + foot.length <= height;
  let most = Math.min(steps.length, height);
  while (most > fewestSteps && !fits(most)) most -= 1;
  return [head, ...stepLines(picture, steps.slice(0, most), frame), ...foot];
}

/** However low the terminal is. */
const fewestSteps = 3;

/** What has gone wrong or is under way comes first, then what comes next and what was done last. */
function byUrgency({ type, steps }: JobPicture): PicturedStep[] {
  const urgency = (step: PicturedStep) =>
    ["failed", "working", "retrying", "waiting", "expected", "done"].indexOf(step.state);
  return steps
    .filter((step) => isShown(type, step))
    .reverse()
    .sort((one, other) => urgency(one) - urgency(other));
}

/** The chosen steps, in the order in which they came, below the headings of their groups. */
function stepLines(
  picture: JobPicture,
  chosen: PicturedStep[],
  { now, width, paint = plain }: Frame,
): string[] {
  const { type } = picture;
  const shown = picture.steps.filter((step) => isShown(type, step));
  const visible = new Set(chosen);
  const hidden = shown.length - visible.size;
  const lines = hidden > 0 ? ["", paint("dim", clip(`  ${hidden} more steps`, width))] : [];
  for (const [group, all] of Map.groupBy(shown, (step) => step.group)) {
    const members = all.filter((step) => visible.has(step));
    if (members.length === 0) continue;
    lines.push("", ...(group ? [clip(`  ${groupName(type, group)}`, width)] : []));
    const names = Math.max(...members.map(({ name }) => name.length));
    for (const step of members) {
      const said = `    ${marks[step.state]} ${safe(step.name).padEnd(names)}  ${stateOf(type, step, now)}`;
      lines.push(paint(colours[step.state], clip(said, width)));
    }
  }
  return lines;
}

/** The text that arrives, what is asked, and how far it is. */
function footLines(picture: JobPicture, { now, width, eta, paint = plain }: Frame): string[] {
  const { steps, question, progress, usage, startedAt } = picture;
  const lines: string[] = [];
  const speaking = steps.find(({ row, state }) => row === picture.speaking && state === "working");
  if (speaking) lines.push("", paint("dim", `  ${lastOf(safe(speaking.tail), width - 2)}`));
  if (question) {
    lines.push("", paint("yellow", clip(`  Asks: ${safe(question.text)}`, width)));
    lines.push(clip(`  convoke answer ${question.callbackId}`, width));
  }
  const facts: string[] = [];
  if (startedAt !== undefined) facts.push(seconds(Math.max(0, now - startedAt)));
  if (usage.model_calls > 0) facts.push(...spent(usage));
  const operationSeconds = progress?.operation?.eta_seconds;
  if (eta) facts.push(`${rangeOf(eta)} to go`);
  else if (operationSeconds !== undefined) facts.push(`about ${seconds(operationSeconds * 1000)} to go`);
  const place = progress ? `${bar(progress.percentage)} ${safe(progress.current_step)}` : picture.status;
  return [...lines, "", clip(`  ${place}`, width), paint("dim", clip(`  ${facts.join("  ")}`, width))];
}

function isShown(type: string, { group }: PicturedStep): boolean {
  const { headings } = lookOf(type);
  return !headings || headings[group] !== undefined;
}

function heading(type: string): string {
  return type === "" ? "Job" : `${type[0]!.toUpperCase()}${type.slice(1)}`;
}

function groupName(type: string, group: string): string {
  return lookOf(type).headings?.[group] ?? safe(group);
}

function stateOf(type: string, step: PicturedStep, now: number): string {
  const { words = { working: "working", done: "done" } } = lookOf(type);
  const again = step.attempt > 1 ? `  attempt ${step.attempt}` : "";
  const tookMs = step.startedAt === undefined ? 0 : Math.max(0, (step.endedAt ?? now) - step.startedAt);
  switch (step.state) {
    case "expected":
      return "waiting";
    case "waiting":
      return `waits  ${seconds(tookMs)}`;
    case "working": {
      const tokens = step.characters > 0 ? `  ~${tokensIn(step.characters)} tokens` : "";
      return `${words.working}  ${seconds(tookMs)}${tokens}${again}`;
    }
    case "done":
      return `${words.done}  ${[seconds(tookMs), ...spent(step.usage)].join("  ")}${again}`;
    case "failed":
      return `failed  ${safe(step.failure?.message ?? "")}${again}`;
    case "retrying":
      return `will be tried again  ${safe(step.failure?.message ?? "")}`.trimEnd();
    default:
      return step.state satisfies never;
  }
}

/** What an event has changed, one line each, for where no frame can be redrawn. */
export function jobNews(before: JobPicture, after: JobPicture): string[] {
  const { type } = after;
  const lines: string[] = [];
  if (before.seq === 0 && after.title) lines.push(`${heading(type)}: ${safe(after.title)}`);
  for (const step of after.steps) {
    const was = before.steps.find(({ row }) => row === step.row);
    const isNews = was?.state !== step.state || was.attempt !== step.attempt;
    if (step.state === "expected" || !isNews || !isShown(type, step)) continue;
    const place = step.group ? `${groupName(type, step.group)}: ` : "";
    const state = stateOf(type, step, step.startedAt ?? 0).replace(/ {2,}0\.0 s$/, "");
    lines.push(`${place}${safe(step.name)} ${state}`);
  }
  const { progress, question } = after;
  if (progress && progress.current_step !== before.progress?.current_step) {
    lines.push(`${progress.percentage.toFixed(0)} % ${safe(progress.current_step)}`);
  }
  if (question && question.callbackId !== before.question?.callbackId) {
    lines.push(`Asks: ${safe(question.text)}`, `Answer it with: convoke answer ${question.callbackId}`);
  }
  return lines;
}

/** How a job has ended, or stands: its result, and in one line what it took. */
export function renderEnd(
  job: JobView,
  { width, paint = plain }: { width: number; paint?: Paint },
): string[] {
  const { status, usage, error, result_data: result } = job;
  const lines: string[] = [];
  const look = lookOf(job.type).result;
  if (look && result && typeof result === "object" && !Array.isArray(result))
    lines.push(...look(result, paint));
  else if (result !== null) lines.push(...safe(JSON.stringify(result, null, 2)).split("\n"));
  if (status === "failed" && error) {
    lines.push(paint("red", `The ${job.type} failed: ${safe(error.message)} (${error.code})`));
    lines.push(
      paint("dim", error.for_developer),
      paint("dim", `From its failed step again: convoke retry ${job.id}`),
    );
  }
  if (status === "cancelled") lines.push(paint("yellow", `The ${job.type} was cancelled.`));
  const took =
    job.completed_at === null
      ? status
      : `${status} in ${seconds(Date.parse(job.completed_at) - Date.parse(job.created_at))}`;
  const notes = [...(job.mock ? ["mock models"] : []), ...(job.degraded ? ["degraded"] : [])];
  const facts = [took, `${usage.model_calls} model calls`, ...spent(usage), ...notes];
  return [...lines, "", paint("dim", clip(facts.join(", "), width))];
}

export function rangeOf({ seconds_low: low, seconds_high: high }: Eta): string {
  return `${seconds(low * 1000)} to ${seconds(high * 1000)}`;
}

function bar(percentage: number): string {
  const filled = Math.round(percentage / 5);
  return `${"█".repeat(filled)}${"░".repeat(20 - filled)} ${percentage.toFixed(0).padStart(3)} %`;
}

export function spent(usage: Usage | undefined): string[] {
  if (!usage) return [];
  const tokens = usage.input_tokens + usage.output_tokens;
  return [
    `${tokens} tokens`,
    ...(usage.cost_usd === undefined ? ["price unknown"] : [money(usage.cost_usd)]),
  ];
}

/** The end of a text, as far as it has a place on one line. */
function lastOf(text: string, width: number): string {
  const line = text.replace(/\s+/g, " ").trimEnd();
  return line.length <= width ? line : `…${line.slice(1 - width)}`;
}

/** About four characters to a token, in English. */
function tokensIn(characters: number): number {
  return Math.ceil(characters / 4);
}
