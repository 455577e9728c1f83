/** A ranking that counts. */
export type Vote = {
  /** Everything that was to be ranked, two at least. */
  candidates: string[];
  /** Best first. May leave candidates out. */
  order: string[];
};

export type Standing = { model: string; average_rank: number; rankings_count: number; votes: number };

/**
 * What all rankings together say, best first. Ties go to who was put first more often, then to who comes first in
 * `models`. A model on no ballot is not in the list.
 *
 * `average_rank` runs from 1 to the number of models, also where ballots differ in length because rankers do not
 * rank themselves: place p of k candidates counts as `1 + (p - 1) * (n - 1) / (k - 1)` of n models, so first is
 * always 1 and last is always n. Candidates that a ranking leaves out share its last places: each is given their mean.
 */
export function aggregate(models: string[], votes: Vote[]): Standing[] {
  const standings = models.flatMap((model) => {
    const ballots = votes.filter((vote) => vote.candidates.includes(model));
    if (ballots.length === 0) return [];
    const places = ballots.map((vote) => {
      const scale = (models.length - 1) / (vote.candidates.length - 1);
      return 1 + (placeOf(model, vote) - 1) * scale;
    });
    const first = ballots.filter((vote) => vote.order[0] === model);
    return [{ model, average: sum(places) / ballots.length, rankings: ballots.length, votes: first.length }];
  });
  return standings
    .map(({ model, average, rankings, votes: first }) => ({
      model,
      average_rank: Math.round(average * 100) / 100,
      rankings_count: rankings,
      votes: first,
    }))
    .sort((a, b) => a.average_rank - b.average_rank || b.votes - a.votes);
}

/**
 * Kendall's coefficient of concordance W: 1 when all rankings are the same, 0 when they cancel each other out.
 *
 * One formula serves complete rankings and those in which every ranker leaves out itself (Durbin's design: equal
 * lengths k, every candidate on r ballots, every pair on l):
 *
 *     W = (k + 1) / (l * (n + 1)) * S / V
 *     S = sum over candidates of (rank sum - r(k+1)/2)^2,  V = sum over all ranks of (rank - (k+1)/2)^2
 *
 * For complete rankings (k = n, l = r = m) it is the usual 12 S / (m^2 (n^3 - n)) with its correction for ties.
 *
 * @returns three decimals; undefined for fewer than two rankings, for ballots that do not form such a design (one
 * of the self-excluding rankings could not be read), and for incomplete ballots with ties: W has no agreed meaning
 * there, and a number would pretend otherwise.
 * @see Kendall and Gibbons, Rank Correlation Methods, 5th ed., chapters 6 and 7
 * @see https://en.wikipedia.org/wiki/Kendall%27s_W#Correction_for_ties
 */
export function agreement(votes: Vote[]): number | undefined {
  const candidates = [...new Set(votes.flatMap((vote) => vote.candidates))];
  const n = candidates.length;
  const k = votes[0]?.candidates.length ?? 0;
  if (votes.length < 2 || votes.some((vote) => vote.candidates.length !== k)) return undefined;

  const together = (names: string[]) =>
    votes.filter((vote) => names.every((name) => vote.candidates.includes(name))).length;
  const pairs = candidates.flatMap((a, i) => candidates.slice(i + 1).map((b) => together([a, b])));
  const [l = 0] = pairs;
  if (l === 0 || pairs.some((count) => count !== l)) return undefined;

  const tied = votes.some((vote) => vote.candidates.length - vote.order.length > 1);
  if (tied && k < n) return undefined;

  const middle = (k + 1) / 2;
  const offset = (name: string, vote: Vote) =>
    vote.candidates.includes(name) ? placeOf(name, vote) - middle : 0;
  const s = sum(candidates.map((name) => sum(votes.map((vote) => offset(name, vote))) ** 2));
  const v = sum(votes.flatMap((vote) => vote.candidates.map((name) => offset(name, vote) ** 2)));
  return Math.round((1000 * (k + 1) * s) / (l * (n + 1) * v)) / 1000;
}

function placeOf(model: string, { candidates, order }: Vote): number {
  const index = order.indexOf(model);
  return index >= 0 ? index + 1 : (order.length + 1 + candidates.length) / 2;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
