import { load } from "../payloads/payloads.ts";
import { failureOf, NotFound, TooLarge } from "../protocol/error.ts";
import type { Entry, JobEvent } from "../protocol/event.ts";
import type { Failure, JobRecord, Progress } from "../protocol/job.ts";
import type { Json, Millis } from "../protocol/json.ts";
import { longestDelaySeconds } from "../queue/queue.ts";
import type { Services } from "../services.ts";
import { type Around, attemptStep, type Settled, serializable } from "./attempt.ts";
import { isLate, overBudget, tooManyEvents, tooManySteps } from "./budget.ts";
import type { Logger } from "./context.ts";
import { DeltaFeed } from "./deltas.ts";
import { ending, type HowItEnds } from "./ending.ts";
import type { AnyJobType } from "./job-type.ts";
import { divergence, replay, settle } from "./replay.ts";
import { type Divergence, type Operation, Run } from "./run.ts";
import { type Committed, clamped, type Finish, released, Tenure } from "./tenure.ts";
import { wake } from "./wake.ts";

/** How a pass over a job ended. None of these is an error: the message that asked for the pass has done its work. */
export type PassEnd =
  | { end: "finished"; status: JobRecord["status"] }
  | { end: "parked"; wakeAt: Millis }
  | { end: "out of time" }
  | { end: "overtaken"; by: string }
  | { end: "blocked"; divergence: Divergence }
  /** Another worker holds the lease; the sweeper looks again when it ends. */
  | { end: "busy" }
  /** Nothing is due, e.g. an early or doubled message. */
  | { end: "nothing to do" }
  /** An earlier message of its conversation is still being answered, or a job that it depends on has not ended. */
  | { end: "not its turn" }
  /** Its workers have died over and over, and there are others in its batch whom it must not take along. */
  | { end: "to run alone"; job: JobRecord }
  /** Expired, or never was. Nothing may bring it back. */
  | { end: "gone" };

export type PassOptions = {
  /** When the invocation ends. */
  deadline: Millis;
  logger: Logger;
  around?: Around;
  /** Other jobs share the invocation. */
  inCompany?: boolean;
};

export type EngineServices = Omit<Services, "sockets" | "watches" | "keys" | "deployment">;

/** How long a job function may wait for something that is not a step before it is taken for stuck. */
const stuckMs = 30_000;
const blockedRetryMs = 10 * 60_000;
/** Outcomes that are committed together stay well below what one item may hold. */
const entryBytes = 128 * 1024;

/**
 * The part of a pass in which a job is worked on: a replay, then turn after turn. In each turn the job function is
 * given what has happened, and what it asks for then is committed together with that; between turns it waits for news.
 */
export class LivePass {
  private readonly services: EngineServices;
  private readonly options: PassOptions;
  private readonly jobType: AnyJobType | undefined;
  private readonly tenure: Tenure;
  private readonly program: Run;
  private readonly deltas: DeltaFeed;
  private readonly running = new Map<Operation, AbortController>();
  private settled: Settled[] = [];
  private bell = Promise.withResolvers<void>();
  private pollAt: Millis;
  private renewAt: Millis;
  private flushAt = 0;
  private quietSince: Millis | undefined;

  constructor(
    services: EngineServices,
    job: JobRecord,
    jobType: AnyJobType | undefined,
    options: PassOptions & { deltasWanted: boolean },
  ) {
    const { settings, now, model } = services;
    this.services = services;
    this.jobType = jobType;
    this.options = options;
    this.tenure = new Tenure(services, job, (by) =>
      ending(services, this.tenure.job, jobType, { end: "cancelled", by }),
    );
    this.deltas = new DeltaFeed(job, services.journal);
    this.deltas.wanted = options.deltasWanted;
    this.pollAt = now() + settings.cancelPollMs;
    this.renewAt = now() + settings.heartbeatMs;
    this.program = new Run(
      job,
      {
        model,
        logger: options.logger,
        modelTotalMs: settings.modelTotalMs,
        modelIdleMs: settings.modelIdleMs,
        onDelta: (step, attempt, text) => {
          this.deltas.add(step, attempt, text);
          // The first words of a step go out at once, the following ones a few times a second.
          if (!this.deltas.empty && this.flushAt <= now()) this.bell.resolve();
        },
      },
      () => this.bell.resolve(),
    );
  }

