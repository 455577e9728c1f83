import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { JobContext } from "../../core/engine/context.ts";
import { defineJob } from "../../core/engine/job-type.ts";
import { registry } from "../../core/engine/registry.ts";
import type { Effect } from "./account.ts";

const input = z.object({
  number: z.int(),
  /** How long each call takes. */
  callMs: z.array(z.int()).length(6),
  waitSeconds: z.number(),
});

/** What a job of this number comes to, whatever happens to it. */
export function total(number: number): number {
  return 6 * number + 15;
}

/** A call whose traces are outside of everything that chaos reaches: one line before it and one after it. */
async function call(ctx: JobContext, step: string, attempt: number, ms: number): Promise<void> {
  const note = (what: Effect["what"]) => {
    const effect: Effect = { at: Date.now(), pid: process.pid, jobId: ctx.job.jobId, step, attempt, what };
    appendFileSync(process.env.CHAOS_EFFECTS!, `${JSON.stringify(effect)}\n`);
  };
  note("begun");
  await sleep(ms);
  note("done");
}

/** One call, three at a time, a wait, one that fails the first time, one more. */
const chaos = defineJob({
  type: "chaos",
  version: 1,
  summary: "Calls of which every one leaves a trace",
  input,
  result: z.object({ total: z.int() }),
  example: { number: 1, callMs: [1, 1, 1, 1, 1, 1], waitSeconds: 1 },
  title: ({ number }) => `Chaos ${number}`,
  description: () => "Six calls and a wait",
  async run(ctx, { number, callMs, waitSeconds }) {
    const step = (index: number) =>
      ctx.step(`call-${index}`, async ({ attempt }) => {
        await call(ctx, `call-${index}`, attempt, callMs[index]!);
        if (index === 4 && attempt === 1) throw new Error("The first try of this one always fails");
        return number + index;
      });
    const first = await step(0);
    const three = await ctx.promise.all("three", [step(1), step(2), step(3)]);
    await ctx.wait("pause", { seconds: waitSeconds });
    const last = [await step(4), await step(5)];
    return { total: [first, ...three, ...last].reduce((sum, one) => sum + one, 0) };
  },
});

/** Deployed instead of the product's own job types, with `-c jobs=./test/chaos/jobs.ts`. */
export const jobs = registry([chaos]);
