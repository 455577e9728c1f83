import { setTimeout as sleep } from "node:timers/promises";
import { registry } from "../core/engine/job-type.ts";
import { council } from "../jobs/council/council.ts";
import { answerBytes, referenceJob } from "./reference-job.ts";

const text = "The quick brown fox answers the council question in some detail. ".repeat(64);

/** What the benchmarks deploy: the council as it is, and the job of the comparisons with a model that only waits. */
export const jobs = registry([
  council,
  referenceJob(async (input, step) => {
    const [kind, member] = step.split("-");
    const staggered = input.stagger !== undefined && kind === "rank" && Number(member) >= 2;
    await sleep(staggered ? input.stagger : input.latency);
    const bytes = answerBytes[kind as keyof typeof answerBytes];
    return `${input.job}/${step}: ${text}`.slice(0, bytes).padEnd(bytes, ".");
  }),
]);
