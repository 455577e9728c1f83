import { describe, expect, test } from "vitest";
import { changeAttribute, type Field } from "../../../core/configuration/configuration.ts";
import { registry } from "../../../core/engine/registry.ts";
import { submit } from "../../../core/engine/submit.ts";
import { ModelError } from "../../../core/models/errors.ts";
import type { JsonObject } from "../../../core/protocol/json.ts";
import { contributionOf, fieldsOf } from "../../../jobs/configuration/attributes.ts";
import { withField } from "../../../jobs/configuration/fields.ts";
import { generateField } from "../../../jobs/configuration/generate-field.ts";
import { systemPrompt } from "../../../jobs/configuration/system-prompt.ts";
import { projection } from "../../../jobs/projection/projection.ts";
import { chaos } from "../../../testing/index.ts";
import { engine } from "../../support/engine.ts";
import { sameButForMoments } from "../../support/same-but-for-moments.ts";
import { promptOf, type Script, scriptedModel } from "../../support/scripted-model.ts";

const place = { tenant: "acme", attribute: "persona" };
const writing = "A persona is described by fields";
const byUser = { generatedBy: "user" as const };

function office(script: Script = {}) {
  const model = scriptedModel({ [writing]: { object: { value: "slow and warm" } }, ...script });
  const types = [generateField, systemPrompt, projection];
  const inside = engine(types, { model });
  const { configuration } = inside.services;
  const run = async (input: JsonObject, type = "configuration") => {
    const who = { tenant: "acme", by: "ada" };
    const request = { type, input: { models: ["test:ada"], ...input } };
    const { job: key } = await submit(inside.services, registry(types), who, request);
    return { key, job: await inside.toEnd(key), result: await inside.result(key) };
  };
  const put = (
    name: string,
    change: Partial<Field> & { field_type?: Field["fieldType"]; prompt_template?: string },
  ) =>
    changeAttribute(configuration, place, undefined, ({ fields }) =>
      withField("persona", fields, name, { ...byUser, ...change }),
    );
  const stored = () => configuration.get("acme", "persona");
  return { ...inside, model, run, put, stored };
}

describe("an attribute", () => {
  test("has the fields of its preset, those that were set in their place, and the tenant's own", () => {
    const set = withField("persona", {}, "preset", { ...byUser, value: "critic" });
    const voiced = withField("persona", set, "voice_style", { ...byUser, value: "hoarse" });
    const fields = fieldsOf("persona", withField("persona", voiced, "hobby", { ...byUser, value: "chess" }));

    expect(fields.perspective).toMatchObject({ value: "skeptical", generatedBy: "system", isCore: true });
    expect(fields.voice_style).toMatchObject({ value: "hoarse", generatedBy: "user", isCore: true });
    expect(fields.hobby).toMatchObject({ value: "chess", isCore: false });
    const back = withField("persona", voiced, "voice_style", { ...byUser, value: null });
    expect(fieldsOf("persona", back).voice_style).toMatchObject({ value: "dry and pointed" });
  });

  test.each([
    ["text", 3],
    ["number", "3"],
    ["boolean", "yes"],
    ["select", "green"],
    ["textarea", "x".repeat(4_001)],
    ["json", "x".repeat(4_001)],
  ] as const)("takes into a field of type %s nothing else", (field_type, value) => {
    const change = { ...byUser, field_type, value, ...(field_type === "select" ? { options: ["red"] } : {}) };
    expect(() => withField("persona", {}, "own", change)).toThrow(/^value/);
  });

  test("cannot be given a core field of another type, a select without options, or more fields than fit", () => {
    expect(() => withField("persona", {}, "perspective", { ...byUser, field_type: "json" })).toThrow(
      /^field_type/,
    );
    expect(() => withField("persona", {}, "mood", { ...byUser, field_type: "select", value: "a" })).toThrow(
      /^options/,
    );
    let fields: Record<string, Field> = {};
    for (let n = 0; n < 40; n += 1)
      fields = withField("persona", fields, `own_${n}`, { ...byUser, value: "a" });
    expect(() => withField("persona", fields, "one_more", { ...byUser, value: "a" })).toThrow(/40/);
  });

  test("is said in a prompt by weight, with its templates, and without what weighs nothing", () => {
    let fields = withField("persona", {}, "motto", {
      ...byUser,
      value: "Never again",
      weight: 5,
      prompt_template: "Says $& often: {value}",
    });
    fields = withField("persona", fields, "description", { ...byUser, weight: 0 });
    const lines = contributionOf("persona", fieldsOf("persona", fields)).split("\n");
    expect(lines[1]).toBe("- motto: Says $& often: Never again");
    expect(lines.some((line) => line.startsWith("- description") || line.startsWith("- preset"))).toBe(false);
    expect(lines).toContain("- expertise domains: everyday life");
  });
});

