import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { signal } from "@preact/signals";
import { describe, expect, test } from "vitest";
import { heldBy, sceneAt } from "../../console/live/story.ts";
import { auditView } from "../../console/results/audit.ts";
import { childrenOf } from "../../console/results/batch.ts";
import { agreementInWords, councilView } from "../../console/results/council.ts";
import { fileIn, folderOf, generationView } from "../../console/results/generation.ts";
import { longTextOf } from "../../console/results/long-text.ts";
import { dialogueView } from "../../console/results/maieutic.ts";
import { operationView, videoOperation } from "../../console/results/operation.ts";
import { projectionView } from "../../console/results/projection.ts";
import { driftInWords, roundTripView, stabilityView } from "../../console/results/round-trip.ts";
import type * as shapes from "../../console/results/shapes.ts";
import { Work } from "../../console/results/work.ts";
import { type Entry, type Recorded, recorded } from "../../core/protocol/event.ts";
import type { Json } from "../../core/protocol/json.ts";
import { toWire } from "../../core/protocol/wire.ts";
import { applyToWorkflow, newWorkflow, tells, type Workflow } from "../../jobs/audit/workflow.ts";

/** A job's journal as tests of the engine have recorded it. */
function golden(name: string) {
  const file = join(import.meta.dirname, "../golden", `${name}.jsonl`);
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  const events = lines.flatMap((line) => recorded(JSON.parse(line) as Entry));
  const views = events.map(toWire);
  const text = signal("…");
  return {
    events,
    length: events.length,
    input: heldBy(views[0]) as never,
    result: heldBy(views.find(({ kind }) => kind === "job.completed")) as never,
    /** What the job had done after so many events. */
    workAt(seq = events.length, isNow = true): Work {
      const scene = sceneAt("job", views, seq)!;
      return new Work(scene, ({ outcome }) => heldBy(outcome), isNow ? () => text : undefined);
    },
    /** How many events there were when the first fitted. */
    when(fits: (event: Recorded) => boolean): number {
      return events.find(fits)!.seq;
    },
  };
}

const goldenNames = readdirSync(join(import.meta.dirname, "../golden"))
  .filter((name) => name.includes("@"))
  .flatMap((folder) =>
    readdirSync(join(import.meta.dirname, "../golden", folder)).map(
      (file) => `${folder}/${file.replace(".jsonl", "")}`,
    ),
  );

const views: Record<string, (input: never, result: never, work: Work) => unknown> = {
  audit: (_input, result, work) => auditView(result, work),
  batch: childrenOf,
  council: councilView,
  generation: generationView,
  maieutic: dialogueView,
  operation: (_input, _result, work) => operationView("operation", work),
  projection: projectionView,
  translation: (input: shapes.TranslationInput, result, work) =>
    roundTripView({ text: input.text, source: "english", intermediate: "japanese" }, result, work),
  "translation-stability": stabilityView,
  video: (_input, _result, work) => operationView(videoOperation(work), work),
};

test.each(goldenNames.filter((name) => name.split("@")[0]! in views))(
  "the page of %s can be made at every event of its journal",
  (name) => {
    const job = golden(name);
    const view = views[name.split("@")[0]!]!;
    for (let seq = 1; seq <= job.length; seq += 1) {
      expect(view(job.input, undefined as never, job.workAt(seq)), `event ${seq}`).toBeTypeOf("object");
    }
    expect(view(job.input, job.result, job.workAt())).toBeTypeOf("object");
  },
);

describe("What a job has done", () => {
  const council = golden("council@1/failed-member-and-retries");

  test("is found by name, whoever did it in the end", () => {
    const step = (path: string, status: "failed" | "completed" | "running") => ({
      path,
      kind: "step" as const,
      status,
      startedAt: 0,
      attempts: [],
    });
    const { job } = council.workAt();
    const steps = [
      step("draft", "failed"),
      step("draft/fallback:test:ben", "completed"),
      step("draft-repair", "running"),
      step("drafts", "completed"),
    ];
    const at = (count: number) =>
      new Work({ job: { ...job, status: "running" }, steps: steps.slice(0, count) }, () => null);
    expect(at(1).part("draft")).toMatchObject({ status: "failed", standsIn: false });
    expect(at(2).part("draft")).toMatchObject({ status: "completed", standsIn: true });
    expect(at(4).part("draft")).toMatchObject({ status: "running", step: { path: "draft-repair" } });
    expect(at(4).part("raft")).toBeUndefined();
  });

  test("shows text as it arrives, but not where the page shows the past", () => {
    const begun = council.when(({ kind }) => kind === "step.started");
    expect(council.workAt(begun).writing("stage1/test:ada")).toMatchObject({
      status: "running",
      arriving: {},
    });
    expect(council.workAt(begun, false).writing("stage1/test:ada")).toEqual({ status: "running" });
  });

  test("does not look as if it went on when the job is over", () => {
    const job = golden("council@1/cancelled-in-the-middle");
    const work = job.workAt();
    expect(work.job.status).toBe("cancelled");
    expect(work.steps.map((step) => work.of(step).status)).not.toContain("running");
    expect(work.writing("stage3").status).toBe("cancelled");
  });
});

