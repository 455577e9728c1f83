import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { type AttributeRecord, changeAttribute, type Field } from "../../core/configuration/configuration.ts";
import { inBothWorlds } from "../support/worlds.ts";

const field = (value: Field["value"]): Field => ({
  value,
  fieldType: "text",
  description: "",
  weight: 1,
  generatedBy: "user",
  isCore: false,
  modifiedAt: 1_000,
});

const attribute = "persona";

function record(tenant: string, version: number, value: string): AttributeRecord {
  return { tenant, attribute, fields: { voice: field(value) }, version };
}

inBothWorlds((world) => {
  test("what a tenant has configured is its own, and there at once", async () => {
    const { configuration, newId } = world();
    const tenant = newId();
    expect(await configuration.get(tenant, attribute)).toBeUndefined();
    expect(await configuration.put(record(tenant, 1, "a"))).toBe(true);
    expect(await configuration.get(tenant, attribute)).toEqual(record(tenant, 1, "a"));
    expect(await configuration.get(tenant, "namespace")).toBeUndefined();
    expect(await configuration.get(newId(), attribute)).toBeUndefined();
  });

  test("of two changes that were decided on the same state one is written", async () => {
    const { configuration, newId } = world();
    const tenant = newId();
    for (const version of [1, 2]) {
      const changes = ["a", "b"].map((value) => configuration.put(record(tenant, version, value)));
      expect((await Promise.all(changes)).sort()).toEqual([false, true]);
    }
    expect(await configuration.get(tenant, attribute)).toMatchObject({ version: 2 });
    expect(await configuration.put(record(tenant, 4, "c"))).toBe(false);
  });

  test("a change whose answer got lost is written, however often it is sent", async () => {
    const { configuration, newId } = world();
    const tenant = newId();
    for (const _ of [1, 2]) expect(await configuration.put(record(tenant, 1, "a"))).toBe(true);
    expect(await configuration.put(record(tenant, 1, "b"))).toBe(false);
    expect(await configuration.get(tenant, attribute)).toEqual(record(tenant, 1, "a"));
  });

  test("of many changes at once none is lost, but for those that were meant for an earlier version", async () => {
    const { configuration, newId } = world();
    const place = { tenant: newId(), attribute };
    const change = (name: string, expected?: number) =>
      changeAttribute(configuration, place, expected, ({ fields }) => ({ ...fields, [name]: field(name) }));

    await Promise.all(["a", "b", "c", "d"].map((name) => change(name)));

    const stored = await configuration.get(place.tenant, attribute);
    expect(Object.keys(stored!.fields).sort()).toEqual(["a", "b", "c", "d"]);
    expect(stored!.version).toBe(4);
    await expect(change("e", 3)).rejects.toMatchObject({ code: "conflict", details: { version: 4 } });
    expect(await change("e", 4)).toMatchObject({ version: 5 });
  });

  test("what would not fit into the table is refused", async () => {
    const { configuration, newId } = world();
    const noise = randomBytes(500_000).toString("base64");
    await expect(configuration.put(record(newId(), 1, noise))).rejects.toMatchObject({ code: "too_large" });
  });
});
