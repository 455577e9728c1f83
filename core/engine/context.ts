import type * as z from "zod";
import type { ModelAnswer, ModelRequest } from "../models/model.ts";
import type { Budget, JobKey, Progress, Usage } from "../protocol/job.ts";
import type { Json, JsonObject, Millis } from "../protocol/json.ts";

/** At least one field. @see the AWS Lambda durable functions SDK, whose shape this is. */
export type Duration = { days?: number; hours?: number; minutes?: number; seconds?: number };

const longestDurationMs = 10 * 365 * 86_400_000;

/** @throws RangeError for what is no time at all, negative, or longer than ten years: a moment that nobody could store. */
export function toMillis(duration: Duration): Millis {
  const { days = 0, hours = 0, minutes = 0, seconds = 0 } = duration;
  const millis = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
  if (millis >= 0 && millis <= longestDurationMs) return millis;
  throw new RangeError(`A duration is 0 seconds to 10 years, not ${millis / 1000} seconds`);
}

/** @param attempt - how often the step has been tried by now, from 1. */
export type RetryStrategy = (
  error: unknown,
  attempt: number,
) => { shouldRetry: false } | { shouldRetry: true; delay?: Duration };

/**
 * How a value becomes the text that the journal keeps, and a value again. Without one it is JSON, and what is large is
 * moved to the payload store by itself.
 */
export type Serdes<T> = {
  serialize(value: T | undefined, context: SerdesContext): Promise<string | undefined>;
  deserialize(data: string | undefined, context: SerdesContext): Promise<T | undefined>;
};

/** Where the value stands: the path of its step, and its job. The names are AWS's. */
export type SerdesContext = { entityId: string; durableExecutionArn: string };

export type StepConfig<T = unknown> = {
  retryStrategy?: RetryStrategy;
  /** A step that takes longer is aborted and counts as failed. */
  timeout?: Duration;
  /**
   * What becomes of an attempt whose worker died: it is begun again (the default), or it counts as failed with the code
   * `step_interrupted`, and the retry strategy decides.
   */
  semantics?: "AT_LEAST_ONCE_PER_RETRY" | "AT_MOST_ONCE_PER_RETRY";
  serdes?: Serdes<T>;
  marks?: StepMarks;
};

/** What everybody is to know of a step's result: that a mock has made it, that it is less than was asked for. */
export type StepMarks = { mock?: true; degraded?: true };

export type WaitStrategy<T> = (
  state: T,
  attempt: number,
) => { shouldContinue: false } | { shouldContinue: true; delay: Duration };

export type WaitForConditionConfig<T> = {
  /** What the first check is given. */
  initialState: T;
  /** Asked after every check, with the state that it returned. */
  waitStrategy: WaitStrategy<T>;
  /** From the first check. One last check is made when it is over; then the failure is `condition_timeout`. */
  timeout?: Duration;
  /** For a check that throws. Without it that is final. */
  retryStrategy?: RetryStrategy;
  serdes?: Serdes<T>;
};

export type CallbackConfig<T = unknown> = {
  /** Without an answer by then the failure is `callback_timeout`. Without a time-out the job's age is the limit. */
  timeout?: Duration;
  /** Without a sign of life for so long the failure is `callback_heartbeat_missed`. */
  heartbeatTimeout?: Duration;
  serdes?: Pick<Serdes<T>, "deserialize">;
};

export type AskConfig<S> = {
  question: string;
  /** Of the answer. The API refuses what does not fit. */
  schema: S;
  /** Ids of the keys or users who may answer; without it everybody who may write jobs of the tenant. */
  answerers?: string[];
  deadline?: Duration;
  /** Is recorded, and so shown to whoever watches, once, when nobody has answered after so long. */
  reminder?: Duration;
  /** The answer if nobody has given one by the deadline. Without it the failure is `ask_expired`. */
  default?: Json;
};

export type InvokeConfig<I = unknown, R = unknown> = {
  title?: string;
  /** A child that takes longer is cancelled, and the failure is `callback_timeout`. */
  timeout?: Duration;
  payloadSerdes?: Pick<Serdes<I>, "serialize">;
  resultSerdes?: Pick<Serdes<R>, "deserialize">;
};

