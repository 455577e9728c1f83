import { expect, test } from "vitest";
import type { JobEvent, Recorded } from "../../core/protocol/event.ts";
import { submitted } from "../support/entries.ts";
import { account, type Blow, type Effect, type Known } from "./account.ts";

const jobId = "job";

function events(...told: [at: number, event: JobEvent][]): Recorded[] {
  return told.map(([at, event], index) => ({ ...event, seq: index + 1, at }));
}

const claim = (by: string): JobEvent => ({ kind: "job.claimed", by });
const start = (attempt: number): JobEvent => ({ kind: "step.started", steps: [{ step: "call", attempt }] });
const complete = (attempt: number): JobEvent => ({
  kind: "step.completed",
  step: "call",
  attempt,
  result: { json: 1 },
});
const end: JobEvent = { kind: "job.completed", result: { json: 1 } };
const begun = (attempt: number, at: number, pid: number): Effect => ({
  at,
  pid,
  jobId,
  step: "call",
  attempt,
  what: "begun",
});

const calm = events([0, submitted], [1, claim("a")], [1, start(1)], [20, complete(1)], [20, end]);
/** The worker with process 7 dies at 10, another one goes on at 5,010. */
const disturbed = events(
  [0, submitted],
  [1, claim("a")],
  [1, start(1)],
  [5_010, claim("b")],
  [5_010, start(2)],
  [5_030, complete(2)],
  [5_030, end],
);
const died: Blow = { at: 10, kind: "kill", target: "worker", pid: 7 };
const job = (of: Recorded[], more: Partial<Known> = {}): Known => ({
  jobId,
  events: of,
  watched: [],
  wanted: 1,
  ...more,
});

test("a job that nothing has happened to gives no figure and no offence", () => {
  expect(account([job(calm, { watched: [[1, 2, 3, 4, 5]] })], [begun(1, 2, 7)], [died])).toMatchObject({
    violations: [],
    steps: 1,
    repeated: 0,
  });
});

test("a kill is counted from the blow to the next event, and the attempt that it cut off is not held against anybody", () => {
  const { violations, recoveries, repeated, repeatedUntouched } = account(
    [job(disturbed)],
    [begun(1, 2, 7), begun(2, 5_011, 8)],
    [died],
  );

  expect(violations).toEqual([]);
  expect(recoveries.map(({ ms }) => ms)).toEqual([5_000]);
  expect({ repeated, repeatedUntouched }).toEqual({ repeated: 1, repeatedUntouched: 0 });
});

test("an attempt that is begun again although nobody was hit is told apart", () => {
  const elsewhere = { ...died, pid: 9 };
  const { repeatedUntouched, recoveries } = account(
    [job(disturbed)],
    [begun(1, 2, 7), begun(2, 5_011, 8)],
    [elsewhere],
  );

  expect(repeatedUntouched).toBe(1);
  expect(recoveries).toEqual([]);
});

test("a job that sleeps is missed from the moment at which it was to wake", () => {
  const sleeping = events(
    [0, submitted],
    [1, claim("a")],
    [2, { kind: "job.released", reason: "parked", wakeAt: 3_000 }],
    [4_500, claim("b")],
    [4_500, end],
  );

  const { recoveries } = account([job(sleeping)], [], [{ at: 10, kind: "kill", target: "runner", pid: 1 }]);

  expect(recoveries.map(({ ms }) => ms)).toEqual([1_500]);
});

test.each<[string, Known, Effect[], RegExp]>([
  ["a lost job", job([]), [], /lost/],
  ["a gap", job(calm.filter(({ seq }) => seq !== 3)), [], /I1/],
  ["no end", job(calm.slice(0, -1)), [], /I5/],
  ["two ends", job([...calm, { ...end, seq: 6, at: 21 }]), [], /I5/],
  [
    "a step that completes twice",
    job(events([0, submitted], [1, start(1)], [2, complete(1)], [3, complete(1)], [4, end])),
    [],
    /I2/,
  ],
  [
    "a step that begins after it has completed",
    job(events([0, submitted], [1, start(1)], [2, complete(1)], [3, start(2)], [4, end])),
    [],
    /I2/,
  ],
  ["a call without its intent", job(calm), [begun(1, 2, 7), begun(2, 3, 7)], /I14/],
  ["a call of an attempt made twice", job(calm), [begun(1, 2, 7), begun(1, 3, 8)], /I14/],
  ["a watcher that was given an event twice", job(calm, { watched: [[1, 2, 3, 3, 4, 5]] }), [], /I3/],
  ["a cancel that was acknowledged in vain", job(calm, { cancel: "accepted" }), [], /I8/],
  ["a wrong result", job(calm, { wanted: 2 }), [], /result/],
  ["work for a job of nobody's", job(calm), [{ ...begun(1, 2, 7), jobId: "other" }], /nobody's/],
])("%s is found", (_what, known, effects, offence) => {
  expect(account([known], effects, []).violations.join("\n")).toMatch(offence);
});
