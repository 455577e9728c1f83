import { AsyncLocalStorage } from "node:async_hooks";
import type { Context, SQSEvent } from "aws-lambda";
import type { Around } from "../core/engine/attempt.ts";
import type { Logger } from "../core/engine/context.ts";
import type { EngineServices } from "../core/engine/engine-services.ts";
import type { Jobs } from "../core/engine/job-type.ts";
import type { PassEnd } from "../core/engine/live-pass.ts";
import { pass } from "../core/engine/pass.ts";
import { type MemoryOverrides, type MemoryServices, memoryServices } from "../core/memory.ts";
import type { JobKey } from "../core/protocol/job.ts";
import type { Millis } from "../core/protocol/json.ts";
import { sweeper } from "../functions/sweeper/sweeper.ts";
import { worker } from "../functions/worker/worker.ts";
import { type VirtualTime, virtualTime } from "./virtual-time.ts";

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export type MachineOptions = {
  jobs: Jobs;
  /** What is not made in memory. */
  services: MemoryOverrides;
  /** How long an invocation of the worker may last. */
  invocationMs: Millis;
  /** Most messages of an invocation: 1. Jobs that share one share how time passes, too: nobody sleeps for another. */
  batchSize?: number;
  /** A step that waits for something real holds up time for so long, in real milliseconds. */
  patienceMs: Millis;
  /** What a worker sees of the world, if that is not all there is. Asked for each pass. */
  seenByWorker?: (services: MemoryServices) => EngineServices;
  /** Stands around every call of a step. */
  around?: Around;
};

/** The engine on services in memory, in virtual time: a worker, a queue and a sweeper that are driven from outside. */
export type Machine = {
  services: MemoryServices;
  time: VirtualTime;
  /** May be replaced, as by a deployment. */
  jobs: Jobs;
  /** Begins a pass over a job. Time does not pass by itself. */
  pass(key: JobKey): Promise<PassEnd>;
  /**
   * The invocation in which this is called ends, or from outside all of them: their passes never come back, and whatever
   * they still do reaches nobody.
   */
  workersDie(): void;
  /**
   * Delivers messages, sweeps and lets time pass.
   * @param done - asked whenever something has happened.
   * @param limit - the moment at which time stops.
   * @returns whether `done` has said so.
   */
  run(done: () => Promise<boolean>, limit?: Millis): Promise<boolean>;
  /** Whether a worker is at this job. */
  isAtWork(key: JobKey): boolean;
};

const never = new Promise<never>(() => {});

/** Somebody at work, for whom time stands still unless they sleep in it themselves. */
type Work = { life: Life; asleep: number; awakeSince: number; patienceMs: Millis };

/** One invocation of the worker, as long as it lives. */
type Life = { keys: JobKey[]; isOver: boolean; ended: PromiseWithResolvers<void> };

/** Longer than any replay, in real milliseconds. A worker that waits for so long waits for ever. */
const workerPatienceMs = 10_000;

