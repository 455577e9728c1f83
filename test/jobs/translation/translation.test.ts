import { describe, expect, test } from "vitest";
import type * as z from "zod";
import { ModelError } from "../../../core/models/errors.ts";
import { languages } from "../../../jobs/translation/languages.ts";
import { stability, type stabilityResult } from "../../../jobs/translation/stability.ts";
import { translation, type translationResult } from "../../../jobs/translation/translation.ts";
import { chaos, memoryCloud } from "../../../testing/index.ts";
import { promptOf, type Script, scriptedModel } from "../../support/scripted-model.ts";

const usual: Script = {
  "Translate this text from english into french": "Le temps passe.",
  "Translate this text from french into english": "Time passes.",
  "The second text is the first one after a translation into french and back. How similar": {
    object: { similarity: 0.9, reason: "Almost the same" },
  },
  "The second text is the first one after a translation into french and back. Say how": {
    object: {
      tone_change: "plainer",
      style_change: "none",
      complexity_change: "simpler",
      structural_changes: ["no simile"],
      notable_patterns: [],
    },
  },
  "The second text is the first one after a translation into french and back. List": {
    object: { preserved: ["time passes"], lost: ["the arrow"], gained: [] },
  },
};

/** What an analysis begins with, in the script. */
const [, , similarity] = Object.keys(usual) as [string, string, string];

function office(script: Script = {}) {
  const model = scriptedModel({ ...usual, ...script });
  const cloud = memoryCloud({ jobs: [translation, stability], model });
  const input = { text: "Time flies like an arrow.", models: ["test:ada"] };
  const translate = () => cloud.submit("translation", { ...input, intermediate_language: "french" });
  const analyse = (names: string[]) => cloud.submit("translation-stability", { ...input, languages: names });
  return { model, cloud, translate, analyse };
}

type RoundTrip = z.infer<typeof translationResult>;
type Stability = z.infer<typeof stabilityResult>;
const down = new ModelError("model_rejected", "Gone for good");

describe("a round trip", () => {
  test("goes there and back, and says what has become of the meaning", async () => {
    const { model, translate } = office();

    const job = await translate();

    expect(await job.result()).toEqual({
      original_text: "Time flies like an arrow.",
      translated_text: "Le temps passe.",
      final_text: "Time passes.",
      source_language: "english",
      intermediate_language: "french",
      semantic_similarity: 0.9,
      semantic_drift: 0.1,
      score_parsed: true,
      preserved_elements: ["time passes"],
      lost_elements: ["the arrow"],
      gained_elements: [],
      linguistic_analysis: {
        tone_change: "plainer",
        style_change: "none",
        complexity_change: "simpler",
        structural_changes: ["no simile"],
        notable_patterns: [],
      },
    });
    expect(model.asked).toHaveLength(5);
    expect(promptOf(model.asked[1]!)).toContain("Le temps passe.");
    expect(promptOf(model.asked[1]!)).not.toContain("Time flies");
    expect((await job.record()).degraded).toBe(false);
  });

  test("that changes nothing has no drift: drift is what is missing to the same", async () => {
    const { translate } = office({ [similarity]: { object: { similarity: 1, reason: "The same" } } });
    const result = await (await translate()).result<RoundTrip>();
    expect(result).toMatchObject({ semantic_similarity: 1, semantic_drift: 0 });
  });

  test("is asked once more for a score that cannot be read, and without one there is none: no half invented", async () => {
    let asked = 0;
    const mends = () => {
      asked += 1;
      return asked === 1 ? "Pretty much the same!" : { object: { similarity: 0.5, reason: "Half" } };
    };
    const mended = await (await office({ [similarity]: mends }).translate()).result<RoundTrip>();
    expect(mended).toMatchObject({ semantic_similarity: 0.5, score_parsed: true });

    const job = await office({ [similarity]: "Pretty much the same!" }).translate();
    const result = await job.result<RoundTrip>();
    expect(result).toMatchObject({ semantic_similarity: null, semantic_drift: null, score_parsed: false });
    expect(result.preserved_elements).toEqual(["time passes"]);
    expect((await job.record()).degraded).toBe(true);
  });

  test("keeps its score when the model has much to say about it", async () => {
    const reason = "because ".repeat(300);
    const { translate } = office({ [similarity]: { object: { similarity: 0.9, reason } } });
    expect(await (await translate()).result<RoundTrip>()).toMatchObject({ score_parsed: true });
  });

  test("fails when a text cannot be translated, and names the step", async () => {
    const { translate } = office({ "Translate this text from french into english": down });
    const { status, failure } = await (await translate()).ended();
    expect(status).toBe("failed");
    expect(failure).toMatchObject({ code: "model_rejected", step: "backward" });
  });

  test("shows a stage when it begins: nothing is said to be done before it is", async () => {
    const { translate } = office();
    const job = await translate();
    await job.result();

    const events = await job.events();

    const began = events.flatMap((event) =>
      event.kind === "step.started" && event.progress
        ? [[event.steps[0]!.step, event.progress.current_step, event.progress.percentage]]
        : [],
    );
    expect(began).toEqual([
      ["models", "Initializing analysis", 20],
      ["forward", "Forward translation", 40],
      ["backward", "Backward translation", 60],
      ["similarity", "Analyzing semantic drift", 80],
    ]);
    expect(events.at(-1)).toMatchObject({
      kind: "job.completed",
      progress: { current_step: "Analysis complete", percentage: 100 },
    });
  });

  test("knows eighteen languages and refuses others", async () => {
    const { cloud } = office();
    expect(Object.keys(languages)).toHaveLength(18);
    const klingon = { text: "Hello", intermediate_language: "klingon" };
    await expect(cloud.submit("translation", klingon)).rejects.toMatchObject({
      details: { errors: [{ field: "input.intermediate_language" }] },
    });
  });

  test("comes out the same wherever its worker dies", async () => {
    const input = { text: "Hello", intermediate_language: "french" as const, models: ["mock:ada"] };
    const { outcome } = await chaos(translation, input);
    expect(outcome.completedSteps).toEqual([
      "backward",
      "elements",
      "forward",
      "language",
      "models",
      "similarity",
    ]);
  });
});