export type ChildConfig<T> = { serdes?: Serdes<T> };

/** What the job was submitted with, and what is left of it. What is not limited is absent. */
export type BudgetView = { limits: Budget; left: { steps?: number; tokens?: number; cost_usd?: number } };

export type StepContext = {
  logger: Logger;
  /** Cancel, time-out, or the end of the invocation. */
  signal: AbortSignal;
  attempt: number;
  /** The same for every attempt of this step, for services that take an idempotency key. */
  idempotencyKey: string;
};

export type Logger = Record<"debug" | "info" | "warn" | "error", (message: string, fields?: object) => void>;

/** When `parallel` and `map` are over before all has ended: by numbers, or by a decision of one's own. */
export type CompletionConfig =
  | {
      /** Enough when so many branches have completed. */
      minSuccessful?: number;
      /** More failures than this end the whole. */
      toleratedFailureCount?: number;
      toleratedFailurePercentage?: number;
    }
  | {
      /** Asked at the beginning and whenever a branch has ended. Must depend on what it is given alone. */
      shouldComplete: (status: CompletionStatus) => CompletionDecision;
    };

export type CompletionStatus = {
  successCount: number;
  failureCount: number;
  completedCount: number;
  totalCount: number;
  /** In the order of the branches; without a status it has not begun. */
  items: { index: number; name: string; status?: BatchItem<unknown>["status"] }[];
};

export type CompletionDecision = { complete: false } | { complete: true; outcome?: "SUCCEEDED" | "FAILED" };

export type ConcurrencyConfig = { maxConcurrency?: number; completionConfig?: CompletionConfig };

export type MapConfig<I> = ConcurrencyConfig & { itemNamer?: (item: I, index: number) => string };

export type BatchItem<T> =
  | { index: number; name: string; status: "SUCCEEDED"; result: T }
  | { index: number; name: string; status: "FAILED"; error: Error }
  /** Not finished when the completion condition was met. */
  | { index: number; name: string; status: "STARTED" };

/** The outcome of `parallel` and `map`: partial failure is a value, not an exception. */
export type BatchResult<T> = {
  /** What has begun, in the order of the branches. */
  all: BatchItem<T>[];
  completionReason:
    | "ALL_COMPLETED"
    | "MIN_SUCCESSFUL_REACHED"
    | "FAILURE_TOLERANCE_EXCEEDED"
    | "CUSTOM_COMPLETION_SUCCEEDED"
    | "CUSTOM_COMPLETION_FAILED";
  /** `FAILED` once a branch has failed, unless a decision of `shouldComplete` says otherwise. */
  status: "SUCCEEDED" | "FAILED";
  hasFailure: boolean;
  successCount: number;
  failureCount: number;
  startedCount: number;
  totalCount: number;
  /** Results of those that succeeded, in the order of the branches. */
  getResults(): T[];
  getErrors(): Error[];
  succeeded(): (BatchItem<T> & { status: "SUCCEEDED" })[];
  failed(): (BatchItem<T> & { status: "FAILED" })[];
  started(): (BatchItem<T> & { status: "STARTED" })[];
  /** Throws what the first failed branch threw, or `batch_failed` where only `shouldComplete` called it a failure. */
  throwIfError(): void;
};

export type Branch<T> =
  | ((ctx: JobContext) => Promise<T>)
  | { name?: string; func: (ctx: JobContext) => Promise<T> };

export type GenerateConfig = Omit<StepConfig, "serdes"> & {
  /** Longest silence between two tokens. */
  idleTimeout?: Duration;
  /** Tried in this order when the model before it has failed for good; each is a step of its own. */
  fallback?: string[];
  /** Checked inside the step: throws `StepFailed` to have the call tried again or given up. */
  check?: (answer: ModelAnswer) => void;
};

/**
 * What a job function has of the world. Everything that is not deterministic goes through here, so that a replay
 * takes the same way. Words and shapes are those of AWS Lambda durable functions.
 */
