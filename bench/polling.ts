// A job that polls: how often it can, what one look costs, and that nothing runs between two of them.
import { setTimeout as sleep } from "node:timers/promises";
import { startCountedCloud } from "./support/counted-cloud.ts";
import type { Figure } from "./support/figures.ts";
import { dollars, logBytesPerInvocation } from "./support/prices.ts";
import { print } from "./support/print.ts";
import { total } from "./support/processes.ts";

const polls = 20;
const watchedSeconds = 10;
/** A poll every five minutes. */
const pollsPerHour = 12;

const cloud = await startCountedCloud();
const figures: Figure[] = [];
try {
  const { client, spentOn } = cloud;
  const run = async (input: { polls: number; seconds: number }) => {
    const { job_id } = await client.submit("polling", input);
    const job = await client.wait(job_id);
    if (job.status !== "completed") throw new Error(`Job ${job_id} has ${job.status}`);
  };
  await run({ polls: 2, seconds: 1 });

  const begunAt = performance.now();
  const many = await spentOn(1, () => run({ polls: polls + 1, seconds: 1 }));
  const minutes = (performance.now() - begunAt) / 60_000;
  const one = await spentOn(1, () => run({ polls: 1, seconds: 1 }));
  /** Of one poll: what the job costs that polls often, without what it costs to be a job. */
  const more = (often: number, once: number) => Math.max(0, often - once) / polls;
  const counted = (name: keyof typeof many.counts) => more(many.counts[name], one.counts[name]);
  // The client that waits asks the api; a poll does not.
  const functions = ["worker", "progress"];
  const perPoll = (of: "invocations" | "gbSeconds") =>
    functions.reduce((sum, label) => sum + more(many[of][label]!, one[of][label]!), 0);
  const invocations = perPoll("invocations");
  const parts = dollars({
    httpRequests: 0,
    lambdaRequests: invocations,
    lambdaGbSeconds: perPoll("gbSeconds"),
    sqsRequests: counted("sends") + 2 * more(many.invocations.worker!, one.invocations.worker!),
    writeUnits: counted("writeUnits"),
    readUnits: counted("readUnits"),
    socketMessages: 0,
    socketMinutes: 0,
    logBytes: invocations * logBytesPerInvocation,
  });

  const { job_id } = await client.submit("polling", { polls: 2, seconds: 3_600 });
  while ((await client.get(job_id)).status !== "waiting") await sleep(50);
  await sleep(1_000);
  const before = cloud.counts("worker");
  await sleep(watchedSeconds * 1000);
  const after = cloud.counts("worker");
  figures.push(
    { name: "polls a minute, with a second between two", value: polls / minutes, unit: "hops/min" },
    {
      name: `worker invocations in ${watchedSeconds} s between two polls`,
      value: after.invocations - before.invocations,
      unit: "invocations",
      bar: 0,
    },
    { name: "worker time in them", value: after.billedMs - before.billedMs, unit: "ms", bar: 0 },
    { name: "write units a poll", value: counted("writeUnits"), unit: "units" },
    {
      name: "a million hours waited, a poll every five minutes",
      value: pollsPerHour * total(parts),
      unit: "$",
      parts: Object.fromEntries(Object.entries(parts).map(([name, cost]) => [name, pollsPerHour * cost])),
    },
  );
} finally {
  await cloud.stop();
}
print(figures);
