import {
  type Outcome as ConversationOutcome,
  type ConversationWrite,
  endJob,
} from "../conversations/conversation.ts";
import type { Along } from "../journal/journal.ts";
import { load, store } from "../payloads/payloads.ts";
import { failureOf, StepFailed } from "../protocol/error.ts";
import { applyEntry, type Entry, type JobEvent, lastSeq } from "../protocol/event.ts";
import { type Failure, isTerminal, type JobKey, type JobRecord } from "../protocol/job.ts";
import type { Json, JsonObject, Millis } from "../protocol/json.ts";
import { longestDelaySeconds } from "../queue/queue.ts";
import type { Services } from "../services.ts";
import { append, type Decision, isSignal } from "./append.ts";
import { type Logger, type StepOutcome, toMillis } from "./context.ts";
import { DeltaFeed } from "./deltas.ts";
import type { AnyJobType, Jobs } from "./job-type.ts";
import { backoff } from "./retry.ts";
import { type Divergence, idempotencyKey, type Operation, type Outcome, PaidFailure, Run } from "./run.ts";

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
  /** An earlier message of its conversation is still being answered. */
  | { end: "not its turn" }
  /** Expired, or never was. Nothing may bring it back. */
  | { end: "gone" };

export type PassOptions = {
  /** When the invocation ends. */
  deadline: Millis;
  logger: Logger;
};

export type EngineServices = Omit<Services, "sockets" | "watches" | "keys" | "deployment">;

/** How long a job function may wait for something that is not a step before it is taken for stuck. */
const stuckMs = 30_000;
const blockedRetryMs = 10 * 60_000;
/** Outcomes that are committed together stay well below what one item may hold. */
const entryBytes = 128 * 1024;

/**
 * One pass over a job: reads its journal, replays it through the job function, and carries on from there until the
 * job ends, has to wait, or the invocation's time is up. Safe to run at any time, any number of times, by any number
 * of workers at once.
 */
export async function pass(
  services: EngineServices,
  jobs: Jobs,
  key: JobKey,
  options: PassOptions,
): Promise<PassEnd> {
  const { journal, conversations, settings, now } = services;
  const entries: Entry[] = [];
  let reading = await journal.read(key, 0);
  entries.push(...reading.entries);
  while (reading.more) {
    reading = await journal.read(key, lastSeq(entries.at(-1)!));
    entries.push(...reading.entries);
  }
  const { head } = reading;
  // An expired job must not come back to life through an old message, so both are needed.
  if (!head || entries[0]?.seq !== 1) return { end: "gone" };
  const folded = entries.reduce<JobRecord | undefined>(applyEntry, undefined)!;
  if (isTerminal(folded.status)) return { end: "finished", status: folded.status };
  const job: JobRecord = { ...folded, ...(head.due === undefined ? {} : { due: head.due }) };

  const leased = head.lease !== undefined && head.lease.until > now();
  // A cancel does not wait for a lease to end: whoever reads it first may write the end.
  if (leased && !job.cancelRequested) return { end: "busy" };
  if (job.inConversation && job.hops === 0 && !job.cancelRequested) {
    const conversation = await conversations.get(job.tenant, job.inConversation.conversationId);
    if (conversation?.waitingJobIds.includes(job.jobId)) {
      if (job.due !== undefined) {
        await journal.postpone({ ...key, due: job.due }, now() + settings.sweepSeconds * 1000);
      }
      return { end: "not its turn" };
    }
  }
  if (leased) {
    // The living worker sees the cancel within seconds and ends the job with what it has. Give it that time.
    const cancelledAt = job.cancelRequested?.at ?? 0;
    if (now() - cancelledAt < 2 * settings.cancelPollMs + 1_000) return { end: "busy" };
  }
  const live = new LivePass(services, job, jobs.version(job.type, job.version), options);
  live.deltas.wanted = reading.deltasWanted;
  return live.run(entries);
}

