import fc from "fast-check";
import { expect, test } from "vitest";
import { cleanTitle, shorten, untitled } from "../../../jobs/council/title.ts";

test.each([
  ['"Colour of the Sky"', "Colour of the Sky"],
  ["  'Rayleigh's Sky'\n", "Rayleigh's Sky"],
  ["“Der blaue Himmel”", "Der blaue Himmel"],
  ["**Blue\n  Sky**", "Blue Sky"],
  ["", untitled],
  ['""', untitled],
])("%j becomes %j", (said, title) => {
  expect(cleanTitle(said)).toBe(title);
});

test("50 characters stay, of 51 the first 47 and three dots", () => {
  expect(cleanTitle("x".repeat(50))).toBe("x".repeat(50));
  expect(cleanTitle("x".repeat(51))).toBe(`${"x".repeat(47)}...`);
});

test("a title is one line of 1 to 50 whole characters without quotation marks around it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 120 }), (said) => {
      const title = cleanTitle(said);
      const characters = Array.from(title);
      expect(characters.length).toBeGreaterThan(0);
      expect(characters.length).toBeLessThanOrEqual(50);
      expect(title).not.toMatch(/[\n\r]|^["'“”‘’]|["'“”‘’]$/);
      expect(title.isWellFormed()).toBe(true);
    }),
  );
});

test("a text is shortened between characters, never within one", () => {
  expect(shorten("🌌".repeat(60))).toBe(`${"🌌".repeat(47)}...`);
  expect(shorten("short", 200)).toBe("short");
});
