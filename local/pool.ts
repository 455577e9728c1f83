import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import type { Invoked, Lambdas } from "./lambdas.ts";
import { type Lineage, noLineage, traceHeader } from "./lineage.ts";
import type { Log } from "./log.ts";
import { payloadBytes, Sandbox, type SandboxPlan } from "./sandbox.ts";
import type { State } from "./state.ts";

/** A function of the template, ready to be run. */
export type PooledFunction = {
  id: string;
  /** The physical name. */
  name: string;
  /** A short name for people: `worker`. */
  label: string;
  arn: string;
  timeoutMs: number;
  reservedConcurrency: number | undefined;
  plan: () => SandboxPlan;
};

/** What has run so far, for benchmarks and tests. */
export type FunctionCounts = {
  invocations: number;
  errors: number;
  coldStarts: number;
  /** Milliseconds of all invocations, as Lambda would bill them. */
  billedMs: number;
};

const cores = availableParallelism();
/** How often those who wait ask whether one more pays. */
const againMs = 100;
/** What a start costs before one has been seen. */
const usualStartMs = 400;

export type InvokeOptions = {
  wait?: boolean;
  /** The chain of events that this one belongs to. */
  lineage?: Lineage;
  /** For the log: `3 messages`. */
  about?: string;
  /** Nobody needs to read that it went well. */
  routine?: boolean;
};

type Pool = {
  fn: PooledFunction;
  /** The most recently used is last and the first to be used again, so that the others can be given up. */
  idle: Sandbox[];
  all: Set<Sandbox>;
  busy: Set<Sandbox>;
  /** Sandboxes that are not ready yet. */
  starting: number;
  /** How long a start and an invocation take, as the last ones did. */
  startMs: number;
  meanMs: number;
  waiting: (() => void)[];
  counts: FunctionCounts;
};

/** All sandboxes. Each takes one invocation at a time; a function gets as many as it needs, up to its limit. */
export class SandboxPools implements Lambdas {
  readonly #pools: Map<string, Pool>;
  readonly #state: State;
  readonly #log: Log;
  readonly #freeze: boolean;
  readonly #reaper: NodeJS.Timeout;
  #stopped = false;

