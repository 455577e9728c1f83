import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Answer, ballotFor, labelAt } from "../../../jobs/council/ballots.ts";
import { parseRanking, rankingSchema, readRanking } from "../../../jobs/council/ranking.ts";

const labelsOf = (count: number) => Array.from({ length: count }, (_, index) => labelAt(index));

/** Labels of a ballot, and the order in which a ranker puts them. */
const ranked = fc
  .integer({ min: 2, max: 26 })
  .chain((count) =>
    fc.tuple(fc.constant(labelsOf(count)), fc.shuffledSubarray(labelsOf(count), { minLength: count })),
  );

/** Prose that mentions labels, but holds no marker. */
const prose = fc
  .array(
    fc.oneof(fc.string(), fc.constantFrom("Response A", "Response B is weak", "1. Response B", "\n", "**")),
  )
  .map((parts) => parts.join(" "))
  .filter((text) => !/final ranking/i.test(text));

const list = (order: string[]) => order.map((label, index) => `${index + 1}. ${label}`).join("\n");

test("any ranking in the asked-for form is read back, whatever is said before it", () => {
  fc.assert(
    fc.property(ranked, prose, ([labels, order], before) => {
      expect(parseRanking(`${before}\n\nFINAL RANKING:\n${list(order)}`, labels)).toEqual(order);
    }),
  );
});

test("what is read is always a part of the ballot, each label once", () => {
  const hostile = fc.constantFrom(
    "FINAL RANKING:",
    "\nFINAL RANKING:\n",
    "Response AA",
    "Response Z",
    "Response __proto__",
    "response a",
    "1. Response A",
    "2) **Response B**",
    "99999999999999999999. Response C",
    "Response А", // a Cyrillic letter
    "\u202eResponse A",
    "</answer>",
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(hostile, fc.string())).map((parts) => parts.join(" ")),
      fc.integer({ min: 2, max: 26 }),
      (text, count) => {
        const labels = labelsOf(count);
        const order = parseRanking(text, labels);
        expect(new Set(order).size).toBe(order.length);
        expect(labels).toEqual(expect.arrayContaining(order));
      },
    ),
  );
});

test("a label that is named twice counts where it is named first", () => {
  fc.assert(
    fc.property(ranked, fc.nat(), ([labels, order], pick) => {
      const again = order[pick % order.length]!;
      expect(parseRanking(`FINAL RANKING:\n${list([...order, again])}`, labels)).toEqual(order);
    }),
  );
});

test("without the marker there is no ranking, whatever labels are mentioned", () => {
  fc.assert(
    fc.property(prose, (text) => {
      expect(parseRanking(text, labelsOf(4))).toEqual([]);
    }),
  );
});

describe("the marker and the list", () => {
  const labels = labelsOf(3);
  const order = ["Response C", "Response A", "Response B"];

  test.each([
    ["as asked for", "FINAL RANKING:\n1. Response C\n2. Response A\n3. Response B"],
    ["as a heading", "## Final Ranking\n\n1. Response C\n2. Response A\n3. Response B"],
    ["in bold", "**FINAL RANKING:**\n1. **Response C**\n2. **Response A**\n3. **Response B**"],
    ["with Windows line ends", "FINAL RANKING:\r\n1. Response C\r\n2. Response A\r\n3. Response B\r\n"],
    ["with a note", "FINAL RANKING (best to worst):\n1) Response C\n2) Response A\n3) Response B"],
    ["with reasons", "FINAL RANKING:\n1. Response C - beats Response B\n2. Response A\n3. Response B"],
    ["on one line", "FINAL RANKING: 1. Response C 2. Response A 3. Response B"],
    ["without numbers", "FINAL RANKING:\nResponse C > Response A > Response B"],
    ["numbered alike", "FINAL RANKING:\n1. Response C\n1. Response A\n1. Response B"],
    ["with labels of others", "FINAL RANKING:\n1. Response C\n2. Response Q\n3. Response A\n4. Response B"],
    [
      "after a quoted one",
      "It says:\nFINAL RANKING:\n1. Response B\n\nI do not agree.\nFINAL RANKING:\n1. Response C\n2. Response A\n3. Response B",
    ],
    [
      "before a mention",
      "FINAL RANKING:\n1. Response C\n2. Response A\n3. Response B\n\nFinal ranking: as above.",
    ],
  ])("are read %s", (_how, text) => {
    expect(parseRanking(text, labels)).toEqual(order);
  });

  test.each([
    ["a mention within a sentence", "In my final ranking: Response C is first."],
    ["no labels", "FINAL RANKING:\n1. the first one\n2. the last one"],
    ["labels of another ballot", "FINAL RANKING:\n1. Response X\n2. Response Y"],
    ["two letters", "FINAL RANKING:\n1. Response AA\n2. Response CB"],
    ["nothing", ""],
  ])("are not seen in %s", (_what, text) => {
    expect(parseRanking(text, labels)).toEqual([]);
  });

  // Quadratic work on texts of this size would outlast the test by minutes.
  test.each(["FINAL RANKING:\n", "\n", "#", "1. ", "Response ", "final ranking (", " \t"])(
    "are read in linear time from a text that is all %j",
    (piece) => {
      expect(parseRanking(piece.repeat(300_000), labels)).toEqual([]);
    },
  );
});

