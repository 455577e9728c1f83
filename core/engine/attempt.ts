import { store } from "../payloads/payloads.ts";
import { failureOf, StepFailed } from "../protocol/error.ts";
import type { JobEvent } from "../protocol/event.ts";
import type { Failure, JobKey, Usage } from "../protocol/job.ts";
import type { Json, Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import { type Logger, type RetryStrategy, type StepOutcome, toMillis } from "./context.ts";
import { patiently } from "./patience.ts";
import { place } from "./place.ts";
import { backoff } from "./retry.ts";
import { idempotencyKey, type Operation, type Outcome, PaidFailure } from "./run.ts";

/** How an attempt ended: for the journal, and for the job function unless it will be tried again. */
export type Settled = { operation: Operation; event: JobEvent; outcome?: Outcome; bytes: number };

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
  const { path, attempt } = operation;
  const { config, perform } = operation.call!;
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
    const call = async () => perform!({ attempt, logger, signal, idempotencyKey: idempotencyKey(job, path) });
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
  { result, ...rest }: StepOutcome,
): Promise<Settled> {
  const { path, attempt } = operation;
  try {
    // What the job is given now is what a replay will give it: the value after its journey through JSON.
    const json = serializable(result);
    if ("failure" in json) throw new StepFailed(json.failure.code, json.failure.message);
    const stored = await patiently(services, () =>
      store(services.payloads, job, json.value, services.settings),
    );
    return {
      operation,
      event: { kind: "step.completed", step: path, attempt, result: stored, ...rest },
      outcome: { ok: true, value: json.value, ...rest },
      bytes: "ref" in stored ? 0 : json.bytes,
    };
  } catch (error) {
    throw rest.usage ? new PaidFailure(error, rest.usage) : error;
  }
}

function failed({ settings, random, now }: AttemptServices, operation: Operation, thrown: unknown): Settled {
  const [error, usage] = thrown instanceof PaidFailure ? [thrown.cause, thrown.usage] : [thrown];
  const { path, attempt } = operation;
  const failure = recordable(failureOf(error, { step: path, attempt }));
  const event = { kind: "step.failed", step: path, attempt, failure, ...paid(usage) } as const;
  const bytes = Buffer.byteLength(JSON.stringify(failure));
  const strategy = operation.call!.config.retryStrategy ?? backoff(settings, random);
  const delayMs = retryDelay(strategy, error, operation.failures + 1);
  return delayMs === undefined
    ? { operation, event, outcome: { ok: false, failure }, bytes }
    : { operation, event: { ...event, retryAt: now() + delayMs }, bytes };
}

function paid(usage: Usage | undefined): { usage?: Usage } {
  return usage ? { usage } : {};
}

/** A strategy belongs to the job's author: one that fails does not try again. */
function retryDelay(strategy: RetryStrategy, error: unknown, failures: number): Millis | undefined {
  try {
    const again = strategy(error, failures);
    return again.shouldRetry ? toMillis(again.delay ?? {}) : undefined;
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