  /** @param how - how the job ends without ever having begun. */
  async run(entries: Entry[], how?: HowItEnds): Promise<PassEnd> {
    try {
      return (await (how ? this.end([], how) : this.begin(entries))) ?? (await this.turns());
    } catch (error) {
      // Another pass would meet the same again, so the job ends with what can be recorded.
      if (error instanceof TooLarge) return await this.end([], { end: "failed", failure: failureOf(error) });
      throw error;
    } finally {
      // The sandbox is frozen between invocations: nothing of this pass may wake up in the next one.
      this.interrupt("The pass has ended");
    }
  }

  private interrupt(why: string): void {
    const reason = new Error(why);
    this.program.cancelled.abort(reason);
    for (const controller of this.running.values()) controller.abort(reason);
    this.running.clear();
  }

  /** Everything that ends a pass before the job function is asked, and the replay. */
  private async begin(entries: Entry[]): Promise<PassEnd | undefined> {
    const { services, jobType, program } = this;
    const { settings, now, payloads, conversations } = services;
    const { job } = this.tenure;
    if (job.cancelRequested) return this.end([], { end: "cancelled", by: job.cancelRequested.by });
    const spent = overBudget(job, entries, settings, now());
    if (spent) return this.end([], { end: "failed", failure: spent });
    if (!jobType)
      return this.block({ step: "", message: `This deployment has no ${job.type}@${job.version}` });
    if (!job.blocked && isLate(job, entries, settings, now())) {
      const stopped = await this.commit([]);
      if (stopped) return stopped;
    }
    const submitted = entries[0]!.events[0]!;
    if (submitted.kind !== "job.submitted")
      throw new Error(`Job ${job.jobId} does not begin with job.submitted`);
    try {
      const input = await load(payloads, submitted.input);
      program.begin((ctx) => jobType.run(ctx, input, { conversations }));
      await replay(program, payloads, entries);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      return this.end([], { end: "failed", failure: { code: "payload_gone", message: error.message } });
    }
    const diverged = divergence(program);
    return diverged ? this.block(diverged) : undefined;
  }

  private async turns(): Promise<PassEnd> {
    for (;;) {
      const end = (await this.turn()) ?? (await this.news());
      if (end) return end;
    }
  }

  /**
   * One turn: give the job function what has happened, see what it asks for, commit both together, begin what it
   * asked for. Outcomes and the intents that follow from them share an entry, which costs one write and one round
   * trip less a stage; nothing that has an effect begins before that entry stands.
   */
  private async turn(): Promise<PassEnd | undefined> {
    const { program } = this;
    const { now, sleep, settings } = this.services;
    const events = this.deliver();
    if (events.length > 0) await settle();
    const diverged = program.diverged ?? (program.uncalled() ? divergence(program) : undefined);
    if (diverged) return this.block(diverged);
    if (program.finished) return this.end(events, this.howItEnds(program.finished));

    const { outOfTime } = this;
    const fresh = program.unrecorded();
    for (const operation of fresh) {
      if (operation.kind !== "wait") continue;
      const until = now() + (operation.call?.durationMs ?? 0);
      events.push(this.record({ kind: "wait.started", step: operation.path, until }));
    }
    const starting = outOfTime ? [] : this.startable();
    const begun = starting.filter(({ attempt }) => attempt === 0).length;
    const { job } = this.tenure;
    const failure = tooManySteps(job, begun, settings) ?? tooManyEvents(job, settings);
    if (failure) return this.end(events, { end: "failed", failure });
    if (starting.length > 0) {
      const steps = starting.map(({ path, attempt }) => ({ step: path, attempt: attempt + 1 }));
      events.push({ kind: "step.started", steps });
    }
    const release = starting.length === 0 && this.idle ? this.release() : undefined;
    if (release) return this.letGo(events, release);
    if (events.length === 0 && !this.newProgress()) return undefined;
    const stopped = await this.commit(events);
    if (stopped) return stopped;
    // After a long pause a successor may have finished what would begin here.
    while (this.tenure.leaseIsOver && !(await this.tenure.renew())) {
      const end = await this.poll();
      if (end) return end;
      await sleep(settings.deltaFlushMs);
    }
    for (const operation of starting) this.start(operation);
    return undefined;
  }

