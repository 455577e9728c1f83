import { describe, expect, test } from "vitest";
import { aggregate } from "../../../jobs/council/aggregate.ts";
import { type Answer, type Ballot, ballotFor, labelAt } from "../../../jobs/council/ballots.ts";
import { fenceFor } from "../../../jobs/shared/quoting.ts";

const answers: Answer[] = ["ada", "ben", "cleo", "dan"].map((name, index) => ({
  member: { name, model: `test:${name}`, step: name },
  label: labelAt(index),
  text: `by ${name}`,
}));
const [ada, ben] = answers as [Answer, Answer];
const shownTo = (ballot: Ballot) => ballot.entries.map(({ answer }) => answer.member.name);

test("the same job asks the same ranker the same question again", () => {
  const first = ballotFor("job", ada.member, answers, { excludeSelf: false });
  expect(ballotFor("job", ada.member, answers.toReversed(), { excludeSelf: false })).toEqual(first);
  expect(first.entries.map(({ label }) => label)).toEqual(answers.map(({ label }) => label));
  expect(shownTo(first).toSorted()).toEqual(["ada", "ben", "cleo", "dan"]);
});

test("a ranker does not see its own answer, unless a single one would be left", () => {
  const without = (some: Answer[]) =>
    shownTo(ballotFor("job", ada.member, some, { excludeSelf: true })).toSorted();
  expect(without(answers)).toEqual(["ben", "cleo", "dan"]);
  expect(without([ada, ben])).toEqual(["ada", "ben"]);
});

test("the mark around quoted text differs from job to job", () => {
  expect(fenceFor("one")).toMatch(/^[0-9a-f]{16}$/);
  expect(fenceFor("one")).not.toBe(fenceFor("two"));
});

describe("a ranker that always prefers what it reads first", () => {
  const jobs = Array.from({ length: 2_000 }, (_, index) => `job-${index}`);

  /** How often each member wins when every ranker ranks its ballot as it stands. */
  function wins(ballotOf: (jobId: string, ranker: Answer) => Ballot): Record<string, number> {
    const names = answers.map(({ member }) => member.name);
    const won = Object.fromEntries(names.map((name) => [name, 0]));
    for (const jobId of jobs) {
      const votes = answers.map((ranker) => {
        const order = shownTo(ballotOf(jobId, ranker));
        return { candidates: order, order };
      });
      const standings = aggregate(names, votes);
      const best = standings.filter(
        ({ average_rank, votes: first }) =>
          average_rank === standings[0]!.average_rank && first === standings[0]!.votes,
      );
      for (const { model } of best) won[model]! += 1 / best.length;
    }
    return won;
  }

  test.each([{ excludeSelf: false }, { excludeSelf: true }])(
    "makes no member win more often than another: %j",
    (options) => {
      const won = wins((jobId, ranker) => ballotFor(jobId, ranker.member, answers, options));
      // 500 each; five standard deviations of a fair draw are 97.
      for (const count of Object.values(won)) expect(Math.abs(count - 500)).toBeLessThan(97);
    },
  );

  test("would make the first one win every time if the answers stood in the same order for all", () => {
    const won = wins((_jobId, ranker) => ({
      ranker: ranker.member,
      entries: answers.map((answer) => ({ label: answer.label, answer })),
    }));
    expect(won).toEqual({ ada: 2_000, ben: 0, cleo: 0, dan: 0 });
  });
});
