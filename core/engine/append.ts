import type { Along } from "../journal/journal.ts";
import { Unavailable } from "../protocol/error.ts";
import { applyEntry, type Entry, isSignalEvent, type JobEvent } from "../protocol/event.ts";
import type { JobRecord } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import { pauseMs } from "./patience.ts";

export type Decision = {
  events: JobEvent[];
  /** When it happened; without it, the moment of the writing. */
  at?: Millis;
  /** What must change in the same transaction. `next` is the job as the events leave it. Asked again on every try. */
  along?: (next: JobRecord) => Promise<Along> | Along;
};

/** `absorbed` are the entries of others that stood in the way, in their order. */
export type AppendOutcome =
  | { end: "appended"; job: JobRecord; entry: Entry; absorbed: Entry[] }
  /** The decision was to write nothing. */
  | { end: "nothing"; job: JobRecord; absorbed: Entry[] }
  /** An entry that the caller may not pass stands in its place. */
  | { end: "overtaken"; entry: Entry };

/** Entries that anyone may write beside a worker: they are absorbed, they overtake nobody. */
export function isSignal(entry: Entry): boolean {
  return entry.events.every(isSignalEvent);
}

const tries = 50;

/**
 * Appends what `decide` makes of the job as it really is: asked again whenever somebody else's entry turns out to
 * stand in the way. The position in the journal is the only thing that decides a race.
 *
 * @param job - the job as the caller knows it, folded up to `job.seq`.
 * @param passable - which foreign entries are absorbed; any other one ends the attempt as `overtaken`.
 * @throws Unavailable when the journal stays silent through all tries. The entry may stand or not.
 */
export async function append(
  services: Pick<Services, "journal" | "now" | "newId" | "random" | "sleep">,
  job: JobRecord,
  by: string,
  decide: (job: JobRecord) => Promise<Decision | undefined> | Decision | undefined,
  passable: (entry: Entry) => boolean = isSignal,
): Promise<AppendOutcome> {
  const { journal, now, newId, random, sleep } = services;
  const absorbed: Entry[] = [];
  let state = job;
  let decision = await decide(state);
  // One token and moment for one place: a try whose answer got lost may still arrive after the next one.
  let token = newId();
  let at = decision?.at ?? now();
  let silent: unknown;
  for (let attempt = 1; attempt <= tries; attempt += 1) {
    if (!decision || decision.events.length === 0) return { end: "nothing", job: state, absorbed };
    const entry: Entry = {
      tenant: state.tenant,
      jobId: state.jobId,
      seq: state.seq + 1,
      at,
      by,
      token,
      events: decision.events,
    };
    const next = applyEntry(state, entry);
    let along: Along | undefined;
    let standing: Entry | undefined;
    try {
      along = await decision.along?.(next);
      const written = await journal.append(entry, along);
      if (written.end === "stored") return { end: "appended", job: along?.head ?? next, entry, absorbed };
      if (written.end === "conversation changed") continue;
      standing = written.entry;
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      silent = error;
      await sleep(pauseMs(random, attempt));
      standing = await journal.news(state, state.seq).then(
        (reading) => reading.entries[0],
        () => undefined,
      );
      if (!standing) continue;
    }
    if (standing.token === token) return { end: "appended", job: along?.head ?? next, entry, absorbed };
    if (!passable(standing)) return { end: "overtaken", entry: standing };
    absorbed.push(standing);
    state = applyEntry(state, standing);
    decision = await decide(state);
    token = newId();
    at = decision?.at ?? now();
  }
  throw new Unavailable(`Job ${job.jobId}: entry ${state.seq + 1} could not be written`, { cause: silent });
}
