import { load } from "../payloads/payloads.ts";
import { failureOf, NotFound, TooLarge } from "../protocol/error.ts";
import type { Entry, JobEvent } from "../protocol/event.ts";
import type { Failure, JobRecord, Progress } from "../protocol/job.ts";
import type { Json, Millis } from "../protocol/json.ts";
import { longestDelaySeconds } from "../queue/queue.ts";
import { type Around, attemptStep, interrupted, type Settled, serializable } from "./attempt.ts";
import { isLate, overBudget, overOwnBudget, stoppedBy, tooManyEvents, tooManySteps } from "./budget.ts";
import { refusal } from "./children.ts";
import type { Logger } from "./context.ts";
import { continuation, type Submitted } from "./continuation.ts";
import { DeltaFeed } from "./deltas.ts";
import { ending } from "./ending.ts";
import type { EngineServices } from "./engine-services.ts";
import type { HowItEnds } from "./how-it-ends.ts";
import { jobContext } from "./job-context.ts";
import type { AnyJobType, Jobs } from "./job-type.ts";
import { LiveChildren } from "./live-children.ts";
import { patiently } from "./patience.ts";
import { firstAttempts, folded, nextDue, type Plan, planTurn, type Release, startable } from "./plan.ts";
import { divergence, learn, replay, settle } from "./replay.ts";
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
  /** An earlier message of its conversation is still being answered, a job that it depends on has not ended, or no slot is free. */
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

/** How long a job function may wait for something that is not a step before it is taken for stuck. */
const stuckMs = 30_000;
/** Outcomes that are committed together stay well below what one item may hold. */
const entryBytes = 128 * 1024;

/**
 * The part of a pass in which a job is worked on: a replay, then turn after turn. In each turn the job function is
 * given what has happened, and what it asks for then is committed together with that; between turns it waits for news.
 */
export class LivePass {
  private readonly services: EngineServices;
  private readonly options: PassOptions;
  private readonly jobs: Jobs;
  private readonly jobType: AnyJobType | undefined;
  private readonly tenure: Tenure;
  private readonly program: Run;
  private readonly deltas: DeltaFeed;
  private readonly running = new Map<Operation, AbortController>();
  private settled: Settled[] = [];
  private bell = Promise.withResolvers<void>();
  private submitted: Submitted | undefined;
  private children: LiveChildren | undefined;
  /** Something has been said, by others or by this worker, after which the plan may be another one. */
  private changed = false;
  private held = false;
  /** When the job function was given what the next entry begins with: a replay has to tell it the same time. */
  private givenAt: Millis | undefined;
  private pollAt: Millis;
  private renewAt: Millis;
  private flushAt = 0;
  private quietSince: Millis | undefined;

