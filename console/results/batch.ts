import type { BatchInput, BatchResult } from "./shapes.ts";
import type { Work } from "./work.ts";

type Child = {
  index: number;
  type: string;
  title: string;
  id: string | undefined;
  status: "pending" | "waiting" | "completed" | "failed" | "cancelled";
  error: string | undefined;
};

/** The jobs of a batch, in its order. */
export function childrenOf(
  input: BatchInput | undefined,
  result: BatchResult | undefined,
  work: Work,
): Child[] {
  const asked = input?.jobs ?? result?.jobs.map(({ type }) => ({ type, title: undefined })) ?? [];
  return asked.map(({ type, title }, index) => {
    const part = work.part(`job-${index}`);
    const ended = result?.jobs[index];
    const status = ended ? (ended.completed ? "completed" : "failed") : (part?.status ?? "pending");
    return {
      index,
      type,
      title: title ?? `Job ${index + 1}`,
      id: ended?.job_id ?? part?.step.childJobId,
      status: status as Child["status"],
      error: ended?.error?.message ?? part?.step.failure?.message,
    };
  });
}
