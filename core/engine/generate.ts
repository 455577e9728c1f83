import type { CallOptions, ModelAnswer, ModelRequest } from "../models/model.ts";
import { noUsage } from "../protocol/job.ts";
import type { Json } from "../protocol/json.ts";
import { PaidFailure } from "./attempt.ts";
import { type GenerateConfig, toMillis } from "./context.ts";
import type { Run } from "./run.ts";

type Generate = (
  name: string,
  request: ModelRequest,
  config: GenerateConfig,
  deltas: boolean,
) => Promise<ModelAnswer>;

/** Model calls as steps. Each fallback is a step of its own, below the one that failed. */
export function generation(run: Run, pathOf: (name: string) => string): Generate {
  const { world } = run;
  return async (name, request, { fallback = [], idleTimeout, check, ...config }, deltas) => {
    const path = pathOf(name);
    const idleMs = idleTimeout ? toMillis(idleTimeout) : world.modelIdleMs;
    const totalMs = config.timeout ? toMillis(config.timeout) : world.modelTotalMs;
    const attempt = (asked: ModelRequest, at: string, degraded: boolean) =>
      run.call(
        at,
        {
          kind: "step",
          config,
          perform: async (step) => {
            const options: CallOptions = {
              signal: step.signal,
              totalMs,
              idleMs,
              idempotencyKey: step.idempotencyKey,
              ...(deltas ? { onDelta: (text) => world.onDelta(at, step.attempt, text) } : {}),
            };
            const { usage, mock, ...answer } = await world.model.generate(asked, options);
            try {
              check?.({ ...answer, usage });
            } catch (error) {
              throw new PaidFailure(error, usage);
            }
            return {
              result: answer as Json,
              usage,
              ...(mock ? { mock } : {}),
              ...(degraded ? { degraded } : {}),
              ...config.marks,
            };
          },
        },
        (outcome): ModelAnswer => ({
          ...(outcome.value as Omit<ModelAnswer, "usage">),
          usage: outcome.usage ?? noUsage,
          ...(outcome.mock ? { mock: true } : {}),
        }),
      );
    let last: Promise<ModelAnswer> = attempt(request, path, false);
    for (const model of new Set(fallback)) {
      const answer = await last.catch(() => undefined);
      if (answer) return answer;
      last = attempt({ ...request, model }, `${path}/fallback:${model}`, true);
    }
    return last;
  };
}
