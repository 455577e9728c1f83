import { randomUUID } from "node:crypto";
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

/**
 * How many sandboxes of a function start at the same time. A burst is served by those that are warm, and by more only
 * as long as it lasts: a laptop that starts forty processes at once answers nobody for ten seconds.
 */
const startsAtOnce = 2;

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
  busy: number;
  /** Sandboxes that are not ready yet. */
  starting: number;
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
          busy: 0,
          starting: 0,
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
      const full = pool.busy >= limit;
      if (full && (!wait || limit === 0)) {
        return refuse("throttled", "TooManyRequestsException", "Rate Exceeded.");
      }
      if (this.#stopped || (!full && (pool.idle.length > 0 || pool.starting < startsAtOnce))) break;
      await new Promise<void>((resolve) => pool.waiting.push(resolve));
    }
    if (this.#stopped) return refuse("throttled", "ServiceException", "The embedded cloud is stopping");

    pool.busy++;
    const warm = pool.idle.pop();
    const sandbox = warm ?? this.#start(pool);
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
    if (!outcome.ok) counts.errors++;
    this.#report(fn, tookMs, warm ? undefined : sandbox.initMs, outcome, about, routine);

    if (pool.all.has(sandbox)) {
      if (this.#freeze) sandbox.freeze();
      pool.idle.push(sandbox);
    }
    pool.busy--;
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

function refuse(kind: "error" | "throttled", errorType: string, errorMessage: string): Invoked {
  return { ok: false, kind, error: { errorType, errorMessage } };
}
