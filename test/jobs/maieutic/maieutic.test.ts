import { describe, expect, test } from "vitest";
import { ModelError } from "../../../core/models/errors.ts";
import { depths } from "../../../jobs/maieutic/depths.ts";
import { maieutic } from "../../../jobs/maieutic/maieutic.ts";
import type { MaieuticResult } from "../../../jobs/maieutic/session.ts";
import { guessed } from "../../../jobs/maieutic/suggestion.ts";
import { projection } from "../../../jobs/projection/projection.ts";
import { chaos, memoryCloud } from "../../../testing/index.ts";
import { sameButForMoments } from "../../support/same-but-for-moments.ts";
import { promptOf, type Script, scriptedModel } from "../../support/scripted-model.ts";

const down = new ModelError("model_rejected", "Gone for good");
const asking = "You lead a Socratic dialogue";
const seeing = "Somebody was asked a question";

function numbered() {
  let count = 0;
  return () => {
    count += 1;
    return count;
  };
}

function salon(script: Script = {}) {
  const question = numbered();
  const insight = numbered();
  const model = scriptedModel({
    [asking]: () => `Question number ${question()}?`,
    [seeing]: () => ({ object: { insights: [`Insight number ${insight()}`] } }),
    "Below are a narrative and a dialogue": "You wanted to be seen.",
    "What is understood below": {
      object: { persona: "storyteller", namespace: "medieval-realm", style: "poetic" },
    },
    // Of a projection.
    "Take this narrative apart": "WHO",
    "Carry these elements over": "mapping",
    "Tell the story again": "story",
    "Reword this story": "worded story",
    "Below are a narrative and an allegorical": "reflection",
    ...script,
  });
  const cloud = memoryCloud({ jobs: [maieutic, projection], model });
  const start = (input: object = {}) =>
    cloud.submit("maieutic", { narrative: "My boss took the credit.", models: ["test:ada"], ...input });
  return { model, cloud, start };
}

describe("a dialogue", () => {
  test("waits for days, and costs nothing meanwhile", async () => {
    const { model, cloud, start } = salon();
    const job = await start();
    await job.callback("answer-1");
    const before = { asked: model.asked.length, events: (await job.events()).length };

    await cloud.advance({ days: 5 });

    expect(await job.record()).toMatchObject({ status: "waiting", hops: 1 });
    expect({ asked: model.asked.length, events: (await job.events()).length }).toEqual(before);
    await job.answer("answer-1", { answer: "I was in the room." });
    await job.callback("answer-2");
  });

  test("goes deeper with each turn, down to the fourth level, and sums up what was understood", async () => {
    const { model, start } = salon();
    const job = await start({ max_turns: 6, goal: "discover" });
    for (let turn = 1; turn <= 6; turn += 1) await job.answer(`answer-${turn}`, { answer: `Answer ${turn}` });
    await job.answer("offer", { accept: false });

    const result = await job.result<MaieuticResult>();

    expect(result).toMatchObject({
      id: job.id,
      initial_narrative: "My boss took the credit.",
      goal: "discover",
      max_turns: 6,
      final_understanding: "You wanted to be seen.",
      extracted_elements: { suggestion: { persona: "storyteller" } },
    });
    expect(result.turns.map(({ depth_level }) => depth_level)).toEqual([0, 1, 2, 3, 4, 4]);
    expect(result.turns[1]).toEqual({
      question: "Question number 2?",
      answer: "Answer 2",
      insights: ["Insight number 2"],
      depth_level: 1,
      timestamp: expect.stringMatching(/Z$/),
    });
    const questions = model.asked.map(promptOf).filter((prompt) => prompt.startsWith(asking));
    for (const [turn, { about }] of depths.entries()) expect(questions[turn]).toContain(about);
    // The narrative, and the last three exchanges of those before.
    expect(questions[5]).toContain("My boss took the credit.");
    expect(questions[5]).toContain("Answer 3");
    expect(questions[5]).toContain("Answer 5");
    expect(questions[5]).not.toContain("Answer 2");
  });

  test.each(["quit", "Exit", " done. "])("ends when somebody says %j", async (word) => {
    const { start } = salon();
    const job = await start();
    await job.answer("answer-1", { answer: "I was angry." });
    await job.answer("answer-2", { answer: word });
    await job.answer("offer", { accept: false });
    const { turns, final_understanding } = await job.result<MaieuticResult>();
    expect(turns).toHaveLength(1);
    expect(final_understanding).toBe("You wanted to be seen.");
  });

  test("of which somebody has had enough before the first answer ends without a synthesis", async () => {
    const { model, start } = salon();
    const job = await start();
    await job.answer("answer-1", { answer: "quit" });
    expect(await job.result()).toMatchObject({
      turns: [],
      final_understanding: null,
      extracted_elements: {},
    });
    expect(model.asked).toHaveLength(1);
  });

  test("that nobody carries on is summed up after six days, while its job is young enough", async () => {
    const { cloud, start } = salon();
    const job = await start();
    const began = cloud.now();
    await job.answer("answer-1", { answer: "I was angry." });
    const result = await job.result<MaieuticResult>();
    expect(result).toMatchObject({ turns: [{}], final_understanding: "You wanted to be seen." });
    expect((cloud.now() - began) / 86_400_000).toBeCloseTo(6, 1);
  });

  test("refuses an answer without any text", async () => {
    const { start } = salon();
    const job = await start();
    for (const answer of ["", "  \n"])
      await expect(job.answer("answer-1", { answer })).rejects.toMatchObject({ code: "invalid_request" });
    await job.answer("answer-1", { answer: "yes" });
  });

  test("goes on with a question that fits any narrative where no model can ask, and says that it is degraded", async () => {
    const { start } = salon({ [asking]: down, [seeing]: "No object at all" });
    const job = await start({ max_turns: 2 });
    const { ask } = await job.callback("answer-1");
    expect(ask!.question).toBe(depths[0].question);
    await job.answer("answer-1", { answer: "I was angry." });
    expect((await job.callback("answer-2")).ask!.question).toBe(depths[1].question);
    await job.answer("answer-2", { answer: "done" });
    await job.answer("offer", { accept: false });
    expect(await job.result()).toMatchObject({ turns: [{ answer: "I was angry.", insights: [] }] });
    expect((await job.record()).degraded).toBe(true);
  });

  test("shows where it is, and never less than before", async () => {
    const { start } = salon();
    const job = await start({ max_turns: 2 });
    await job.answer("answer-1", { answer: "I was angry." });
    await job.answer("answer-2", { answer: "I wanted to be seen." });
    await job.answer("offer", { accept: true });
    await job.result();

    const shown = (await job.events()).flatMap((event) =>
      "progress" in event && event.progress ? [event.progress] : [],
    );

    expect(shown.map(({ current_step, percentage }) => `${current_step} ${percentage}`)).toEqual([
      "Starting dialogue session 25",
      "Generating question 1 50",
      "Waiting for answer 1 50",
      "Considering answer 1 50",
      "Generating question 2 75",
      "Waiting for answer 2 75",
      "Considering answer 2 75",
      "Synthesizing understanding 75",
      "Offering a projection 75",
      "Creating projection 75",
      "Dialogue complete 100",
    ]);
  });
});

