import { createHash } from "node:crypto";
import type { CallOptions, Model, ModelAnswer, ModelRequest } from "../models/model.ts";
import { StepError, StepFailed } from "../protocol/error.ts";
import type { JobEvent } from "../protocol/event.ts";
import {
  addUsage,
  type Failure,
  type JobRecord,
  noUsage,
  type Progress,
  type Usage,
} from "../protocol/job.ts";
import type { Json, Millis } from "../protocol/json.ts";
import { runBatch } from "./batch.ts";
import {
  type BatchResult,
  type ConcurrencyConfig,
  type Duration,
  type GenerateConfig,
  type JobContext,
  type Logger,
  type StepConfig,
  type StepContext,
  type StepOutcome,
  toMillis,
} from "./context.ts";
import { place } from "./place.ts";

/** What the journal knows of one path, and what the job function waits for at it. */
export type Operation = {
  path: string;
  kind: "step" | "wait";
  /** The last attempt that began; 0 before the first. */
  attempt: number;
  /** Attempts that failed. An attempt that a dead worker left behind is none. */
  failures: number;
  state: "new" | "running" | "retrying" | "waiting" | "settled";
  /** When a retry or a wait is due. */
  dueAt?: Millis;
  outcome?: Outcome;
  /** Its branch is no longer waited for: it may end, and begins no more. */
  abandoned?: true;
  /** Present once the job function has called it. */
  call?: Call;
};

type Call = {
  perform?: (step: StepContext) => Promise<StepOutcome>;
  config: StepConfig;
  durationMs?: Millis;
  settle: (outcome: Outcome) => void;
};

export type Outcome =
  | { ok: true; value: Json; usage?: Usage; mock?: boolean; degraded?: boolean }
  | { ok: false; failure: Failure };

/** The job function asked for something that the journal contradicts. */
export type Divergence = { step: string; message: string };

export type Finished = { ok: true; value: unknown } | { ok: false; error: unknown };

/** A call that had an answer, and therefore its price, but not one that will do. */
export class PaidFailure extends Error {
  readonly usage: Usage;
  constructor(cause: unknown, usage: Usage) {
    super("The answer will not do", { cause });
    this.usage = usage;
  }
}

type World = {
  model: Model;
  logger: Logger;
  modelTotalMs: number;
  modelIdleMs: number;
  onDelta: (step: string, attempt: number, text: string) => void;
};

/**
 * A job function in memory: what it has asked for, what it has been given, whether it has returned. Knows nothing of
 * time, leases or storage. The same code carries a replay and the live continuation.
 */
export class Run {
  readonly operations = new Map<string, Operation>();
  readonly cancelled = new AbortController();
  finished: Finished | undefined;
  diverged: Divergence | undefined;
  /** What the job function last wanted shown, until it is recorded. */
  progress: Progress | undefined;
  degraded = false;
  replaying = true;
  private readonly abandonedScopes: string[] = [];
  private consumed: Usage = noUsage;
  private readonly job: JobRecord;
  private readonly world: World;
  /** Called whenever the job function has asked for something or has ended. */
  private readonly onActivity: () => void;

  constructor(job: JobRecord, world: World, onActivity: () => void) {
    this.job = job;
    this.world = world;
    this.onActivity = onActivity;
  }

  begin(fn: (ctx: JobContext) => Promise<unknown>): void {
    const end = (finished: Finished) => {
      this.finished = finished;
      this.onActivity();
    };
    // Async from the start: a job function that throws before its first await fails like any other.
    place
      .run({ jobId: this.job.jobId }, async () => fn(this.context("")))
      .then(
        (value) => end({ ok: true, value }),
        (error: unknown) => end({ ok: false, error }),
      );
  }

  /**
   * What an event says of its operation, be it read from the journal or about to be written.
   * @returns the operation if that settles it.
   */
  record(event: JobEvent): Operation | undefined {
    if ("usage" in event && event.usage) this.consumed = addUsage(this.consumed, event.usage);
    switch (event.kind) {
      case "step.started":
        for (const { step, attempt } of event.steps) {
          Object.assign(this.operation(step, "step"), { attempt, state: "running", dueAt: undefined });
        }
        return undefined;
      case "wait.started":
        Object.assign(this.operation(event.step, "wait"), { state: "waiting", dueAt: event.until });
        return undefined;
      case "step.failed": {
        const operation = this.operation(event.step, "step");
        operation.failures += 1;
        if (event.retryAt === undefined) return operation;
        Object.assign(operation, { state: "retrying", dueAt: event.retryAt });
        return undefined;
      }
      case "step.completed":
        return this.operation(event.step, "step");
      case "wait.ended":
        return this.operation(event.step, "wait");
      default:
        return undefined;
    }
  }

