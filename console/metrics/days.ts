import type { Metrics } from "../../client/index.ts";

export type Day = Metrics["days"][number];

const dayMs = 86_400_000;
/** A chart of fewer would be all width. */
const fewest = 7;
const most = 30;

/**
 * The days of a chart, oldest first and without holes. A day of which nothing is known because nobody looked that far
 * back is not shown as a day on which nothing happened.
 */
export function daysShown({ at, days, over }: Pick<Metrics, "at" | "days" | "over">): Day[] {
  const known = new Map(days.map((day) => [day.day, day]));
  const last = Date.parse(at.slice(0, 10));
  const first = days.at(-1)?.day;
  const since = first === undefined ? last : Date.parse(first);
  const span = Math.round((last - since) / dayMs) + 1;
  const count = Math.min(most, over.all ? Math.max(fewest, span) : span);
  return Array.from({ length: count }, (_, index) => {
    const day = new Date(last - (count - 1 - index) * dayMs).toISOString().slice(0, 10);
    return known.get(day) ?? { day, jobs: 0, model_calls: 0, input_tokens: 0, output_tokens: 0, cost_usd: 0 };
  });
}