describe("A council", () => {
  test("has a place for every member from its first event, and the failed one says why", () => {
    const job = golden("council@1/failed-member-and-retries");
    const names = (work: Work, result?: never) =>
      councilView(job.input, result, work).answers.map(({ name }) => name);
    expect(names(job.workAt(1))).toEqual(["test:ada", "test:ben", "test:cleo", "test:dan"]);
    expect(names(job.workAt(), job.result)).toEqual(names(job.workAt(1)));

    for (const view of [
      councilView(job.input, undefined, job.workAt()),
      councilView(job.input, job.result, job.workAt()),
    ]) {
      const lost = view.answers.filter(({ writing }) => writing.status === "failed");
      expect(lost).toMatchObject([{ name: "test:ben", writing: { failure: { code: "model_rejected" } } }]);
      expect(view.rankings.map(({ name }) => name)).toEqual(["test:ada", "test:cleo", "test:dan"]);
    }
  });

  test("tells the same from its journal as from its result", () => {
    const job = golden("council@1/happy-path");
    const made = councilView(job.input, undefined, job.workAt());
    const told = councilView(job.input, job.result, job.workAt(1));
    const texts = (view: typeof made) => view.answers.map(({ writing }) => writing.text);
    expect(texts(made)).toEqual(texts(told));
    expect(made.final.text).toBe(told.final.text);
    expect(made.title).toBe(told.title);
    expect(councilView(job.input, undefined, job.workAt(job.length - 1)).standings).toBeUndefined();
  });

  test("resolves labels to members in every ranking, and in its words", () => {
    const job = golden("council@1/happy-path");
    const { rankings, standings } = councilView(job.input, job.result, job.workAt());
    for (const { name, order, text } of rankings) {
      expect(order).toHaveLength(3);
      expect(order).not.toContain(name);
      expect(order!.every((model) => standings!.some((standing) => standing.model === model))).toBe(true);
      expect(text).toMatch(/Response [A-D] \(test:\w+\)/);
    }
  });

  test("shows a ballot that cannot be read as one, not as an empty place", () => {
    const { input, result, workAt } = golden("council@1/happy-path");
    const whole: shapes.CouncilResult = structuredClone(result);
    Object.assign(whole.stage2[1]!, { parsed: false, parsed_ranking: [] });
    const { rankings } = councilView(input, whole, workAt());
    expect(rankings.map(({ order }) => order?.length)).toEqual([3, 0, 3, 3]);
  });

  test("tells members apart that are the same model", () => {
    const input = { question: "Why?", members: ["a:b/c", "a:b/c", "a:b.c"], quorum: 2, chairman: "x:y" };
    const { workAt } = golden("council@1/happy-path");
    const view = councilView(input as never, undefined, workAt(1));
    expect(view.answers.map(({ name }) => name)).toEqual(["a:b/c", "a:b/c#2", "a:b.c"]);
  });

  test("puts its agreement into words, also where it has none", () => {
    expect([1, 0.8, 0.5, 0.3, 0, null].map(agreementInWords)).toEqual([
      "nearly unanimous",
      "strong agreement",
      "moderate agreement",
      "weak agreement",
      "hardly any agreement",
      "not defined for these rankings",
    ]);
  });
});

