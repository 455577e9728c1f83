import { StepFailed } from "../protocol/error.ts";
import type {
  BatchItem,
  BatchResult,
  CompletionConfig,
  CompletionStatus,
  ConcurrencyConfig,
} from "./context.ts";

/** One branch of `parallel` or one item of `map`. */
export type Unit<T> = {
  name: string;
  start: () => Promise<T>;
  /** It is no longer waited for. */
  abandon: () => void;
};

type CompletionReason = BatchResult<unknown>["completionReason"];

/**
 * Runs branches until all have ended or the completion condition is met, as the AWS SDK does: without a condition the
 * first failure ends the whole, and what is running then stays `STARTED` and begins nothing more.
 */
export function runBatch<T>(units: Unit<T>[], config: ConcurrencyConfig = {}): Promise<BatchResult<T>> {
  const { maxConcurrency = Number.POSITIVE_INFINITY, completionConfig = {} } = config;
  if (!(maxConcurrency >= 1)) throw new RangeError(`maxConcurrency is at least 1, not ${maxConcurrency}`);
  const items: BatchItem<T>[] = [];
  let running = 0;
  let over = false;

  return new Promise((resolve, reject) => {
    const proceed = () => {
      const reason = completion(completionConfig, progressOf(units, items));
      if (reason) {
        over = true;
        for (const { status, index } of items) if (status === "STARTED") units[index]!.abandon();
        resolve(new Batch(items, reason));
        return;
      }
      while (running < maxConcurrency && items.length < units.length) begin(items.length);
    };
    const begin = (index: number) => {
      const { name, start } = units[index]!;
      running += 1;
      items.push({ index, name, status: "STARTED" });
      const end = (item: BatchItem<T>) => {
        if (over) return;
        running -= 1;
        items[index] = item;
        try {
          proceed();
        } catch (error) {
          reject(error); // a predicate's own, for the job function to see
        }
      };
      start().then(
        (result) => end({ index, name, status: "SUCCEEDED", result }),
        (thrown: unknown) => {
          const error = thrown instanceof Error ? thrown : new Error(String(thrown));
          end({ index, name, status: "FAILED", error });
        },
      );
    };
    proceed();
  });
}

function progressOf(units: Unit<unknown>[], items: BatchItem<unknown>[]): CompletionStatus {
  const successCount = items.filter(({ status }) => status === "SUCCEEDED").length;
  const failureCount = items.filter(({ status }) => status === "FAILED").length;
  return {
    successCount,
    failureCount,
    completedCount: successCount + failureCount,
    totalCount: units.length,
    items: units.map(({ name }, index) => {
      const status = items[index]?.status;
      return { index, name, ...(status ? { status } : {}) };
    }),
  };
}

/** Why a batch is over, if it is. Too many failures count first, even when nothing is left to run. */
function completion(config: CompletionConfig, progress: CompletionStatus): CompletionReason | undefined {
  const { successCount, failureCount, completedCount, totalCount } = progress;
  const allEnded = completedCount === totalCount ? "ALL_COMPLETED" : undefined;
  if ("shouldComplete" in config) {
    const decision = config.shouldComplete(progress);
    if (!decision.complete) return allEnded;
    return decision.outcome === "FAILED" ? "CUSTOM_COMPLETION_FAILED" : "CUSTOM_COMPLETION_SUCCEEDED";
  }
  const { minSuccessful, toleratedFailureCount, toleratedFailurePercentage } = config;
  const unconditional =
    minSuccessful === undefined &&
    toleratedFailureCount === undefined &&
    toleratedFailurePercentage === undefined;
  const tolerated = unconditional ? 0 : (toleratedFailureCount ?? totalCount);
  const percentage = totalCount === 0 ? 0 : (100 * failureCount) / totalCount;
  if (failureCount > tolerated || percentage > (toleratedFailurePercentage ?? 100)) {
    return "FAILURE_TOLERANCE_EXCEEDED";
  }
  if (allEnded) return allEnded;
  return minSuccessful !== undefined && successCount >= minSuccessful ? "MIN_SUCCESSFUL_REACHED" : undefined;
}

/** A class for the sake of its JSON: a job that returns a batch returns what is in it, not the ways to look at it. */
class Batch<T> implements BatchResult<T> {
  readonly all: BatchItem<T>[];
  readonly completionReason: CompletionReason;

  constructor(all: BatchItem<T>[], completionReason: CompletionReason) {
    this.all = all;
    this.completionReason = completionReason;
  }

  get status() {
    if (this.completionReason === "CUSTOM_COMPLETION_FAILED") return "FAILED";
    if (this.completionReason === "CUSTOM_COMPLETION_SUCCEEDED") return "SUCCEEDED";
    return this.hasFailure ? "FAILED" : "SUCCEEDED";
  }
  get hasFailure() {
    return this.failureCount > 0;
  }
  get successCount() {
    return this.succeeded().length;
  }
  get failureCount() {
    return this.failed().length;
  }
  get startedCount() {
    return this.started().length;
  }
  get totalCount() {
    return this.all.length;
  }
  succeeded() {
    return this.all.filter((item) => item.status === "SUCCEEDED");
  }
  failed() {
    return this.all.filter((item) => item.status === "FAILED");
  }
  started() {
    return this.all.filter((item) => item.status === "STARTED");
  }
  getResults() {
    return this.succeeded().map(({ result }) => result);
  }
  getErrors() {
    return this.failed().map(({ error }) => error);
  }
  throwIfError() {
    const [first] = this.failed();
    if (first) throw first.error;
    if (this.status === "SUCCEEDED") return;
    const message = `Batch completed as failed by shouldComplete (${this.completionReason})`;
    throw new StepFailed("batch_failed", message);
  }
}