describe("a stability analysis", () => {
  /** All languages at once, with a similarity of their own. */
  const through = (scores: Record<string, number>, script: Script = {}): Script => {
    const each = Object.entries(scores).map(([language, score]): Script => {
      const back = `The second text is the first one after a translation into ${language} and back.`;
      return {
        [`Translate this text from english into ${language}`]: `${language} words`,
        [`Translate this text from ${language} into english`]: `back from ${language}`,
        [`${back} How similar`]: { object: { similarity: score, reason: "" } },
        [`${back} Say how`]: down,
        [`${back} List`]: { object: { preserved: ["time"], lost: [`lost in ${language}`], gained: [] } },
      };
    });
    const core = { object: { stable: ["time"], volatile: ["the arrow"] } };
    return Object.assign({ "A text was translated into several": core }, ...each, script);
  };

  test("compares several languages and finds the stable core", async () => {
    const { model, analyse } = office(through({ spanish: 0.9, german: 0.8, chinese: 0.4 }));

    const result = await (await analyse(["spanish", "german", "chinese"])).result<Stability>();

    expect(result).toMatchObject({
      drift_by_language: { spanish: 0.1, german: 0.2, chinese: 0.6 },
      average_drift: 0.3,
      stability_score: 0.7,
      stable_elements: ["time"],
      volatile_elements: ["the arrow"],
    });
    expect(promptOf(model.asked.at(-1)!)).toContain("lost in chinese");
  });

  test("is the more stable the less drifts: the same everywhere is 1, not 0", async () => {
    const { analyse } = office(through({ spanish: 1, german: 1 }));
    const result = await (await analyse(["spanish", "german"])).result<Stability>();
    expect(result).toMatchObject({ average_drift: 0, stability_score: 1 });
  });

  test("goes on without a language that fails, and says why it is missing", async () => {
    const script = { "Translate this text from english into german": down };
    const { analyse } = office(through({ spanish: 0.9, german: 0.8 }, script));

    const job = await analyse(["spanish", "german"]);
    const result = await job.result<Stability>();

    expect(result.languages).toMatchObject([
      { intermediate_language: "spanish", semantic_drift: 0.1 },
      { intermediate_language: "german", error: { code: "model_rejected", message: "Gone for good" } },
    ]);
    expect(result).toMatchObject({ drift_by_language: { spanish: 0.1 }, average_drift: 0.1 });
    expect((await job.record()).degraded).toBe(true);
  });

  test("fails when no language can be translated", async () => {
    const { analyse } = office(
      through(
        { spanish: 1 },
        { "Translate this text from english": down, "Translate this text from english into spanish": down },
      ),
    );
    expect((await (await analyse(["spanish"])).ended()).failure).toMatchObject({ code: "no_translation" });
  });

  test("keeps what it knows of the languages when no core can be found", async () => {
    const { analyse } = office(
      through({ spanish: 0.9 }, { "A text was translated into several": "No idea." }),
    );
    const job = await analyse(["spanish"]);
    expect(await job.result()).toMatchObject({
      average_drift: 0.1,
      stable_elements: [],
      volatile_elements: [],
    });
    expect((await job.record()).degraded).toBe(true);
  });

  test("without a score for any language has no average", async () => {
    const back = "The second text is the first one after a translation into spanish and back. How similar";
    const { analyse } = office(through({ spanish: 0 }, { [back]: "Similar." }));
    const result = await (await analyse(["spanish"])).result<Stability>();
    expect(result).toMatchObject({ drift_by_language: {}, average_drift: null, stability_score: null });
  });

  test("works on all languages at the same time, each of them once", async () => {
    const { analyse, model } = office(through({ spanish: 1, german: 1 }));
    const job = await analyse(["spanish", "german", "spanish"]);
    await job.result();
    const first = (await job.events()).find((event) => event.kind === "step.started");
    expect(first).toMatchObject({ steps: [{ step: "spanish/forward" }, { step: "german/forward" }] });
    expect(model.asked.filter((request) => promptOf(request).includes("english into"))).toHaveLength(2);
  });

  test("asks for five languages that are far apart unless told otherwise, and comes out the same wherever its worker dies", async () => {
    const { outcome } = await chaos(stability, { text: "Hello", models: ["mock:ada"] });
    expect(outcome.result).toMatchObject({
      languages: ["spanish", "french", "german", "chinese", "arabic"].map((name) => ({
        intermediate_language: name,
      })),
    });
  });
});