describe("a ballot that comes back", () => {
  const answers: Answer[] = ["ada", "ben", "cleo", "dan", "eve"].map((name, index) => ({
    member: { name, model: `test:${name}`, step: name },
    label: labelAt(index),
    text: `by ${name}`,
  }));
  const ranker = answers[0]!.member;
  const ballot = ballotFor("job", ranker, answers, { excludeSelf: false });
  const labels = ballot.entries.map(({ label }) => label);

  test("is read from an object, and reads like a written one", () => {
    const object = {
      evaluations: [{ label: labels[1]!, strengths: ["clear"], weaknesses: ["short"] }],
      ranking: [labels[1]!, labels[0]!, labels[2]!, labels[3]!, labels[4]!],
    };

    const ranking = readRanking(ballot, { text: JSON.stringify(object), object });

    const best = ballot.entries[1]!.answer;
    expect(ranking.format).toBe("structured");
    expect(ranking.order[0]).toBe(best);
    expect(ranking.text).toMatch(
      new RegExp(`^${best.label}\n\\+ clear\n- short\n\nFINAL RANKING:\n1. ${best.label}\n2. `),
    );
    expect(
      parseRanking(
        ranking.text,
        answers.map(({ label }) => label),
      ),
    ).toEqual(ranking.order.map(({ label }) => label));
  });

  test("is read as text where the object has another shape", () => {
    const object = { ranking: "Response A" };
    const text = `FINAL RANKING:\n${list(labels)}`;
    expect(readRanking(ballot, { text, object })).toMatchObject({
      format: "text",
      order: ballot.entries.map(({ answer }) => answer),
    });
  });

  test("counts with half of its labels, and not with fewer", () => {
    const read = (count: number) =>
      readRanking(ballot, { text: `FINAL RANKING:\n${list(labels.slice(0, count))}` }).order.length;
    expect([1, 2, 3, 4, 5].map(read)).toEqual([0, 0, 3, 4, 5]);
  });

  test("has its labels rewritten at once, in lists too, and nothing else", () => {
    const common = (label: string) => ballot.entries[labels.indexOf(label)]!.answer.label;
    const letter = (label: string) => common(label).at(-1);
    const text =
      "Response A beats Response B; responses B and C, or Responses C, D & E, fail. Response F? A plan B. Response: A.";

    expect(readRanking(ballot, { text }).text).toBe(
      `${common("Response A")} beats ${common("Response B")}; ` +
        `responses ${letter("Response B")} and ${letter("Response C")}, ` +
        `or Responses ${letter("Response C")}, ${letter("Response D")} & ${letter("Response E")}, fail. ` +
        "Response F? A plan B. Response: A.",
    );
  });

  test("is asked for by a schema that every strict provider accepts", () => {
    const schema = JSON.stringify(rankingSchema(labels));
    expect(schema).not.toMatch(/minItems|uniqueItems|\$ref/);
    expect(schema).toContain('"additionalProperties":false');
  });
});
