import { isDeepStrictEqual } from "node:util";
import { type Convoke, ConvokeError, convoke } from "../../client/index.ts";
import type { OnBusy } from "../../core/conversations/conversation.ts";
import { type Answer, completeCallback } from "../../core/engine/callback.ts";
import { cancel } from "../../core/engine/cancel.ts";
import { changeBudget } from "../../core/engine/change-budget.ts";
import { fork, retry } from "../../core/engine/fork.ts";
import { readEvents } from "../../core/engine/job-reading.ts";
import { pause, resume } from "../../core/engine/pause.ts";
import { createSchedule } from "../../core/engine/schedule.ts";
import { type SubmitRequest, submit } from "../../core/engine/submit.ts";
import type { MemoryServices } from "../../core/memory.ts";
import { IdempotencyMismatch, ServiceError, Unavailable } from "../../core/protocol/error.ts";
import type { Budget, JobKey } from "../../core/protocol/job.ts";
import type { Millis } from "../../core/protocol/json.ts";
import { iso } from "../../core/protocol/wire.ts";
import { overlapPolicies } from "../../core/schedules/schedule.ts";
import type { Chance } from "./faults.ts";
import { grow, type Plan, type Shape } from "./jobs.ts";
import { type KeptSchedule, verifySchedule } from "./schedules.ts";
import { quietTenant } from "./slots.ts";
import { webSocketOf } from "./sockets.ts";
import { person, type World } from "./world.ts";

export const tenants = ["acme", "globex"] as const;
export type Tenant = (typeof tenants)[number] | typeof quietTenant;

const lifeMs = 29_000;
/** A lease, two sweeps, and what a pass takes. */
const cancelledMs = 20_000;
/** L2: the journal is asked after 15 s of silence, what is missing then after 2 s more, and both take their way. */
const missedMs = 17_000;
const promptMs = 1_000;
/** Less than the time after which a client asks for what it misses. */
const slowMs = 1_900;
const travelMs = 2_500;
const slowTravelMs = 5_000;
/** How long after a fault a watcher may still be on its way back. */
const comebackMs = 75_000;

/** A watcher's view of one job over all its connections. */
export type Watcher = { jobId: string; last: number; ended: boolean; restored: boolean };

/** Those who use the service: they submit, cancel, watch and come back. */
export class People {
  readonly watchers: Watcher[] = [];
  /** What each idempotency key led to. */
  readonly answered = new Map<string, Set<string>>();
  readonly #world: World;
  readonly #clients = new Map<Tenant, Convoke>();
  /** Content that is asked for by several: whoever asks is given the job at work, or its result. */
  readonly #wanted = new Set<string>();
  readonly #schedules: KeptSchedule[] = [];
  /** What was done again because it had failed. */
  readonly triedAgain = new Set<string>();

  constructor(world: World) {
    this.#world = world;
    world.atTheEnd((key) => this.#hurry(key));
    world.onAsked((key, callbackId) => this.#answers(key, callbackId));
    world.onOverBudget((key) => void this.#raisesBudget(key));
    world.onRestored(() => this.#looksAround());
  }

  // ---- the front door

  /** One request through the API, whose process may die. */
  async #request<T>(work: (services: MemoryServices) => Promise<T>, serves: boolean): Promise<T> {
    const answer = await this.#world.run(this.#world.sandbox(lifeMs, serves), work);
    if (answer === "died") throw new Unavailable("The process died");
    return answer;
  }

  /** A client tries again while the service says that it may. */
  async #insist<T>(work: (services: MemoryServices) => Promise<T>): Promise<T | ServiceError> {
    const { chance, time, ledger } = this.#world;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#request(work, false);
      } catch (error) {
        if (!(error instanceof ServiceError)) {
          ledger.violated(`The front door throws ${error instanceof Error ? error.stack : error}`);
          return new ServiceError("surprise");
        }
        if (!(error instanceof Unavailable) || attempt === 8) return error;
        await time.sleep(chance.between(100, 2_000));
      }
    }
  }