describe("a generated field", () => {
  test("is asked for in view of the others and stored as a field of the tenant's own [A2-13]", async () => {
    const { model, run, put, stored } = office();
    await put("hobby", { value: "chess" });

    const { result } = await run({ attribute: "persona", field: "gait", description: "How it walks" });

    expect(result).toMatchObject({ attribute: "persona", field: "gait", value: "slow and warm", version: 2 });
    const prompt = promptOf(model.asked[0]!);
    for (const part of ["gait", "How it walks", "- hobby: chess", "- perspective: balanced"])
      expect(prompt).toContain(part);
    expect((await stored())!.fields.gait).toMatchObject({
      value: "slow and warm",
      generatedBy: "ai",
      isCore: false,
      description: "How it walks",
      jobId: expect.any(String),
    });
  });

  test("takes the place of a core field, which stays one, of the same type", async () => {
    const { run, stored } = office({ [writing]: { object: { value: ["tea", "maps"] } } });
    await run({ attribute: "persona", field: "expertise_domains" });
    expect((await stored())!.fields.expertise_domains).toMatchObject({
      value: ["tea", "maps"],
      fieldType: "json",
      isCore: true,
    });
  });

  test("of a select is one of its options: another one is asked for again, then refused", async () => {
    const { run, stored } = office({ [writing]: { object: { value: "pirate" } } });
    const { job } = await run({ attribute: "persona", field: "preset" });
    expect(job).toMatchObject({ status: "failed", failure: { code: "answer_unusable" } });
    expect(await stored()).toBeUndefined();
  });

  test("meant for a version that has passed costs no call; one that passes meanwhile is not overwritten", async () => {
    const early = office();
    await early.put("hobby", { value: "chess" });
    const { job } = await early.run({ attribute: "persona", field: "gait", version: 0 });
    expect(job).toMatchObject({ status: "failed", failure: { code: "conflict", step: "read" } });
    expect(early.model.asked).toHaveLength(0);

    const late = office({
      [writing]: () => {
        void late.put("gait", { value: "limping" });
        return { object: { value: "slow" } };
      },
    });
    const { job: lost } = await late.run({ attribute: "persona", field: "gait", version: 0 });
    expect(lost).toMatchObject({ status: "failed", failure: { code: "conflict", step: "store" } });
    expect((await late.stored())!.fields.gait).toMatchObject({ value: "limping" });
  });

  test("is stored once, wherever the worker dies", async () => {
    const input = { attribute: "persona" as const, field: "gait", version: 0, models: ["mock:ada"] };
    const { outcome } = await chaos(generateField, input, { isSame: sameButForMoments });
    expect(outcome).toMatchObject({ status: "completed", result: { version: 1 } });
  });
});

describe("a system prompt", () => {
  test("is merged from its parts, which are quoted", async () => {
    const { model, run } = office({ "Below are parts of a system prompt": " You are a sailor. \n" });
    const { result } = await run({ parts: { persona: "A sailor" }, context: "Children" }, "system-prompt");
    expect(result).toEqual({ system_prompt: "You are a sailor.", model: "test:ada" });
    expect(promptOf(model.asked[0]!)).toMatch(/<part-\w+ label="persona">\nA sailor\n<\/part-\w+>/);
    expect(promptOf(model.asked[0]!)).toMatch(/<context-\w+>\nChildren\n/);
  });

  test("that no model can merge is a failure: the parts do as they are", async () => {
    const down = new ModelError("model_rejected", "Gone for good");
    const { run } = office({ "Below are parts of a system prompt": down });
    const { job } = await run({ parts: { persona: "A sailor" } }, "system-prompt");
    expect(job).toMatchObject({ status: "failed", failure: { code: "model_rejected" } });
  });
});

describe("a projection", () => {
  const phases: Script = {
    "Take this narrative apart": "WHO",
    "Carry these elements over": "mapping",
    "Tell the story again": "story",
    "Reword this story": "worded",
    "Below are a narrative and an allegorical": "reflection",
  };

  test("goes by what is configured where the request does not say, and by the bare preset where it does", async () => {
    const { model, run, put } = office(phases);
    await put("preset", { value: "critic" });
    await put("voice_style", { value: "hoarse" });

    const { result } = await run({ narrative: "A clerk was passed over." }, "projection");
    const { result: asked } = await run(
      { narrative: "A clerk was passed over.", persona: "critic" },
      "projection",
    );

    const voices = model.asked.map(promptOf).filter((prompt) => prompt.startsWith("Tell the story again"));
    expect(result).toMatchObject({ persona: "critic", namespace: "lamish-galaxy", style: "standard" });
    expect(voices[0]).toContain("- voice style: hoarse");
    expect(asked).toMatchObject({ persona: "critic" });
    expect(voices[1]).toContain("- voice style: dry and pointed");
  });

  test("that has begun is not touched by a change of the configuration", async () => {
    const inside = office({
      ...phases,
      "Take this narrative apart": () => {
        void inside.put("voice_style", { value: "hoarse" });
        return "WHO";
      },
    });
    await inside.run({ narrative: "A clerk was passed over." }, "projection");
    const told = inside.model.asked.map(promptOf).find((prompt) => prompt.startsWith("Tell the story again"));
    expect(told).toContain("- voice style: even and clear");
  });
});
