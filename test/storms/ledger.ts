import { isDeepStrictEqual } from "node:util";
import {
  applyEntry,
  type Entry,
  isTerminalEvent,
  type JobEvent,
  lastSeq,
  type Recorded,
  recorded,
} from "../../core/protocol/event.ts";
import { isTerminal, type JobKey, type JobRecord, type Stored } from "../../core/protocol/job.ts";
import type { Millis } from "../../core/protocol/json.ts";

/** What may be written beside the worker that has claimed the job. The engine's own list is what is being tested. */
const signals = new Set<JobEvent["kind"]>([
  "job.cancel_requested",
  "job.paused",
  "job.resumed",
  "job.budget_changed",
  "callback.heartbeat",
  "callback.completed",
]);

/** What is known of a job because it was seen when it was written. */
export type Past = {
  tenant: string;
  jobId: string;
  entries: Entry[];
  events: Recorded[];
  /** When each event was committed, whatever clock its writer had. */
  committedAt: Millis[];
  state: JobRecord;
  /** Who claimed it last. */
  claimedBy: string | undefined;
  intents: Set<string>;
  completed: Set<string>;
  /** Before when what waits must not go on. */
  notBefore: Map<string, Millis>;
  /** The newest HEAD. */
  headSeq: number;
  ended: boolean;
  expired: boolean;
  /** What each callback is answered by, as far as it is decided. */
  decisions: Map<string, JobEvent>;
};

type World = {
  now: () => Millis;
  /** Is told of a callback that waits for an answer from outside. */
  asked: (key: JobKey, callbackId: string) => void;
  /** How far apart two clocks may be. */
  skewMs: () => Millis;
  /** Whether a reference resolves to what its hash says. */
  resolves: (stored: Stored) => boolean;
  trace: (...parts: (string | number)[]) => void;
};

/** The checkers that look at every commit, and what they remember. */
export class Ledger {
  readonly violations: string[] = [];
  readonly pasts = new Map<string, Past>();
  /** How often each attempt of each step began. */
  readonly started = new Map<string, number>();
  /** Jobs whose cancel was acknowledged. */
  readonly cancelled = new Set<string>();
  calls = 0;
  readonly #ahead = new Map<string, Entry[]>();
  readonly #world: World;
  readonly #startedAt: Millis;

  constructor(world: World) {
    this.#world = world;
    this.#startedAt = world.now();
  }

  violated(what: string): void {
    if (this.violations.length < 20) {
      this.violations.push(`${what} (at ${this.#world.now() - this.#startedAt} ms)`);
    }
  }

  /** The state as the journal has it. */
  stateOf(jobId: string): JobRecord {
    return this.pasts.get(jobId)!.state;
  }