type Settled = { operation: Operation; event: JobEvent; outcome?: Outcome; bytes: number };

class LivePass {
  readonly deltas: DeltaFeed;
  private readonly services: EngineServices;
  private readonly options: PassOptions;
  private readonly jobType: AnyJobType | undefined;
  private readonly by: string;
  private job: JobRecord;
  private readonly program: Run;
  private claimed = false;
  private readonly running = new Map<Operation, AbortController>();
  private settled: Settled[] = [];
  private bell = Promise.withResolvers<void>();
  private pollAt: Millis;
  private renewAt: Millis;
  private flushAt = 0;
  private quietSince: Millis | undefined;
  /** Whose turn it is in the conversation once this job has ended. */
  private nextInConversation: string | undefined;

  constructor(
    services: EngineServices,
    job: JobRecord,
    jobType: AnyJobType | undefined,
    options: PassOptions,
  ) {
    this.services = services;
    this.job = job;
    this.jobType = jobType;
    this.options = options;
    this.by = services.newId();
    this.deltas = new DeltaFeed(job, services.journal);
    this.pollAt = services.now() + services.settings.cancelPollMs;
    this.renewAt = services.now() + services.settings.heartbeatMs;
    this.program = new Run(
      job,
      {
        model: services.model,
        logger: options.logger,
        modelTotalMs: services.settings.modelTotalMs,
        modelIdleMs: services.settings.modelIdleMs,
        onDelta: (step, attempt, text) => {
          this.deltas.add(step, attempt, text);
          // The first words of a step go out at once, the following ones a few times a second.
          if (!this.deltas.empty && this.flushAt <= services.now()) this.ring();
        },
      },
      () => this.ring(),
    );
  }

  async run(entries: Entry[]): Promise<PassEnd> {
    try {
      const early = await this.beforeReplay(entries);
      const end = early ?? (await this.rounds());
      if (this.nextInConversation) await this.wakeNext(this.nextInConversation);
      return end;
    } finally {
      // The sandbox is frozen between invocations: nothing of this pass may wake up in the next one.
      this.program.cancelled.abort(new Error("The pass has ended"));
      for (const controller of this.running.values()) controller.abort(new Error("The pass has ended"));
    }
  }

  private async rounds(): Promise<PassEnd> {
    for (;;) {
      const end = (await this.turn()) ?? (await this.news());
      if (end) return end;
    }
  }

  /** Everything that ends a pass before the job function is asked, and the replay. */
  private async beforeReplay(entries: Entry[]): Promise<PassEnd | undefined> {
    const { job } = this;
    const { settings, now, payloads } = this.services;
    if (job.cancelRequested) return this.end([], { end: "cancelled" });
    const spent = overBudget(job, settings, now());
    if (spent) return this.end([], { end: "failed", failure: spent });
    if (!this.jobType) {
      const message = `This deployment has no ${job.type}@${job.version}`;
      return this.block({ step: "", message });
    }
    const submitted = entries[0]!.events[0]!;
    if (submitted.kind !== "job.submitted")
      throw new Error(`Job ${job.jobId} does not begin with job.submitted`);
    const input = await load(payloads, submitted.input);
    const { jobType, services } = this;
    this.program.begin((ctx) => jobType.run(ctx, input, { conversations: services.conversations }));
    await settle();
    for (const entry of entries) await this.replay(entry);
    this.program.replaying = false;
    if (same(this.program.progress, job.progress)) this.program.progress = undefined;
    const diverged = this.divergence();
    return diverged ? this.block(diverged) : undefined;
  }

