import { afterAll, expect, test } from "vitest";
import { synthesize } from "../../local/synthesize.ts";
import { startTestCloud } from "../support/cloud.ts";
import type { Deed } from "../support/hostile-jobs.ts";

const cloud = await startTestCloud({
  assembly: await synthesize({ jobs: "./test/support/hostile-jobs.ts" }),
});
afterAll(() => cloud.stop());

/** Submits a hostile job among nine others, all at once, so that they come to one invocation. */
async function amongNeighbours(deed: Deed) {
  const submit = (one: Deed) => cloud.client.submit("hostile", { deed: one }, { priority: "high" });
  const order: Deed[] = Array.from({ length: 10 }, (_, n) => (n === 3 ? deed : "none"));
  const submitted = await Promise.all(order.map(submit));
  const ended = await Promise.all(submitted.map(({ job_id }) => cloud.client.wait(job_id)));
  const [hostile] = ended.splice(3, 1);
  return { hostile: hostile!, neighbours: ended };
}

const deeds: [Deed, { code: string; message: RegExp }][] = [
  ["throws", { code: "error", message: /I have no answer/ }],
  ["returns what is no JSON", { code: "not_serializable", message: /must be JSON.*BigInt/ }],
  ["returns itself", { code: "not_serializable", message: /must be JSON.*circular/ }],
  ["catches everything", { code: "budget_exceeded", message: /more than 500 steps/ }],
  ["awaits what is not of its context", { code: "job_stuck", message: /neither a step nor a wait/ }],
  ["exits in a step", { code: "worker_died", message: /in "fatal".*process\.exit/ }],
  ["exits at once", { code: "worker_died", message: /outside of its steps.*process\.exit/ }],
  ["loops in a step", { code: "worker_died", message: /in "endless".*An endless loop/ }],
  ["fills the memory", { code: "worker_died", message: /in "greedy".*more memory than a worker has/ }],
];

test.concurrent.each(deeds)(
  "a job that %s ends with a message that helps, and the nine jobs beside it end well",
  async (deed, { code, message }) => {
    const { hostile, neighbours } = await amongNeighbours(deed);
    expect(neighbours.map(({ status, result_data }) => [status, result_data])).toEqual(
      neighbours.map(() => ["completed", "two"]),
    );
    expect(hostile.status).toBe("failed");
    expect(hostile.error_message).toMatch(message);
    const { events } = await cloud.client.events(hostile.id, { after: hostile.seq - 1 });
    expect(events.at(-1)).toMatchObject({ kind: "job.failed", failure: { code } });
  },
  240_000,
);
