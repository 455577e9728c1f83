import { describe, expect, test } from "vitest";
import type { EventView } from "../../client/index.ts";
import { axisEnd, layOut } from "../../console/live/gantt.ts";
import { type Scene, Story } from "../../console/live/story.ts";
import type { JobEvent } from "../../core/protocol/event.ts";
import { toWire } from "../../core/protocol/wire.ts";

const begin = Date.parse("2026-01-02T03:04:05.000Z");

/** The scene after events, each so many milliseconds after the beginning. */
function sceneOf(...events: [ms: number, event: JobEvent][]): Scene {
  const story = new Story("job");
  const views = [[0, submitted] as [number, JobEvent], ...events].map(([ms, event], index) =>
    toWire({ ...event, seq: index + 1, at: begin + ms }),
  );
  for (const view of views as EventView[]) story.add(view);
  return story.scene()!;
}

const submitted: JobEvent = {
  kind: "job.submitted",
  type: "council",
  version: 1,
  lane: "normal",
  title: "A job",
  description: "",
  tags: [],
  input: { json: {} },
  by: "key",
};
const claimed: JobEvent = { kind: "job.claimed", by: "worker" };
const parked: JobEvent = { kind: "job.released", reason: "parked", wakeAt: begin + 60_000 };
const completed: JobEvent = { kind: "job.completed", result: { json: null } };
const started = (step: string, attempt = 1): JobEvent => ({
  kind: "step.started",
  steps: [{ step, attempt }],
});
const done = (step: string, attempt = 1): JobEvent => ({
  kind: "step.completed",
  step,
  attempt,
  result: { json: 1 },
});
const failed = (step: string, attempt: number, retryAt: number): JobEvent => ({
  kind: "step.failed",
  step,
  attempt,
  failure: { code: "model_unavailable", message: "No answer" },
  retryAt: begin + retryAt,
});

describe("Where steps are drawn", () => {
  test("a step lies where it was at work, in percent of the job's time", () => {
    const scene = sceneOf([0, claimed], [250, started("a")], [750, done("a")], [1_000, completed]);
    const { rows } = layOut(scene, begin + 99_000);
    expect(rows).toHaveLength(1);
    expect(rows[0]!.bars).toMatchObject([{ what: "attempt", left: 25, width: 50 }]);
  });

  test("between two attempts lies the pause that the first one's failure asked for", () => {
    const scene = sceneOf(
      [0, claimed],
      [0, started("a")],
      [200, failed("a", 1, 600)],
      [600, started("a", 2)],
      [1_000, done("a", 2)],
      [1_000, completed],
    );
    const [row] = layOut(scene, begin).rows;
    expect(row!.bars).toMatchObject([
      { what: "attempt", left: 0, width: 20 },
      { what: "pause", left: 20, width: 40 },
      { what: "attempt", left: 60, width: 40 },
    ]);
  });

  test("what has no end yet reaches to this moment, and the moment is marked", () => {
    const scene = sceneOf([0, claimed], [100, started("a")]);
    const { rows, now, passes } = layOut(scene, begin + 400, begin + 800);
    expect(rows[0]!.bars).toMatchObject([{ what: "attempt", left: 12.5, width: 37.5 }]);
    expect(passes).toMatchObject([{ left: 0, width: 50 }]);
    expect(now).toBe(50);
  });

  test("once a job has ended, time goes on without its picture", () => {
    const scene = sceneOf([0, claimed], [0, started("a")], [500, done("a")], [500, completed]);
    expect(layOut(scene, begin + 86_400_000)).toEqual(layOut(scene, begin + 500));
    expect(layOut(scene, begin + 500).now).toBeUndefined();
  });

  test("a wait is a bar that nobody works in, from its beginning to its end", () => {
    const scene = sceneOf(
      [0, claimed],
      [0, started("a")],
      [500, done("a")],
      [500, { kind: "wait.started", step: "nap", until: begin + 1_000 }],
      [1_000, { kind: "wait.ended", step: "nap" }],
      [1_000, completed],
    );
    expect(layOut(scene, begin).rows[1]!.bars).toMatchObject([{ what: "wait", left: 50, width: 50 }]);
  });

  test("days in which nobody did anything leave room for the seconds in which somebody did", () => {
    const days = 3 * 86_400_000;
    const scene = sceneOf(
      [0, claimed],
      [0, started("a")],
      [1_000, done("a")],
      [1_000, { kind: "wait.started", step: "approval", until: begin + days }],
      [1_000, parked],
      [days, { kind: "wait.ended", step: "approval" }],
      [days, claimed],
      [days, started("b")],
      [days + 1_000, done("b")],
      [days + 1_000, completed],
    );
    const { rows, folds, ticks } = layOut(scene, begin);
    expect(folds).toMatchObject([{ ms: days - 1_000 }]);
    expect(folds[0]!.width).toBeLessThan(10);
    const widths = rows.map(({ bars }) => bars[0]!.width);
    expect(widths[0]).toBeGreaterThan(40);
    expect(widths[2]).toBeCloseTo(widths[0]!);
    // The wait is there, as wide as its fold.
    expect(widths[1]).toBeCloseTo(folds[0]!.width);
    expect(ticks.length).toBeLessThan(20);
    expect(ticks.every(({ left }) => left >= 0 && left <= 100)).toBe(true);
  });

  test("everything lies on the axis, from its left to its right, whatever has happened", () => {
    const scene = sceneOf(
      [30, claimed],
      [40, started("a")],
      [90, failed("a", 1, 5_000)],
      [90, parked],
      [5_000, claimed],
      [5_000, started("a", 2)],
    );
    const { rows, passes, ticks } = layOut(scene, begin + 5_500, axisEnd(begin, begin + 5_500));
    for (const { left, width } of [...rows.flatMap(({ bars }) => bars), ...passes]) {
      expect(left).toBeGreaterThanOrEqual(0);
      expect(width).toBeGreaterThanOrEqual(0);
      expect(left + width).toBeLessThanOrEqual(100.000_001);
    }
    expect(ticks.map(({ left }) => left)).toEqual(ticks.map(({ left }) => left).toSorted((a, b) => a - b));
  });

  test("what a fork has taken over is marked, and takes no time", () => {
    const scene = sceneOf(
      [0, { ...started("a"), inherited: true } as JobEvent],
      [0, { ...done("a"), inherited: true } as JobEvent],
      [100, claimed],
      [100, started("b")],
    );
    const { rows } = layOut(scene, begin + 200);
    expect(rows[0]!.step.inherited).toBe(true);
    expect(rows[0]!.bars).toMatchObject([{ left: 0, width: 0 }]);
    expect(rows[1]!.step.inherited).toBeUndefined();
  });

  test("the end of a living axis is a round time that comes closer and then leaps ahead", () => {
    expect(axisEnd(0, 4_100)).toBe(5_000);
    expect(axisEnd(0, 4_900)).toBe(5_000);
    expect(axisEnd(0, 5_000)).toBe(6_000);
    expect(axisEnd(0, 0)).toBeGreaterThan(0);
    expect(axisEnd(0, 3_600_000)).toBe(4_200_000);
  });
});
