import { ModelError } from "../../core/models/errors.ts";
import type { CallOptions, Model, ModelAnswer, ModelRequest } from "../../core/models/model.ts";

/** Limits that no test reaches unless it means to. */
function callOptions(options: Partial<CallOptions> = {}): CallOptions {
  return {
    signal: new AbortController().signal,
    totalMs: 20_000,
    idleMs: 10_000,
    idempotencyKey: "tenant-a/job-1/stage1",
    ...options,
  };
}

/** One question to one model. */
export function asks(
  model: Model,
  request: Partial<ModelRequest> & { model: string },
  options: Partial<CallOptions> = {},
): Promise<ModelAnswer> {
  const messages = [{ role: "user" as const, content: "Why is the sky blue?" }];
  return model.generate({ messages, ...request }, callOptions(options));
}

/** The error that a call must end in; anything else fails the test. */
export async function errorOf(call: Promise<unknown>): Promise<ModelError> {
  const outcome = await call.then(
    () => new Error("The call was answered, an error was expected"),
    (error: unknown) => error,
  );
  if (outcome instanceof ModelError) return outcome;
  throw outcome;
}

/** Everything that a log or a journal could get to see of an error. */
export function everythingIn(error: ModelError): string {
  const own = Object.fromEntries(
    Object.getOwnPropertyNames(error).map((key) => [key, Reflect.get(error, key)]),
  );
  return JSON.stringify({ ...own, shown: String(error), cause: String(error.cause) });
}