  async submits(number: number, conversationId: string | undefined): Promise<void> {
    const { chance, time, faults, ledger } = this.#world;
    await time.sleep(chance.between(0, 20_000));
    const tenant = conversationId ? "acme" : chance.pick(tenants);
    const onBusy: OnBusy = chance.pick(["enqueue", "enqueue", "interrupt", "reject"]);
    const idempotencyKey = `request ${number}`;
    const plan = this.#plans(`${idempotencyKey} canary-${tenant}`);
    const earlier = [...ledger.pasts.values()].filter((past) => past.tenant === tenant);
    const when = {
      ...(earlier.length > 0 && onBusy !== "interrupt" && faults.strikes("waits for others")
        ? {
            dependsOn: [chance.pick(earlier).jobId],
            onDependencyFailure: chance.pick(["fail", "skip", "continue"] as const),
          }
        : {}),
      ...(faults.strikes("begins later") ? { delaySeconds: chance.between(1, 30) } : {}),
      // What goes on and on is likely to have a limit.
      ...(faults.strikes("own budget") || (plan.rounds && chance.of(0.6))
        ? { budget: someBudget(chance) }
        : {}),
    };
    const shared = !conversationId && faults.strikes("asked for by others");
    if (shared) this.#wanted.add(plan.question);
    const ask = async (input: Plan) => {
      const answer = await this.#submit(tenant, {
        type: "storm",
        input,
        idempotencyKey,
        ...when,
        ...(conversationId ? { conversation: { id: conversationId, onBusy } } : {}),
        ...(shared ? { singleFlight: true } : {}),
      });
      if (answer instanceof ServiceError) return answer;
      const { jobId } = answer.job;
      // Another one's job is nobody's for good: who asks again when it has ended is given one of his own.
      if (shared && answer.deduplicated) return { tenant, jobId };
      const jobs = this.answered.get(idempotencyKey) ?? new Set();
      this.answered.set(idempotencyKey, jobs.add(jobId));
      if (jobs.size > 1) ledger.violated(`I10 ${idempotencyKey} is several jobs`);
      if (answer.job.tenant !== tenant) ledger.violated(`I11 ${tenant} is given a job of somebody else`);
      return { tenant, jobId };
    };
    const again = faults.strikes("submitted twice")
      ? this.#after(chance.between(0, 500), () => ask(plan))
      : undefined;
    const other = faults.strikes("key used again")
      ? this.#after(chance.between(0, 500), () => ask({ ...plan, question: `${plan.question}!` }))
      : undefined;
    const others = shared ? chance.between(1, 2) : 0;
    const same = Array.from({ length: others }, (_, other) =>
      this.#after(chance.between(0, 20_000), () => this.#asksForTheSame(`${number}.${other}`, tenant, plan)),
    );
    const [key, , third] = await Promise.all([ask(plan), again, other]);
    if (third instanceof ServiceError === false && third && key instanceof ServiceError === false) {
      ledger.violated(`I10 ${idempotencyKey} was taken for two different requests`);
    }
    if (
      third instanceof ServiceError &&
      !(third instanceof IdempotencyMismatch || third instanceof Unavailable)
    ) {
      if (!conversationId) ledger.violated(`I10 ${idempotencyKey} used again: ${third.message}`);
    }
    if (!(key instanceof ServiceError)) {
      await Promise.all([this.#watches(key, tenant), this.#cancels(key), this.#pauses(key)]);
      await this.#forks(key, tenant);
      await this.#triesAgain(key, tenant);
    }
    await Promise.all(same);
  }

  /** What one who submits a job has it do. */
  #plans(question: string): Plan {
    const { chance, faults } = this.#world;
    const work = grow(chance);
    const shape: Shape = faults.strikes("flawed")
      ? { op: "sequence", n: 100, of: [work, someQuestion(chance, 101), { op: "flawed", n: 102 }, rest(103)] }
      : work;
    return {
      question: chance.of(0.03) ? question.padEnd(20_000, ".") : question,
      shape,
      ...(faults.strikes("goes on anew") ? { rounds: chance.between(1, 2) } : {}),
    };
  }

  #submit(tenant: Tenant, request: SubmitRequest) {
    return this.#insist((services) =>
      submit(services, this.#world.jobs.api, { tenant, by: person }, request),
    );
  }

  /** One who would be content with somebody else's result, or with a job that is at work. */
  async #asksForTheSame(number: string, tenant: Tenant, input: Plan): Promise<void> {
    const { chance, ledger, time } = this.#world;
    const ttlSeconds = chance.between(1, 30);
    const askedAt = time.now();
    const answer = await this.#submit(tenant, {
      type: "storm",
      input,
      idempotencyKey: `request ${number}`,
      ...(chance.of(0.5) ? { singleFlight: true } : { cache: { ttlSeconds } }),
    });
    if (answer instanceof ServiceError || !answer.cached) return;
    const past = ledger.pasts.get(answer.job.jobId);
    if (!past) return;
    const oldMs = askedAt - past.committedAt.at(-1)!;
    if (past.tenant !== tenant || past.state.status !== "completed" || past.state.continuedAs !== undefined)
      ledger.violated(
        `Job ${past.jobId} is ${past.state.status}, and was given as the result of another one`,
      );
    if (oldMs > ttlSeconds * 1_000 + this.#world.skewMs)
      ledger.violated(`Job ${past.jobId}: a result of ${oldMs} ms ago is given for ${ttlSeconds} s`);
  }

  async #after<T>(ms: Millis, work: () => Promise<T>): Promise<T> {
    await this.#world.time.sleep(ms);
    return work();
  }

  async #cancels(key: JobKey): Promise<void> {
    const { faults, time, chance } = this.#world;
    if (!faults.strikes("cancel")) return;
    await time.sleep(chance.between(0, 30_000));
    const asked = await this.#insist((services) => cancel(services, key, person));
    if (!asked || asked instanceof ServiceError) return;
    this.#acknowledged(key, asked.end);
  }

  /** One who pauses a job comes back to it. */
  async #pauses(key: JobKey): Promise<void> {
    const { faults, time, chance } = this.#world;
    if (!faults.strikes("paused")) return;
    await time.sleep(chance.between(0, 15_000));
    await this.#insist((services) => pause(services, key, person));
    await time.sleep(chance.between(0, 20_000));
    await this.#resumes(key);
  }

  async #resumes(key: JobKey): Promise<void> {
    while ((await this.#insist((services) => resume(services, key, person))) instanceof ServiceError) {
      await this.#world.time.sleep(1_000);
    }
  }

  /** What was said since then is lost, and whoever watched begins anew, as in a page that is loaded again. */
  #looksAround(): void {
    const { ledger } = this.#world;
    this.#clients.clear();
    for (const [key, jobs] of this.answered) {
      for (const jobId of jobs) if (!ledger.pasts.has(jobId)) jobs.delete(jobId);
      if (jobs.size === 0) this.answered.delete(key);
    }
    for (const { tenant, jobId, state } of ledger.pasts.values()) {
      if (state.paused) void this.#resumes({ tenant, jobId });
    }
  }

  /** One who wants it done again, from somewhere in the middle. */
  async #forks(key: JobKey, tenant: Tenant): Promise<void> {
    const { faults, time, chance, ledger } = this.#world;
    if (!faults.strikes("forked")) return;
    await time.sleep(chance.between(0, 10_000));
    const past = ledger.pasts.get(key.jobId);
    if (!past) return;
    const afterSeq = chance.between(1, past.events.length);
    const idempotencyKey = `fork of ${key.jobId}`;
    const answer = await this.#insist((services) =>
      fork(services, this.#world.jobs.api, person, key, { afterSeq, idempotencyKey }),
    );
    if (!(answer instanceof ServiceError)) await this.#watches(answer.job, tenant);
  }

  /** One who finds what has failed, mends what was wrong, and has it done again from there. */
  async #triesAgain(key: JobKey, tenant: Tenant): Promise<void> {
    const { faults, time, ledger } = this.#world;
    if (!faults.strikes("tried again")) return;
    while (ledger.pasts.get(key.jobId)?.ended === false) await time.sleep(1_000);
    const idempotencyKey = `again ${key.jobId}`;
    const answer = await this.#insist((services) =>
      retry(services, this.#world.jobs.api, person, key, { idempotencyKey }),
    );
    if (answer instanceof ServiceError) return;
    this.triedAgain.add(answer.job.jobId);
    await this.#watches(answer.job, tenant);
  }

  /** A job that is held because of its budget goes on when somebody says so. */
  async #raisesBudget(key: JobKey): Promise<void> {
    const { chance, time, ledger } = this.#world;
    await time.sleep(chance.between(0, 15_000));
    const { budgetExceeded } = ledger.pasts.get(key.jobId)?.state ?? {};
    if (!budgetExceeded) return;
    const change = { [budgetExceeded.limit]: null };
    while (
      (await this.#insist((services) => changeBudget(services, key, person, change))) instanceof ServiceError
    )
      await time.sleep(1_000);
  }

  /** One whose jobs begin by themselves. */
  async keepsSchedule(): Promise<void> {
    const { chance, faults, time, calmAt } = this.#world;
    if (!faults.strikes("kept schedule")) return;
    await time.sleep(chance.between(0, 15_000));
    const everyMs = 1_000 * chance.pick([10, 15, 20, 30]);
    const endAt = time.now() + chance.between(2, 4) * everyMs;
    const overlap = chance.pick(overlapPolicies);
    const tenant = chance.pick(tenants);
    const question = `scheduled canary-${tenant}`;
    const shape: Shape = { op: "step", n: 1, ms: chance.between(0, 25_000), fails: 0, large: false };
    const schedule = await this.#insist((services) =>
      createSchedule(
        services,
        this.#world.jobs.api,
        { tenant, by: person },
        {
          name: "again and again",
          type: "storm",
          input: { question, shape },
          cron: `*/${everyMs / 1_000} * * * * *`,
          timezone: "UTC",
          endAt,
          overlap,
          priority: "normal",
          tags: [],
        },
        "schedule",
      ),
    );
    // With a clock that is far ahead it would never come.
    if (schedule instanceof ServiceError) return;
    const { id, createdAt } = schedule.schedule;
    this.#schedules.push({ tenant, id, everyMs, overlap, from: createdAt, until: endAt });
    // Two sweeps more, so that the last moment has come for sure.
    await time.sleep(Math.max(endAt, calmAt) + 12_000 - time.now());
  }

  /** Once it is calm somebody floods the service, and somebody else wants a little. */
  async flood(): Promise<void> {
    const { chance, faults, time, calmAt, slots } = this.#world;
    // Who has no limit may have every worker there is.
    if (slots.enoughInvocations === Number.POSITIVE_INFINITY || !faults.strikes("flooded by others")) return;
    // By then a deployment is over that began at the last moment.
    await time.sleep(calmAt + 6_000 - time.now());
    const job = async (tenant: Tenant, number: number, ms: Millis) => {
      const shape: Shape = { op: "step", n: 1, ms, fails: 0, large: false };
      const question = `flood ${tenant} ${number} canary-${tenant}`;
      await this.#submit(tenant, { type: "storm", input: { question, shape } });
    };
    const length = chance.between(0, 7);
    if (length > 0) slots.flooded = true;
    const others = Array.from({ length }, (_, number) => job("globex", number, chance.between(500, 4_000)));
    await time.sleep(chance.between(20, 500));
    await Promise.all([...others, job(quietTenant, 0, 100)]);
  }

  /** What only those can tell who were there. */
  verify(): void {
    for (const schedule of this.#schedules) verifySchedule(this.#world, schedule);
  }

  isShared(question: string): boolean {
    return this.#wanted.has(question);
  }

  /** I9: of several who answer, one is right, and all are told the same. */
  #answers(key: JobKey, callbackId: string): void {
    const { time, chance, faults } = this.#world;
    const callers = faults.strikes("answered by many") ? chance.between(2, 3) : chance.between(0, 1);
    for (let caller = 1; caller <= callers; caller += 1) {
      const answer: Answer = chance.of(0.3)
        ? { failure: { code: "refused", message: `by caller ${caller}` } }
        : { result: chance.pick([caller, 0]) };
      time.after(chance.between(0, 30_000), () => void this.#answer(key, callbackId, answer));
    }
    // To a question: by somebody whom it was not put to, or beside the point. To anything else that is an answer.
    if (this.#isQuestion(key, callbackId) && chance.of(0.5)) {
      const [by, result] = chance.pick([
        ["somebody else", 1],
        [person, "many"],
      ] as const);
      time.after(chance.between(0, 10_000), () => void this.#answer(key, callbackId, { result }, by));
    }
  }

  #isQuestion({ jobId }: JobKey, callbackId: string): boolean {
    return this.#world.ledger.pasts.get(jobId)?.asked.get(callbackId)?.ask !== undefined;
  }

  async #answer(key: JobKey, callbackId: string, answer: Answer, by = person): Promise<void> {
    const { ledger } = this.#world;
    const told = await this.#insist((services) => completeCallback(services, key, callbackId, answer, by));
    const past = ledger.pasts.get(key.jobId);
    if (told instanceof Unavailable || !past) return;
    const proper = by === person && (!("result" in answer) || typeof answer.result === "number");
    const decision = past.decisions.get(callbackId);
    const stands =
      decision?.kind === "callback.completed" &&
      ("result" in answer
        ? isDeepStrictEqual(decision.result, { json: answer.result })
        : isDeepStrictEqual(decision.failure, answer.failure));
    const accepted = !(told instanceof ServiceError);
    // What is beside the point may say what has been decided by then.
    if (accepted !== stands && (proper || accepted)) {
      ledger.violated(
        `I9 job ${key.jobId}: a caller is told ${accepted ? "yes" : told.message}, not what stands`,
      );
    }
    const isOpen = past.asked.has(callbackId) && !decision && !past.ended;
    if (proper && !accepted && isOpen) ledger.violated(`I9 job ${key.jobId}: an answer is refused`);
  }

  /** A cancel in the moment before a job's end is written. */
  async #hurry({ tenant, jobId }: JobKey): Promise<void> {
    const key = { tenant, jobId };
    const { memory } = this.#world;
    const queue = { ...memory.queue, send: async () => this.#world.send(key, 0) };
    const asked = await cancel({ ...memory, queue }, key, "somebody in a hurry");
    if (asked) this.#acknowledged(key, asked.end);
  }

  #acknowledged({ jobId }: JobKey, end: "requested" | "already ended"): void {
    this.#world.trace("acknowledged", end);
    this.#world.ledger.acknowledged(jobId, end);
    if (end !== "requested") return;
    this.#world.expectCallsToEnd(jobId);
    this.#expectEnd(jobId);
  }

  /** L1 for a cancel: it waits for nothing but a worker, even where its message is lost. */
  #expectEnd(jobId: string): void {
    const { time, ledger, skewMs, calmAt } = this.#world;
    time.after(Math.max(0, calmAt - time.now()) + cancelledMs + skewMs, () => {
      if (!ledger.cancelled.has(jobId) || ledger.pasts.get(jobId)?.ended) return;
      ledger.violated(`L1 job ${jobId} does not end though cancelled`);
    });
  }

  // ---- watchers

  #client(tenant: Tenant): Convoke {
    const world = this.#world;
    return convoke({
      url: "http://storm",
      key: tenant,
      fetch: (input, init) => this.#fetch(tenant, String(input), init),
      WebSocket: webSocketOf(world.gateway),
    });
  }

  async #watches(key: JobKey, tenant: Tenant): Promise<void> {
    const { chance, faults } = this.#world;
    const watching: Promise<void>[] = [];
    if (chance.of(0.6)) watching.push(this.#watch(key, tenant));
    if (chance.of(0.25)) watching.push(this.#after(chance.between(0, 5_000), () => this.#watch(key, tenant)));
    if (faults.strikes("stranger watches")) {
      watching.push(this.#intrudes(key, tenant === "acme" ? "globex" : "acme"));
    }
    await Promise.all(watching);
  }

  /** Several watches of a tenant share a client, as in a page. */
  #shared(tenant: Tenant): Convoke {
    const known = this.#clients.get(tenant);
    if (known) return known;
    const client = this.#client(tenant);
    this.#clients.set(tenant, client);
    return client;
  }

  /** I3 and L2: one who watches is given after + 1, after + 2, ... over any number of clients. */
  async #watch({ jobId }: JobKey, tenant: Tenant): Promise<void> {
    const { time, chance, faults, ledger } = this.#world;
    const watcher: Watcher = { jobId, last: 0, ended: false, restored: false };
    this.watchers.push(watcher);
    const name = `${jobId.slice(-4)}/${this.watchers.length}`;
    let client = this.#shared(tenant);
    while (!watcher.ended && ledger.pasts.has(jobId)) {
      if (this.#knowsAnotherTable(watcher)) {
        watcher.restored = true;
        watcher.last = 0;
        client = this.#shared(tenant);
      }
      const began = time.now();
      const deltas = chance.of(0.3);
      let left = false;
      try {
        const events = client.watch(jobId, { after: watcher.last, deltas });
        for await (const event of this.#world.willRestore ? this.#untilRestored(events) : events) {
          if (event.kind === "delta") continue;
          const { seq } = event as { seq: number };
          const past = ledger.pasts.get(jobId)!;
          const written = past.events[seq - 1];
          if (seq !== watcher.last + 1) {
            ledger.violated(`I3 a watcher of job ${jobId} is given ${seq} after ${watcher.last}`);
          }
          if (!written || written.kind !== event.kind || iso(written.at) !== event.at) {
            ledger.violated(`I3 a watcher of job ${jobId} is given another event ${seq}`);
            return;
          }
          this.#late(jobId, seq, began, past.committedAt[seq - 1]!);
          watcher.last = seq;
          this.#world.trace("seen", name, seq);
          const isLast = past.ended && seq === past.events.length;
          left = isLast
            ? faults.strikes("watched after the end") && chance.of(0.5)
            : faults.strikes("watcher leaves") && chance.of(0.3);
          if (left) break;
        }
      } catch (error) {
        if (!ledger.pasts.has(jobId)) break;
        ledger.violated(`I3 a watch of job ${jobId} fails: ${error instanceof Error ? error.stack : error}`);
        return;
      }
      if (this.#knowsAnotherTable(watcher)) continue;
      watcher.ended = !left;
      if (!left) break;
      if (chance.of(0.5)) {
        // Another page, another device.
        client = this.#client(tenant);
      }
      await time.sleep(chance.between(0, 5_000));
      // Where the end of a watch and the next one on the same connection are under way at once, either may come first.
      // So this counts as a lost push, which the client finds by its probe.
      this.#world.pushFaultAt = time.now();
    }
    const past = ledger.pasts.get(jobId);
    if (!past) {
      watcher.ended = true;
      return;
    }
    if (watcher.last !== past.events.length || !past.ended) {
      ledger.violated(`I3 a watch of job ${jobId} ends at ${watcher.last} of ${past.events.length}`);
    }
  }

  /** What it has been given so far was the past of a table that is no more. */
  #knowsAnotherTable({ restored }: Watcher): boolean {
    return this.#world.restores && !this.#world.willRestore && !restored;
  }

  /** Until the table is an earlier one: a watch must not go on from what has not happened. */
  async *#untilRestored<T>(events: AsyncIterable<T>): AsyncGenerator<T, void> {
    const iterator = events[Symbol.asyncIterator]();
    const { restored } = this.#world;
    for (;;) {
      const next = await Promise.race([iterator.next(), restored.promise]);
      if (next === "restored" || next.done) break;
      yield next.value;
    }
    void iterator.return?.();
  }

  /** L2 for one event that has just been given out. */
  #late(jobId: string, seq: number, began: Millis, committedAt: Millis): void {
    const { time, watchFaultAt, pushFaultAt, slowAt, ledger } = this.#world;
    const from = Math.max(began, committedAt);
    const lateMs = time.now() - from;
    const slow = slowAt > from - 5_000;
    if (lateMs <= (slow ? slowMs : promptMs) || watchFaultAt > from - comebackMs) return;
    const what = `event ${seq} of job ${jobId} comes after ${lateMs} ms`;
    if (lateMs > missedMs + (slow ? slowTravelMs : travelMs)) ledger.violated(`L2 ${what}`);
    else if (pushFaultAt < from - comebackMs) ledger.violated(`L2 nothing was lost and ${what}`);
  }

  /** I11: somebody of another tenant learns nothing, not even that there is such a job. */
  async #intrudes({ jobId }: JobKey, tenant: Tenant): Promise<void> {
    const { ledger } = this.#world;
    const client = this.#client(tenant);
    try {
      for await (const event of client.watch(jobId)) {
        ledger.violated(`I11 ${tenant} sees a ${event.kind} of job ${jobId}`);
        break;
      }
    } catch (error) {
      if (!(error instanceof ConvokeError) || error.code !== "not_found") {
        ledger.violated(`I11 ${tenant} is told of job ${jobId}: ${String(error)}`);
      }
    }
    client.close();
  }

  /** The API as far as a watching client uses it. */
  async #fetch(tenant: Tenant, url: string, init: RequestInit | undefined): Promise<Response> {
    const { pathname, searchParams } = new URL(url);
    const aborted = new Promise<never>((_, reject) => {
      init?.signal?.addEventListener("abort", () => reject(init.signal?.reason), { once: true });
    });
    return Promise.race([this.#respond(tenant, pathname, searchParams), aborted]);
  }

  async #respond(tenant: Tenant, pathname: string, query: URLSearchParams): Promise<Response> {
    const { memory } = this.#world;
    try {
      if (pathname === "/api/ws-ticket") {
        const principal = { id: tenant, tenant, scopes: ["jobs:read" as const] };
        const ticket = await this.#request(
          (services) => services.keys.issueTicket(principal, memory.settings.ticketSeconds),
          true,
        );
        return reply(201, { ...ticket, url: "ws://storm" });
      }
      const jobId = /^\/api\/jobs\/([^/]+)\/events$/.exec(pathname)?.[1];
      if (!jobId) return reply(404, { code: "not_found" });
      const view = await this.#request(
        (services) =>
          readEvents(
            services,
            { tenant, jobId },
            {
              after: Number(query.get("after") ?? 0),
              limit: Number(query.get("limit") ?? 250),
              waitMs: Number(query.get("wait") ?? 0) * 1_000,
            },
          ),
        true,
      );
      return view ? reply(200, view) : reply(404, { code: "not_found" });
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      return reply(503, { code: error.code });
    }
  }
}

/** As much of a Response as the client reads. */
function reply(status: number, body: unknown): Response {
  const ok = status < 300;
  return { status, ok, headers: new Headers(), json: async () => structuredClone(body) } as Response;
}

function someQuestion(chance: Chance, n: number): Shape {
  return { op: "ask", n, seconds: chance.between(1, 5), default: chance.between(0, 9) };
}

function rest(n: number): Shape {
  return { op: "wait", n, seconds: 1 };
}

function someBudget(chance: Chance): Budget {
  const limit = chance.pick<Budget>([
    { max_tokens: chance.between(1, 3_000) },
    { max_cost_usd: 0.05 + 0.1 * chance.between(0, 3) },
    { max_steps: chance.between(1, 6) },
    { max_hops: chance.between(1, 4) },
  ]);
  return { ...limit, on_exceeded: chance.pick(["stop", "ask", "warn"]) };
}