  /**
   * @param freeze - stops idle sandboxes with SIGSTOP, so that work left behind by an invocation stands still until the
   * next one, as on AWS.
   */
  constructor(
    functions: PooledFunction[],
    state: State,
    log: Log,
    { freeze = false, idleMs = 60_000 }: { freeze?: boolean; idleMs?: number } = {},
  ) {
    this.#pools = new Map(
      functions.map((fn) => [
        fn.id,
        {
          fn,
          idle: [],
          all: new Set(),
          busy: new Set(),
          starting: 0,
          startMs: usualStartMs,
          meanMs: 0,
          waiting: [],
          counts: { invocations: 0, errors: 0, coldStarts: 0, billedMs: 0 },
        },
      ]),
    );
    this.#state = state;
    this.#log = log;
    this.#freeze = freeze;
    this.#reaper = setInterval(() => this.#reap(idleMs), idleMs / 2);
    this.#reaper.unref();
  }

  async invoke(
    functionId: string,
    event: unknown,
    { wait = false, lineage = noLineage, about, routine = false }: InvokeOptions = {},
  ): Promise<Invoked> {
    const pool = this.#pool(functionId);
    const { fn, counts } = pool;
    const body = JSON.stringify(event);
    if (Buffer.byteLength(body) > payloadBytes) {
      return refuse("error", "RequestEntityTooLargeException", `${fn.label}: the event is larger than 6 MB`);
    }
    const limit = fn.reservedConcurrency ?? Number.POSITIVE_INFINITY;
    for (;;) {
      const full = pool.busy.size >= limit;
      if (full && (!wait || limit === 0)) {
        return refuse("throttled", "TooManyRequestsException", "Rate Exceeded.");
      }
      if (this.#stopped || (!full && (pool.idle.length > 0 || pays(pool)))) break;
      await this.#turn(pool);
    }
    if (this.#stopped) return refuse("throttled", "ServiceException", "The embedded cloud is stopping");

    const warm = pool.idle.pop();
    const sandbox = warm ?? this.#start(pool);
    pool.busy.add(sandbox);
    sandbox.usedAt = Date.now();
    if (warm && this.#freeze) warm.thaw();
    const begunAt = performance.now();
    const requestId = randomUUID();
    const outcome = await sandbox.invoke(
      requestId,
      body,
      {
        "lambda-runtime-invoked-function-arn": fn.arn,
        "lambda-runtime-trace-id": traceHeader(lineage, fn.name),
      },
      fn.timeoutMs,
    );
    const tookMs = performance.now() - begunAt;
    counts.invocations++;
    counts.billedMs += Math.ceil(tookMs);
    if (warm) pool.meanMs += (tookMs - pool.meanMs) / 8;
    if (!outcome.ok) counts.errors++;
    this.#report(fn, tookMs, warm ? undefined : sandbox.initMs, outcome, about, routine);

    if (pool.all.has(sandbox)) {
      if (this.#freeze) sandbox.freeze();
      pool.idle.push(sandbox);
    }
    pool.busy.delete(sandbox);
    pool.waiting.shift()?.();
    return outcome;
  }

  /** Starts a sandbox that waits for its first event. */
  async prewarm(functionId: string): Promise<void> {
    const pool = this.#pool(functionId);
    const sandbox = this.#start(pool);
    if ((await sandbox.ready()) && pool.all.has(sandbox)) {
      pool.idle.push(sandbox);
      // Nobody waits for this start.
      pool.counts.coldStarts--;
    }
  }

  pids(functionId: string): number[] {
    return [...this.#pool(functionId).all].map(({ pid }) => pid);
  }

  counts(): Record<string, FunctionCounts> {
    return Object.fromEntries([...this.#pools.values()].map(({ fn, counts }) => [fn.label, { ...counts }]));
  }

  /** Ends every sandbox; what they were doing is reported to whoever invoked as an exit. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#reaper);
    const sandboxes = [...this.#pools.values()].flatMap(({ all }) => [...all]);
    for (const sandbox of sandboxes) sandbox.kill();
    for (const pool of this.#pools.values()) for (const waiter of pool.waiting.splice(0)) waiter();
    await Promise.all(sandboxes.map((sandbox) => sandbox.exited()));
  }

  #pool(functionId: string): Pool {
    const pool = this.#pools.get(functionId);
    if (!pool) throw new Error(`The template has no function ${functionId}`);
    return pool;
  }

  /** Resolves when there may be a sandbox, or when one more pays: those that are busy may have turned out to be slow. */
  #turn(pool: Pool): Promise<void> {
    return new Promise((resolve) => {
      const again = setInterval(() => {
        if (pool.waiting[0] === wake && pays(pool)) pool.waiting.shift()!();
      }, againMs);
      const wake = () => {
        clearInterval(again);
        resolve();
      };
      pool.waiting.push(wake);
    });
  }

  #start(pool: Pool): Sandbox {
    pool.counts.coldStarts++;
    pool.starting++;
    const { label } = pool.fn;
    const sandbox = new Sandbox(
      pool.fn.plan(),
      (line) => this.#log.output(label, line),
      () => {
        pool.all.delete(sandbox);
        pool.idle = pool.idle.filter((other) => other !== sandbox);
        if (!this.#stopped) this.#state.removeProcess(sandbox.pid);
      },
    );
    pool.all.add(sandbox);
    void sandbox.ready().then(() => {
      pool.starting--;
      pool.startMs = sandbox.initMs ?? pool.startMs;
      pool.waiting.shift()?.();
    });
    this.#state.addProcess(sandbox.pid, "convoke-lambda");
    return sandbox;
  }

  /** Keeps the last used sandbox of each function warm and ends those that nobody needed for a while. */
  #reap(idleMs: number): void {
    for (const { idle } of this.#pools.values()) {
      for (const sandbox of idle.slice(0, -1)) {
        if (Date.now() - sandbox.usedAt > idleMs) sandbox.kill();
      }
    }
  }

  #report(
    fn: PooledFunction,
    tookMs: number,
    coldMs: number | undefined,
    outcome: Invoked,
    about: string | undefined,
    routine: boolean,
  ): void {
    const cold = coldMs === undefined ? "" : `  cold start ${Math.round(coldMs)} ms`;
    const end = outcome.ok ? "ok" : `${outcome.error.errorType}: ${outcome.error.errorMessage}`;
    this.#log.line(
      `${fn.label.padEnd(9)}${String(Math.round(tookMs)).padStart(6)} ms  ${about ? `${about}  ` : ""}${end}${cold}`,
      { routine: routine && outcome.ok },
    );
  }
}

/**
 * Whether one more sandbox is worth its start: the others would not be through with what waits any sooner. Who has been
 * busy for longer than a start takes is not counted on; it may hold a long poll, or wait for a model. Of the others
 * there are no more than cores: a laptop that starts forty processes for a burst answers nobody for ten seconds, and has
 * its memory full of them afterwards.
 */
function pays({ busy, starting, waiting, startMs, meanMs }: Pool): boolean {
  const since = Date.now() - startMs;
  const prompt = [...busy].filter(({ initMs, usedAt }) => initMs !== undefined && usedAt >= since).length;
  if (prompt + starting >= cores) return false;
  return (waiting.length + 1) * meanMs >= startMs * (prompt + starting);
}

function refuse(kind: "error" | "throttled", errorType: string, errorMessage: string): Invoked {
  return { ok: false, kind, error: { errorType, errorMessage } };
}
