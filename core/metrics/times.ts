import type { Millis } from "../protocol/json.ts";

/** Upper bounds of a histogram's classes, in seconds. What is longer is in the last class, which has none. */
const bounds = [1, 5, 15, 60, 300, 900, 3600] as const;

/** How long something takes, in seconds. */
export type Times = {
  count: number;
  p50: number;
  p90: number;
  max: number;
  /** How many took up to `le` seconds and longer than those of the class before. */
  histogram: { le: number | null; count: number }[];
};

export function timesOf(durations: Millis[]): Times | undefined {
  if (durations.length === 0) return undefined;
  const sorted = durations.map((ms) => ms / 1000).sort((a, b) => a - b);
  const upTo = (bound: number) => sorted.filter((seconds) => seconds <= bound).length;
  const classes = [...bounds, null];
  return {
    count: sorted.length,
    p50: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    max: sorted.at(-1)!,
    histogram: classes.map((le, index) => {
      const below = index === 0 ? 0 : upTo(bounds[index - 1]!);
      return { le, count: (le === null ? sorted.length : upTo(le)) - below };
    }),
  };
}

/** The smallest value that so large a part of them does not exceed. */
export function quantile(sorted: number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]!;
}
