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
import {
  type Ask,
  type Budget,
  isTerminal,
  type JobKey,
  type JobRecord,
  type Stored,
  type Usage,
} from "../../core/protocol/job.ts";
import type { Json, Millis } from "../../core/protocol/json.ts";

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
  decisions: Map<string, Decision>;
  /** What was asked for from outside, whatever has become of it. */
  asked: Map<string, Asked>;
  budget: Budget;
  /** That the budget is exceeded is on record. */
  warned: boolean;
  spent: { tokens: number; usd: number; steps: number; hops: number };
  /** What its predecessor has paid for. */
  paid: ReadonlySet<string>;
};

export type Decision = JobEvent & { kind: "callback.completed" | "callback.expired" };
type Submitted = JobEvent & { kind: "job.submitted" };
export type Asked = JobEvent & { kind: "callback.created" };

type World = {
  now: () => Millis;
  /** Is told of a callback that waits for an answer from outside. */
  asked: (key: JobKey, callbackId: string) => void;
  /** Is told of a job whose budget is exceeded. */
  overBudget?: (key: JobKey) => void;
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
  /** What services beyond the table know of a step, and so no restore takes back. */
  readonly #idempotencyKeys = new Map<string, string>();
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

  /**
   * The table is an earlier one from now on: what came later has not happened.
   * @returns brings back what was acknowledged and begun by now.
   */
  remember(): () => void {
    const [started, cancelled] = [new Map(this.started), new Set(this.cancelled)];
    return () => {
      for (const forgotten of [this.pasts, this.#ahead, this.started, this.cancelled]) forgotten.clear();
      for (const [key, times] of started) this.started.set(key, times);
      for (const jobId of cancelled) this.cancelled.add(jobId);
    };
  }

  /** I1, I2, I5, I6, I9, I11, I13, I14, I16 at a commit. */
  committed(entry: Entry): void {
    const { jobId, tenant } = entry;
    const known = this.pasts.get(jobId);
    if (!known && entry.seq > 1) {
      // What a fork inherits is there before the fork is.
      this.#ahead.set(jobId, [...(this.#ahead.get(jobId) ?? []), entry]);
      return;
    }
    const past = known ?? this.#begins(entry);
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
    for (const event of entry.events) {
      if (event.kind === "callback.created") this.#world.asked({ tenant, jobId }, event.callbackId);
      if (event.kind === "job.budget_exceeded") this.#world.overBudget?.({ tenant, jobId });
    }
    if ((past.state.progress?.percentage ?? 0) < before)
      this.violated(`Job ${jobId}: what people see of its progress falls`);
    if (known) return;
    const inherited = (this.#ahead.get(jobId) ?? []).sort((a, b) => a.seq - b.seq);
    for (const ahead of inherited) this.committed(ahead);
    this.#ahead.delete(jobId);
  }

  #begins({ tenant, jobId, events: [submitted] }: Entry): Past {
    if (submitted?.kind !== "job.submitted") throw new Error(`Job ${jobId} does not begin with its submit`);
    const { budget = {}, continues, forkOf } = submitted;
    const past: Past = {
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
      asked: new Map(),
      budget,
      warned: false,
      spent: { tokens: 0, usd: 0, steps: 0, hops: 0 },
      paid: this.#paidBefore(forkOf),
    };
    this.#isOnlyOne(past, submitted);
    this.pasts.set(jobId, past);
    if (continues !== undefined) this.#carriesOn(past, this.pasts.get(continues));
    return past;
  }

  /** Nobody asks for the same content twice but those who would share a job that is at work. */
  #isOnlyOne({ tenant, jobId }: Past, submitted: Submitted): void {
    if (!isForItself(submitted)) return;
    for (const other of this.pasts.values()) {
      const first = other.events[0] as Submitted;
      if (other.tenant !== tenant || other.ended || other.state.cancelRequested || !isForItself(first))
        continue;
      if (first.version === submitted.version && isDeepStrictEqual(contentOf(first), contentOf(submitted)))
        this.violated(`Job ${jobId} is made though ${other.jobId} does the same`);
    }
  }

  /** What a fork is given stands in the part of the other journal that it looks back on. */
  #paidBefore(forkOf: JobRecord["forkOf"]): ReadonlySet<string> {
    const events = (forkOf && this.pasts.get(forkOf.job_id)?.events) ?? [];
    return new Set(
      events.flatMap((event) =>
        event.kind === "step.completed" && event.seq <= forkOf!.seq ? [event.step] : [],
      ),
    );
  }

  /** A job goes on where another one has said so, once, and with what that one has left. */
  #carriesOn({ jobId, budget }: Past, before: Past | undefined): void {
    if (before?.state.continuedAs !== jobId) {
      this.violated(`I5 job ${jobId} carries on one that has not said so`);
      return;
    }
    const { max_tokens, max_cost_usd } = before.budget;
    const { tokens, usd } = before.spent;
    const tokensLeft = Math.max(0, (max_tokens ?? Number.POSITIVE_INFINITY) - tokens);
    const usdLeft = Math.max(0, (max_cost_usd ?? Number.POSITIVE_INFINITY) - usd);
    if ((budget.max_tokens ?? Number.POSITIVE_INFINITY) > tokensLeft)
      this.violated(`I13 job ${jobId} may spend ${budget.max_tokens} tokens, where ${tokensLeft} are left`);
    if ((budget.max_cost_usd ?? Number.POSITIVE_INFINITY) > usdLeft + 1e-9)
      this.violated(`I13 job ${jobId} may spend $${budget.max_cost_usd}, where $${usdLeft} is left`);
  }

  #event(past: Past, event: JobEvent): void {
    const { jobId } = past;
    if (isTerminalEvent(event)) past.ended = true;
    if (event.kind === "job.claimed") {
      past.claimedBy = event.by;
      past.spent.hops += 1;
    }
    if ("usage" in event && event.usage && !event.inherited) spend(past, event.usage);
    if (event.kind === "job.budget_exceeded") past.warned = true;
    if (event.kind === "job.budget_changed") {
      past.budget = event.budget;
      past.warned = false;
    }
    const works = event.kind === "step.started" || event.kind === "wait.started";
    if (works && !event.inherited) this.#mayWork(past, event.kind === "step.started");
    if (event.kind === "step.started") {
      for (const { step, attempt } of event.steps) {
        const intent = `${step}@${attempt}`;
        if (past.intents.has(intent)) this.violated(`I14 job ${jobId}: ${intent} is intended twice`);
        if (past.completed.has(step)) this.violated(`I2 job ${jobId}: ${step} begins after it has completed`);
        if (past.paid.has(step)) this.violated(`I2 job ${jobId}: ${step} is paid for again`);
        past.intents.add(intent);
        this.#notEarly(past, step);
      }
      past.spent.steps += event.steps.filter(({ attempt }) => attempt === 1).length;
      this.#withinBudget(past);
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
    if (event.kind === "callback.created") past.asked.set(event.callbackId, event);
    if (event.kind === "callback.reminded") {
      this.#notBefore(past, "a reminder", past.asked.get(event.callbackId)?.remindAt);
    }
    if (event.kind === "callback.completed" || event.kind === "callback.expired") {
      const { callbackId } = event;
      const asked = past.asked.get(callbackId);
      if (event.kind === "callback.completed") this.#answers(past, asked?.ask, event);
      else if (event.reason === "timeout") this.#notBefore(past, "a deadline", asked?.timeoutAt);
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

  #notEarly(past: Past, step: string): void {
    this.#notBefore(past, step, past.notBefore.get(step));
  }

  #notBefore({ jobId }: Past, what: string, moment: Millis | undefined): void {
    const early = (moment ?? 0) - this.#world.now();
    if (early > this.#world.skewMs()) this.violated(`Job ${jobId}: ${what} comes ${early} ms too early`);
  }

  /** A question is answered by those whom it was put to, and in its own form. */
  #answers({ jobId }: Past, ask: Ask | undefined, { by, result }: JobEvent & { kind: "callback.completed" }) {
    if (!ask) return;
    if (ask.answerers && !ask.answerers.includes(by)) this.violated(`I9 job ${jobId}: ${by} was not asked`);
    if (result && "json" in result && !Number.isInteger(result.json))
      this.violated(`I9 job ${jobId}: ${JSON.stringify(result.json)} is no answer to what was asked`);
  }

  /** I13: nothing begins once a limit is reached, so that it is exceeded by at most what is in flight then. */
  #withinBudget({ jobId, budget, spent, warned }: Past): void {
    const { max_tokens, max_cost_usd, max_steps, max_hops, on_exceeded } = budget;
    const over =
      spent.tokens >= (max_tokens ?? Number.POSITIVE_INFINITY) ||
      spent.usd >= (max_cost_usd ?? Number.POSITIVE_INFINITY) ||
      spent.steps > (max_steps ?? Number.POSITIVE_INFINITY) ||
      spent.hops > (max_hops ?? Number.POSITIVE_INFINITY);
    if (!over || (on_exceeded === "warn" && warned)) return;
    this.violated(`I13 job ${jobId} begins a step: ${JSON.stringify(spent)} of ${JSON.stringify(budget)}`);
  }

  /** I2, I12 and I14 when an attempt begins. */
  began(
    jobId: string,
    path: string,
    attempt: number,
    { replaying = false, idempotencyKey = "" }: { replaying?: boolean; idempotencyKey?: string } = {},
  ): void {
    const past = this.pasts.get(jobId)!;
    const usedBefore = this.#idempotencyKeys.get(`${jobId} ${path}`) ?? idempotencyKey;
    this.#idempotencyKeys.set(`${jobId} ${path}`, idempotencyKey);
    if (usedBefore !== idempotencyKey) this.violated(`I14 job ${jobId}: ${path} has another key`);
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
    const { paused, budgetExceeded, budget } = state;
    // Then a person is waited for.
    const held = paused !== undefined || (budgetExceeded !== undefined && budget?.on_exceeded === "ask");
    if (!past.ended && !held && due! > this.#world.now() + patienceMs) {
      this.violated(`I4 job ${head.jobId} is due too late`);
    }
    const quiet = past.ended || events.at(-1)?.kind === "job.released";
    if (quiet && !isDeepStrictEqual(rest, state)) {
      this.violated(`I15 job ${head.jobId}: HEAD is not the fold of its journal`);
    }
  }

  /** I8 when somebody is told what became of a wish to cancel. */
  acknowledged(jobId: string, answer: "requested" | "already ended"): void {
    // Lost with the table that it was in.
    if (!this.pasts.has(jobId)) return;
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

/** Not because of another job, nor because of the time. */
function isForItself({ forkOf, continues, parent, scheduleId }: Submitted): boolean {
  return !forkOf && !continues && !parent && !scheduleId;
}

function contentOf({ input }: Submitted): Json {
  return "json" in input ? input.json : input.ref.sha256;
}

function spend({ spent }: Past, { input_tokens, output_tokens, cost_usd = 0 }: Usage): void {
  spent.tokens += input_tokens + output_tokens;
  spent.usd += cost_usd;
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