export interface JobContext {
  readonly job: JobKey & {
    type: string;
    version: number;
    createdAt: Millis;
    conversation?: { id: string; message: number };
  };
  readonly logger: Logger;
  /** Aborted by a cancel. */
  readonly signal: AbortSignal;

  /** Runs once to completion, whatever happens: its result is recorded, and a replay is given the record. */
  step<T>(name: string, fn: (step: StepContext) => Promise<T>, config?: StepConfig<T>): Promise<T>;

  /** Sleeps without holding a worker. */
  wait(name: string, duration: Duration): Promise<void>;

  /** Checks again and again, without holding a worker between two checks that are far apart. */
  waitForCondition<T>(
    name: string,
    check: (state: T, step: StepContext) => Promise<T>,
    config: WaitForConditionConfig<T>,
  ): Promise<T>;

  /** Something that somebody else answers: the promise of the answer, and the id under which it is given. */
  createCallback<T = string>(name: string, config?: CallbackConfig<T>): Promise<[Promise<T>, string]>;
  /** The same, with a step that tells somebody of the id. It must succeed before an answer is given. */
  waitForCallback<T = string>(
    name: string,
    submitter: (callbackId: string, step: StepContext) => Promise<void>,
    config?: CallbackConfig<T> & { retryStrategy?: RetryStrategy },
  ): Promise<T>;
  /** A callback that a person answers by filling in a form. */
  ask<S extends z.ZodType>(name: string, config: AskConfig<S>): Promise<z.output<S>>;
  ask<T = Json>(name: string, config: AskConfig<JsonObject>): Promise<T>;
  /** Another job, awaited. What it consumes counts as this one's; a cancel of this one is one of that too. */
  invoke<R = Json, I = unknown>(
    name: string,
    jobType: string,
    input: I,
    config?: InvokeConfig<I, R>,
  ): Promise<R>;
  /** Ends this job and goes on as a new one with a fresh journal. Never resolves. */
  continueAsNew(input: unknown): Promise<never>;
  /** The same, as a job of another type: it takes this one's place, in its conversation too. Never resolves. */
  handOff(jobType: string, input: unknown): Promise<never>;

  /** A model call as a step: usage is recorded, time-outs and cancel abort it. */
  generate(name: string, request: ModelRequest, config?: GenerateConfig): Promise<ModelAnswer>;
  /** The same, with token deltas to those who watch. */
  stream(name: string, request: ModelRequest, config?: GenerateConfig): Promise<ModelAnswer>;

  runInChildContext<T>(
    name: string,
    fn: (ctx: JobContext) => Promise<T>,
    config?: ChildConfig<T>,
  ): Promise<T>;
  parallel<T>(name: string, branches: Branch<T>[], config?: ConcurrencyConfig): Promise<BatchResult<T>>;
  map<I, T>(
    name: string,
    items: I[],
    fn: (ctx: JobContext, item: I, index: number, items: I[]) => Promise<T>,
    config?: MapConfig<I>,
  ): Promise<BatchResult<T>>;

  readonly promise: {
    all<T>(name: string, promises: Promise<T>[]): Promise<T[]>;
    allSettled<T>(name: string, promises: Promise<T>[]): Promise<PromiseSettledResult<T>[]>;
    any<T>(name: string, promises: Promise<T>[]): Promise<T>;
    race<T>(name: string, promises: Promise<T>[]): Promise<T>;
  };

  /** Shows people where the job is. Recorded together with the next thing that happens. */
  progress(progress: Progress): void;
  /** Marks the result as less than what was asked for. */
  degraded(): void;
  /** What the job has consumed so far. */
  usage(): Usage;
  /**
   * The journal's time: when the job was last given something, and the same in every replay. In milliseconds since 1970;
   * stands still while the job function computes.
   */
  now(): Millis;
  budget(): BudgetView;
}

/** What a step leaves behind: its result, and what rides on the event. */
export type StepOutcome = {
  result: Json;
  usage?: Usage;
  degraded?: boolean;
  mock?: boolean;
  /** A condition that does not hold yet is checked again after so long. */
  againInMs?: Millis;
};