describe("the projection that a dialogue offers", () => {
  test("is made as a job of its own of what was understood, as suggested or as the answer says", async () => {
    const { model, start } = salon();
    const job = await start({ max_turns: 1 });
    await job.answer("answer-1", { answer: "I was angry." });
    const offer = await job.callback("offer");
    expect(offer.ask!.question).toContain("storyteller");
    await job.answer("offer", { accept: true, style: "casual" });

    const { extracted_elements } = await job.result<MaieuticResult>();

    expect(extracted_elements).toMatchObject({
      suggestion: { persona: "storyteller", namespace: "medieval-realm", style: "poetic" },
      projection: {
        persona: "storyteller",
        namespace: "medieval-realm",
        style: "casual",
        final_projection: "worded story",
      },
    });
    const told = promptOf(
      model.asked.find((request) => promptOf(request).startsWith("Take this narrative"))!,
    );
    for (const part of ["My boss took the credit.", "Insight number 1", "You wanted to be seen."])
      expect(told).toContain(part);
    const child = (await job.events()).find((event) => event.kind === "callback.created" && event.childJobId);
    expect(child).toMatchObject({ step: "projection" });
  });

  test("is suggested by the goal and by words of the text where no model can", async () => {
    const { start } = salon({ "What is understood below": down });
    const job = await start({ max_turns: 1 });
    await job.answer("answer-1", { answer: "I was angry." });
    await job.answer("offer", { accept: false });
    expect(await job.result()).toMatchObject({
      extracted_elements: {
        suggestion: { persona: "storyteller", namespace: "corporate-dystopia", style: "standard" },
      },
    });
    expect(guessed("question", "The forest feels my grief")).toEqual({
      persona: "critic",
      namespace: "natural-world",
      style: "poetic",
    });
  });

  test("that fails costs the dialogue nothing", async () => {
    const { start } = salon({ "Tell the story again": down });
    const job = await start({ max_turns: 1 });
    await job.answer("answer-1", { answer: "I was angry." });
    await job.answer("offer", { accept: true });
    expect(await job.result()).toMatchObject({
      final_understanding: "You wanted to be seen.",
      extracted_elements: { projection_error: { code: "model_rejected" } },
    });
    expect((await job.record()).degraded).toBe(true);
  });
});

describe("questions that are only prepared", () => {
  test("are as many as there are turns, one depth after the other, each knowing those before", async () => {
    const { model, start } = salon();
    const job = await start({ interactive: false, max_turns: 5 });

    const result = await job.result<MaieuticResult>();

    expect(result.turns.map(({ question, answer, depth_level }) => [question, answer, depth_level])).toEqual(
      [1, 2, 3, 4, 5].map((number) => [`Question number ${number}?`, null, number - 1]),
    );
    expect(result.final_understanding).toBeNull();
    expect(promptOf(model.asked[4]!)).toContain("Question number 4?");
    const shown = (await job.events()).flatMap((event) =>
      "progress" in event && event.progress ? [event.progress.current_step] : [],
    );
    expect(shown).toEqual([
      "Starting dialogue session",
      ...[1, 2, 3, 4, 5].map((number) => `Generating question ${number}`),
      "Dialogue prepared",
    ]);
  });
});

test("a dialogue comes out the same wherever its worker dies, with its projection", async () => {
  const input = { narrative: "My boss took the credit.", max_turns: 2, models: ["mock:ada"] };
  const answers = {
    "answer-1": { answer: "I was angry." },
    "answer-2": { answer: "I wanted to be seen." },
    offer: { accept: true },
  };
  const { outcome } = await chaos(maieutic, input, {
    jobs: [projection],
    answers,
    isSame: sameButForMoments,
  });
  expect(outcome).toMatchObject({ status: "completed", result: { turns: [{}, {}] } });
});