  /** Gives the job function what has settled and what is due, and returns it for the journal. */
  private deliver(): JobEvent[] {
    const { now } = this.services;
    const events: JobEvent[] = [];
    for (const { operation, event, outcome } of this.takeSettled()) {
      events.push(this.record(event));
      if (outcome) this.program.deliver(operation, outcome);
    }
    for (const operation of this.program.wanted()) {
      if (operation.state !== "waiting" || operation.dueAt! > now()) continue;
      events.push(this.record({ kind: "wait.ended", step: operation.path }));
      this.program.deliver(operation, { ok: true, value: null });
    }
    return events;
  }

  private record(event: JobEvent): JobEvent {
    this.program.record(event);
    return event;
  }

  private howItEnds(finished: NonNullable<Run["finished"]>): HowItEnds {
    if (!finished.ok) return { end: "failed", failure: failureOf(finished.error) };
    const result: { value: Json } | { failure: Failure } = serializable(finished.value);
    if ("failure" in result) return { end: "failed", failure: result.failure };
    return { end: "completed", result: result.value, degraded: this.program.degraded };
  }

  private get outOfTime(): boolean {
    return this.options.deadline - this.services.now() < this.services.settings.reserveMs;
  }

  /** No step is in flight. */
  private get idle(): boolean {
    return this.running.size === 0 && this.settled.length === 0;
  }

  /** Steps whose next attempt may begin now: new ones, retries that are due, and what a dead worker left behind. */
  private startable(): Operation[] {
    const moment = this.services.now();
    const busy = new Set([...this.running.keys(), ...this.settled.map(({ operation }) => operation)]);
    return this.program
      .wanted()
      .filter(
        (operation) =>
          operation.kind === "step" &&
          operation.call !== undefined &&
          !busy.has(operation) &&
          (operation.state === "new" ||
            operation.state === "running" ||
            (operation.state === "retrying" && operation.dueAt! <= moment)),
      );
  }

  /** The next moment at which something is due. */
  private nextDue(states: Operation["state"][]): Millis | undefined {
    let next: Millis | undefined;
    for (const { state, dueAt } of this.program.wanted()) {
      if (states.includes(state) && dueAt !== undefined && dueAt < (next ?? Number.POSITIVE_INFINITY))
        next = dueAt;
    }
    return next;
  }

  /** Whether an idle job lets its worker go, and until when. */
  private release(): (JobEvent & { kind: "job.released" }) | undefined {
    const { now, settings } = this.services;
    const { outOfTime } = this;
    if (outOfTime && this.startable().length > 0) {
      return { kind: "job.released", reason: "out_of_time", wakeAt: now() };
    }
    const due = this.nextDue(["waiting", "retrying"]);
    if (due === undefined || (due - now() <= settings.waitInPlaceMs && !outOfTime)) return undefined;
    return { kind: "job.released", reason: "parked", wakeAt: due };
  }

  private start(operation: Operation): void {
    const interrupt = new AbortController();
    this.running.set(operation, interrupt);
    this.record({ kind: "step.started", steps: [{ step: operation.path, attempt: operation.attempt + 1 }] });
    const { logger, deadline, around } = this.options;
    const { job } = this.tenure;
    void attemptStep(this.services, job, operation, interrupt, {
      logger,
      remainingMs: deadline - this.services.now(),
      ...(around ? { around } : {}),
    }).then((settled) => {
      // Given up meanwhile: the attempt's end is no longer this pass's to record.
      if (!this.running.delete(operation)) return;
      if (settled.event.kind === "step.failed") {
        const { step, attempt, failure } = settled.event;
        logger.warn("step failed", { job_id: job.jobId, step, attempt, code: failure.code });
      }
      this.settled.push(settled);
      this.bell.resolve();
    });
  }

