import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import type { DynamoDBRecord, DynamoDBStreamEvent, SQSEvent } from "aws-lambda";
import { settings } from "../../core/config.ts";
import type { Logger } from "../../core/engine/context.ts";
import type { Concurrency, Jobs } from "../../core/engine/job-type.ts";
import { pass } from "../../core/engine/pass.ts";
import { place } from "../../core/engine/place.ts";
import { deltasItem, entryItem, type StreamRecord } from "../../core/journal/items.ts";
import type { Journal } from "../../core/journal/journal.ts";
import { type MemoryServices, memoryServices, seededRandom } from "../../core/memory.ts";
import { ModelError } from "../../core/models/errors.ts";
import type { Model } from "../../core/models/model.ts";
import type { Item } from "../../core/pack.ts";
import { Unavailable } from "../../core/protocol/error.ts";
import { isTerminalEvent } from "../../core/protocol/event.ts";
import type { JobKey } from "../../core/protocol/job.ts";
import type { Millis } from "../../core/protocol/json.ts";
import { progress } from "../../functions/progress/progress.ts";
import { sweeper } from "../../functions/sweeper/sweeper.ts";
import { type Chance, clockOffset, type Fault, Faults, type Weather } from "./faults.ts";
import { deployments, type Hands, type Plan } from "./jobs.ts";
import { isSignal, Ledger } from "./ledger.ts";
import { FairQueue, type Message } from "./queue.ts";
import { SlotLaws } from "./slots.ts";
import { SocketGateway } from "./sockets.ts";
import type { StormTime } from "./time.ts";

/** How long a request or an answer is on its way, at most. */
const journeyMs = 20;
/** An invocation of the worker, and now and then a shorter one, so that jobs run out of time. */
const invocationMs = 60_000;
const shortInvocationMs = 26_000;
const recordsPerBatch = 10;
const messagesPerBatch = 3;
const maxReceives = 4;
/** Whose message nobody can make use of. */
const nobody: JobKey = { tenant: "acme", jobId: "nobody" };
const never = new Promise<never>(() => {});

/** A process of a function. It may die or be paused at any of its calls, and has a clock of its own. */
export class Sandbox {
  dead = false;
  pausedUntil = 0;
  offset: Millis = 0;
  /** What has gone wrong with it so far. */
  faults = 0;
  faultAt = Number.NEGATIVE_INFINITY;
  /** It stands between the journal and its watchers. */
  readonly serves: boolean;
  readonly died = Promise.withResolvers<"died">();

  constructor(serves = false) {
    this.serves = serves;
  }

  die(): Promise<never> {
    this.dead = true;
    this.died.resolve("died");
    return never;
  }
}

/** One pass over a job in an invocation. */
export type Shift = { sandbox: Sandbox; job: JobKey };

/** Who answers questions. */
export const person = "person";

export type WorldOptions = { weather: Weather; off: ReadonlySet<Fault>; lines: string[] | undefined };

/**
 * Everything around the functions, in memory and in virtual time: table, queue, stream, sockets, models, and whatever
 * goes wrong with them. What runs inside is the real code of all of them.
 */