describe("An audit", () => {
  const names = goldenNames.filter((name) => name.startsWith("audit@"));

  test.each(names)("stands on the page as the service says, at every event of %s", (name) => {
    const job = golden(name);
    let workflow: Workflow = newWorkflow(job.events[0]!.at);
    for (const event of job.events) {
      const value = tells(event) ? (heldBy(toWire(event)) as Json | undefined) : undefined;
      workflow = applyToWorkflow(workflow, event, value);
      const view = auditView(undefined, job.workAt(event.seq));
      const at = `event ${event.seq}, ${event.kind}`;
      expect(view.plans.at(-1)?.plan, at).toEqual(workflow.plan);
      expect(view.errors, at).toEqual(workflow.errors);
      const written = view.sections.filter(({ status }) => status === "completed").map(({ id }) => id);
      expect(new Set(written), at).toEqual(new Set(workflow.written));
      expect(view.status.replace(" ", "_"), at).toBe(workflow.status);
    }
  });

  test("is at work at once when the service has taken in an approval, before the journal at hand says so", () => {
    const job = golden("audit@1/approved");
    const work = job.workAt(job.when(({ kind }) => kind === "callback.created"));
    const asking = job.workAt(
      job.when((event) => event.kind === "callback.created" && event.step === "approval-1"),
    );
    expect(auditView(undefined, asking)).toMatchObject({
      status: "awaiting approval",
      sections: [],
    });

    const approved = auditView(undefined, asking, { number: 1, approved: true });
    expect(approved.status).toBe("analyzing");
    expect(approved.sections.length).toBeGreaterThan(0);
    expect(approved.sections.map(({ status }) => status)).toEqual(approved.sections.map(() => "pending"));
    expect(auditView(undefined, asking, { number: 1, approved: false }).status).toBe("planning");
    expect(work.isOver).toBe(false);
  });

  test("is not told twice: a decision on an earlier plan says nothing of the next", () => {
    const job = golden("audit@1/rejected-then-approved-with-feedback");
    const asking = job.workAt(
      job.when((event) => event.kind === "callback.created" && event.step === "approval-2"),
    );
    const view = auditView(undefined, asking, { number: 1, approved: false });
    expect(view.status).toBe("awaiting approval");
    expect(view.plans.map(({ decision }) => decision?.approved)).toEqual([false, undefined]);
  });
});

describe("A round trip", () => {
  test("tells the same from its journal as from its result", () => {
    const { input, result, workAt } = golden("translation@1/example");
    const asked = {
      text: (input as shapes.TranslationInput).text,
      source: "english",
      intermediate: "japanese",
    };
    const { language, elements, drift, there, back } = roundTripView(asked, result, workAt(1));
    expect(roundTripView(asked, undefined, workAt())).toMatchObject({
      language,
      elements,
      drift,
      there: { text: there.text },
      back: { text: back.text },
    });
    expect(drift).toBeTypeOf("number");
  });

  test("goes on without an analysis that could not be had", () => {
    const job = golden("translation@1/example");
    const { job: record, steps } = job.workAt();
    const lost = steps.map((step) =>
      step.path === "similarity" ? { ...step, status: "failed" as const } : step,
    );
    const work = new Work({ job: { ...record, status: "running" }, steps: lost }, ({ outcome }) =>
      heldBy(outcome),
    );
    const view = roundTripView({ text: "", source: "", intermediate: "" }, undefined, work);
    expect(view.drift).toBeNull();
    expect(driftInWords(view.drift)).toBe("could not be scored");
    expect(view.elements).toBeTypeOf("object");
  });

  test("has every language in its row, and one that failed with its reason", () => {
    const job = golden("translation-stability@1/example");
    const whole: shapes.StabilityResult = structuredClone(job.result);
    const [first, ...rest] = whole.languages;
    const error = { code: "model_unavailable", message: "Nobody answered" };
    whole.languages = [{ intermediate_language: first!.intermediate_language, error }, ...rest];
    const states = (view: ReturnType<typeof stabilityView>) => view.languages.map(({ state }) => state);
    expect(states(stabilityView(job.input, job.result, job.workAt()))).toEqual(
      whole.languages.map(() => "completed"),
    );
    expect(states(stabilityView(job.input, whole, job.workAt()))).toEqual([
      "failed",
      ...rest.map(() => "completed"),
    ]);
    expect(stabilityView(job.input, whole, job.workAt()).languages[0]!.error).toEqual(error);
    expect(states(stabilityView(job.input, undefined, job.workAt(1)))).toEqual(
      whole.languages.map(() => "pending"),
    );
  });
});

test("a projection shows what every phase was given and what it made of it", () => {
  const job = golden("projection@1/example");
  const { phases, final, narrative } = projectionView(job.input, job.result, job.workAt());
  expect(phases[0]!.before.text).toBe(narrative);
  expect(phases.slice(1).map(({ before }) => before.text)).toEqual(
    phases.slice(0, -1).map(({ after }) => after.text),
  );
  expect(phases.every(({ after }) => after.status === "completed" && after.text)).toBe(true);
  expect(final.text).toBe((job.result as shapes.ProjectionResult).final_projection);
});

