import { load, store } from "../payloads/payloads.ts";
import { failureOf, StepFailed } from "../protocol/error.ts";
import type { JobEvent } from "../protocol/event.ts";
import type { Failure, JobKey, Usage } from "../protocol/job.ts";
import type { Json, Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import { type Logger, type RetryStrategy, type StepOutcome, toMillis } from "./context.ts";
import { idempotencyKey } from "./ids.ts";
import { patiently } from "./patience.ts";
import { place } from "./place.ts";
import { backoff } from "./retry.ts";
import type { Operation, StepCall } from "./run.ts";

/** How an attempt ended. `value` is the result, which the event may only refer to. */
export type Settled = { operation: Operation; event: JobEvent; value?: Json; bytes: number };

/** A call that had an answer, and therefore its price, but not one that will do. */
export class PaidFailure extends Error {
  readonly usage: Usage;
  constructor(cause: unknown, usage: Usage) {
    super("The answer will not do", { cause });
    this.usage = usage;
  }
}

/** What a retry strategy is given when a worker died over an attempt that may be made at most once. */
class StepInterruptedError extends StepFailed {
  constructor(path: string) {
    super(
      "step_interrupted",
      `The worker of step "${path}" died, or its time was up, before the step had ended`,
      {
        retryable: true,
      },
    );
  }
}

/**
 * Stands around every call of a step's function. The journal knows intents and outcomes, not calls: the testing kit
 * counts, delays and answers them here.
 */
export type Around = (
  call: JobKey & { step: string; attempt: number },
  perform: () => Promise<StepOutcome>,
) => Promise<StepOutcome>;

type AttemptServices = Pick<Services, "payloads" | "settings" | "random" | "now" | "sleep">;

/** What a failure may say of itself; what is longer is left out of the journal. */
const detailsBytes = 16 * 1024;

/**
 * Performs a step once.
 * @param interrupt - ends the attempt: a cancel, or the invocation's time is up. The step's own time-out uses it too.
 * @param remainingMs - what is left of the invocation; a time-out beyond it needs no timer.
 * @returns never rejects: whatever the step does, it has ended in one of two ways.
 */
export async function attemptStep(
  services: AttemptServices,
  job: JobKey,
  operation: Operation,
  interrupt: AbortController,
  { logger, remainingMs, around }: { logger: Logger; remainingMs: Millis; around?: Around },
): Promise<Settled> {
  const { path, attempt, checks, checked } = operation;
  const { config, perform } = stepCall(operation);
  const { signal } = interrupt;
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  const done = new AbortController();
  try {
    const timeoutMs = config.timeout ? toMillis(config.timeout) : undefined;
    if (timeoutMs !== undefined && timeoutMs < remainingMs) {
      void services.sleep(timeoutMs, done.signal).then(() => {
        if (done.signal.aborted) return;
        const message = `Step "${path}" took longer than ${timeoutMs} ms`;
        interrupt.abort(new StepFailed("step_timeout", message, { retryable: true }));
      });
    }
    const step = { attempt, logger, signal, idempotencyKey: idempotencyKey(job, path) };
    const state = checked && (await patiently(services, () => load(services.payloads, checked)));
    const elapsedMs = () => services.now() - (operation.startedAt ?? services.now());
    const call = async () => perform(step, { state, checks, elapsedMs });
    const performed = place.run({ jobId: job.jobId, step: path }, () => {
      const { tenant, jobId } = job;
      return around ? around({ tenant, jobId, step: path, attempt }, call) : call();
    });
    performed.catch(() => {}); // an attempt that lost to its time-out may still fail
    return await completed(services, job, operation, await Promise.race([performed, interrupted]));
  } catch (error) {
    return failed(services, operation, error);
  } finally {
    done.abort();
  }
}

async function completed(
  services: AttemptServices,
  job: JobKey,
  operation: Operation,
  { result, againInMs, ...rest }: StepOutcome,
): Promise<Settled> {
  const { path: step, attempt } = operation;
  try {
    // What the job is given now is what a replay will give it: the value after its journey through JSON.
    const json = serializable(result);
    if ("failure" in json) throw new StepFailed(json.failure.code, json.failure.message);
    const stored = await patiently(services, () =>
      store(services.payloads, job, json.value, services.settings),
    );
    const bytes = "ref" in stored ? 0 : json.bytes;
    if (againInMs !== undefined) {
      const retryAt = services.now() + againInMs;
      const event = { kind: "condition.checked", step, attempt, state: stored, retryAt } as const;
      return { operation, event, bytes };
    }
    const event = { kind: "step.completed", step, attempt, result: stored, ...rest } as const;
    return { operation, event, value: json.value, bytes };
  } catch (error) {
    throw rest.usage ? new PaidFailure(error, rest.usage) : error;
  }
}

/** An attempt that a dead worker left behind has failed, where it may be made at most once. */
export function interrupted(
  services: Pick<AttemptServices, "settings" | "random" | "now">,
  operation: Operation,
): Settled {
  return failed(services, operation, new StepInterruptedError(operation.path));
}

function failed(
  { settings, random, now }: Pick<AttemptServices, "settings" | "random" | "now">,
  operation: Operation,
  thrown: unknown,
): Settled {
  const [error, usage] = thrown instanceof PaidFailure ? [thrown.cause, thrown.usage] : [thrown];
  const { path, attempt } = operation;
  const failure = recordable(failureOf(error, { step: path, attempt }));
  const event = { kind: "step.failed", step: path, attempt, failure, ...paid(usage) } as const;
  const bytes = Buffer.byteLength(JSON.stringify(failure));
  const strategy = stepCall(operation).config.retryStrategy ?? backoff(settings, random);
  const delayMs = retryDelay(strategy, error, operation.failures + 1);
  const retry = delayMs === undefined ? {} : { retryAt: now() + delayMs };
  return { operation, event: { ...event, ...retry }, bytes };
}

function stepCall({ path, call }: Operation): StepCall {
  if (call?.kind === "step") return call;
  throw new Error(`"${path}" is no step that the job function has asked for`);
}

function paid(usage: Usage | undefined): { usage?: Usage } {
  return usage ? { usage } : {};
}

/** A strategy belongs to the job's author: one that fails does not try again. */
function retryDelay(strategy: RetryStrategy, error: unknown, failures: number): Millis | undefined {
  try {
    const again = strategy(error, failures);
    return again.shouldRetry ? toMillis(again.delay ?? { seconds: 1 }) : undefined;
  } catch {
    return undefined;
  }
}

/** The failure as its journey through JSON leaves it, without details that cannot make it or are too large. */
export function recordable({ details, ...failure }: Failure): Failure {
  if (details === undefined) return failure;
  const json = serializable(details);
  return "failure" in json || json.bytes > detailsBytes ? failure : { ...failure, details: json.value };
}

/** A value as its journey through JSON leaves it, or why it cannot make that journey. */
export function serializable(value: unknown): { value: Json; bytes: number } | { failure: Failure } {
  try {
    const json = JSON.stringify(value ?? null);
    if (json === undefined) throw new TypeError(`a ${typeof value} is no JSON value`);
    return { value: JSON.parse(json) as Json, bytes: Buffer.byteLength(json) };
  } catch (error) {
    const { message } = failureOf(error);
    return { failure: { code: "not_serializable", message: `A result must be JSON: ${message}` } };
  }
}