  private takeSettled(): Settled[] {
    let bytes = 0;
    const fits = this.settled.findIndex((one) => {
      bytes += one.bytes;
      return bytes > entryBytes;
    });
    return this.settled.splice(0, fits === -1 ? this.settled.length : Math.max(1, fits));
  }

  /** Sleeps until something has happened or is due, and looks after lease, cancel and deltas meanwhile. */
  private async news(): Promise<PassEnd | undefined> {
    const { now, sleep, settings } = this.services;
    for (;;) {
      // A retry that is due begins in the next pass when there is no time left in this one.
      const { outOfTime } = this;
      if (outOfTime && this.idle && this.nextDue(["retrying"]) !== undefined) return undefined;
      const due = this.nextDue(outOfTime ? ["waiting"] : ["waiting", "retrying"]);
      if (this.idle && due === undefined) {
        this.quietSince ??= now();
        if (now() - this.quietSince >= stuckMs) return this.stuck();
      } else {
        this.quietSince = undefined;
      }
      const abortAt = this.options.deadline - settings.marginMs;
      const moments = [this.pollAt, this.renewAt, abortAt, due ?? Number.POSITIVE_INFINITY];
      if (!this.deltas.empty) moments.push(this.flushAt);
      const nap = new AbortController();
      const rung = this.bell.promise.then(() => true);
      const wakeAt = Math.max(0, Math.min(...moments) - now());
      const news = await Promise.race([rung, sleep(wakeAt, nap.signal).then(() => false)]);
      nap.abort();
      if (news) this.bell = Promise.withResolvers<void>();
      // Whatever happened in the same moment is committed together.
      await settle();
      if (!this.deltas.empty && this.flushAt <= now()) {
        this.flushAt = now() + settings.deltaFlushMs;
        void this.deltas.flush();
      }
      if (now() >= this.pollAt) {
        const stopped = await this.poll();
        if (stopped) return stopped;
      }
      if (now() >= this.renewAt) {
        this.renewAt = now() + settings.heartbeatMs;
        await this.tenure.renew();
      }
      if (now() >= abortAt) return this.idle && due === undefined ? this.stuck() : this.abandon();
      if (this.settled.length > 0 || this.program.finished) return undefined;
      if (due !== undefined && due <= now()) return undefined;
      if (news && this.program.unrecorded().length > 0) return undefined;
    }
  }

  /** Looks for what others have written: a cancel, a newer claim, and whether anybody wants deltas. */
  private async poll(): Promise<PassEnd | undefined> {
    this.pollAt = this.services.now() + this.services.settings.cancelPollMs;
    const { overtakenBy, deltasWanted } = await this.tenure.look();
    this.deltas.wanted = deltasWanted ?? this.deltas.wanted;
    if (overtakenBy !== undefined) return { end: "overtaken", by: overtakenBy };
    const { cancelRequested } = this.tenure.job;
    if (!cancelRequested) return undefined;
    this.interrupt("The job has been cancelled");
    // What is known by now has been paid for.
    const events = this.takeSettled().map(({ event }) => event);
    return this.end(events, { end: "cancelled", by: cancelRequested.by });
  }

  /** What is to be shown, if the journal does not show it yet. */
  private newProgress() {
    const { progress } = this.program;
    if (!progress) return undefined;
    const shown = this.tenure.job.progress;
    const next = clamped(progress, shown);
    return same(next, shown) ? undefined : next;
  }

  private fullProgress() {
    const progress = this.program.progress ?? this.tenure.job.progress;
    return progress && { ...progress, completed_steps: progress.total_steps, percentage: 100 };
  }

  private async commit(events: JobEvent[], finish?: Finish): Promise<PassEnd | undefined> {
    const isCompleted = finish?.event.kind === "job.completed";
    const progress = isCompleted ? this.fullProgress() : this.newProgress();
    this.program.progress = undefined;
    const shown = progress ? withProgress(events, finish, progress) : { events, finish };
    const committed = await this.tenure.commit(shown.events, shown.finish);
    // An entry that found its place free has seen that nobody else wrote.
    this.pollAt = this.services.now() + this.services.settings.cancelPollMs;
    return stopped(committed);
  }