  /** Gives the job function an outcome, now or when it asks. */
  deliver(operation: Operation, outcome: Outcome): void {
    operation.state = "settled";
    operation.outcome = outcome;
    operation.dueAt = undefined;
    operation.call?.settle(outcome);
  }

  /** What is still wanted: everything but what is left of branches that their batch no longer waits for. */
  wanted(): Operation[] {
    return [...this.operations.values()].filter((operation) => !operation.abandoned);
  }

  /** What the job function has asked for and no journal knows yet. */
  unrecorded(): Operation[] {
    return this.wanted().filter((operation) => operation.call && operation.state === "new");
  }

  /** The first that the journal holds and the job function has not asked for: a replay may be ahead of it. */
  uncalled(): Operation | undefined {
    for (const operation of this.operations.values()) if (!operation.call) return operation;
    return undefined;
  }

  /** Nothing begins below this scope any more. A step that is running there is let run and recorded: it is paid for. */
  private abandon(scope: string): void {
    this.abandonedScopes.push(scope);
    for (const operation of this.operations.values()) {
      if (operation.path.startsWith(scope)) operation.abandoned = true;
    }
  }

  private operation(path: string, kind: Operation["kind"]): Operation {
    let operation = this.operations.get(path);
    if (!operation) {
      operation = { path, kind, attempt: 0, failures: 0, state: "new" };
      this.operations.set(path, operation);
    }
    return operation;
  }

  private call<T>(
    path: string,
    kind: Operation["kind"],
    details: Omit<Call, "settle">,
    revive: (outcome: Outcome & { ok: true }) => T,
  ): Promise<T> {
    const misuse = this.misuse(path);
    if (misuse) return droppable(Promise.reject(misuse));
    if (this.abandonedScopes.some((scope) => path.startsWith(scope))) return new Promise(() => {});
    const operation = this.operation(path, kind);
    const promise = new Promise<T>((resolve, reject) => {
      if (operation.kind !== kind) {
        this.diverged ??= {
          step: path,
          message: `The job asks for a ${kind} at "${path}", its journal holds a ${operation.kind} there`,
        };
        return; // stays open: a blocked job does nothing, its own catch blocks included
      }
      const settle = (outcome: Outcome) => {
        if (outcome.ok) resolve(revive(outcome));
        else reject(new StepError(outcome.failure));
      };
      operation.call = { ...details, settle };
      if (operation.outcome) settle(operation.outcome);
    });
    this.onActivity();
    return droppable(promise);
  }

  /** What no replay could tell apart fails at once, and the same way every time. */
  private misuse(path: string): StepFailed | undefined {
    const inside = place.getStore()?.step;
    if (inside !== undefined) {
      const message = `"${path}" was asked for inside step "${inside}"; a step may not use the job's context`;
      return new StepFailed("nested_step", message);
    }
    if (!this.operations.get(path)?.call) return undefined;
    return new StepFailed("duplicate_step", `Two steps of the job have the same path, "${path}"`);
  }

