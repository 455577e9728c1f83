import type { Budget, JobKey } from "../protocol/job.ts";
import { type Signalled, type SignalServices, signal } from "./signal.ts";

/** What changes of a budget: null takes a limit away, what is absent stays. */
export type BudgetChange = { [limit in keyof Budget]?: Budget[limit] | null };

/**
 * Changes what a job may consume. One that is held until somebody raises its budget goes on.
 * @returns undefined when there is no such job.
 */
export function changeBudget(
  services: SignalServices,
  key: JobKey,
  by: string,
  change: BudgetChange,
): Promise<Signalled | undefined> {
  return signal(services, key, by, (job) => {
    const all = Object.entries({ ...job.budget, ...change });
    const budget: Budget = Object.fromEntries(all.filter(([, limit]) => limit != null));
    return { kind: "job.budget_changed", by, budget };
  });
}