export class World {
  readonly time: StormTime;
  readonly chance: Chance;
  readonly faults: Faults;
  readonly ledger: Ledger;
  memory: MemoryServices;
  readonly gateway: SocketGateway;
  readonly weather: Weather;
  readonly slots: SlotLaws;
  /** In which pass a job's code runs. */
  readonly here = new AsyncLocalStorage<Shift>();
  /** Passes that are under way. */
  living = 0;
  /** A replay that must have no effect is going on. */
  replaying = false;
  /** When something last went wrong that keeps a watcher from asking, and when with a push only. */
  watchFaultAt = Number.NEGATIVE_INFINITY;
  pushFaultAt = Number.NEGATIVE_INFINITY;
  /** When a call last took long, and nothing worse. */
  slowAt = Number.NEGATIVE_INFINITY;
  jobs: { api: Jobs; worker: Jobs };
  /** Some worker met a version that it did not know yet. */
  blocked = false;
  clocksOff = false;
  /** When nothing goes wrong any more. */
  calmAt: Millis = Number.POSITIVE_INFINITY;
  readonly deployed: Jobs;
  /** The table of this storm becomes an earlier one at some moment, which may be yet to come. */
  readonly restores: boolean;
  willRestore: boolean;
  /** Resolves when it is. */
  readonly restored = Promise.withResolvers<"restored">();
  /** Every call to the table that is about to be lost, to make it again. */
  readonly #history: ((table: MemoryServices) => Promise<unknown>)[] = [];
  readonly #sandboxes = new Set<Sandbox>();
  readonly #startedAt: Millis;
  readonly #lines: string[] | undefined;
  #hash = 0x811c9dc5;
  /** Model calls under way. */
  readonly #calls = new Set<{ jobId: string; sandbox: Sandbox }>();
  readonly #modelFaults = new Map<string, number>();
  readonly #queue = new FairQueue();
  /** Invocations of the worker that are under way, since it has been calm, and how many there may be. */
  #invocations = 0;
  #mostInvocations = Number.POSITIVE_INFINITY;
  #records: DynamoDBRecord[] = [];
  #recordCount = 0;
  #pusher: { sandbox: Sandbox; handle: ReturnType<typeof progress> } | undefined;
  #asked: ((key: JobKey, callbackId: string) => void) | undefined;
  #overBudget: ((key: JobKey) => void) | undefined;
  #looksAround: (() => void) | undefined;
  #endsAt: ((key: JobKey) => Promise<void>) | undefined;

  constructor(seed: number, time: StormTime, chance: Chance, options: WorldOptions) {
    this.time = time;
    this.chance = chance;
    this.weather = options.weather;
    this.#lines = options.lines;
    this.#startedAt = time.now();
    this.faults = new Faults(chance, {
      ...options,
      onStrike: (fault) => this.trace("fault", fault),
    });
    this.ledger = new Ledger({
      now: time.now,
      trace: this.trace,
      asked: (key, callbackId) => this.#asked?.(key, callbackId),
      overBudget: (key) => this.#overBudget?.(key),
      skewMs: () => this.skewMs,
      resolves: (stored) => {
        if (!("ref" in stored)) return true;
        const json = this.memory.payloads.objects.get(stored.ref.key);
        return json !== undefined && createHash("sha256").update(json).digest("hex") === stored.ref.sha256;
      },
    });
    const perTenant = this.faults.strikes("few slots") ? chance.between(1, 3) : Number.POSITIVE_INFINITY;
    const perType: Concurrency<Plan> | undefined = this.faults.strikes("few slots of a type")
      ? { limit: chance.between(1, 2), per: chance.pick(["tenant", "deployment"]) }
      : undefined;
    this.slots = new SlotLaws(this, { perTenant, perType });
    this.restores = this.faults.strikes("restored");
    this.willRestore = this.restores;
    this.memory = this.#recorded(
      memoryServices({
        model: this.#model(),
        settings: {
          ...settings.local,
          maxRunningPerTenant: perTenant,
          ...(this.faults.strikes("small budget") ? { maxSteps: chance.between(2, 8) } : {}),
          ...(this.faults.strikes("small frames") ? { frameBytes: 700 } : {}),
        },
        now: time.now,
        sleep: time.sleep,
        random: seededRandom(seed + 1_000_003),
        onRecord: this.#onRecord,
      }),
    );
    this.gateway = new SocketGateway(this);
    const { before, after } = deployments(this.#hands(), perType);
    this.jobs = { api: before, worker: before };
    this.deployed = after;
  }

  /** Equal for equal storms. */
  get fingerprint(): string {
    return (this.#hash >>> 0).toString(16);
  }

  readonly trace = (...parts: (string | number)[]): void => {
    const line = `${this.time.now() - this.#startedAt} ${parts.join(" ")}`;
    this.#lines?.push(line);
    let hash = this.#hash;
    for (let i = 0; i < line.length; i += 1) hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
    this.#hash = hash;
  };

  /** What functions log must name nobody's content. */
  readonly logger: Logger = (() => {
    const look = (message: string, fields?: object) => {
      if (message === "job blocked") this.#isBlocked(fields as { job_id: string; message: string });
      if (/canary/.test(message) || (fields && /canary/.test(JSON.stringify(fields)))) {
        this.ledger.violated(`I11 content is logged: ${message}`);
      }
    };
    return { debug: look, info: look, warn: look, error: look };
  })();

  #isBlocked({ job_id: jobId, message }: { job_id: string; message: string }): void {
    this.blocked = true;
    // An older worker may meet a job of the version that is being deployed. Nothing else fits no journal.
    if (!message.startsWith("This deployment has no storm@2")) {
      this.ledger.violated(`I12 job ${jobId} is blocked: ${message}`);
    }
  }

