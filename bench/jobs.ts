import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { defineJob } from "../core/engine/job-type.ts";
import { registry } from "../core/engine/registry.ts";
import { audit } from "../jobs/audit/audit.ts";
import { council } from "../jobs/council/council.ts";
import { answerBytes, members, type ReferenceInput, referenceJob } from "./reference-job.ts";

// Of the runner's variables functions are given only some, MOCK_ ones among them.
const { MOCK_TEXT: text = "", MOCK_CALL_LOG: callLog } = process.env;

/** One line of JSON for every call that starts or ends. */
function note(what: "start" | "end", job: string, step: string): void {
  if (callLog) appendFileSync(callLog, `${JSON.stringify({ at: Date.now(), what, job, step })}\n`);
}

/** Every call of a job says something else, so that answers compress like answers and not like a chorus. */
function answer({ job }: ReferenceInput, kind: keyof typeof answerBytes, member: number): string {
  const bytes = answerBytes[kind];
  const place = Object.keys(answerBytes).indexOf(kind) * members.length + member;
  const from = (place * 3_072 + Number(job) * 101) % Math.max(1, text.length - bytes);
  return text.slice(from, from + bytes).padEnd(bytes, ".");
}

/** Looks for something that is not there yet, over and over. */
const polling = defineJob({
  type: "polling",
  version: 1,
  summary: "Polls so often, so many seconds apart",
  input: z.object({ polls: z.int(), seconds: z.number() }),
  result: z.int(),
  example: { polls: 1, seconds: 1 },
  title: () => "Polling",
  description: () => "Polling",
  run: (ctx, { polls, seconds }) =>
    ctx.waitForCondition("poll", async (count: number) => count + 1, {
      initialState: 0,
      waitStrategy: (count) =>
        count < polls ? { shouldContinue: true, delay: { seconds } } : { shouldContinue: false },
    }),
});

/** Begins and ends so many steps, and says so each time; with `twice`, each at its second attempt. */
const talking = defineJob({
  type: "talking",
  version: 1,
  summary: "Does so many steps, each so many milliseconds long",
  input: z.object({ steps: z.int(), pause_ms: z.number(), twice: z.boolean().default(false) }),
  result: z.int(),
  example: { steps: 1, pause_ms: 0, twice: false },
  title: () => "Talking",
  description: () => "Talking",
  async run(ctx, { steps, pause_ms: pauseMs, twice }) {
    const retryStrategy = (_error: unknown, attempt: number) => ({
      shouldRetry: attempt < 2,
      delay: { seconds: 0 },
    });
    for (let step = 0; step < steps; step += 1) {
      const done = `${step} of ${steps}`;
      const percentage = Math.floor((100 * step) / steps);
      const said = { total_steps: steps, completed_steps: step, percentage, details: done };
      ctx.progress({ current_step: "talk", ...said });
      let tried = !twice;
      const part = async () => {
        if (!tried) {
          tried = true;
          throw new Error("Once more");
        }
        return sleep(pauseMs, done);
      };
      await ctx.step(`part-${step}`, part, { retryStrategy });
    }
    return steps;
  },
});

/** What the benchmarks deploy: audit and council as they are, one that polls, one that talks, and the job of the comparisons with a model that only waits. */
export const jobs = registry([
  audit,
  council,
  polling,
  talking,
  referenceJob(async (input, step) => {
    const [kind, member] = step.split("-") as [keyof typeof answerBytes, string];
    const staggered = input.stagger !== undefined && kind === "rank" && Number(member) >= 2;
    note("start", input.job, step);
    await sleep(staggered ? input.stagger : input.latency);
    note("end", input.job, step);
    return answer(input, kind, Number(member));
  }),
]);
