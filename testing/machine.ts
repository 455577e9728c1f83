import { AsyncLocalStorage } from "node:async_hooks";
import type { Around } from "../core/engine/attempt.ts";
import type { Logger } from "../core/engine/context.ts";
import type { Jobs } from "../core/engine/job-type.ts";
import type { EngineServices, PassEnd } from "../core/engine/live-pass.ts";
import { pass } from "../core/engine/pass.ts";
import { type MemoryOverrides, type MemoryServices, memoryServices } from "../core/memory.ts";
import type { JobKey } from "../core/protocol/job.ts";
import type { Millis } from "../core/protocol/json.ts";
import { sweeper } from "../functions/sweeper/sweeper.ts";
import { type VirtualTime, virtualTime } from "./virtual-time.ts";

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export type MachineOptions = {
  jobs: Jobs;
  /** What is not made in memory. */
  services: MemoryOverrides;
  /** How long an invocation of the worker may last. */
  invocationMs: Millis;
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
  /** The passes that are under way never come back, and whatever they still do reaches nobody. */
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
type Work = { asleep: number; awakeSince: number; patienceMs: Millis };

/** One pass, as long as its worker lives. */
type Life = Work & { key: JobKey; isOver: boolean; ended: PromiseWithResolvers<PassEnd> };

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

  const around =
    (life: Life): Around =>
    async (call, perform) => {
      const { patienceMs } = options;
      const mine: Work = { asleep: 0, awakeSince: performance.now(), patienceMs };
      work.add(mine);
      try {
        const inside = () => here.run(mine, perform);
        const outcome = await (options.around ? options.around(call, inside) : inside());
        return life.isOver ? await never : outcome;
      } finally {
        work.delete(mine);
      }
    };

  const self: Machine = {
    services,
    time,
    jobs: options.jobs,
    async pass(key) {
      const life: Life = {
        key,
        isOver: false,
        ended: Promise.withResolvers(),
        asleep: 0,
        awakeSince: performance.now(),
        patienceMs: workerPatienceMs,
      };
      lives.add(life);
      work.add(life);
      const seen = options.seenByWorker?.(services) ?? services;
      const deadline = services.now() + options.invocationMs;
      here
        .run(life, () =>
          pass(mortal(seen, life), self.jobs, key, { deadline, logger: silent, around: around(life) }),
        )
        .then(life.ended.resolve, life.ended.reject);
      return life.ended.promise.finally(() => {
        lives.delete(life);
        work.delete(life);
      });
    },
    workersDie() {
      for (const life of lives) {
        life.isOver = true;
        work.delete(life);
        life.ended.resolve({ end: "gone" });
      }
      lives.clear();
    },
    isAtWork: ({ tenant, jobId }) =>
      [...lives].some(({ key }) => key.tenant === tenant && key.jobId === jobId),
    async run(done, limit = Number.POSITIVE_INFINITY) {
      for (;;) {
        // A store that was silent would bring the message back; here the sweeper does.
        for (const { job } of services.queue.receive()) void self.pass(job).catch(() => {});
        // Whatever happens from here on is news.
        bell = Promise.withResolvers();
        const news = [bell.promise, ...[...lives].map(({ ended }) => ended.promise.catch(() => {}))];
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
  const { journal, queue, payloads, conversations, model, sleep } = services;
  return {
    ...services,
    journal: gated(journal),
    queue: gated(queue),
    payloads: gated(payloads),
    conversations: gated(conversations),
    model: gated(model),
    sleep: (ms, signal) =>
      life.isOver ? never : sleep(ms, signal).then(() => (life.isOver ? never : undefined)),
  };
}