  private context(scope: string): JobContext {
    const { job, world } = this;
    const pathOf = numbering(scope);
    const plain = (outcome: Outcome & { ok: true }) => outcome.value;

    const generate = async (
      name: string,
      request: ModelRequest,
      { fallback = [], idleTimeout, check, ...config }: GenerateConfig,
      deltas: boolean,
    ): Promise<ModelAnswer> => {
      const path = pathOf(name);
      const idleMs = idleTimeout ? toMillis(idleTimeout) : world.modelIdleMs;
      const totalMs = config.timeout ? toMillis(config.timeout) : world.modelTotalMs;
      const attempt = (asked: ModelRequest, at: string, degraded: boolean) =>
        this.call(
          at,
          "step",
          {
            config,
            perform: async (step) => {
              const options: CallOptions = {
                signal: step.signal,
                totalMs,
                idleMs,
                idempotencyKey: step.idempotencyKey,
                ...(deltas ? { onDelta: (text) => world.onDelta(at, step.attempt, text) } : {}),
              };
              const { usage, mock, ...answer } = await world.model.generate(asked, options);
              try {
                check?.({ ...answer, usage });
              } catch (error) {
                throw new PaidFailure(error, usage);
              }
              return {
                result: answer as Json,
                usage,
                ...(mock ? { mock } : {}),
                ...(degraded ? { degraded } : {}),
              };
            },
          },
          (outcome): ModelAnswer => ({
            ...(outcome.value as Omit<ModelAnswer, "usage">),
            usage: outcome.usage ?? noUsage,
            ...(outcome.mock ? { mock: true } : {}),
          }),
        );
      let last: Promise<ModelAnswer> = attempt(request, path, false);
      for (const model of new Set(fallback)) {
        const answer = await last.catch(() => undefined);
        if (answer) return answer;
        last = attempt({ ...request, model }, `${path}/fallback:${model}`, true);
      }
      return last;
    };

    const loud =
      (level: keyof Logger) =>
      (message: string, fields: object = {}) => {
        if (!this.replaying) world.logger[level](message, { job_id: job.jobId, ...fields });
      };

    const batch = <T>(
      name: string,
      branches: { name: string; func: (ctx: JobContext) => Promise<T> }[],
      config: ConcurrencyConfig | undefined,
    ): Promise<BatchResult<T>> => {
      const within = numbering(`${pathOf(name)}/`);
      const units = branches.map(({ name, func }) => {
        const inner = `${within(name)}/`;
        return { name, start: async () => func(this.context(inner)), abandon: () => this.abandon(inner) };
      });
      return droppable(runBatch(units, config));
    };

    return {
      job: {
        tenant: job.tenant,
        jobId: job.jobId,
        type: job.type,
        version: job.version,
        createdAt: job.createdAt,
        ...(job.inConversation
          ? { conversation: { id: job.inConversation.conversationId, message: job.inConversation.message } }
          : {}),
      },
      logger: { debug: loud("debug"), info: loud("info"), warn: loud("warn"), error: loud("error") },
      signal: this.cancelled.signal,
      step: <T>(name: string, fn: (step: StepContext) => Promise<T>, config: StepConfig = {}) =>
        this.call(
          pathOf(name),
          "step",
          { config, perform: async (step) => ({ result: (await fn(step)) as Json }) },
          plain,
        ) as Promise<T>,
      wait: (name: string, duration: Duration) =>
        this.call(pathOf(name), "wait", { config: {}, durationMs: toMillis(duration) }, () => undefined),
      generate: (name, request, config = {}) => droppable(generate(name, request, config, false)),
      stream: (name, request, config = {}) => droppable(generate(name, request, config, true)),
      runInChildContext: (name, fn) => {
        const inner = this.context(`${pathOf(name)}/`);
        return droppable((async () => fn(inner))());
      },
      parallel: (name, branches, config) =>
        batch(
          name,
          branches.map((branch, index) => {
            const { name = "", func } = typeof branch === "function" ? { func: branch } : branch;
            return { name: name || `parallel-branch-${index}`, func };
          }),
          config,
        ),
      map: (name, items, fn, config) =>
        batch(
          name,
          items.map((item, index) => ({
            name: config?.itemNamer?.(item, index) || `map-item-${index}`,
            func: (ctx) => fn(ctx, item, index, items),
          })),
          config,
        ),
      // The order in which outcomes are delivered is the journal's, so the language's own combinators replay alike.
      promise: {
        all: (_name, promises) => Promise.all(promises),
        allSettled: (_name, promises) => Promise.allSettled(promises),
        any: (_name, promises) => Promise.any(promises),
        race: (_name, promises) => Promise.race(promises),
      },
      progress: (progress) => {
        this.progress = progress;
      },
      degraded: () => {
        this.degraded = true;
      },
      usage: () => this.consumed,
    };
  }
}

/** `poll`, `poll#2`, ...: a name that comes again in one scope is numbered in the order of the calls. */
function numbering(scope: string): (name: string) => string {
  const used = new Map<string, number>();
  return (name) => {
    const count = (used.get(name) ?? 0) + 1;
    used.set(name, count);
    return `${scope}${name}${count === 1 ? "" : `#${count}`}`;
  };
}

/** A job may drop a promise (a lost race); its failure is in the journal and must not end the process. */
function droppable<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** The same for every attempt of a step, different for every step of every job. */
export function idempotencyKey(job: { tenant: string; jobId: string }, path: string): string {
  return createHash("sha256").update(`${job.tenant}\n${job.jobId}\n${path}`).digest("base64url");
}
