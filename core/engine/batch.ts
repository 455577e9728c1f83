import type { BatchItem, BatchResult, ConcurrencyConfig } from "./context.ts";

/** One branch of `parallel` or one item of `map`. */
export type Unit<T> = { name: string; start: () => Promise<T> };

/**
 * Runs branches until all have ended or the completion condition is met. Without a condition the first failure is
 * one too many, as in the AWS SDK. Nothing is cancelled: branches that are not waited for stay `STARTED`.
 */
export function runBatch<T>(units: Unit<T>[], config: ConcurrencyConfig = {}): Promise<BatchResult<T>> {
  const { maxConcurrency = Number.POSITIVE_INFINITY, completionConfig = {} } = config;
  if (!(maxConcurrency >= 1)) throw new RangeError(`maxConcurrency is at least 1, not ${maxConcurrency}`);
  const { minSuccessful, toleratedFailureCount, toleratedFailurePercentage } = completionConfig;
  const conditional = [minSuccessful, toleratedFailureCount, toleratedFailurePercentage].some(
    (limit) => limit !== undefined,
  );
  const all: BatchItem<T>[] = [];
  let next = 0;
  let running = 0;
  let succeeded = 0;
  let failed = 0;

  const tooManyFailures = () => {
    if (!conditional) return failed > 0;
    if (toleratedFailureCount !== undefined && failed > toleratedFailureCount) return true;
    return (
      toleratedFailurePercentage !== undefined && (100 * failed) / units.length > toleratedFailurePercentage
    );
  };

  return new Promise((resolve) => {
    const settle = () => {
      const reason = tooManyFailures()
        ? "FAILURE_TOLERANCE_EXCEEDED"
        : minSuccessful !== undefined && succeeded >= minSuccessful
          ? "MIN_SUCCESSFUL_REACHED"
          : succeeded + failed === units.length
            ? "ALL_COMPLETED"
            : undefined;
      if (reason) {
        next = units.length;
        resolve(batchResult([...all], reason));
        return;
      }
      while (running < maxConcurrency && next < units.length) begin(next++);
    };
    const begin = (index: number) => {
      const { name, start } = units[index]!;
      running += 1;
      all[index] = { index, name, status: "STARTED" };
      start().then(
        (result) => {
          running -= 1;
          succeeded += 1;
          all[index] = { index, name, status: "SUCCEEDED", result };
          settle();
        },
        (error: unknown) => {
          running -= 1;
          failed += 1;
          all[index] = {
            index,
            name,
            status: "FAILED",
            error: error instanceof Error ? error : new Error(String(error)),
          };
          settle();
        },
      );
    };
    settle();
  });
}

function batchResult<T>(
  items: BatchItem<T>[],
  completionReason: BatchResult<T>["completionReason"],
): BatchResult<T> {
  const all = items.filter((item) => item !== undefined);
  const succeeded = () => all.filter((item) => item.status === "SUCCEEDED");
  const failed = () => all.filter((item) => item.status === "FAILED");
  return {
    all,
    completionReason,
    hasFailure: failed().length > 0,
    getResults: () => succeeded().map((item) => item.result),
    getErrors: () => failed().map((item) => item.error),
    succeeded,
    failed,
    throwIfError() {
      const [first] = failed();
      if (first) throw first.error;
    },
  };
}
