// What one job asks of AWS, counted on the way between the functions and the engines, and what that costs.
import { settings } from "../core/config.ts";
import { type Spent, startCountedCloud } from "./support/counted-cloud.ts";
import { type Figure, rounded } from "./support/figures.ts";
import { reference, runJob } from "./support/load.ts";
import { dollars, logBytesPerInvocation, type Operations } from "./support/prices.ts";
import { print } from "./support/print.ts";
import { total } from "./support/processes.ts";

const cloud = await startCountedCloud();
let figures: Figure[];
try {
  const { client, memory, spentOn } = cloud;
  const run = (latency: number) => runJob(client, "reference", reference(latency));
  for (let warm = 0; warm < 20; warm++) await run(0);

  const jobs = 40;
  const short = await spentOn(jobs, async () => {
    for (let job = 0; job < jobs; job++) await run(0);
  });
  const longMs = 3 * 4_000;
  const long = await spentOn(1, () => run(longMs / 3));

  // A worker that waits looks for a cancel and renews its lease. Here it does so more often than on AWS.
  const { local, aws } = settings;
  const perPoll = (long.counts.readUnits - short.counts.readUnits) / (longMs / local.cancelPollMs);
  const perRenewal = (long.counts.writeUnits - short.counts.writeUnits) / (longMs / local.heartbeatMs);
  const stagesMs = 3 * 20_000;
  const waiting = {
    readUnits: perPoll * (stagesMs / aws.cancelPollMs),
    writeUnits: perRenewal * Math.floor(stagesMs / aws.heartbeatMs),
  };

  const operations = (spent: Spent, jobsPerInvocation: number, modelSeconds: number): Operations => {
    const worker = 1 / jobsPerInvocation;
    const others = total(spent.invocations) - spent.invocations.worker!;
    const waitedGb = (memory.worker! / 1024) * modelSeconds * worker;
    return {
      httpRequests: 1,
      lambdaRequests: others + worker,
      lambdaGbSeconds: total(spent.gbSeconds) + waitedGb,
      // Lambda receives and deletes a whole batch with one request each.
      sqsRequests: spent.counts.sends + 2 * worker,
      writeUnits: spent.counts.writeUnits + (modelSeconds > 0 ? waiting.writeUnits : 0),
      readUnits: spent.counts.readUnits + (modelSeconds > 0 ? waiting.readUnits : 0),
      socketMessages: spent.counts.frames,
      socketMinutes: 1,
      logBytes: (others + worker) * logBytesPerInvocation,
    };
  };
  const cost = (name: string, spent: Operations, limits: { bar: number; aim?: number }): Figure => {
    const parts = dollars(spent);
    return { name, value: total(parts), unit: "$", ...limits, parts };
  };
  const alone = operations(short, 1, 0);
  figures = [
    { name: "item writes a job", value: short.counts.itemWrites, unit: "items", bar: 20, aim: 14 },
    { name: "write units a job", value: short.counts.writeUnits, unit: "units", bar: 30, aim: 17 },
    { name: "read units a job", value: short.counts.readUnits, unit: "units" },
    { name: "SQS messages a job", value: short.counts.sends, unit: "messages" },
    { name: "SQS requests a job", value: alone.sqsRequests, unit: "requests" },
    {
      name: "invocations a job",
      value: total(short.invocations),
      unit: "invocations",
      parts: short.invocations,
    },
    { name: "Lambda a job", value: total(short.gbSeconds), unit: "GB-s", parts: short.gbSeconds },
    { name: "frames a job", value: short.counts.frames, unit: "frames" },
    cost("a million jobs, no model time, one job to an invocation", alone, { bar: 50, aim: 25 }),
    cost("a million jobs, 20 s a stage, ten jobs to an invocation", operations(short, 10, 60), { bar: 70 }),
  ];
  console.log(
    `A second of waiting: ${rounded(perPoll)} read units a poll, ${rounded(perRenewal)} write units a renewal`,
  );
} finally {
  await cloud.stop();
}
print(figures);