  readonly #onRecord = (record: StreamRecord): void => {
    if ("entry" in record) {
      this.ledger.committed(record.entry);
      this.slots.committed(record.entry);
    }
    this.#streamed(record);
  };

  // ---- a table that is an earlier one

  /** Notes what is asked of the table, where it will have to be asked again. */
  #recorded(memory: MemoryServices): MemoryServices {
    if (!this.restores) return memory;
    const noted = { ...memory };
    for (const name of ["journal", "conversations", "schedules"] as const) {
      const service = memory[name] as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
      const entries = Object.entries(service).map(([method, call]) => {
        const note = (...args: unknown[]) => {
          const given = structuredClone(args);
          this.#history.push((table) => (table[name] as unknown as typeof service)[method]!(...given));
          return call.apply(service, args);
        };
        return [method, note];
      });
      Object.assign(noted, { [name]: Object.fromEntries(entries) });
    }
    return noted;
  }

  /**
   * Remembers the table as it is now.
   * @returns puts that one in the place of the newer one, all at once: no process that knows the newer one lives on, all
   * connections are cut, messages and what is beyond the table stay as they are.
   */
  snapshot(): () => Promise<void> {
    this.trace("snapshot");
    const length = this.#history.length;
    const forget = this.ledger.remember();
    return async () => {
      this.trace("restored");
      for (const sandbox of this.#sandboxes) {
        sandbox.faultAt = this.time.now();
        void sandbox.die();
      }
      this.#sandboxes.clear();
      this.#records = [];
      this.gateway.cutAll();
      const { model, now, sleep, random, newId, payloads, keys, settings: kept } = this.memory;
      const base = { model, now, sleep, random, newId, payloads, keys, settings: kept };
      this.memory = memoryServices({ ...base, onRecord: this.#onRecord });
      forget();
      // What failed then fails again.
      for (const again of this.#history.slice(0, length)) await again(this.memory).catch(() => undefined);
      this.watchFaultAt = this.time.now();
      this.willRestore = false;
      this.restored.resolve("restored");
      this.#looksAround?.();
    };
  }

  // ---- processes and their calls

  sandbox(lifeMs: Millis, serves = false): Sandbox {
    const sandbox = new Sandbox(serves);
    if (this.faults.strikes("clock off")) {
      sandbox.offset = clockOffset(this.chance);
      this.clocksOff = true;
    }
    if (lifeMs < Number.POSITIVE_INFINITY) this.time.after(lifeMs, () => void sandbox.die());
    if (this.restores) this.#sandboxes.add(sandbox);
    return sandbox;
  }

  async gate(sandbox: Sandbox): Promise<void> {
    if (sandbox.dead) await never;
    while (sandbox.pausedUntil > this.time.now())
      await this.time.sleep(sandbox.pausedUntil - this.time.now());
    if (sandbox.dead) await never;
  }

  /** A call to a service: the request travels, takes effect, the answer travels, and each may fail to. */
  async #through<T>(sandbox: Sandbox, work: () => Promise<T>): Promise<T> {
    const { time, faults, chance } = this;
    await this.gate(sandbox);
    const strikes = (fault: Fault) => {
      const struck = faults.strikes(fault);
      if (struck) {
        sandbox.faults += 1;
        sandbox.faultAt = time.now();
        if (sandbox.serves) this.watchFaultAt = time.now();
      }
      return struck;
    };
    const stumble = () => {
      if (strikes("death")) return sandbox.die();
      if (strikes("pause")) sandbox.pausedUntil = time.now() + chance.between(500, 40_000);
      return undefined;
    };
    await stumble();
    const slow = faults.strikes("slow");
    if (slow) this.slowAt = time.now();
    await time.sleep(chance.between(1, journeyMs) * (slow ? 20 : 1));
    await this.gate(sandbox);
    if (strikes("throttled")) throw new Unavailable("throttled");
    if (strikes("request lost")) {
      await time.sleep(1_000);
      throw new Unavailable("the request got lost");
    }
    const answer = await work();
    await stumble();
    await time.sleep(chance.between(1, journeyMs));
    await this.gate(sandbox);
    if (strikes("answer lost")) throw new Unavailable("the answer got lost");
    return answer;
  }

  /**
   * The services as a process sees them.
   * @param ids - collects the ids that it makes.
   * @param onFault - is told that a call went wrong.
   */
  services(sandbox: Sandbox, ids?: Set<string>): MemoryServices {
    const { memory, time, chance, faults } = this;
    const { journal, conversations, payloads, watches, keys, slots, schedules } = memory;
    const call = <T>(work: () => Promise<T>) => this.#through(sandbox, work);
    const written = <T>(key: JobKey, work: () => Promise<T>): Promise<T> =>
      call(async () => {
        const answer = await work();
        await this.checkHead(key);
        return answer;
      });
    const gone = (key: JobKey) => this.ledger.pasts.get(key.jobId)?.expired === true;
    const journalThrough: Journal = {
      ...eachThrough(call, journal),
      create: (submission) => written(submission.entry, () => journal.create(submission)),
      append: (entry, along) =>
        written(entry, async () => {
          if (isTerminalEvent(entry.events.at(-1)!) && faults.strikes("cancel at the end"))
            await this.#endsAt?.(entry);
          return journal.append(entry, along);
        }),
      // The table removes what has expired in any order, and one item at a time.
      read: (key, after, limit) =>
        call(async () => {
          const reading = await journal.read(key, after, limit);
          if (!gone(key)) return reading;
          if (chance.of(0.5)) return { ...reading, entries: reading.entries.slice(1) };
          const { head: _head, ...headless } = reading;
          return { ...headless, entries: chance.of(0.5) ? reading.entries : [] };
        }),
      news: (key, after, options) =>
        call(async () => {
          const reading = await journal.news(key, after, options);
          // A copy that is behind lacks the newest, or one before them.
          if (options?.stale && faults.strikes("copy behind")) {
            reading.entries.splice(chance.between(0, Math.max(0, reading.entries.length - 1)), 1);
          }
          return reading;
        }),
      head: (key) => call(async () => (gone(key) && chance.of(0.5) ? undefined : journal.head(key))),
      renew: (head) => written(head, () => journal.renew(head)),
      due: (moment, limit) =>
        call(async () => (faults.strikes("index behind") ? [] : journal.due(moment, limit))),
      postpone: (job, to) => written(job, () => journal.postpone(job, to)),
    };
    return {
      ...memory,
      journal: journalThrough,
      conversations: {
        ...conversations,
        get: (tenant, id) => call(() => conversations.get(tenant, id)),
      },
      payloads: {
        ...payloads,
        put: (job, json) =>
          call(() => {
            if (faults.strikes("payload not put")) throw new Unavailable("the payload was not stored");
            return payloads.put(job, json);
          }),
        get: (ref) => call(() => payloads.get(ref)),
      },
      watches: eachThrough(call, watches),
      slots: eachThrough(call, slots),
      schedules: eachThrough(call, schedules),
      keys: eachThrough(call, keys),
      sockets: {
        ...memory.sockets,
        post: (connectionId, frame) => call(() => this.gateway.post(connectionId, frame)),
        close: (connectionId) => call(() => this.gateway.close(connectionId)),
      },
      queue: {
        ...memory.queue,
        send: (_lane, job, delaySeconds = 0) => call(async () => this.send(job, delaySeconds * 1_000)),
      },
      now: () => time.now() + sandbox.offset,
      newId: () => {
        const id = memory.newId();
        ids?.add(id);
        return id;
      },
      sleep: async (ms, signal) => {
        await time.sleep(ms, signal);
        await this.gate(sandbox);
      },
    };
  }

  /** @returns "died" when the process did, before it had an answer. */
  run<T>(sandbox: Sandbox, work: (services: MemoryServices) => Promise<T>): Promise<T | "died"> {
    return Promise.race([work(this.services(sandbox)), sandbox.died.promise]);
  }

  /** How far apart two clocks may be. */
  get skewMs(): Millis {
    return this.clocksOff ? 1_200_000 : 0;
  }

  async checkHead(key: JobKey): Promise<void> {
    this.ledger.head(await this.memory.journal.head(key), 30 * 60_000 + this.skewMs);
  }

  /** What happens in the moment before a job's end is written. */
  atTheEnd(work: (key: JobKey) => Promise<void>): void {
    this.#endsAt = work;
  }

  /** Somebody is asked for an answer. */
  onAsked(work: (key: JobKey, callbackId: string) => void): void {
    this.#asked = work;
  }

  /** A job has come to the end of its budget. */
  onOverBudget(work: (key: JobKey) => void): void {
    this.#overBudget = work;
  }

  /** The table is an earlier one now. */
  onRestored(work: () => void): void {
    this.#looksAround = work;
  }

  // ---- models, and what else a step does

  #hands(): Hands {
    return {
      attempt: async (attempt, ms, idempotencyKey) => {
        const { jobId, step } = place.getStore()!;
        this.ledger.began(jobId, step!, attempt, { replaying: this.replaying, idempotencyKey });
        const shift = this.here.getStore()!;
        this.slots.works(shift);
        await this.time.sleep(ms);
        await this.gate(shift.sandbox);
      },
      mended: () => this.ledger.stateOf(place.getStore()!.jobId).forkOf !== undefined,
      answerers: [person],
    };
  }

  /** Every call fails so often at most that its retries outlast it. */
  #mayFail(key: string): boolean {
    const times = this.#modelFaults.get(key) ?? 0;
    if (times >= 3) return false;
    this.#modelFaults.set(key, times + 1);
    return true;
  }

  #model(): Model {
    return {
      generate: async ({ model: name, messages }, { signal, idempotencyKey, onDelta }) => {
        const { faults, time } = this;
        const shift = this.here.getStore()!;
        const { sandbox } = shift;
        this.slots.works(shift);
        const { jobId } = place.getStore()!;
        const ms = Number(messages[0]!.content);
        const call = { jobId, sandbox };
        const fails = (fault: Fault) => faults.strikes(fault) && this.#mayFail(idempotencyKey ?? "");
        this.#calls.add(call);
        try {
          if (fails("model busy")) throw new ModelError("model_rate_limited", "429");
          if (fails("model broken")) throw new ModelError("model_unavailable", "500");
          if (fails("model slow")) {
            await time.sleep(8_000, signal);
            await this.gate(sandbox);
            throw new ModelError("model_timeout", "No answer in time");
          }
          if (onDelta) {
            await time.sleep(ms / 2, signal);
            await this.gate(sandbox);
            onDelta("some ");
            onDelta("words");
          }
          await time.sleep(onDelta ? ms / 2 : ms, signal);
          await this.gate(sandbox);
          signal?.throwIfAborted();
          const usage = { model_calls: 1, input_tokens: ms, output_tokens: 1, cost_usd: 0.1 };
          const tenant = this.ledger.pasts.get(jobId)?.tenant ?? "";
          const text = fails("model garbled") ? "garbled" : `answer canary-${tenant}`;
          return { text, model: name, finish: "stop", usage };
        } finally {
          this.#calls.delete(call);
        }
      },
    };
  }

  /** L5: a cancel ends the model calls of its job within 6 s, where nothing goes wrong meanwhile. */
  expectCallsToEnd(jobId: string): void {
    const running = [...this.#calls]
      .filter((call) => call.jobId === jobId && call.sandbox.pausedUntil <= this.time.now())
      .map((call) => ({ call, faults: call.sandbox.faults }));
    if (running.length === 0) return;
    this.time.after(6_000, () => {
      for (const { call, faults } of running) {
        const { sandbox } = call;
        if (this.#calls.has(call) && !sandbox.dead && sandbox.faults === faults) {
          this.ledger.violated(`L5 job ${jobId}: a model call goes on 6 s after the cancel`);
        }
      }
    });
  }

  // ---- queue and worker

  send(job: JobKey, delayMs: Millis, receives = 0): void {
    const { faults, chance, time } = this;
    if (faults.strikes("message lost")) return;
    const copies = faults.strikes("message doubled") ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const late = faults.strikes("message late") ? chance.between(100, 30_000) : 0;
      const early = faults.strikes("message early") ? Math.min(delayMs, 1_000) : 0;
      time.after(delayMs + late - early + chance.between(1, journeyMs), () => {
        if (faults.strikes("message for nobody")) this.#queue.push({ job: nobody, receives });
        this.#queue.push({ job, receives });
        // Those that arrive in the same moment share an invocation.
        if (!this.#polling) time.after(5, () => void this.#work());
      });
    }
  }

  #polling = false;
  async #work(): Promise<void> {
    const { chance, faults, time } = this;
    this.#polling = true;
    while (this.#queue.length > 0 && this.#invocations < this.#mostInvocations) {
      const batch = this.#queue.take(messagesPerBatch);
      const lifeMs = faults.strikes("short invocation") ? shortInvocationMs : invocationMs;
      const sandbox = this.sandbox(lifeMs);
      const deadline = time.now() + sandbox.offset + lifeMs;
      void this.#invoke(batch.map((message) => this.#pass(sandbox, message, deadline)));
      await time.sleep(chance.between(1, journeyMs));
    }
    this.#polling = false;
  }

  async #invoke(passes: Promise<void>[]): Promise<void> {
    const calm = this.faults.over;
    if (calm) this.#invocations += 1;
    await Promise.all(passes);
    if (!calm) return;
    this.#invocations -= 1;
    if (!this.#polling && this.#queue.length > 0) await this.#work();
  }

  async #pass(sandbox: Sandbox, message: Message, deadline: Millis): Promise<void> {
    const { job, receives } = message;
    const { ledger, chance, time } = this;
    const ids = new Set<string>();
    const services = this.services(sandbox, ids);
    const jobs = this.jobs.worker;
    this.living += 1;
    const shift: Shift = { sandbox, job };
    const { giveBack } = services.slots;
    services.slots.giveBack = (pool, by) => {
      this.slots.rests(shift);
      return giveBack(pool, by);
    };
    const passing = this.here.run(shift, () => pass(services, jobs, job, { deadline, logger: this.logger }));
    const end = await Promise.race([passing, sandbox.died.promise]).catch((error: unknown) => {
      if (!(error instanceof Unavailable)) {
        ledger.violated(`A pass over ${job.jobId} throws ${error instanceof Error ? error.stack : error}`);
      }
      return "failed" as const;
    });
    this.living -= 1;
    this.slots.rests(shift);
    this.#queue.done(message);
    this.trace("pass", job.jobId.slice(-4), typeof end === "string" ? end : end.end);
    if (typeof end === "string") return this.#redeliver(job, receives + 1);
    if (end.end === "overtaken") {
      const theirs = ledger.pasts
        .get(job.jobId)!
        .entries.some((entry) => entry.by === end.by && !isSignal(entry) && !ids.has(entry.by));
      if (!theirs) ledger.violated(`I7 job ${job.jobId}: overtaken by ${end.by}, which is nobody else`);
    }
    // The answer may not reach the queue.
    if (this.faults.strikes("redelivered in vain") && chance.of(0.2))
      time.after(chance.between(30_000, 60_000), () => this.send(job, 0, receives));
  }

  /** The queue brings back what was not dealt with, but not soon, and not for ever. */
  #redeliver(job: JobKey, receives: number): void {
    const { chance, time } = this;
    if (receives >= maxReceives) {
      void this.sweep({ Records: [{ body: JSON.stringify(job), messageId: "dead" }] } as SQSEvent);
    } else if (chance.of(0.5)) {
      time.after(chance.between(30_000, 60_000), () => this.send(job, 0, receives));
    }
  }

  // ---- sweeper

  async sweep(event: unknown = {}): Promise<void> {
    const sandbox = this.sandbox(30_000);
    const context = { getRemainingTimeInMillis: () => 30_000 } as Parameters<ReturnType<typeof sweeper>>[1];
    const swept = await this.run(sandbox, (services) =>
      sweeper(services, this.jobs.worker, this.logger)(event as SQSEvent, context),
    ).catch((error: unknown) => {
      if (!(error instanceof Unavailable)) this.ledger.violated(`A sweep throws ${String(error)}`);
    });
    if (swept === "died") this.trace("a sweeper died");
  }

  // ---- stream and pushes

  /** Who does not watch costs nothing: records are made when there is a socket to push to. */
  #streamed(record: StreamRecord): void {
    const { faults, chance, time } = this;
    if (!this.gateway.inUse) return;
    if (faults.strikes("record dropped")) {
      this.pushFaultAt = time.now();
      return;
    }
    const kept = this.memory.settings;
    const item =
      "entry" in record
        ? entryItem(record.entry, kept)
        : deltasItem(record.job, [record.deltas[0]!, ...record.deltas.slice(1)], time.now(), kept);
    const image = imageOf(item);
    const copies = faults.strikes("record doubled") ? 2 : 1;
    const ofTable = this.memory;
    for (let copy = 0; copy < copies; copy += 1) {
      const swapped = faults.strikes("record swapped") ? chance.between(0, 800) : 0;
      if (swapped > 0) this.pushFaultAt = time.now();
      time.after(chance.between(10, 200) + swapped, () => {
        if (ofTable === this.memory) this.#arrive(image);
      });
    }
  }

  #arrive(image: Record<string, unknown>): void {
    const { faults, chance, time } = this;
    if (this.#records.length === 0) time.after(chance.between(5, 50), () => void this.#push());
    const record = (NewImage: Record<string, unknown>) =>
      ({
        dynamodb: { NewImage, SequenceNumber: String(++this.#recordCount) },
      }) as unknown as DynamoDBRecord;
    if (faults.strikes("record unreadable")) {
      this.#records.push(record({ ...image, body: { S: "{not JSON" } }));
    }
    this.#records.push(record(image));
  }

  async #push(): Promise<void> {
    while (this.#records.length > 0) {
      const batch = this.#records.splice(0, recordsPerBatch);
      await this.#pushBatch(batch, 1);
    }
  }

  /** As the event source does it: again from the lowest failure on, a few times. */
  async #pushBatch(batch: DynamoDBRecord[], attempt: number): Promise<void> {
    const { time, chance } = this;
    const pusher = this.#living();
    const ofTable = this.memory;
    const beganAt = time.now();
    const answer = await Promise.race([
      pusher.handle({ Records: batch } as DynamoDBStreamEvent),
      pusher.sandbox.died.promise,
    ]).catch((error: unknown) => {
      this.ledger.violated(`L4 a batch of the stream fails: ${String(error)}`);
      return "died" as const;
    });
    const failed = answer === "died" ? batch[0] : undefined;
    const lowest =
      failed?.dynamodb?.SequenceNumber ??
      (answer !== "died" ? answer.batchItemFailures[0]?.itemIdentifier : undefined);
    if (lowest === undefined) return;
    // What cannot be read must not hold up what can.
    if (pusher.sandbox.faultAt < beganAt - 5_000) this.ledger.violated("L4 a record holds up the stream");
    // Another table has a stream of its own.
    if (attempt >= 3 || ofTable !== this.memory) return;
    const from = batch.findIndex((record) => record.dynamodb?.SequenceNumber === lowest);
    await time.sleep(chance.between(100, 1_000));
    await this.#pushBatch(batch.slice(Math.max(0, from)), attempt + 1);
  }

  #living() {
    if (!this.#pusher || this.#pusher.sandbox.dead) {
      const sandbox = this.sandbox(Number.POSITIVE_INFINITY, true);
      this.#pusher = { sandbox, handle: progress(this.services(sandbox), this.logger) };
    }
    return this.#pusher;
  }

  /** From now on nothing goes wrong any more, and all clocks are right. */
  calm(): void {
    this.trace("calm");
    this.faults.end();
    this.#pusher = undefined;
    this.#mostInvocations = this.slots.enoughInvocations;
  }
}

/** The same service, with every call on its way through the storm. */
function eachThrough<T extends object>(call: <R>(work: () => Promise<R>) => Promise<R>, service: T): T {
  return Object.fromEntries(
    Object.entries(service).map(([name, method]) => [
      name,
      typeof method === "function" ? (...args: unknown[]) => call(() => method(...args)) : method,
    ]),
  ) as T;
}

/** An item as a stream record holds it. */
function imageOf(item: Item): Record<string, { S?: string; N?: string; B?: string }> {
  const image: Record<string, { S?: string; N?: string; B?: string }> = {};
  for (const [name, value] of Object.entries(item)) {
    if (typeof value === "string") image[name] = { S: value };
    else if (typeof value === "number") image[name] = { N: String(value) };
    else if (value instanceof Uint8Array) image[name] = { B: Buffer.from(value).toString("base64") };
  }
  return image;
}
