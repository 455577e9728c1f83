/** One thing that was measured. A bar is what is asked for, an aim what is hoped for. */
export type Figure = {
  name: string;
  value: number;
  unit: string;
  bar?: number;
  aim?: number;
  /** For figures where more is better. */
  atLeast?: true;
  /** What it is made of. */
  parts?: Record<string, number>;
};

export function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const median = (values: number[]): number => percentile(values, 0.5);

export function rounded(value: number): number {
  return Number(value.toPrecision(Math.abs(value) >= 100 ? 4 : 3));
}

/** As a table in Markdown. */
export function table(figures: Figure[]): string {
  const row = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const limit = (value: number | undefined) => (value === undefined ? "" : String(value));
  const detail = (parts: Record<string, number> = {}) =>
    Object.entries(parts)
      .map(([name, value]) => `${name} ${rounded(value)}`)
      .join(", ");
  return [
    row(["figure", "value", "unit", "bar", "aim", "", "made of"]),
    row(["---", "---", "---", "---", "---", "---", "---"]),
    ...figures.map((figure) =>
      row([
        figure.name,
        String(rounded(figure.value)),
        figure.unit,
        limit(figure.bar),
        limit(figure.aim),
        verdict(figure),
        detail(figure.parts),
      ]),
    ),
  ].join("\n");
}

function verdict({ value, bar, aim, atLeast }: Figure): string {
  const meets = (limit: number | undefined) =>
    limit !== undefined && (atLeast ? value >= limit : value <= limit);
  if (meets(aim)) return "aim";
  if (meets(bar)) return "bar";
  return bar === undefined ? "" : "missed";
}
