import { isTerminal } from "../../core/protocol/job.ts";
import type { Millis } from "../../core/protocol/json.ts";
import type { Attempt, Scene, Step } from "./story.ts";

/** A stretch of time where it is drawn: both in percent of the axis. */
type Place = { left: number; width: number };

/** An attempt at work, the time until the next one may begin, or a wait for something outside. */
export type Bar = Place & { from: Millis; to: Millis } & (
    | { what: "attempt"; attempt: Attempt }
    | { what: "pause" | "wait" }
  );

export type Row = { step: Step; bars: Bar[]; from: Millis; to: Millis };

export type Gantt = {
  rows: Row[];
  /** When a worker had the job in hand. */
  passes: (Place & { from: Millis; to: Millis; reason?: string })[];
  /** Round times since the beginning, `tickMs` or a multiple of it apart. */
  ticks: { left: number; ms: Millis }[];
  tickMs: Millis;
  /** Where nothing happened for so long that it is drawn shorter than it was. */
  folds: (Place & { ms: Millis })[];
  /** Where this moment is; absent once the job has ended. */
  now?: number;
};

/** Of what a job was at work for, so much has to pass idly before it is folded, and so wide is the fold. */
const foldAbove = 0.3;
const foldWidth = 0.08;
const shortestFoldMs = 3_000;
const mostTicks = 7;

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const roundTimes = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * second),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * minute),
  ...[1, 2, 3, 6, 12].map((hours) => hours * hour),
  ...[1, 2, 7, 14, 30, 90].map((days) => days * day),
];

/**
 * Where everything that a job has done is drawn.
 * @param now - The moment that is shown: the present, or that of the last event.
 * @param until - Where the axis ends, if that is later than it has to be, so that it stays as it is while `now` moves.
 */
export function layOut(scene: Scene, now: Millis, until: Millis = 0): Gantt {
  const ended = isTerminal(scene.job.status);
  const from = scene.job.createdAt;
  const end = Math.max(ended ? scene.at : now, from + 1);
  const rows = scene.steps.map((step) => rowOf(step, end));
  const passes = scene.passes.map(({ from, to = end, reason }) => ({
    from,
    to: Math.max(from, to),
    ...(reason === undefined ? {} : { reason }),
  }));

  const atWork = rows.flatMap(({ bars }) => bars.filter(({ what }) => what === "attempt"));
  const axis = axisOf(from, end, Math.max(end, until), [...atWork, ...passes]);
  const place = ({ from, to }: Stretch): Place => {
    const left = axis.at(from);
    return { left, width: axis.at(to) - left };
  };
  return {
    rows: rows.map((row) => ({ ...row, bars: row.bars.map((bar) => ({ ...bar, ...place(bar) })) })),
    passes: passes.map((pass) => ({ ...pass, ...place(pass) })),
    ticks: axis.ticks,
    tickMs: axis.every,
    folds: axis.folds.map((fold) => ({ ...place(fold), ms: fold.to - fold.from })),
    ...(ended ? {} : { now: axis.at(end) }),
  };
}

type Stretch = { from: Millis; to: Millis };
/** Not yet placed. */
type RawBar = Stretch & ({ what: "attempt"; attempt: Attempt } | { what: "pause" | "wait" });

function rowOf(step: Step, end: Millis): { step: Step; bars: RawBar[] } & Stretch {
  const to = step.endedAt ?? end;
  const bars = step.attempts.flatMap((attempt, index): RawBar[] => {
    const next = step.attempts[index + 1]?.startedAt ?? to;
    const stopped = attempt.endedAt ?? next;
    const work: RawBar = { what: "attempt", attempt, from: attempt.startedAt, to: stopped };
    return next > stopped && attempt.retryAt !== undefined
      ? [work, { what: "pause", from: stopped, to: next }]
      : [work];
  });
  if (bars.length === 0) bars.push({ what: "wait", from: step.startedAt, to });
  return { step, bars, from: step.startedAt, to };
}

/** Time runs evenly from left to right, but for the stretches in which nobody did anything for long. */
function axisOf(from: Millis, end: Millis, until: Millis, busy: Stretch[]) {
  const idle = gaps(from, end, busy);
  const idleMs = idle.reduce((sum, gap) => sum + gap.to - gap.from, 0);
  const busyMs = end - from - idleMs;
  const folds =
    busyMs > 0 ? idle.filter((gap) => gap.to - gap.from > Math.max(shortestFoldMs, foldAbove * busyMs)) : [];
  const foldMs = busyMs * foldWidth;

  /** The moment as it would be if the folds had been so short. */
  const drawn = (moment: Millis): number => {
    let ms = moment - from;
    for (const fold of folds) {
      const inside = Math.min(Math.max(moment - fold.from, 0), fold.to - fold.from);
      ms -= inside * (1 - foldMs / (fold.to - fold.from));
    }
    return ms;
  };
  const length = drawn(until);
  const at = (moment: Millis) => (100 * drawn(moment)) / length;

  const every = roundTimes.find((ms) => length / ms <= mostTicks) ?? 365 * day;
  const ticks: Gantt["ticks"] = [];
  // What lies between the folds, so that a year's wait does not cost a year's ticks.
  for (const shown of gaps(from, until, folds)) {
    for (let ms = Math.ceil((shown.from - from) / every) * every; ms <= shown.to - from; ms += every) {
      const left = at(from + ms);
      const last = ticks.at(-1);
      if (!last || left - last.left >= 80 / mostTicks / 2) ticks.push({ left, ms });
    }
  }
  return { at, ticks, every, folds };
}

/** What a line from one moment to another has that none of the stretches covers. */
function gaps(from: Millis, to: Millis, covered: Stretch[]): Stretch[] {
  const found: Stretch[] = [];
  let reached = from;
  for (const stretch of covered.toSorted((a, b) => a.from - b.from)) {
    if (stretch.from > reached) found.push({ from: reached, to: Math.min(stretch.from, to) });
    reached = Math.max(reached, stretch.to);
  }
  if (reached < to) found.push({ from: reached, to });
  return found;
}

/** The end of an axis that need not grow with every second. */
export function axisEnd(from: Millis, now: Millis): Millis {
  const every = roundTimes.find((ms) => (now - from) / ms <= mostTicks) ?? day;
  return from + (Math.floor((now - from) / every) + 1) * every;
}