export function machine(options: MachineOptions): Machine {
  const work = new Set<Work>();
  const here = new AsyncLocalStorage<Work>();
  const isBusy = () =>
    [...work].some(
      ({ asleep, awakeSince, patienceMs }) => asleep === 0 && performance.now() - awakeSince < patienceMs,
    );
  const clock = virtualTime(undefined, isBusy);
  const sleep: VirtualTime["sleep"] = async (ms, signal) => {
    const mine = here.getStore();
    if (mine) mine.asleep += 1;
    await clock.sleep(ms, signal);
    if (!mine) return;
    mine.asleep -= 1;
    mine.awakeSince = performance.now();
  };
  const time = { ...clock, sleep };
  const services = memoryServices({ now: time.now, sleep, ...options.services });
  type Sweep = Parameters<ReturnType<typeof sweeper>>;
  const sweepContext = { getRemainingTimeInMillis: () => 60_000 } as Sweep[1];
  const sweep = () => sweeper(services, self.jobs, silent)({} as Sweep[0], sweepContext);
  const lives = new Set<Life>();

  // A message that is sent while time passes may be due before anything that was known.
  let bell = Promise.withResolvers<void>();
  const { send } = services.queue;
  services.queue.send = async (...message) => {
    await send(...message);
    bell.resolve();
  };

  const at = async <T>(life: Life, patienceMs: Millis, perform: () => Promise<T>): Promise<T> => {
    const mine: Work = { life, asleep: 0, awakeSince: performance.now(), patienceMs };
    work.add(mine);
    try {
      return await here.run(mine, perform);
    } finally {
      work.delete(mine);
    }
  };
  const around =
    (life: Life): Around =>
    async (call, perform) => {
      const inside = () => at(life, options.patienceMs, perform);
      const outcome = await (options.around ? options.around(call, inside) : inside());
      return life.isOver ? never : outcome;
    };

  /** @returns what the invocation returns, or undefined when it has died. */
  async function invocation<T>(
    keys: JobKey[],
    perform: (seen: EngineServices, around: Around) => Promise<T>,
  ): Promise<T | undefined> {
    const life: Life = { keys, isOver: false, ended: Promise.withResolvers() };
    lives.add(life);
    const seen = mortal(options.seenByWorker?.(services) ?? services, life);
    const living = at(life, workerPatienceMs, () => perform(seen, around(life)));
    try {
      return await Promise.race([living, life.ended.promise.then(() => undefined)]);
    } finally {
      end(life);
    }
  }

  function end(life: Life): void {
    lives.delete(life);
    life.isOver = true;
    for (const each of work) if (each.life === life) work.delete(each);
    life.ended.resolve();
  }

  async function invoke(keys: JobKey[]): Promise<void> {
    const Records = keys.map((key, index) => ({
      messageId: String(index),
      body: JSON.stringify(key),
      eventSource: "aws:sqs",
    }));
    const context = { getRemainingTimeInMillis: () => options.invocationMs } as Context;
    // A store that was silent would bring messages back; here the sweeper does.
    await invocation(keys, (seen, around) =>
      worker(seen, self.jobs, silent, around)({ Records } as SQSEvent, context),
    );
  }

  const self: Machine = {
    services,
    time,
    jobs: options.jobs,
    async pass(key) {
      const deadline = services.now() + options.invocationMs;
      const end = await invocation([key], (seen, around) =>
        pass(seen, self.jobs, key, { deadline, logger: silent, around }),
      );
      return end ?? { end: "gone" };
    },
    workersDie() {
      const mine = here.getStore()?.life;
      for (const life of mine ? [mine] : lives) end(life);
    },
    isAtWork: ({ tenant, jobId }) =>
      [...lives].some(({ keys }) => keys.some((key) => key.tenant === tenant && key.jobId === jobId)),
    async run(done, limit = Number.POSITIVE_INFINITY) {
      for (;;) {
        const ready = services.queue.receive();
        while (ready.length > 0) void invoke(ready.splice(0, options.batchSize ?? 1).map(({ job }) => job));
        // Whatever happens from here on is news.
        bell = Promise.withResolvers();
        const news = [bell.promise, ...[...lives].map(({ ended }) => ended.promise)];
        if (await done()) return true;
        if (time.now() >= limit) return false;
        const [first] = await services.journal.due(Number.MAX_SAFE_INTEGER, 1);
        // Half of its period late, as a sweeper is.
        const sweepAt = first ? first.due + services.settings.sweepSeconds * 500 : Number.POSITIVE_INFINITY;
        const messageAt = Math.min(...services.queue.waiting.map(({ at }) => at));
        const wakeAt = Math.min(limit, sweepAt, messageAt);
        if (!Number.isFinite(wakeAt) && news.length === 1) return false;
        if (sweepAt > time.now()) {
          const nap = new AbortController();
          const slept = Number.isFinite(wakeAt) ? clock.sleep(wakeAt - time.now(), nap.signal) : never;
          await time.until(Promise.race([...news, slept]));
          nap.abort();
        }
        if (time.now() >= sweepAt) await sweep();
      }
    },
  };
  return self;
}

/** Services that neither hear nor answer once a worker is dead. */
function mortal(services: EngineServices, life: Life): EngineServices {
  const gated = <T extends object>(service: T): T =>
    new Proxy(service, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        return async (...asked: unknown[]) => {
          if (life.isOver) return never;
          try {
            const answer: unknown = await member.apply(target, asked);
            return life.isOver ? await never : answer;
          } catch (error) {
            if (life.isOver) return never;
            throw error;
          }
        };
      },
    });
  const { journal, queue, payloads, conversations, configuration, model, sleep } = services;
  return {
    ...services,
    journal: gated(journal),
    queue: gated(queue),
    payloads: gated(payloads),
    conversations: gated(conversations),
    configuration: gated(configuration),
    model: gated(model),
    sleep: (ms, signal) =>
      life.isOver ? never : sleep(ms, signal).then(() => (life.isOver ? never : undefined)),
  };
}
