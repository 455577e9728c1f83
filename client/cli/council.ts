import type { Usage } from "../../core/protocol/job.ts";
import { type CouncilResult, type CouncilView, type ModelCall, type Stage, stages } from "./council-view.ts";
import { clip, columns, money, type Paint, plain, safe, seconds } from "./text.ts";

const headings: Record<Stage, string> = {
  stage1: "Answers",
  stage2: "Ranking each other",
  stage3: "Final answer",
};

const marks: Record<ModelCall["state"], string> = {
  waiting: "·",
  thinking: "…",
  answered: "✓",
  failed: "✗",
  retrying: "↻",
};

export type Frame = {
  /** Epoch milliseconds, for what is still going on. */
  now: number;
  /** Columns of the terminal. */
  width: number;
  paint?: Paint;
};

/** A council at work as lines of text: what every member does, and how far the whole is. */
export function renderCouncil(council: CouncilView, { now, width, paint = plain }: Frame): string[] {
  const lines = [paint("bold", clip(`Council: ${safe(council.title)}`, width))];
  for (const stage of stages) {
    const calls = council.calls.filter((call) => call.stage === stage);
    if (calls.length === 0) continue;
    lines.push("", `  ${headings[stage]}`);
    const names = Math.max(...calls.map((call) => call.name.length));
    for (const call of calls) {
      const line = clip(`    ${marks[call.state]} ${call.name.padEnd(names)}  ${stateOf(call, now)}`, width);
      lines.push(paint(colours[call.state], line));
    }
  }
  const { progress } = council;
  lines.push(
    "",
    clip(`  ${progress ? `${bar(progress.percentage)} ${progress.current_step}` : council.status}`, width),
  );
  return lines;
}

const colours = {
  waiting: "dim",
  thinking: "cyan",
  answered: "green",
  failed: "red",
  retrying: "yellow",
} as const;

function stateOf(call: ModelCall, now: number): string {
  const elapsed = call.startedAt === undefined ? 0 : Math.max(0, (call.endedAt ?? now) - call.startedAt);
  switch (call.state) {
    case "waiting":
      return "waiting";
    case "thinking":
      return `thinking  ${seconds(elapsed)}${call.characters > 0 ? `  ~${tokensIn(call.characters)} tokens` : ""}`;
    case "answered":
      return `answered  ${[seconds(elapsed), ...spent(call.usage)].join("  ")}`;
    case "failed":
      return `failed  ${safe(call.failure?.message ?? "")}`;
    case "retrying":
      return `will be asked again  ${safe(call.failure?.message ?? "")}`;
    default:
      return call.state satisfies never;
  }
}

/** What an event has changed, in one line, for where no frame can be redrawn. */
export function councilNews(before: CouncilView, after: CouncilView): string[] {
  const lines: string[] = [];
  if (before.seq === 0 && after.seq > 0) lines.push(`Council: ${safe(after.title)}`);
  for (const call of after.calls) {
    const was = before.calls.find((other) => other.row === call.row);
    if (call.state === "waiting" || was?.state === call.state) continue;
    lines.push(
      `${headings[call.stage]}: ${call.name} ${stateOf(call, call.startedAt ?? 0).replace(/ {2,}0\.0 s$/, "")}`,
    );
  }
  return lines;
}

/** The outcome of a council: ranking, agreement, the chairman's answer, and what it cost. */
export function renderOutcome(
  council: CouncilView,
  { width, paint = plain }: { width: number; paint?: Paint },
): string[] {
  const lines: string[] = [];
  if (council.result) lines.push(...renderResult(council.result, paint));
  if (council.status === "failed") {
    lines.push(
      paint("red", `The council failed: ${safe(council.failure?.message ?? "")} (${council.failure?.code})`),
    );
  }
  if (council.status === "cancelled") lines.push(paint("yellow", "The council was cancelled."));
  const took =
    council.startedAt === undefined || council.endedAt === undefined
      ? []
      : [`${council.status} in ${seconds(council.endedAt - council.startedAt)}`];
  const calls = `${council.usage.model_calls} model calls`;
  const marks = [...(council.mock ? ["mock models"] : []), ...(council.degraded ? ["degraded"] : [])];
  lines.push("", paint("dim", clip([...took, calls, ...spent(council.usage), ...marks].join(", "), width)));
  return lines;
}

export function renderResult({ stage3, metadata }: CouncilResult, paint: Paint = plain): string[] {
  const lines: string[] = [];
  const standings = metadata.aggregate_rankings;
  if (standings.length > 0) {
    const rows = standings.map(({ model, average_rank, votes, rankings_count }, index) => [
      `${index + 1}.`,
      safe(model),
      average_rank.toFixed(2),
      votes === undefined ? "" : String(votes),
      String(rankings_count),
    ]);
    const table = columns([["", "Ranking", "average", "first", "rankings"], ...rows], [2, 3, 4]);
    lines.push(paint("bold", table[0] ?? ""), ...table.slice(1));
    if (metadata.agreement !== null) {
      lines.push(`Agreement ${metadata.agreement.toFixed(2)} (Kendall's W: 1 is unanimous, 0 is none)`);
    }
  }
  if (metadata.note) lines.push(safe(metadata.note));
  for (const { stage, model, message } of metadata.failures ?? []) {
    lines.push(paint("yellow", `${safe(model)} is missing in ${stage}: ${safe(message)}`));
  }
  const marked = [...(stage3.mock ? ["mock"] : []), ...(stage3.truncated ? ["cut off at its limit"] : [])];
  const marking = marked.length > 0 ? ` (${marked.join(", ")})` : "";
  lines.push(
    "",
    paint("bold", `Answer by ${safe(stage3.model)}${marking}`),
    "",
    ...safe(stage3.response).split("\n"),
  );
  return lines;
}

function bar(percentage: number): string {
  const filled = Math.round(percentage / 5);
  return `${"█".repeat(filled)}${"░".repeat(20 - filled)} ${percentage.toFixed(0).padStart(3)} %`;
}

function spent(usage: Usage | undefined): string[] {
  if (!usage) return [];
  const tokens = usage.input_tokens + usage.output_tokens;
  return [
    `${tokens} tokens`,
    ...(usage.cost_usd === undefined ? ["price unknown"] : [money(usage.cost_usd)]),
  ];
}

/** About four characters to a token, in English. */
function tokensIn(characters: number): number {
  return Math.ceil(characters / 4);
}
