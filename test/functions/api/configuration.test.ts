import { describe, expect, test } from "vitest";
import { models } from "../../../core/models/models.ts";
import { door } from "./door.ts";

const persona = "/api/config/persona";

async function office() {
  const api = await door({ services: { model: models({ MOCK_LATENCY_MS: "0" }) } });
  const put = (field: string, body: object, headers = {}) =>
    api.ask("PUT", `${persona}/${field}`, { body, headers });
  const remove = (field: string, headers = {}) => api.ask("DELETE", `${persona}/${field}`, { headers });
  return { ...api, put, remove };
}

describe("the configuration", () => {
  test("comes with the fields of the presets, which nobody has changed", async () => {
    const { get } = await office();

    const { attributes } = (await get("/api/config")).body;

    expect(attributes.map(({ attribute }: { attribute: string }) => attribute)).toEqual([
      "persona",
      "namespace",
      "language_style",
    ]);
    expect(attributes[1]).toMatchObject({
      version: 0,
      fields: {
        preset: { value: "lamish-galaxy", field_type: "select", is_core: true, generated_by: "system" },
        core_metaphors: { field_type: "json", value: expect.arrayContaining(["harmonic resonance"]) },
      },
    });
    expect((await get("/api/config/namespace")).body).toEqual(attributes[1]);
    expect((await get("/api/config/mood")).status).toBe(404);
  });

  test("is changed field by field, keeps what is not said, and is another tenant's no more than before", async () => {
    const { get, put, makeKey } = await office();

    const { status, headers, body } = await put("motto", { value: "Never again", description: "A saying" });
    await put("motto", { weight: 3 });

    expect(status).toBe(200);
    expect(headers.etag).toBe('"1"');
    expect(body.version).toBe(1);
    const { fields, version } = (await get(persona)).body;
    expect(version).toBe(2);
    expect(fields.motto).toEqual({
      value: "Never again",
      field_type: "text",
      description: "A saying",
      options: null,
      prompt_template: null,
      weight: 3,
      generated_by: "user",
      is_core: false,
      last_modified: expect.stringMatching(/Z$/),
      job_id: null,
    });
    const key = await makeKey("globex", ["jobs:read"]);
    expect((await get(persona, { key })).body).toMatchObject({ version: 0 });
    expect((await get(persona, { key })).body.fields).not.toHaveProperty("motto");
  });

  test("refuses a change that was meant for a version that has passed, said either way, and says which stands", async () => {
    const { put, remove, get } = await office();
    await put("motto", { value: "Never again" }, { "if-match": '"0"' });

    for (const refused of [
      await put("motto", { value: "Always" }, { "if-match": '"0"' }),
      await put("motto", { value: "Always", version: 0 }),
      await remove("motto", { "if-match": "0" }),
    ]) {
      expect(refused.status).toBe(409);
      expect(refused.body).toMatchObject({ code: "conflict", version: 1 });
    }
    expect((await get(persona)).body.fields.motto.value).toBe("Never again");
    expect((await put("motto", { value: "Always", version: 1 }, { "if-match": '"1"' })).status).toBe(200);
    expect((await put("motto", { value: "Ever" }, { "if-match": "*" })).status).toBe(200);
  });

  test("names what cannot be, and writes nothing", async () => {
    const { put, get } = await office();
    for (const [field, body, fault] of [
      ["perspective", { value: 3 }, "value"],
      ["preset", { value: "pirate" }, "value"],
      ["perspective", { field_type: "json" }, "field_type"],
      ["mood", { value: "a", field_type: "select" }, "options"],
      ["mood", { field_type: "number" }, "value"],
      ["mood", { value: "a", weight: -1 }, "weight"],
      ["mood", { value: "a", colour: "red" }, ""],
    ] as const) {
      const { status, body: problem } = await put(field, body);
      expect(status, field).toBe(400);
      expect(problem.errors[0].field).toBe(fault);
    }
    expect((await put("mood", { value: "a" }, { "if-match": "yesterday" })).body.errors[0].field).toBe(
      "If-Match",
    );
    expect((await put("Mood!", { value: "a" })).status).toBe(404);
    expect((await get(persona)).body.version).toBe(0);
  });

  test("loses a field of the tenant's own; a core field goes back to its preset and stays", async () => {
    const { put, remove } = await office();
    await put("motto", { value: "Never again" });
    await put("voice_style", { value: "hoarse" });

    const removed = await remove("motto");
    const refused = await remove("voice_style");
    const reset = await put("voice_style", { value: null });

    expect(removed.status).toBe(200);
    expect(removed.body.fields).not.toHaveProperty("motto");
    expect(refused).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect(reset.body.fields.voice_style).toMatchObject({ value: "even and clear", generated_by: "system" });
    for (const name of ["motto", "constructor"]) expect((await remove(name)).status).toBe(404);
  });

  test("has a field generated by a job [A2-13]", async () => {
    const { get, post, work } = await office();

    const { status, body } = await post(`${persona}/generate-field`, {
      field: "motto",
      description: "A saying",
    });
    expect(status).toBe(202);
    await work();

    const job = (await get(`/api/jobs/${body.job_id}`)).body;
    expect(job).toMatchObject({ type: "configuration", status: "completed", result_data: { version: 1 } });
    expect((await get(persona)).body.fields.motto).toMatchObject({
      value: job.result_data.value,
      generated_by: "ai",
      is_core: false,
      job_id: body.job_id,
    });
    const select = await post(`${persona}/generate-field`, { field: "mood", field_type: "select" });
    expect(select).toMatchObject({ status: 400, body: { errors: [{ field: "options" }] } });
  });

  test("gives one system prompt: the parts while nobody has merged them, then what the model made of them, once", async () => {
    const { get, put, work } = await office();
    const ask = async () => (await get("/api/config/system-prompt?context=Letters%20to%20children")).body;

    const first = await ask();
    await work();
    const second = await ask();

    expect(first).toMatchObject({ merged_by: "concatenation", status: "pending" });
    for (const part of ["balanced", "harmonic resonance", "Plain prose", "Letters to children"])
      expect(first.system_prompt).toContain(part);
    expect(second).toMatchObject({ merged_by: "model", status: "completed", job_id: first.job_id });
    expect(second.system_prompt).toMatch(/^\[mock:ada\]/);
    await put("motto", { value: "Never again" });
    const third = await ask();
    expect(third).toMatchObject({ merged_by: "concatenation" });
    expect(third.job_id).not.toBe(first.job_id);
  });

  test("gives the parts when no model can merge them, and asks again the next time", async () => {
    const api = await door();
    const first = (await api.get("/api/config/system-prompt")).body;
    await api.post(`/api/jobs/${first.job_id}/cancel`);
    await api.work();

    const second = (await api.get("/api/config/system-prompt")).body;

    expect(second).toMatchObject({ merged_by: "concatenation", status: "pending" });
    expect(second.job_id).not.toBe(first.job_id);
  });
});
