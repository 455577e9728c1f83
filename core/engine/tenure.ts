import type { Along } from "../journal/journal.ts";
import { applyEntry, type Entry, type JobEvent } from "../protocol/event.ts";
import type { JobRecord, Progress } from "../protocol/job.ts";
import type { Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import { append, type Decision, isSignal } from "./append.ts";
import type { Ending } from "./ending.ts";

type TenureServices = Pick<Services, "journal" | "settings" | "now" | "newId" | "random" | "sleep">;

/** What an event at the end of an entry changes in the same transaction. */
export type Finish = { event: JobEvent; along: (next: JobRecord) => Promise<Along> | Along };

/** What a worker writes, in view of the job as its journal has it. */
export type Written = { events: JobEvent[]; finish?: Finish; at?: Millis };

export type Committed =
  | { end: "committed" }
  /** Another worker's entry stands in the way: this one has nothing more to say. */
  | { end: "overtaken"; by: string }
  /** A cancel stood in the way, so that the job has ended with it. */
  | { end: "cancelled" };

/** One worker's time with a job: its claim, its lease, and whatever it writes. Holds the job as the journal has it. */
export class Tenure {
  job: JobRecord;
  claimed = false;
  private readonly services: TenureServices;
  private readonly by: string;
  /** How the job ends when a cancel is met on the way. */
  private readonly cancelled: (by: string, past: JobEvent[]) => Promise<Ending>;
  private signals: Entry[] = [];

  constructor(
    services: TenureServices,
    job: JobRecord,
    cancelled: (by: string, past: JobEvent[]) => Promise<Ending>,
  ) {
    this.services = services;
    this.job = job;
    this.by = services.newId();
    this.cancelled = cancelled;
  }

  /**
   * Writes events, and with the first ones its claim.
   * @param decide - asked again whenever somebody else's entry stood in the way.
   * @param past - what remains to be said when a cancel did.
   */
  async commit(decide: (job: JobRecord) => Written, past: JobEvent[]): Promise<Committed> {
    const { claim } = this;
    // `due` stays where it is: moving it costs two units in its index, and a sweeper that looks too early finds the lease.
    const claiming = this.claimed ? undefined : (next: JobRecord) => ({ head: this.withLease(next) });
    const committed = await this.write(
      (job) => {
        const { events, finish, at } = decide(job);
        const along = finish?.along ?? claiming;
        const all = [...claim, ...events, ...(finish ? [finish.event] : [])];
        return { events: all, ...(along ? { along } : {}), ...(at === undefined ? {} : { at }) };
      },
      [...claim, ...past],
    );
    if (committed.end === "committed") this.claimed = true;
    return committed;
  }

  /** What its next entry begins with. */
  get claim(): JobEvent[] {
    return this.claimed ? [] : [{ kind: "job.claimed", by: this.by }];
  }

  /** Lets go of a job that this worker cannot work on. No claim: nothing has been done. */
  async decline(event: JobEvent, dueAt: Millis): Promise<Committed> {
    return this.write(() => ({ events: [event], along: (next) => ({ head: released(next, dueAt) }) }), []);
  }

  private async write(decide: (job: JobRecord) => Decision, past: JobEvent[]): Promise<Committed> {
    let ending: Ending | undefined;
    const outcome = await append(this.services, this.job, this.by, async (job): Promise<Decision> => {
      const decision = decide(job);
      if (!job.cancelRequested || decision.events.at(-1)?.kind === "job.cancelled") return decision;
      ending = await this.cancelled(job.cancelRequested.by, past);
      return { events: [...past, ending.event], along: ending.along };
    });
    if (outcome.end === "overtaken") return { end: "overtaken", by: outcome.entry.by };
    this.job = outcome.job;
    this.signals.push(...outcome.absorbed);
    if (!ending) return { end: "committed" };
    await ending.handOver();
    return { end: "cancelled" };
  }

  /** The entries of others that have turned up since the last time. */
  takeSignals(): Entry[] {
    return this.signals.splice(0);
  }

  /** Reads what others have written: a cancel shows in the job, another worker's entry ends this tenure. */
  async look(): Promise<{ overtakenBy?: string; deltasWanted?: boolean }> {
    const { journal } = this.services;
    const reading = await journal.news(this.job, this.job.seq, { stale: true }).catch(() => undefined);
    for (const entry of reading?.entries ?? []) {
      // A copy that is behind may hold an entry and lack the one before it.
      if (entry.seq !== this.job.seq + 1) break;
      if (!isSignal(entry)) return { overtakenBy: entry.by };
      this.job = applyEntry(this.job, entry);
      this.signals.push(entry);
    }
    return reading && !reading.more ? { deltasWanted: reading.deltasWanted } : {};
  }

  /**
   * Losing the lease is no reason to stop: only the journal's order decides, and the next entry will tell.
   * @returns whether the lease was renewed, so that nobody else had claimed the job by then.
   */
  async renew(): Promise<boolean> {
    if (!this.claimed) return false;
    const renewed = this.withLease(this.job);
    const stored = await this.services.journal.renew(renewed).catch(() => false);
    if (stored) this.job = renewed;
    return stored;
  }

  /** A worker that was paused for so long is likely to have a successor. */
  get leaseIsOver(): boolean {
    return this.claimed && (this.job.lease?.until ?? 0) <= this.services.now();
  }

  private withLease(job: JobRecord): JobRecord {
    const until = this.services.now() + this.services.settings.leaseMs;
    return { ...job, lease: { by: this.by, until } };
  }
}

/** HEAD of a job that nobody works on until `dueAt`. */
export function released(job: JobRecord, dueAt: Millis): JobRecord {
  const { lease: _lease, ...rest } = job;
  return { ...rest, due: dueAt };
}

/** What people see never falls, and is 100 only at the end. */
export function clamped(progress: Progress, before: Progress | undefined): Progress {
  const percentage = Math.min(99.9, Math.max(before?.percentage ?? 0, progress.percentage));
  return { ...progress, percentage, ...(before?.degraded ? { degraded: true } : {}) };
}
