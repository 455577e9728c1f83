import { expect, test } from "vitest";
import { firstMoment, nextMoment } from "../../../core/engine/cron.ts";
import { InvalidRequest } from "../../../core/protocol/error.ts";

const at = (text: string) => Date.parse(text);
const paris = (cron: string) => ({ cron, timezone: "Europe/Paris" });

function moments(cadence: Parameters<typeof nextMoment>[0], after: string, count: number): string[] {
  const found: string[] = [];
  for (
    let next = nextMoment(cadence, at(after));
    next && found.length < count;
    next = nextMoment(cadence, next)
  )
    found.push(new Date(next).toISOString().slice(0, 19));
  return found;
}

test("five fields are minutes, six are seconds, and a moment is always later than the one before", () => {
  expect(moments({ cron: "*/20 * * * *", timezone: "UTC" }, "2026-01-01T00:00:00Z", 3)).toEqual([
    "2026-01-01T00:20:00",
    "2026-01-01T00:40:00",
    "2026-01-01T01:00:00",
  ]);
  expect(moments({ cron: "*/20 * * * * *", timezone: "UTC" }, "2026-01-01T00:00:00.500Z", 2)).toEqual([
    "2026-01-01T00:00:20",
    "2026-01-01T00:00:40",
  ]);
});

test("a time of day that spring leaves out comes when the clocks have been put forward, one that autumn repeats comes once", () => {
  expect(moments(paris("30 2 * * *"), "2026-03-28T12:00:00Z", 2)).toEqual([
    "2026-03-29T01:00:00",
    "2026-03-30T00:30:00",
  ]);
  expect(moments(paris("30 2 * * *"), "2026-10-24T12:00:00Z", 2)).toEqual([
    "2026-10-25T00:30:00",
    "2026-10-26T01:30:00",
  ]);
});

test("what comes every half hour comes every half hour on the days on which the clocks change", () => {
  for (const night of ["2026-03-28T23:45:00Z", "2026-10-24T23:45:00Z"]) {
    const found = moments(paris("*/30 * * * *"), night, 8).map((moment) => at(`${moment}Z`));
    expect(found.map((moment, index) => moment - (found[index - 1] ?? moment)).slice(1)).toEqual(
      Array(7).fill(1_800_000),
    );
  }
});

test("there is no moment after the end", () => {
  const cadence = { cron: "0 * * * *", timezone: "UTC", endAt: at("2026-01-01T02:00:00Z") };
  expect(moments(cadence, "2026-01-01T00:30:00Z", 9)).toEqual(["2026-01-01T01:00:00", "2026-01-01T02:00:00"]);
});

test.each([
  ["cron", { cron: "0 0 31 2 *" }, /never comes/],
  ["cron", { cron: "61 * * * *" }, /no cron expression/],
  ["cron", { cron: "soon" }, /5 fields/],
  ["cron", { cron: "@daily" }, /5 fields/],
  ["cron", { cron: "0 0 0 1 1 * 2030" }, /5 fields/],
  ["cron", { cron: "2030-01-01T00:00:00" }, /5 fields/],
  ["cron", { cron: "? 3 * * *" }, /\*/],
  ["cron", { cron: "*/0 * * * *" }, /no cron expression/],
  ["cron", { cron: "" }, /5 fields/],
  ["timezone", { timezone: "Mars/Olympus" }, /no time zone/],
  ["timezone", { timezone: "+02:00" }, /no time zone/],
  ["timezone", { timezone: "" }, /no time zone/],
  ["end_at", { endAt: at("2026-01-01T01:00:00Z") }, /after the end/],
])("a faulty %s is refused by its name: %j", (field, fault, message) => {
  const cadence = { cron: "0 3 * * *", timezone: "UTC", ...fault };
  const refused = () => firstMoment(cadence, at("2026-01-01T00:00:00Z"));
  expect(refused).toThrow(InvalidRequest);
  expect(refused).toThrow(message);
  try {
    refused();
  } catch (error) {
    expect(error).toMatchObject({ details: { errors: [{ field }] } });
  }
});
