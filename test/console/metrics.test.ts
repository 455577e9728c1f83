import { expect, test } from "vitest";
import { daysShown } from "../../console/metrics/days.ts";

const empty = { jobs: 0, model_calls: 0, input_tokens: 0, output_tokens: 0, cost_usd: 0 };
const at = "2026-03-02T10:00:00.000Z";
const over = { jobs: 3, since: "2026-02-27T08:00:00.000Z", journals: 3 };
const days = [
  { ...empty, day: "2026-03-02", jobs: 2, cost_usd: null },
  { ...empty, day: "2026-02-27", jobs: 1 },
];

test("days without a job are days too, across the end of a month", () => {
  const shown = daysShown({ at, days, over: { ...over, all: false } });
  expect(shown.map(({ day, jobs }) => [day, jobs])).toEqual([
    ["2026-02-27", 1],
    ["2026-02-28", 0],
    ["2026-03-01", 0],
    ["2026-03-02", 2],
  ]);
  expect(shown.at(-1)?.cost_usd).toBeNull();
});

test("days before the first job are shown only where it is known that there were none", () => {
  expect(daysShown({ at, days, over: { ...over, all: true } })).toHaveLength(7);
  expect(daysShown({ at, days: [], over: { ...over, all: false } })).toHaveLength(1);
});
