import { ModelError } from "./errors.ts";
import type { CallOptions, ModelName } from "./model.ts";

/** What is left of a call's options for the provider: the time limits are kept out here. */
export type Call = {
  /** The caller's abort and both time limits. */
  signal: AbortSignal;
  /** To be called for every sign of life, also for one that brings no text (a model that thinks aloud). */
  alive: () => void;
  onDelta: ((text: string) => void) | undefined;
  idempotencyKey: string;
};

/**
 * Runs one call of a model. It ends at once when the caller aborts or a limit is reached, even if the provider does
 * not listen to the signal. The idle limit counts from the beginning, so it covers the wait for the first token too.
 *
 * @throws ModelError `model_aborted` or `model_timeout`
 */
export async function withinLimits<T>(
  model: ModelName,
  options: CallOptions,
  run: (call: Call) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { promise: cut, reject } = Promise.withResolvers<never>();
  const end = (error: ModelError) => {
    reject(error);
    controller.abort(error);
  };
  const timedOut = (limit: "total" | "idle", limitMs: number) => () =>
    end(
      new ModelError(
        "model_timeout",
        limit === "total"
          ? `${model} did not finish within ${limitMs} ms`
          : `${model} was silent for ${limitMs} ms`,
        { details: { model, limit, limit_ms: limitMs } },
      ),
    );
  const aborted = () =>
    end(new ModelError("model_aborted", `The call of ${model} was aborted`, { details: { model } }));

  const total = setTimeout(timedOut("total", options.totalMs), options.totalMs);
  const idle = setTimeout(timedOut("idle", options.idleMs), options.idleMs);
  options.signal.addEventListener("abort", aborted, { once: true });
  if (options.signal.aborted) aborted();
  try {
    return await Promise.race([
      cut,
      controller.signal.aborted
        ? cut
        : run({
            signal: controller.signal,
            alive: () => idle.refresh(),
            // What a provider still says after the end is no part of the answer.
            onDelta: options.onDelta && ((text) => controller.signal.aborted || options.onDelta?.(text)),
            idempotencyKey: options.idempotencyKey,
          }),
    ]);
  } finally {
    clearTimeout(total);
    clearTimeout(idle);
    options.signal.removeEventListener("abort", aborted);
    // After a failure in the middle of a stream the rest of it must not go on being paid for.
    controller.abort();
  }
}