  private async replay(entry: Entry): Promise<void> {
    const { payloads } = this.services;
    let delivered = false;
    for (const event of entry.events) {
      const operation = this.program.record(event);
      if (!operation) continue;
      if (event.kind === "step.completed") {
        const value = await load(payloads, event.result);
        const { usage, mock, degraded } = event;
        this.program.deliver(operation, { ok: true, value, usage, mock, degraded });
      } else if (event.kind === "step.failed") {
        this.program.deliver(operation, { ok: false, failure: event.failure });
      } else {
        this.program.deliver(operation, { ok: true, value: null });
      }
      delivered = true;
    }
    if (delivered) await settle();
  }

  /** A replay may be ahead of a job function that is awaiting something else, but never beside it. */
  private divergence(): Divergence | undefined {
    if (this.program.diverged) return this.program.diverged;
    const [missing] = this.program.uncalled();
    if (!missing) return undefined;
    const [asked] = this.program.takeFresh();
    if (!asked && !this.program.finished) return undefined;
    return {
      step: missing.path,
      message: asked
        ? `The journal holds "${missing.path}", the job asks for "${asked.path}" in its place`
        : `The journal holds "${missing.path}", the job ends without it`,
    };
  }

  /**
   * One round: give the job function what has happened, see what it asks for, commit both together, begin what it
   * asked for. Outcomes and the intents that follow from them share an entry, which costs one write and one round
   * trip less a stage; nothing that has an effect begins before that entry stands.
   */
  private async turn(): Promise<PassEnd | undefined> {
    const { now, settings } = this.services;
    const events: JobEvent[] = [];
    for (const { operation, event, outcome } of this.takeSettled()) {
      events.push(event);
      if (outcome) this.program.deliver(operation, outcome);
    }
    for (const operation of this.program.operations.values()) {
      if (operation.state !== "waiting" || operation.dueAt! > now()) continue;
      events.push({ kind: "wait.ended", step: operation.path });
      this.program.deliver(operation, { ok: true, value: null });
    }
    await settle();
    const diverged =
      this.program.diverged ?? (this.program.uncalled().length > 0 ? this.divergence() : undefined);
    if (diverged) return this.block(diverged);

    const { finished } = this.program;
    if (finished) {
      if (!finished.ok) return this.end(events, { end: "failed", failure: failureOf(finished.error) });
      const result = serializable(finished.value);
      return "failure" in result
        ? this.end(events, { end: "failed", failure: result.failure })
        : this.end(events, { end: "completed", result: result.value });
    }

    const outOfTime = this.options.deadline - now() < settings.reserveMs;
    const starting: Operation[] = [];
    for (const operation of this.program.takeFresh()) {
      if (operation.kind !== "wait") continue;
      operation.dueAt = now() + (operation.call?.durationMs ?? 0);
      operation.state = "waiting";
      events.push({ kind: "wait.started", step: operation.path, until: operation.dueAt });
    }
    if (!outOfTime) starting.push(...this.startable());
    if (starting.length > 0) {
      const begun = starting.filter((operation) => operation.attempt === 0).length;
      if (this.job.steps + begun > settings.maxSteps) {
        const message = `The job asked for more than ${settings.maxSteps} steps`;
        return this.end(events, { end: "failed", failure: { code: "budget_exceeded", message } });
      }
      events.push({
        kind: "step.started",
        steps: starting.map(({ path, attempt }) => ({ step: path, attempt: attempt + 1 })),
      });
    }
    const idle = this.running.size === 0 && starting.length === 0 && this.settled.length === 0;
    if (idle) {
      const release = this.release(outOfTime);
      if (release) return this.letGo(events, release);
    }
    if (events.length === 0 && !this.program.progress) return undefined;
    const stopped = await this.commit(events);
    if (stopped) return stopped;
    for (const operation of starting) this.start(operation);
    return undefined;
  }

  /** Steps whose next attempt may begin now: new ones, retries that are due, and what a dead worker left behind. */
  private startable(): Operation[] {
    const { now } = this.services;
    return [...this.program.operations.values()].filter(
      (operation) =>
        operation.kind === "step" &&
        operation.call !== undefined &&
        !this.running.has(operation) &&
        !this.settled.some((one) => one.operation === operation) &&
        (operation.state === "new" ||
          operation.state === "running" ||
          (operation.state === "retrying" && operation.dueAt! <= now())),
    );
  }

