import type { JobContext } from "../../core/engine/context.ts";

/** A stage of a job as people see it: its name, and the percentage that is shown when it begins. */
export type Stage = { name: string; percentage: number };

/** Shows where a job is that has a fixed list of stages. The last one is shown by the engine, when the job has completed. */
export function stagesOf<S extends Record<string, Stage>>(ctx: JobContext, stages: S) {
  const names = Object.keys(stages) as (keyof S)[];
  return (at: keyof S, details: string): void => {
    const { name, percentage } = stages[at]!;
    ctx.progress({
      current_step: name,
      total_steps: names.length,
      completed_steps: names.indexOf(at),
      percentage,
      details,
    });
  };
}