  private async letGo(events: JobEvent[], release: JobEvent & { kind: "job.released" }): Promise<PassEnd> {
    const { now, queue, journal } = this.services;
    const { job, claimed } = this.tenure;
    const { reason, wakeAt } = release;
    // Nothing new since the last time it was parked: an early message, not worth an entry.
    if (!claimed && events.length === 0 && job.status === "waiting" && !job.blocked && reason === "parked") {
      // Whoever sent it may have moved the moment at which the sweeper looks.
      if (job.due !== undefined && job.due < wakeAt) await journal.postpone({ ...job, due: job.due }, wakeAt);
      return { end: "nothing to do" };
    }
    const stopped = await this.commit(events, {
      event: release,
      along: (next) => ({ head: released(next, wakeAt) }),
    });
    if (stopped) return stopped;
    const delaySeconds = Math.max(0, Math.ceil((wakeAt - now()) / 1000));
    if (delaySeconds <= longestDelaySeconds) await wake({ queue }, this.tenure.job, delaySeconds);
    return reason === "parked" ? { end: "parked", wakeAt } : { end: "out of time" };
  }

  /** Time is nearly up and a step is still running: its attempt is left behind, the next pass begins a new one. */
  private async abandon(): Promise<PassEnd> {
    this.interrupt("The invocation's time is up");
    for (;;) {
      const events = this.takeSettled().map(({ event }) => event);
      if (this.settled.length === 0) {
        const wakeAt = this.services.now();
        return this.letGo(events, { kind: "job.released", reason: "out_of_time", wakeAt });
      }
      const stopped = await this.commit(events);
      if (stopped) return stopped;
    }
  }

  private async stuck(): Promise<PassEnd> {
    const missing = this.program.uncalled();
    if (missing) {
      const message = `The journal holds "${missing.path}", the job does not ask for it`;
      return this.block({ step: missing.path, message });
    }
    const message =
      "The job waits for something that is neither a step nor a wait of its context, so nothing would ever wake it";
    return this.end([], { end: "failed", failure: { code: "job_stuck", message } });
  }

  private async block(blocked: Divergence): Promise<PassEnd> {
    const { now, journal, settings } = this.services;
    const { job } = this.tenure;
    const end: PassEnd = { end: "blocked", divergence: blocked };
    const wakeAt = now() + Math.max(blockedRetryMs, settings.sweepSeconds * 1000);
    this.options.logger.error("job blocked", { job_id: job.jobId, ...blocked });
    if (same(job.blocked, blocked)) {
      if (job.due !== undefined) await journal.postpone({ ...job, due: job.due }, wakeAt);
      return end;
    }
    const event: JobEvent = { kind: "job.released", reason: "blocked", wakeAt, blocked };
    return stopped(await this.tenure.decline(event, wakeAt)) ?? end;
  }

  private async end(events: JobEvent[], how: HowItEnds): Promise<PassEnd> {
    const conclusion = await ending(this.services, this.tenure.job, this.jobType, how);
    let stopped: PassEnd | undefined;
    try {
      stopped = await this.commit(events, conclusion);
    } catch (error) {
      // E.g. an answer that its conversation cannot hold. The outcomes before it can be recorded all the same.
      if (!(error instanceof TooLarge) || how.end !== "completed") throw error;
      return this.end(events, { end: "failed", failure: failureOf(error) });
    }
    if (stopped) return stopped;
    await conclusion.handOver();
    return { end: "finished", status: this.tenure.job.status };
  }
}

function stopped(committed: Committed): PassEnd | undefined {
  if (committed.end === "committed") return undefined;
  if (committed.end === "cancelled") return { end: "finished", status: "cancelled" };
  return committed;
}

/** Puts what is to be shown on the last event, or on one of its own. */
function withProgress(
  events: JobEvent[],
  finish: Finish | undefined,
  progress: Progress,
): { events: JobEvent[]; finish?: Finish } {
  if (finish?.event.kind === "job.cancelled") return { events, finish };
  if (finish) return { events, finish: { ...finish, event: { ...finish.event, progress } as JobEvent } };
  const last = events.at(-1);
  if (!last) return { events: [{ kind: "progress", progress }] };
  return { events: [...events.slice(0, -1), { ...last, progress } as JobEvent] };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