  /** The next moment at which a wait or a retry is due. */
  private nextDue(): Millis | undefined {
    const moments = [...this.program.operations.values()]
      .filter((operation) => operation.state === "waiting" || operation.state === "retrying")
      .map((operation) => operation.dueAt!);
    return moments.length > 0 ? Math.min(...moments) : undefined;
  }

  /** Whether an idle job lets its worker go, and until when. */
  private release(outOfTime: boolean): (JobEvent & { kind: "job.released" }) | undefined {
    const { now, settings } = this.services;
    if (outOfTime && this.startable().length > 0) {
      return { kind: "job.released", reason: "out_of_time", wakeAt: now() };
    }
    const due = this.nextDue();
    if (due === undefined || (due - now() <= settings.waitInPlaceMs && !outOfTime)) return undefined;
    return { kind: "job.released", reason: "parked", wakeAt: due };
  }

  private start(operation: Operation): void {
    const call = operation.call!;
    const controller = new AbortController();
    this.running.set(operation, controller);
    operation.state = "running";
    operation.attempt += 1;
    operation.dueAt = undefined;
    const { attempt, path } = operation;
    const logger = this.options.logger;
    const timeoutMs = call.config.timeout ? toMillis(call.config.timeout) : undefined;
    const nap = new AbortController();
    const interrupted = new Promise<never>((_, reject) => {
      controller.signal.addEventListener("abort", () => reject(controller.signal.reason), { once: true });
    });
    if (timeoutMs !== undefined) {
      this.services.sleep(timeoutMs, nap.signal).then(() => {
        if (nap.signal.aborted) return;
        const message = `Step "${path}" took longer than ${timeoutMs} ms`;
        controller.abort(new StepFailed("step_timeout", message, { retryable: true }));
      });
    }
    const performed = Promise.resolve().then(() =>
      call.perform!({
        attempt,
        logger,
        signal: controller.signal,
        idempotencyKey: idempotencyKey(this.job, path),
      }),
    );
    Promise.race([performed, interrupted])
      .then(
        (outcome) => this.completed(operation, outcome),
        (error: unknown) => this.failed(operation, error),
      )
      .catch((error: unknown) => this.failed(operation, error))
      .then((settled) => {
        nap.abort();
        this.running.delete(operation);
        this.settled.push(settled);
        this.ring();
      });
    performed.catch(() => {}); // an attempt that lost to its time-out may still fail
  }

  private async completed(operation: Operation, { result, ...rest }: StepOutcome): Promise<Settled> {
    const { payloads, settings } = this.services;
    const { path, attempt } = operation;
    // What the job is given now is what a replay will give it: the value after its journey through JSON.
    const json = serializable(result);
    if ("failure" in json) throw new StepFailed(json.failure.code, json.failure.message);
    const stored = await store(payloads, this.job, json.value, settings.inlineBytes);
    return {
      operation,
      event: { kind: "step.completed", step: path, attempt, result: stored, ...rest },
      outcome: { ok: true, value: json.value, ...rest },
      bytes: json.bytes,
    };
  }