  constructor(
    services: EngineServices,
    job: JobRecord,
    jobs: Jobs,
    options: PassOptions & { deltasWanted: boolean },
  ) {
    const { settings, now, model } = services;
    this.services = services;
    this.jobs = jobs;
    this.jobType = jobs.version(job.type, job.version);
    this.options = options;
    this.tenure = new Tenure(services, job, (by, past) =>
      ending(services, jobs, this.tenure.job, { end: "cancelled", by }, past),
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
      if (!(error instanceof NotFound)) throw error;
      return await this.end([], { end: "failed", failure: { code: "payload_gone", message: error.message } });
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
    const { settings, now, payloads } = services;
    const { job } = this.tenure;
    if (job.cancelRequested) return this.end([], { end: "cancelled", by: job.cancelRequested.by });
    const spent = overBudget(job, entries, settings, now());
    if (spent) return this.end([], { end: "failed", failure: spent });
    if (!jobType)
      return this.block({ step: "", message: `This deployment has no ${job.type}@${job.version}` });
    if (!job.blocked && isLate(job, entries, settings, now())) {
      const stopped = await this.commit([], () => ({ intents: [] }));
      if (stopped) return stopped;
    }
    const submitted = entries[0]!.events[0]!;
    if (submitted.kind !== "job.submitted")
      throw new Error(`Job ${job.jobId} does not begin with job.submitted`);
    this.submitted = submitted;
    const input = await load(payloads, submitted.input);
    program.begin(() => jobType.run(jobContext(program, ""), input, services));
    await replay(program, payloads, entries);
    // What a replay shows has been shown, and steps may have shown more since.
    if (job.hops > 0) program.progress = undefined;
    const diverged = divergence(program);
    if (diverged) return this.block(diverged);
    this.children = new LiveChildren(services, this.jobs, this.tenure, program, submitted.by);
    await this.children.look();
    return undefined;
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
    this.changed = false;
    const happened = await this.deliver();
    if (happened.length > 0) await settle();
    const diverged = program.diverged ?? (program.uncalled() ? divergence(program) : undefined);
    if (diverged) return this.block(diverged);
    if (program.finished) return this.end(happened, await this.howItEnds(program.finished, happened));
    const failure = this.failure(happened);
    if (failure) return this.end(happened, { end: "failed", failure });

    const { intents, release, held } = this.plan(happened, this.tenure.job);
    this.held = held;
    if (happened.length === 0 && intents.length === 0) {
      if (release && this.isReleased(release)) return this.nothingToDo(release);
      if (!release && !this.newProgress()) return undefined;
    }
    return this.carryOut(happened, (job) => this.plan(happened, job));
  }

  private plan(happened: JobEvent[], job: JobRecord): Plan {
    const { program, outOfTime, idle, jobs } = this;
    const { settings, now } = this.services;
    const refuse = (child: Parameters<typeof refusal>[2]) => refusal(jobs, job, child, settings);
    const situation = { program, settings, now: now(), outOfTime, idle, refusal: refuse };
    return planTurn(folded(job, [...this.tenure.claim, ...happened], now()), situation);
  }

  /** Commits what happened and what follows from it, then does the latter. */
  private async carryOut(happened: JobEvent[], plan: (job: JobRecord) => Plan): Promise<PassEnd | undefined> {
    const { now, sleep, settings } = this.services;
    let planned: Plan = { intents: [], starting: [], held: false };
    const stopped = await this.commit(happened, (job) => {
      planned = plan(job);
      const { intents, release } = planned;
      return { intents, ...(release ? { finish: finishOf(release) } : {}) };
    });
    if (stopped) return stopped;
    this.held = planned.held;
    for (const event of planned.intents) this.program.record(event, now());
    // What this worker has decided is there to be given, like what others have.
    this.changed ||= planned.intents.some(
      ({ kind }) => kind === "callback.completed" || kind === "callback.expired",
    );
    if (planned.release) {
      // A child begins at once, not at the next look for it.
      for (const event of planned.intents) await this.children?.follow(event);
      return this.letGo(planned.release);
    }
    // After a long pause a successor may have finished what would begin here.
    while (this.tenure.leaseIsOver && !(await this.tenure.renew())) {
      const end = await this.poll();
      if (end) return end;
      await sleep(settings.deltaFlushMs);
    }
    for (const operation of planned.starting) this.start(operation);
    for (const event of planned.intents) await this.children?.follow(event);
    return undefined;
  }

  /** Takes in what others have written. */
  private async learn(): Promise<void> {
    const { services, program, tenure } = this;
    for (const entry of tenure.takeSignals()) {
      await patiently(services, () => learn(program, services.payloads, entry));
      this.changed = true;
    }
  }

  /** What ends the job instead of its next step. */
  private failure(happened: JobEvent[]): Failure | undefined {
    const { settings, now } = this.services;
    const job = folded(this.tenure.job, [...this.tenure.claim, ...happened], now());
    const starting = this.outOfTime || job.paused ? [] : startable(this.program, now());
    const begun = firstAttempts(starting);
    const over = starting.length > 0 ? overOwnBudget(job, begun, now()) : undefined;
    return tooManySteps(job, begun, settings) ?? tooManyEvents(job, settings) ?? stoppedBy(job, over);
  }

  /** Gives the job function what has settled, what is due and what has been decided, and returns it for the journal. */
  private async deliver(): Promise<JobEvent[]> {
    const { program } = this;
    const events: JobEvent[] = [];
    const given: Operation[] = [];
    const moment = this.services.now();
    this.givenAt = moment;
    const record = (event: JobEvent, value?: Json) => {
      events.push(event);
      const operation = program.record(event, moment, value);
      if (operation) given.push(operation);
    };
    this.surfaceInterrupted();
    for (const { event, value } of this.takeSettled()) record(event, value);
    // A decision is on record and therefore there to give, whatever clock its writer had.
    const over = program
      .wanted()
      .filter(
        ({ state, outcome, dueAt }) =>
          state === "waiting" && (outcome !== undefined || (dueAt !== undefined && dueAt <= moment)),
      );
    // In the order in which it happened: a worker that comes late must not make another branch win.
    for (const { path } of over.sort((a, b) => a.dueAt! - b.dueAt!))
      record({ kind: "wait.ended", step: path });
    await program.give(given);
    return events;
  }

  /** What may be attempted at most once and was left behind by a dead worker has failed. */
  private surfaceInterrupted(): void {
    for (const operation of this.program.wanted()) {
      const { call, state, inFlight } = operation;
      if (state !== "running" || inFlight || call?.kind !== "step") continue;
      if (call.config.semantics !== "AT_MOST_ONCE_PER_RETRY") continue;
      operation.inFlight = true;
      this.settled.push(interrupted(this.services, operation));
    }
  }

  private async howItEnds(finished: NonNullable<Run["finished"]>, happened: JobEvent[]): Promise<HowItEnds> {
    if (!finished.ok) return { end: "failed", failure: failureOf(finished.error) };
    if (finished.continues) {
      const { services, jobs, tenure, submitted } = this;
      const job = folded(tenure.job, happened, services.now());
      const how = await continuation(services, jobs, job, submitted!, finished);
      return how.end === "continued" ? { ...how, degraded: this.program.degraded } : how;
    }
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

  private start(operation: Operation): void {
    const interrupt = new AbortController();
    this.running.set(operation, interrupt);
    operation.inFlight = true;
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
      if (this.changed) return undefined;
      const { outOfTime, held, program } = this;
      const { job } = this.tenure;
      // A retry that is due begins in the next pass when there is no time left in this one.
      if (outOfTime && this.idle && nextDue(job, program, true) !== undefined) return undefined;
      const due = nextDue(job, program, !outOfTime && !held);
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
    await this.learn();
    if (this.children && this.services.now() >= this.children.lookAt) await this.children.look();
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

  /** @param then - what follows from what happened, in view of the job as its journal has it. */
  private async commit(
    happened: JobEvent[],
    then: (job: JobRecord) => { intents: JobEvent[]; finish?: Finish },
  ): Promise<PassEnd | undefined> {
    const [full, next] = [this.fullProgress(), this.newProgress()];
    this.program.progress = undefined;
    const at = happened.length > 0 ? this.givenAt : undefined;
    const committed = await this.tenure.commit((job) => {
      const { intents, finish } = then(job);
      const progress = finish?.event.kind === "job.completed" ? full : next;
      const events = [...happened, ...intents];
      const degraded = job.degraded || this.program.degraded || events.some(isDegraded);
      const shown = progress
        ? withProgress(events, finish, degraded ? { ...progress, degraded } : progress)
        : { events, ...(finish ? { finish } : {}) };
      return { ...shown, ...(at === undefined ? {} : { at }) };
    }, happened);
    // An entry that found its place free has seen that nobody else wrote.
    this.pollAt = this.services.now() + this.services.settings.cancelPollMs;
    await this.learn();
    return stopped(committed);
  }

  /** It was parked like this before: an early message, not worth an entry. */
  private isReleased({ reason }: Release): boolean {
    const { job, claimed } = this.tenure;
    return !claimed && job.status === "waiting" && !job.blocked && reason !== "out_of_time";
  }

  private async nothingToDo({ wakeAt }: Release): Promise<PassEnd> {
    const { job } = this.tenure;
    // Whoever sent the message may have moved the moment at which the sweeper looks.
    if (job.due !== undefined && job.due < wakeAt)
      await this.services.journal.postpone({ ...job, due: job.due }, wakeAt);
    return { end: "nothing to do" };
  }

  private async letGo({ reason, wakeAt }: Release): Promise<PassEnd> {
    const { now, queue } = this.services;
    const delaySeconds = Math.max(0, Math.ceil((wakeAt - now()) / 1000));
    if (delaySeconds <= longestDelaySeconds) await wake({ queue }, this.tenure.job, delaySeconds);
    return reason === "out_of_time" ? { end: "out of time" } : { end: "parked", wakeAt };
  }

  /** Time is nearly up and a step is still running: its attempt is left behind, the next pass begins a new one. */
  private async abandon(): Promise<PassEnd> {
    this.interrupt("The invocation's time is up");
    for (;;) {
      const events = this.takeSettled().map(({ event }) => event);
      const isLast = this.settled.length === 0;
      const wakeAt = this.services.now();
      const release: Release = { kind: "job.released", reason: "out_of_time", wakeAt };
      const end = await this.carryOut(events, () => ({
        intents: [],
        starting: [],
        held: false,
        ...(isLast ? { release } : {}),
      }));
      if (end) return end;
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
    const wakeAt = now() + settings.blockedRetryMs;
    this.options.logger.error("job blocked", { job_id: job.jobId, ...blocked });
    if (same(job.blocked, blocked)) {
      if (job.due !== undefined) await journal.postpone({ ...job, due: job.due }, wakeAt);
      return end;
    }
    const event: JobEvent = { kind: "job.released", reason: "blocked", wakeAt, blocked };
    return stopped(await this.tenure.decline(event, wakeAt)) ?? end;
  }

  private async end(events: JobEvent[], how: HowItEnds): Promise<PassEnd> {
    const conclusion = await ending(this.services, this.jobs, this.tenure.job, how, events);
    let stopped: PassEnd | undefined;
    try {
      stopped = await this.commit(events, () => ({ intents: [], finish: conclusion }));
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

function finishOf(release: Release): Finish {
  return { event: release, along: (next) => ({ head: released(next, release.wakeAt) }) };
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

function isDegraded(event: JobEvent): boolean {
  return "degraded" in event && event.degraded === true;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
