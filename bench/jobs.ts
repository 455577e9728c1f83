import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { registry } from "../core/engine/job-type.ts";
import { council } from "../jobs/council/council.ts";
import { answerBytes, referenceJob } from "./reference-job.ts";

const text = "The quick brown fox answers the council question in some detail. ".repeat(64);

/** One line of JSON for every call that starts or ends. Of the runner's variables functions get only some, MOCK_ ones among them. */
const callLog = process.env.MOCK_CALL_LOG;

function note(what: "start" | "end", job: string, step: string): void {
  if (callLog) appendFileSync(callLog, `${JSON.stringify({ at: Date.now(), what, job, step })}\n`);
}

/** What the benchmarks deploy: the council as it is, and the job of the comparisons with a model that only waits. */
export const jobs = registry([
  council,
  referenceJob(async ({ job, latency, stagger }, step) => {
    const [kind, member] = step.split("-");
    note("start", job, step);
    await sleep(stagger !== undefined && kind === "rank" && Number(member) >= 2 ? stagger : latency);
    note("end", job, step);
    const bytes = answerBytes[kind as keyof typeof answerBytes];
    return `${job}/${step}: ${text}`.slice(0, bytes).padEnd(bytes, ".");
  }),
]);