  private failed(operation: Operation, thrown: unknown): Settled {
    const [error, usage] = thrown instanceof PaidFailure ? [thrown.cause, thrown.usage] : [thrown];
    const { settings, random, now } = this.services;
    const { path, attempt } = operation;
    const failure = failureOf(error, { step: path, attempt });
    operation.failures += 1;
    const strategy = operation.call?.config.retryStrategy ?? backoff(settings, random);
    const again = strategy(error, operation.failures);
    const event = { kind: "step.failed", step: path, attempt, failure, ...(usage ? { usage } : {}) } as const;
    this.options.logger.warn("step failed", {
      job_id: this.job.jobId,
      step: path,
      attempt,
      code: failure.code,
    });
    if (!again.shouldRetry) return { operation, event, outcome: { ok: false, failure }, bytes: 0 };
    const retryAt = now() + (again.delay ? toMillis(again.delay) : 0);
    operation.state = "retrying";
    operation.dueAt = retryAt;
    return { operation, event: { ...event, retryAt }, bytes: 0 };
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
      const idle = this.running.size === 0 && this.settled.length === 0;
      const due = this.nextDue();
      if (idle && due === undefined) {
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
      if (now() >= this.renewAt) await this.renew();
      if (now() >= abortAt) return idle && due === undefined ? this.stuck() : this.abandon();
      if (this.settled.length > 0 || this.program.finished) return undefined;
      if (due !== undefined && due <= now()) return undefined;
      if (news && !this.quiet()) return undefined;
    }
  }

  /** Nothing that the job function asked for is new. */
  private quiet(): boolean {
    return ![...this.program.operations.values()].some(
      (operation) => operation.call && operation.state === "new",
    );
  }

  private ring(): void {
    this.bell.resolve();
  }

  /** Looks for what others have written: a cancel, a newer claim, and whether anybody wants deltas. */
  private async poll(): Promise<PassEnd | undefined> {
    const { journal, now, settings } = this.services;
    this.pollAt = now() + settings.cancelPollMs;
    const reading = await journal.read(this.job, this.job.seq).catch(() => undefined);
    if (!reading) return undefined;
    this.deltas.wanted = reading.deltasWanted;
    for (const entry of reading.entries) {
      if (!isSignal(entry)) return { end: "overtaken", by: entry.by };
      this.job = applyEntry(this.job, entry);
    }
    if (!this.job.cancelRequested) return undefined;
    return this.end([], { end: "cancelled" });
  }

  private async renew(): Promise<void> {
    const { journal, now, settings } = this.services;
    this.renewAt = now() + settings.heartbeatMs;
    if (!this.claimed) return;
    this.job = this.withLease(this.job);
    // Losing the lease is no reason to stop: only the journal's order decides, and the next append will tell.
    await journal.renew(this.job).catch(() => false);
  }

  private withLease(job: JobRecord): JobRecord {
    const until = this.services.now() + this.services.settings.leaseMs;
    return { ...job, lease: { by: this.by, until }, due: until };
  }

  /** Writes events, and with the first ones of a pass its claim. */
  private async commit(
    events: JobEvent[],
    finish?: { event: JobEvent; along: (next: JobRecord) => Promise<Along> | Along },
  ): Promise<PassEnd | undefined> {
    const { program } = this;
    const claim: JobEvent[] = this.claimed ? [] : [{ kind: "job.claimed", by: this.by }];
    const all = this.shown([...claim, ...events, ...(finish ? [finish.event] : [])]);
    // An intent that never became a call would read as one that may have been paid for.
    const cancel = [
      ...claim,
      ...events.filter(({ kind }) => kind !== "step.started" && kind !== "wait.started"),
    ];
    let cancelled = false;
    const outcome = await append(this.services, this.job, this.by, (state): Decision => {
      if (state.cancelRequested && finish?.event.kind !== "job.cancelled") {
        cancelled = true;
        const end: JobEvent = { kind: "job.cancelled", by: state.cancelRequested.by };
        return { events: [...cancel, end], along: (next) => this.alongEnd(next, { end: "cancelled" }) };
      }
      if (finish) return { events: all, along: finish.along };
      return this.claimed
        ? { events: all }
        : { events: all, along: (next) => ({ head: this.withLease(next) }) };
    });
    if (outcome.end === "overtaken") return { end: "overtaken", by: outcome.entry.by };
    this.claimed = true;
    this.job = outcome.job;
    program.progress = undefined;
    return cancelled ? { end: "finished", status: "cancelled" } : undefined;
  }

