import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { differences, patchFrom } from "../../console/live/change.ts";
import { mergePatch } from "../../core/engine/merge-patch.ts";
import type { Json, JsonObject } from "../../core/protocol/json.ts";

describe("What tells two values from each other", () => {
  test("is named by the innermost field, with what each side has there", () => {
    const left = { question: "Why?", members: ["a", "b"], options: { quorum: 2 } };
    const right = { question: "Why?", members: ["a", "c"], options: { quorum: 3 }, chairman: "d" };
    expect(differences(left, right)).toEqual([
      { path: "members.1", left: "b", right: "c" },
      { path: "options.quorum", left: 2, right: 3 },
      { path: "chairman", right: "d" },
    ]);
  });

  test("is the whole when they are of different kinds, and nothing when they are the same", () => {
    expect(differences({ a: [1] }, { a: { 0: 1 } })).toEqual([{ path: "a", left: [1], right: { 0: 1 } }]);
    expect(differences({ a: 1, b: [null] }, { b: [null], a: 1 })).toEqual([]);
    expect(differences("a", "b")).toEqual([{ path: "", left: "a", right: "b" }]);
  });

  test("an inherited name is no field", () => {
    expect(differences({}, { constructor: 1 })).toEqual([{ path: "constructor", right: 1 }]);
  });
});

describe("The patch of a fork", () => {
  test("names what is new and takes away what is gone", () => {
    expect(patchFrom({ a: 1, b: 2, c: { d: 1, e: 2 } }, { a: 1, c: { d: 3, e: 2 }, f: [1] })).toEqual({
      b: null,
      c: { d: 3 },
      f: [1],
    });
  });

  test("is nothing when nothing has changed", () => {
    expect(patchFrom({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })).toBeUndefined();
  });

  test("makes the new value of the old one, whatever they are", () => {
    const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean());
    const { value } = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { maxKeys: 3, noNullPrototype: true }),
      ) as fc.Arbitrary<Json>,
    }));
    const object = fc.dictionary(fc.constantFrom("a", "b", "c"), value, {
      noNullPrototype: true,
    }) as fc.Arbitrary<JsonObject>;
    fc.assert(
      fc.property(object, object, (before, after) => {
        const patch = patchFrom(before, after);
        expect(patch === undefined ? before : mergePatch(before, patch)).toEqual(after);
      }),
    );
  });
});
