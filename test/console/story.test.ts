import { describe, expect, test } from "vitest";
import type { EventView } from "../../client/index.ts";
import { gistOf } from "../../console/live/gist.ts";
import { heldBy, isElsewhere, Story, sceneAt } from "../../console/live/story.ts";
import type { JobEvent } from "../../core/protocol/event.ts";
import { toWire } from "../../core/protocol/wire.ts";

const begin = Date.parse("2026-01-02T03:04:05.000Z");

function viewsOf(...events: JobEvent[]): EventView[] {
  return events.map((event, index) => toWire({ ...event, seq: index + 1, at: begin + index * 10 }));
}

const usage = { model_calls: 1, input_tokens: 10, output_tokens: 20, cost_usd: 0.01 };
const journal = viewsOf(
  {
    kind: "job.submitted",
    type: "council",
    version: 1,
    lane: "normal",
    title: "Why?",
    description: "",
    tags: ["a"],
    input: { json: { question: "Why?" } },
    by: "key",
  },
  { kind: "job.claimed", by: "worker" },
  {
    kind: "step.started",
    steps: [
      { step: "stage1/a", attempt: 1 },
      { step: "stage1/b", attempt: 1 },
    ],
  },
  { kind: "step.completed", step: "stage1/a", attempt: 1, result: { json: "because" }, usage },
  {
    kind: "step.failed",
    step: "stage1/b",
    attempt: 1,
    failure: { code: "model_unavailable", message: "Busy" },
    retryAt: begin + 50,
  },
  { kind: "step.started", steps: [{ step: "stage1/b", attempt: 2 }] },
  { kind: "step.completed", step: "stage1/b", attempt: 2, result: { json: "so" }, usage, mock: true },
  {
    kind: "callback.created",
    step: "approval",
    callbackId: "job.cb",
    ask: { question: "Is that so?", schema: { type: "boolean" } },
  },
  { kind: "job.released", reason: "parked", wakeAt: begin + 1_000 },
  { kind: "callback.completed", step: "approval", callbackId: "job.cb", by: "me", result: { json: true } },
  { kind: "job.claimed", by: "worker" },
  { kind: "wait.ended", step: "approval" },
  { kind: "job.completed", result: { json: { answer: "so" } } },
);

describe("A job's page, made of its events", () => {
  test("is the same at any event, whether it was watched until then or is rebuilt from the whole journal", () => {
    const story = new Story("job");
    for (const event of journal) {
      story.add(event);
      expect(sceneAt("job", journal, event.seq)).toEqual(story.scene());
    }
  });

  test("shows what was so at an event, and nothing of what came after it", () => {
    const early = sceneAt("job", journal, 5)!;
    expect(early.job).toMatchObject({ status: "running", seq: 5, mock: false });
    expect(early.steps.map(({ path, status }) => [path, status])).toEqual([
      ["stage1/a", "completed"],
      ["stage1/b", "retrying"],
    ]);
    expect(early.steps[1]!.attempts).toMatchObject([{ attempt: 1, failure: { message: "Busy" } }]);
    const asked = sceneAt("job", journal, 9)!;
    expect(asked.job).toMatchObject({ status: "waiting", callbacks: [{ ask: { question: "Is that so?" } }] });
    expect(asked.passes).toMatchObject([{ reason: "parked" }]);
    expect(sceneAt("job", journal, 13)!.job).toMatchObject({
      status: "completed",
      mock: true,
      resultSeq: 13,
    });
    expect(sceneAt("job", journal, 0)).toBeUndefined();
  });

  test("a step keeps all its attempts, and the last outcome counts", () => {
    const step = sceneAt("job", journal, 13)!.steps.find(({ path }) => path === "stage1/b")!;
    expect(step.attempts.map(({ attempt, failure }) => [attempt, failure?.code])).toEqual([
      [1, "model_unavailable"],
      [2, undefined],
    ]);
    expect(step).toMatchObject({ status: "completed", mock: true });
    expect(step.failure).toBeUndefined();
    expect(heldBy(step.outcome)).toBe("so");
  });
});

describe("The value of an event", () => {
  test("is in it, also when that is null or false", () => {
    const [none, no] = viewsOf(
      { kind: "job.completed", result: { json: null } },
      { kind: "job.completed", result: { json: false } },
    );
    expect(heldBy(none)).toBeNull();
    expect(heldBy(no)).toBe(false);
    expect(isElsewhere(none)).toBe(false);
  });

  test("is elsewhere when the event only refers to it", () => {
    const [large] = viewsOf({
      kind: "job.completed",
      result: { ref: { key: "k", bytes: 1_000_000, sha256: "0" } },
    });
    expect(heldBy(large)).toBeUndefined();
    expect(isElsewhere(large)).toBe(true);
    expect(isElsewhere(undefined)).toBe(false);
  });
});

describe("An event in a line", () => {
  test("says where, and what became of it", () => {
    const lines = journal.map(gistOf);
    expect(lines[2]).toBe("stage1/a, stage1/b");
    expect(lines[4]).toBe("stage1/b · Busy");
    expect(lines[5]).toBe("stage1/b (attempt 2)");
    expect(lines[7]).toBe("approval · Is that so?");
    expect(lines[8]).toBe("parked");
  });
});
