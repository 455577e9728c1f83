/**
 * What a job function may use under both contexts: a `DurableContext` of AWS's SDK and a `JobContext` of ours are
 * each assignable to it, which the compiler checks where they are handed over.
 */
export interface SharedContext {
  step<T>(name: string, fn: (step: { attempt: number }) => Promise<T>, config?: StepConfig): Promise<T>;
  wait(name: string, duration: Duration): Promise<void>;
  waitForCondition<T>(
    name: string,
    check: (state: T, step: { attempt: number }) => Promise<T>,
    config: { initialState: T; waitStrategy: WaitStrategy<T> },
  ): Promise<T>;
  createCallback<T>(name: string, config?: CallbackConfig<T>): Promise<[Promise<T>, string]>;
  waitForCallback<T>(
    name: string,
    submitter: (callbackId: string) => Promise<unknown>,
    config?: CallbackConfig<T> & StepConfig,
  ): Promise<T>;
  runInChildContext<T>(name: string, fn: (ctx: SharedContext) => Promise<T>): Promise<T>;
  parallel<T>(name: string, branches: Branch<T>[], config?: BatchConfig): Promise<BatchResult<T>>;
  map<I, T>(
    name: string,
    items: I[],
    fn: (ctx: SharedContext, item: I, index: number, items: I[]) => Promise<T>,
    config?: BatchConfig & { itemNamer?: (item: I, index: number) => string },
  ): Promise<BatchResult<T>>;
  promise: {
    all<T>(name: string, promises: Promise<T>[]): Promise<T[]>;
    allSettled<T>(name: string, promises: Promise<T>[]): Promise<PromiseSettledResult<T>[]>;
    any<T>(name: string, promises: Promise<T>[]): Promise<T>;
    race<T>(name: string, promises: Promise<T>[]): Promise<T>;
  };
}

export type Duration = { days: number } | { hours: number } | { minutes: number } | { seconds: number };

export type StepConfig = {
  retryStrategy?: (
    error: unknown,
    attempt: number,
  ) => { shouldRetry: false } | { shouldRetry: true; delay?: Duration };
};

type WaitStrategy<T> = (
  state: T,
  attempt: number,
) => { shouldContinue: false } | { shouldContinue: true; delay: Duration };

type CallbackConfig<T> = {
  timeout?: Duration;
  heartbeatTimeout?: Duration;
  serdes?: { deserialize: (text: string | undefined) => Promise<T> };
};

export type Branch<T> =
  | ((ctx: SharedContext) => Promise<T>)
  | { name?: string; func: (ctx: SharedContext) => Promise<T> };

type BatchConfig = {
  maxConcurrency?: number;
  completionConfig?:
    | { minSuccessful?: number; toleratedFailureCount?: number; toleratedFailurePercentage?: number }
    | { shouldComplete: (status: CompletionStatus) => CompletionDecision };
};

type CompletionStatus = {
  successCount: number;
  failureCount: number;
  completedCount: number;
  totalCount: number;
  items: readonly { index: number; status?: string }[];
};

/** AWS has an enum for the outcome, whose values are `SUCCEEDED` and `FAILED`. */
type CompletionDecision = { complete: false } | { complete: true; outcome?: never };

export interface BatchResult<T> {
  all: { index: number; status: string; result?: T; error?: Error }[];
  completionReason: string;
  status: string;
  hasFailure: boolean;
  successCount: number;
  failureCount: number;
  startedCount: number;
  totalCount: number;
  getResults(): T[];
  getErrors(): Error[];
  succeeded(): { index: number; result: T }[];
  failed(): { index: number; error: Error }[];
  started(): { index: number }[];
  throwIfError(): void;
}

/** What a job function may do besides: leave a trace, and take its time. */
export type World = {
  /** @returns how often it has been done by now, replays or not. */
  did: (effect: string) => number;
  sleep: (ms: number) => Promise<void>;
};

/** What somebody outside says to the callback of that path, once the job waits for it. */
export type Answer = { callback: string } & ({ result: string } | { error: string });

export type JobFunction = (ctx: SharedContext, world: World) => Promise<unknown>;

/** One step, wait or callback and what became of it. Scopes are part of the path. */
export type Operation = {
  path: string;
  kind: "step" | "wait" | "callback";
  status: "STARTED" | "PENDING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT";
  attempts?: number;
};

export function traced(): { effects: string[]; did: World["did"] } {
  const effects: string[] = [];
  return {
    effects,
    did: (effect) => {
      effects.push(effect);
      return effects.filter((earlier) => earlier === effect).length;
    },
  };
}

/** What a run leaves behind, in the words of neither side. */
export type Outcome = {
  ended: { result: unknown } | { error: string };
  /** What the functions of the steps did, in order. */
  effects: string[];
  /** By path. */
  operations: Operation[];
};