  /** I1, I2, I5, I6, I9, I11, I14, I16 at a commit. */
  committed(entry: Entry): void {
    const { jobId, tenant } = entry;
    const known = this.pasts.get(jobId);
    if (!known && entry.seq > 1) {
      // What a fork inherits is there before the fork is.
      this.#ahead.set(jobId, [...(this.#ahead.get(jobId) ?? []), entry]);
      return;
    }
    const past: Past = known ?? {
      tenant,
      jobId,
      entries: [],
      events: [],
      committedAt: [],
      state: undefined as unknown as JobRecord,
      claimedBy: undefined,
      intents: new Set(),
      completed: new Set(),
      notBefore: new Map(),
      headSeq: 0,
      ended: false,
      expired: false,
      decisions: new Map(),
    };
    if (!known) this.pasts.set(jobId, past);
    for (const event of entry.events) {
      if (event.kind === "callback.created") this.#world.asked({ tenant, jobId }, event.callbackId);
    }
    this.#world.trace("entry", jobId.slice(-4), entry.seq, ...entry.events.map(({ kind }) => kind));

    const last = past.entries.at(-1);
    if (entry.seq !== (last ? lastSeq(last) + 1 : 1)) {
      this.violated(`I1 job ${jobId}: entry ${entry.seq} stands after a gap`);
    }
    if (past.expired) this.violated(`I1 job ${jobId}: entry ${entry.seq} brings back what has expired`);
    if (past.ended) this.violated(`I5 job ${jobId}: entry ${entry.seq} after its end`);
    if (tenant !== past.tenant) this.violated(`I11 job ${jobId} changes its tenant`);
    for (const [index, event] of entry.events.entries()) {
      this.#event(past, event);
      if (isTerminalEvent(event) && index < entry.events.length - 1) {
        this.violated(`I5 job ${jobId}: an end in the middle of entry ${entry.seq}`);
      }
    }
    if (declines(entry)) past.claimedBy = undefined;
    else if (entry.seq > 1 && !isSignal(entry) && !isInherited(entry) && past.claimedBy !== entry.by) {
      this.violated(`I6 job ${jobId}: ${entry.by} writes ${entry.seq}, claimed by ${past.claimedBy}`);
    }
    const before = past.state?.progress?.percentage ?? 0;
    past.entries.push(entry);
    past.events.push(...recorded(entry));
    for (const _ of entry.events) past.committedAt.push(this.#world.now());
    past.state = applyEntry(past.state, entry);
    if ((past.state.progress?.percentage ?? 0) < before)
      this.violated(`Job ${jobId}: what people see of its progress falls`);
    if (known) return;
    const inherited = (this.#ahead.get(jobId) ?? []).sort((a, b) => a.seq - b.seq);
    for (const ahead of inherited) this.committed(ahead);
    this.#ahead.delete(jobId);
  }

  #event(past: Past, event: JobEvent): void {
    const { jobId } = past;
    if (isTerminalEvent(event)) past.ended = true;
    if (event.kind === "job.claimed") past.claimedBy = event.by;
    const works = event.kind === "step.started" || event.kind === "wait.started";
    if (works && !event.inherited) this.#mayWork(past, event.kind === "step.started");
    if (event.kind === "step.started") {
      for (const { step, attempt } of event.steps) {
        const intent = `${step}@${attempt}`;
        if (past.intents.has(intent)) this.violated(`I14 job ${jobId}: ${intent} is intended twice`);
        if (past.completed.has(step)) this.violated(`I2 job ${jobId}: ${step} begins after it has completed`);
        past.intents.add(intent);
        this.#notEarly(past, step);
      }
    }
    if (event.kind === "wait.started") past.notBefore.set(event.step, event.until);
    if (event.kind === "condition.checked") past.notBefore.set(event.step, event.retryAt);
    if (event.kind === "step.failed" && event.retryAt !== undefined) {
      past.notBefore.set(event.step, event.retryAt);
    }
    if (event.kind === "wait.ended" && !event.inherited) this.#notEarly(past, event.step);
    if (event.kind === "step.completed") {
      if (past.completed.has(event.step)) this.violated(`I2 job ${jobId}: ${event.step} completes twice`);
      if (!past.intents.has(`${event.step}@${event.attempt}`) && !event.inherited) {
        this.violated(`I14 job ${jobId}: ${event.step}@${event.attempt} completes without its intent`);
      }
      past.completed.add(event.step);
    }
    if (event.kind === "callback.completed" || event.kind === "callback.expired") {
      const { callbackId } = event;
      if (past.decisions.has(callbackId)) this.violated(`I9 job ${jobId}: ${callbackId} is decided twice`);
      past.decisions.set(callbackId, event);
    }
    for (const stored of storedIn(event)) {
      if (!this.#world.resolves(stored)) this.violated(`I16 job ${jobId}: a ${event.kind} refers to nothing`);
    }
  }

  /** A job works neither before its time, nor before those that it waits for, nor while it is paused. */
  #mayWork({ jobId, state }: Past, begins: boolean): void {
    const { paused, runAt = 0, dependencies } = state;
    if (paused && begins) this.violated(`Job ${jobId} goes on though it is paused`);
    if (runAt > this.#world.now() + this.#world.skewMs())
      this.violated(`Job ${jobId} begins before its time`);
    const open = dependencies?.job_ids.find((id) => !this.pasts.get(id)?.ended);
    if (open) this.violated(`Job ${jobId} begins before ${open} has ended`);
  }

  #notEarly({ jobId, notBefore }: Past, step: string): void {
    const early = (notBefore.get(step) ?? 0) - this.#world.now();
    if (early > this.#world.skewMs()) this.violated(`Job ${jobId}: ${step} goes on ${early} ms too early`);
  }

  /** I2, I12 and I14 when an attempt begins. */
  began(jobId: string, path: string, attempt: number, { replaying = false } = {}): void {
    const past = this.pasts.get(jobId)!;
    if (replaying) this.violated(`I12 job ${jobId}: a replay performs ${path}`);
    this.calls += 1;
    const name = `${path}@${attempt}`;
    if (!past.intents.has(name)) this.violated(`I14 job ${jobId}: ${name} began without its intent`);
    if (past.completed.has(path)) this.violated(`I2 job ${jobId}: ${path} began after it had completed`);
    const key = `${jobId} ${name}`;
    const times = (this.started.get(key) ?? 0) + 1;
    this.started.set(key, times);
    if (times > 1) this.violated(`I14 job ${jobId}: ${name} began twice`);
  }

  /** I4 and I15 after a write. */
  head(head: JobRecord | undefined, patienceMs: Millis): void {
    const past = head && this.pasts.get(head.jobId);
    if (!past) return;
    const { state, events } = past;
    const { due, ...rest } = head;
    if (head.seq < past.headSeq) this.violated(`I15 job ${head.jobId}: HEAD goes back to ${head.seq}`);
    past.headSeq = head.seq;
    if (!past.ended && due === undefined) this.violated(`I4 job ${head.jobId} is alive and has no due`);
    if (!past.ended && !state.paused && due! > this.#world.now() + patienceMs) {
      this.violated(`I4 job ${head.jobId} is due too late`);
    }
    const quiet = past.ended || events.at(-1)?.kind === "job.released";
    if (quiet && !isDeepStrictEqual(rest, state)) {
      this.violated(`I15 job ${head.jobId}: HEAD is not the fold of its journal`);
    }
  }

  /** I8 when somebody is told what became of a wish to cancel. */
  acknowledged(jobId: string, answer: "requested" | "already ended"): void {
    const state = this.stateOf(jobId);
    if (answer === "already ended" && !isTerminal(state.status)) {
      this.violated(`I8 job ${jobId}: the answer says that it has ended`);
    }
    if (answer === "requested") this.cancelled.add(jobId);
    if (answer === "requested" && !state.cancelRequested) {
      this.violated(`I8 job ${jobId}: a cancel was acknowledged and is not recorded`);
    }
  }

  /** Attempts that left no outcome behind, so that another one had to be paid for. */
  get repeated(): number {
    let count = 0;
    for (const begun of this.started.keys()) {
      const [jobId, path, attempt] = begun.split(/[ @]/) as [string, string, string];
      if (!this.started.has(`${jobId} ${path}@${Number(attempt) + 1}`)) continue;
      const left = this.pasts
        .get(jobId)!
        .events.some(
          (event) =>
            (event.kind === "step.completed" ||
              event.kind === "step.failed" ||
              event.kind === "condition.checked") &&
            event.step === path &&
            event.attempt === Number(attempt),
        );
      if (!left) count += 1;
    }
    return count;
  }
}

export function isSignal(entry: Entry): boolean {
  return entry.events.every(({ kind }) => signals.has(kind));
}

function isInherited({ events }: Entry): boolean {
  return events.every((event) => "inherited" in event && event.inherited);
}

/** A worker that cannot work on a job says so without a claim, which ends whatever claim there was. */
function declines({ events }: Entry): boolean {
  return events.length === 1 && events[0]?.kind === "job.released" && events[0].reason === "blocked";
}

function storedIn(event: JobEvent): Stored[] {
  if (event.kind === "job.submitted") return [event.input];
  if (event.kind === "step.completed" || event.kind === "job.completed") return [event.result];
  if (event.kind === "callback.completed" && event.result) return [event.result];
  return [];
}