describe("A dialogue", () => {
  const job = golden("maieutic@1/answered-and-projected");
  const asking = job.when((event) => event.kind === "callback.created" && event.step === "answer-1");

  test("asks where its question stands, until the service has the answer", () => {
    const [turn] = dialogueView(job.input, undefined, job.workAt(asking)).turns;
    expect(turn).toMatchObject({ number: 1, depth: 0, open: { callbackId: expect.any(String) } });
    const told = new Map([[turn!.open!.callbackId, "I was there."]]);
    const [answered] = dialogueView(job.input, undefined, job.workAt(asking), told).turns;
    expect(answered).toMatchObject({ answer: "I was there." });
    expect(answered!.open).toBeUndefined();
  });

  test("has in the end what its result has, and leads to the projection", () => {
    const view = dialogueView(job.input, job.result, job.workAt());
    const result = job.result as shapes.MaieuticResult;
    expect(view.turns.map(({ question, answer, insights }) => [question.text, answer, insights])).toEqual(
      result.turns.map(({ question, answer, insights }) => [question, answer, insights]),
    );
    expect(view.understanding.text).toBe(result.final_understanding);
    expect(view.projectionId).toMatch(/\S/);
    expect(view.offer).toBeUndefined();
  });
});

describe("A project", () => {
  const job = golden("generation@1/example");

  test("has every file as the job has kept it, byte for byte", () => {
    const { files } = generationView(job.input, job.result, job.workAt());
    expect(files.map(({ path }) => path)).toEqual(
      (job.result as shapes.GenerationResult).files.map(({ path }) => path),
    );
    for (const { content, artifact } of files) {
      expect(createHash("sha256").update(content!).digest("hex")).toBe(artifact!.sha256);
    }
  });

  test("fills in file by file", () => {
    const there = (seq: number) =>
      generationView(job.input, undefined, job.workAt(seq)).files.filter(({ content }) => content).length;
    const counts = job.events.map(({ seq }) => there(seq));
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(new Set(counts).size).toBeGreaterThan(2);
  });

  test("reads a file out of an answer in every form that the job takes", () => {
    const fence = "0123456789abcdef";
    expect(fileIn(`Here:\n<file-${fence}>\nline\n  indented\n</file-${fence}>\nDone.`)).toBe(
      "line\n  indented\n",
    );
    expect(fileIn("```ts\nconst a = 1;\n```")).toBe("const a = 1;\n");
    expect(fileIn("plain\n\n")).toBe("plain\n");
  });

  test("is shown as a tree, folders first", () => {
    expect(folderOf(["b.ts", "src/z.ts", "src/in/a.ts", "a.ts"])).toEqual({
      name: "",
      folders: [
        {
          name: "src",
          folders: [{ name: "in", folders: [], files: [{ name: "a.ts", path: "src/in/a.ts" }] }],
          files: [{ name: "z.ts", path: "src/z.ts" }],
        },
      ],
      files: [
        { name: "a.ts", path: "a.ts" },
        { name: "b.ts", path: "b.ts" },
      ],
    });
  });
});

test("an operation says who does it, how often that was asked, and when it will be asked again", () => {
  const job = golden("operation@1/asked-until-done");
  const waiting = operationView(
    "operation",
    job.workAt(job.when(({ kind }) => kind === "condition.checked")),
  );
  expect(waiting).toMatchObject({
    status: "waiting",
    provider: "http:",
    polls: 1,
    nextLookAt: expect.any(Number),
  });
  const ended = operationView("operation", job.workAt());
  expect(ended).toMatchObject({ status: "completed", id: waiting.id, nextLookAt: undefined });
  expect(ended.polls).toBeGreaterThan(1);
});

test("a batch has its jobs in order, with what became of each", () => {
  const job = golden("batch@1/example");
  const children = childrenOf(job.input, job.result, job.workAt());
  expect(childrenOf(job.input, undefined, job.workAt()).map(({ id, status }) => [id, status])).toEqual(
    children.map(({ id, status }) => [id, status]),
  );
});

test("a text that is there to be read is told from a value", () => {
  expect(longTextOf({ report: "# Title\n\nText.", at: 1 })).toEqual({
    text: "# Title\n\nText.",
    rest: { at: 1 },
  });
  expect(longTextOf("Just this.")).toEqual({ text: "Just this.", rest: {} });
  expect(longTextOf({ text: "en" })).toBeUndefined();
  expect(longTextOf({ count: 3 })).toBeUndefined();
  expect(longTextOf(["a"])).toBeUndefined();
  expect(longTextOf(null)).toBeUndefined();
});
