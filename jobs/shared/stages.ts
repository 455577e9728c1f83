import type { JobContext } from "../../core/engine/context.ts";

/** A stage of a job as people see it: its name, and the percentage that is shown when it begins. */
export type Stage = { name: string; percentage: number };

/** @param done - of a stage that is done bit by bit, how much of it, from 0 to 1. */
export type Show<S> = (at: keyof S, details: string, done?: number) => void;

/** Shows where a job is that has a fixed list of stages. The last one is shown by the engine, when the job has completed. */
export function stagesOf<S extends Record<string, Stage>>(ctx: JobContext, stages: S): Show<S> {
  const names = Object.keys(stages) as (keyof S)[];
  return (at, details, done = 0) => {
    const { name, percentage: from } = stages[at]!;
    const { percentage: to } = stages[names[names.indexOf(at) + 1] ?? at]!;
    const percentage = done === 0 ? from : Math.round(10 * (from + done * (to - from))) / 10;
    ctx.progress({
      current_step: name,
      total_steps: names.length,
      completed_steps: names.indexOf(at),
      percentage,
      details,
    });
  };
}