  /** Puts what is to be shown on the last event that can carry it. */
  private shown(events: JobEvent[]): JobEvent[] {
    const last = events.at(-1);
    const ending = last?.kind === "job.completed";
    const progress = this.program.progress ?? (ending ? this.job.progress : undefined);
    if (!progress) return events;
    const before = this.job.progress?.percentage ?? 0;
    const clamped = ending
      ? { ...progress, completed_steps: progress.total_steps, percentage: 100 }
      : { ...progress, percentage: Math.min(99.9, Math.max(before, progress.percentage)) };
    if (!last) return [{ kind: "progress", progress: clamped }];
    return [...events.slice(0, -1), { ...last, progress: clamped } as JobEvent];
  }

  private async letGo(events: JobEvent[], release: JobEvent & { kind: "job.released" }): Promise<PassEnd> {
    const { now, queue } = this.services;
    // Nothing new since the last time it was parked: an early message, not worth an entry.
    if (
      !this.claimed &&
      events.length === 0 &&
      this.job.status === "waiting" &&
      release.reason === "parked"
    ) {
      return { end: "nothing to do" };
    }
    const stopped = await this.commit(events, {
      event: release,
      along: (next) => ({ head: { ...withoutLease(next), due: release.wakeAt } }),
    });
    if (stopped) return stopped;
    const delaySeconds = Math.max(0, Math.ceil((release.wakeAt - now()) / 1000));
    if (delaySeconds <= longestDelaySeconds) {
      // The sweeper would do it too; the message is quicker.
      await queue.send(this.job.lane, wakeUp(this.job), delaySeconds).catch(() => {});
    }
    return release.reason === "parked" ? { end: "parked", wakeAt: release.wakeAt } : { end: "out of time" };
  }

  /** Time is nearly up and a step is still running: its attempt is left behind, the next pass begins a new one. */
  private async abandon(): Promise<PassEnd> {
    for (const [operation, controller] of this.running) {
      controller.abort(new Error("The invocation's time is up"));
      this.running.delete(operation);
    }
    this.settled = this.settled.filter((one) => one.event.kind === "step.completed");
    const events = this.takeSettled().map(({ event }) => event);
    return this.letGo(events, { kind: "job.released", reason: "out_of_time", wakeAt: this.services.now() });
  }

  private async stuck(): Promise<PassEnd> {
    const [missing] = this.program.uncalled();
    if (missing) {
      return this.block({
        step: missing.path,
        message: `The journal holds "${missing.path}", the job does not ask for it`,
      });
    }
    const message =
      "The job waits for something that is neither a step nor a wait of its context, so nothing would ever wake it";
    return this.end([], { end: "failed", failure: { code: "job_stuck", message } });
  }

  private async block(divergence: Divergence): Promise<PassEnd> {
    const { now, journal, settings } = this.services;
    const wakeAt = now() + Math.max(blockedRetryMs, settings.sweepSeconds * 1000);
    this.options.logger.error("job blocked", { job_id: this.job.jobId, ...divergence });
    if (same(this.job.blocked, divergence)) {
      if (this.job.due !== undefined) await journal.postpone({ ...this.job, due: this.job.due }, wakeAt);
      return { end: "blocked", divergence };
    }
    this.program.progress = undefined;
    // No claim: a job that nothing may touch has not been worked on.
    const outcome = await append(this.services, this.job, this.by, () => ({
      events: [{ kind: "job.released", reason: "blocked", wakeAt, blocked: divergence }],
      along: (next) => ({ head: { ...withoutLease(next), due: wakeAt } }),
    }));
    if (outcome.end === "overtaken") return { end: "overtaken", by: outcome.entry.by };
    return { end: "blocked", divergence };
  }

