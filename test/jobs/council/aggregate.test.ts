import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aggregate, agreement, type Vote } from "../../../jobs/council/aggregate.ts";

const namesOf = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);

/** Complete rankings of the same candidates, some of which leave out the worst. */
const complete = fc.integer({ min: 2, max: 8 }).chain((count) => {
  const candidates = namesOf(count);
  const order = fc.shuffledSubarray(candidates, { minLength: Math.ceil(count / 2) });
  const vote = order.map((chosen): Vote => ({ candidates, order: chosen }));
  return fc.tuple(fc.constant(candidates), fc.array(vote, { minLength: 1, maxLength: 10 }));
});

/** Everybody ranks everybody else. */
const selfless = fc.integer({ min: 3, max: 7 }).chain((count) => {
  const names = namesOf(count);
  const votes = names.map((ranker) => {
    const candidates = names.filter((name) => name !== ranker);
    return fc
      .shuffledSubarray(candidates, { minLength: candidates.length })
      .map((order): Vote => ({ candidates, order }));
  });
  return fc.tuple(fc.constant(names), fc.tuple(...votes));
});

const anyVotes = fc.oneof(complete, selfless);

test("the order in which rankings arrive changes nothing", () => {
  fc.assert(
    fc.property(
      anyVotes,
      fc.infiniteStream(fc.double({ noNaN: true, min: 0, max: 1 })),
      ([names, votes], chance) => {
        const places = votes.map(() => chance.next().value as number);
        const shuffled = votes
          .map((vote, i) => ({ vote, place: places[i]! }))
          .sort((a, b) => a.place - b.place);
        const again = shuffled.map(({ vote }) => vote);
        expect(aggregate(names, again)).toEqual(aggregate(names, votes));
        expect(agreement(again)).toBe(agreement(votes));
      },
    ),
  );
});

test("average ranks lie between first and last, are sorted, and are shared out in full", () => {
  fc.assert(
    fc.property(anyVotes, ([names, votes]) => {
      const standings = aggregate(names, votes);
      const ranks = standings.map(({ average_rank }) => average_rank);
      expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
      expect(Math.min(...ranks)).toBeGreaterThanOrEqual(1);
      expect(Math.max(...ranks)).toBeLessThanOrEqual(names.length);
      const mean = ranks.reduce((a, b) => a + b, 0) / ranks.length;
      expect(mean).toBeCloseTo((names.length + 1) / 2, 1);
      expect(standings.reduce((sum, { votes: first }) => sum + first, 0)).toBe(votes.length);
    }),
  );
});

test("who is first on every ballot has rank 1, and who is last has the last rank, with and without one's own answer", () => {
  const names = namesOf(4);
  const without = names.map((ranker): Vote => {
    const others = names.filter((name) => name !== ranker);
    return { candidates: others, order: others };
  });

  expect(aggregate(names, without)).toMatchObject([
    { model: "m0", average_rank: 1, rankings_count: 3, votes: 3 },
    { model: "m1", average_rank: 2, votes: 1 },
    { model: "m2", average_rank: 3, votes: 0 },
    { model: "m3", average_rank: 4, votes: 0 },
  ]);
});

test("what a ranking leaves out shares the places behind what it names", () => {
  const candidates = namesOf(4);
  const standings = aggregate(candidates, [{ candidates, order: ["m2", "m1"] }]);
  expect(standings.map(({ model, average_rank }) => [model, average_rank])).toEqual([
    ["m2", 1],
    ["m1", 2],
    ["m0", 3.5],
    ["m3", 3.5],
  ]);
});

test("without rankings there are no standings and no agreement", () => {
  expect(aggregate(namesOf(3), [])).toEqual([]);
  expect(agreement([])).toBeUndefined();
});

describe("agreement", () => {
  test("is between 0 and 1, or undefined", () => {
    fc.assert(
      fc.property(anyVotes, ([, votes]) => {
        const w = agreement(votes);
        expect(w === undefined).toBe(votes.length === 1);
        expect(w ?? 0).toBeGreaterThanOrEqual(0);
        expect(w ?? 0).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("is 1 for rankings that are all the same, with ties and with self-exclusion too", () => {
    fc.assert(
      fc.property(complete, fc.integer({ min: 2, max: 9 }), ([, [vote]], times) => {
        expect(agreement(Array.from({ length: times }, () => vote!))).toBe(1);
      }),
    );
    fc.assert(
      fc.property(selfless, ([names, votes]) => {
        const alike = votes.map(({ candidates }) => ({
          candidates,
          order: names.filter((n) => candidates.includes(n)),
        }));
        expect(agreement(alike)).toBe(1);
      }),
    );
  });

  test("is 0 for two rankings that are each other's reverse", () => {
    const candidates = namesOf(5);
    const votes = [candidates, candidates.toReversed()].map((order) => ({ candidates, order }));
    expect(agreement(votes)).toBe(0);
  });

  test("is what the textbook says", () => {
    // Rank sums 4, 6, 8, 12 of 3 rankings of 4: S = 35, W = 12 * 35 / (9 * 60) = 0.778.
    const candidates = ["a", "b", "c", "d"];
    const votes = ["abcd", "bacd", "acbd"].map((order) => ({ candidates, order: [...order] }));
    expect(agreement(votes)).toBe(0.778);
    // One ranking leaves two open: rank sums 3, 7.5, 9.5, 10, S = 30.5, T = 6, W = 12 * 30.5 / (9 * 60 - 3 * 6).
    const tied = [
      { candidates, order: [..."abcd"] },
      { candidates, order: [..."abcd"] },
      { candidates, order: [..."ad"] },
    ];
    expect(agreement(tied)).toBe(0.701);
  });

  test("is the textbook's for any complete rankings", () => {
    fc.assert(
      fc.property(complete, ([, votes]) => {
        fc.pre(votes.length > 1);
        expect(agreement(votes)).toBe(textbook(votes));
      }),
    );
  });

  test("is undefined where one of the self-excluding rankings is missing", () => {
    fc.assert(
      fc.property(selfless, ([, votes]) => {
        expect(agreement(votes.slice(1))).toBeUndefined();
      }),
    );
  });
});

/** Kendall's W for complete rankings with the usual correction for ties, written down a second time. */
function textbook(votes: Vote[]): number {
  const { candidates } = votes[0]!;
  const [m, n] = [votes.length, candidates.length];
  const rank = (name: string, { order }: Vote) =>
    order.includes(name) ? order.indexOf(name) + 1 : (order.length + 1 + n) / 2;
  const sums = candidates.map((name) => votes.reduce((sum, vote) => sum + rank(name, vote), 0));
  const squares = sums.reduce((sum, r) => sum + r * r, 0);
  const ties = votes.reduce((sum, { order }) => {
    const t = n - order.length;
    return sum + t ** 3 - t;
  }, 0);
  const w = (12 * squares - 3 * m * m * n * (n + 1) ** 2) / (m * m * n * (n * n - 1) - m * ties);
  return Math.round(1000 * w) / 1000;
}
