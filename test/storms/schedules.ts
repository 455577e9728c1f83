import { derivedId } from "../../core/derived-id.ts";
import type { Millis } from "../../core/protocol/json.ts";
import { iso } from "../../core/protocol/wire.ts";
import type { Overlap } from "../../core/schedules/schedule.ts";
import type { Ledger, Past } from "./ledger.ts";
import type { World } from "./world.ts";

/** A schedule that fires whenever the second hand has gone on by so much. */
export type KeptSchedule = {
  tenant: string;
  id: string;
  everyMs: Millis;
  overlap: Overlap;
  from: Millis;
  until: Millis;
};

/**
 * Every moment has one job at most, and none passes without one: either its own, or that of an earlier moment which was
 * late. With `skip` it may have found the job before at work.
 */
export function verifySchedule({ ledger, clocksOff, restores }: World, kept: KeptSchedule): void {
  const { tenant, id, everyMs, overlap, from, until } = kept;
  // A wrong clock is right about no moment, and what happened after a snapshot has not happened.
  if (restores) return;
  const jobs = [...ledger.pasts.values()].filter(({ state }) => state.scheduleId === id && !state.forkOf);
  const moments: Millis[] = [];
  for (let moment = from - (from % everyMs) + everyMs; moment <= until; moment += everyMs)
    moments.push(moment);
  const momentOf = new Map(moments.map((at) => [derivedId(tenant, "schedule", id, "moment", iso(at)), at]));
  for (const { jobId } of jobs) {
    if (!momentOf.has(jobId)) ledger.violated(`Schedule ${id}: job ${jobId} belongs to no moment of it`);
  }
  if (clocksOff) return;
  for (const { jobId, committedAt } of jobs) {
    if (committedAt[0]! < (momentOf.get(jobId) ?? 0))
      ledger.violated(`Schedule ${id}: job ${jobId} comes before its moment`);
  }
  const inTurn = [...jobs].sort((a, b) => momentOf.get(a.jobId)! - momentOf.get(b.jobId)!);
  for (const [index, past] of inTurn.entries()) verifyOverlap(ledger, overlap, inTurn[index - 1], past);
  for (const moment of moments) {
    const served = jobs.some(({ jobId, committedAt }) => {
      const madeAt = committedAt[0]!;
      return (momentOf.get(jobId) ?? moment) <= moment && madeAt >= moment;
    });
    const skipped = overlap === "skip" && jobs.some(({ committedAt }) => committedAt.at(-1)! >= moment);
    if (!served && !skipped)
      ledger.violated(`Schedule ${id}: its moment ${iso(moment)} has passed without a job`);
  }
}

/** What becomes of a moment that finds the job of the one before at work. */
function verifyOverlap(ledger: Ledger, overlap: Overlap, before: Past | undefined, past: Past): void {
  const endedAt = before?.committedAt.at(-1) ?? 0;
  const { jobId, events, committedAt } = past;
  if (overlap === "skip" && committedAt[0]! < endedAt)
    ledger.violated(`Schedule: job ${jobId} is made though ${before?.jobId} is at work`);
  const begins = events.findIndex(({ kind }) => kind === "step.started");
  if (overlap === "queue" && begins >= 0 && committedAt[begins]! < endedAt)
    ledger.violated(`Schedule: job ${jobId} does not wait for ${before?.jobId}`);
}
