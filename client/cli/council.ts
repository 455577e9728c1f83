import type { Json, JsonObject } from "../../core/protocol/json.ts";
import type { Look } from "./look.ts";
import { columns, type Paint, plain, safe } from "./text.ts";

/** What the result of a council says, as far as it is shown. */
export type CouncilResult = {
  stage3: { model: string; response: string; mock?: boolean; truncated?: boolean };
  metadata: {
    aggregate_rankings: { model: string; average_rank: number; rankings_count: number; votes?: number }[];
    agreement: number | null;
    failures?: { stage: string; model: string; message: string }[];
    note?: string;
  };
};

export const councilLook: Look = {
  headings: { stage1: "Answers", stage2: "Ranking each other", stage3: "Final answer" },
  oneRow: true,
  words: { working: "thinking", done: "answered" },
  expected: (input) => seats((input as JsonObject | null)?.members).map((name) => `stage1/${name}`),
  names: (input) => ({ stage3: String((input as JsonObject | null)?.chairman ?? "chairman") }),
  result: (result, paint) => renderResult(result as CouncilResult, paint),
};

/** The members wait from the beginning. Who ranks and who concludes is known when they begin. */
function seats(members: Json | undefined): string[] {
  if (!Array.isArray(members)) return [];
  const sitting = new Map<string, number>();
  return members.map((member) => {
    const name = String(member).replace(/[^A-Za-z0-9_.:-]+/g, "-");
    const count = (sitting.get(name) ?? 0) + 1;
    sitting.set(name, count);
    return count === 1 ? name : `${name}-${count}`;
  });
}

/** The outcome of a council: ranking, agreement, who is missing, and the chairman's answer. */
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