  private async end(
    events: JobEvent[],
    how: { end: "completed"; result: Json } | { end: "failed"; failure: Failure } | { end: "cancelled" },
  ): Promise<PassEnd> {
    const { payloads, settings } = this.services;
    const event: JobEvent =
      how.end === "completed"
        ? {
            kind: "job.completed",
            result: await store(payloads, this.job, how.result, settings.inlineBytes),
            ...(this.program.degraded ? { degraded: true } : {}),
          }
        : how.end === "failed"
          ? { kind: "job.failed", failure: how.failure }
          : { kind: "job.cancelled", by: this.job.cancelRequested?.by ?? this.by };
    const stopped = await this.commit(events, { event, along: (next) => this.alongEnd(next, how) });
    return stopped ?? { end: "finished", status: how.end };
  }

  /** HEAD without lease and due, and the conversation's next state, in the transaction that ends the job. */
  private async alongEnd(
    next: JobRecord,
    how: { end: "completed"; result: Json } | { end: "failed"; failure: Failure } | { end: "cancelled" },
  ): Promise<Along> {
    const conversation = await this.conversationEnd(how);
    return { head: next, ...(conversation ? { conversation } : {}) };
  }

  private async conversationEnd(
    how: { end: "completed"; result: Json } | { end: "failed"; failure: Failure } | { end: "cancelled" },
  ): Promise<ConversationWrite | undefined> {
    const { conversations, now } = this.services;
    const { tenant, jobId, inConversation } = this.job;
    if (!inConversation) return undefined;
    const conversation = await conversations.get(tenant, inConversation.conversationId);
    if (!conversation) return undefined;
    let outcome: ConversationOutcome;
    if (how.end === "completed") {
      const reply = this.jobType?.reply?.(how.result);
      outcome = reply
        ? {
            end: "completed",
            reply: { content: reply.content, data: reply.data as JsonObject },
            ...(reply.title && inConversation.message === 1 ? { title: reply.title } : {}),
          }
        : { end: "completed" };
    } else {
      outcome = how;
    }
    const { write, next } = endJob(conversation, jobId, outcome, now());
    this.nextInConversation = next;
    return write;
  }

  private async wakeNext(jobId: string): Promise<void> {
    const { journal, queue } = this.services;
    const next = await journal.head({ tenant: this.job.tenant, jobId }).catch(() => undefined);
    // The sweeper would find it too; the message is quicker.
    if (next) await queue.send(next.lane, wakeUp(next)).catch(() => {});
  }
}

function wakeUp({ tenant, jobId }: JobKey): JobKey {
  return { tenant, jobId };
}

function withoutLease(job: JobRecord): JobRecord {
  const { lease: _lease, ...rest } = job;
  return rest;
}

function overBudget(job: JobRecord, settings: Services["settings"], now: Millis): Failure | undefined {
  if (job.stalls >= settings.maxStalls) {
    return {
      code: "worker_died",
      message: `${job.stalls} workers in a row died over this job before they could record anything`,
    };
  }
  const exceeded = (message: string): Failure => ({ code: "budget_exceeded", message });
  if (job.hops >= settings.maxHops) return exceeded(`The job went through the queue ${job.hops} times`);
  if (now - job.createdAt > settings.maxAgeMs) {
    return exceeded(`The job is older than ${settings.maxAgeMs / 86_400_000} days`);
  }
  if (job.seq >= settings.maxEvents)
    return exceeded(`The journal has more than ${settings.maxEvents} events`);
  return undefined;
}

/** A value as its journey through JSON leaves it, or why it cannot make that journey. */
function serializable(value: unknown): { value: Json; bytes: number } | { failure: Failure } {
  try {
    const json = JSON.stringify(value ?? null);
    if (json === undefined) throw new TypeError(`a ${typeof value} is no JSON value`);
    return { value: JSON.parse(json) as Json, bytes: Buffer.byteLength(json) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { failure: { code: "not_serializable", message: `A result must be JSON: ${reason}` } };
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Lets the job function run until it waits: its promises settle before the event loop turns. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
