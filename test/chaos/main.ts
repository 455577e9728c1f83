import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { type Figure, percentile, table } from "../../bench/support/figures.ts";
import { type ChaosReport, chaos } from "./chaos.ts";

const usage = `npm run chaos -- [options]

  --minutes <n>   for how long processes are killed and stopped (10)
  --jobs <n>      how many jobs are submitted in that time (300 a minute, and at least 500)
  --seed <n>      who is hit when, and what the jobs do`;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    jobs: { type: "string" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const minutes = Number(values.minutes);
const jobs = Number(values.jobs ?? Math.max(500, 300 * minutes));
const seed = Number(values.seed);
if (!(minutes > 0) || !(jobs > 0) || !Number.isInteger(seed)) {
  console.error(usage);
  process.exit(1);
}

// What was started is bound to this process and ends with it.
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

console.log(`load ${loadavg()[0]!.toFixed(1)} on ${availableParallelism()} cores`);
const report = await chaos({ seconds: 60 * minutes, jobs, seed, print: console.log });
console.log(`\n${table(figuresOf(report))}\n`);
for (const { jobId, seq, blow, ms } of report.recoveries.toSorted((a, b) => b.ms - a.ms).slice(0, 3))
  console.log(`${ms} ms from ${blow.kind} ${blow.target} to event ${seq} of job ${jobId}`);
for (const violation of report.violations) console.error(violation);
const broken = report.violations.length > 0 || report.left.length > 0;
process.exit(broken ? 1 : 0);

function figuresOf({ recoveries: all, ...report }: ChaosReport): Figure[] {
  const recoveries = all.map(({ ms }) => ms);
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((all, one) => all + one, 0);
  const seconds = (ms: number) => ms / 1_000;
  return [
    {
      name: "jobs acknowledged",
      value: sum(report.jobs),
      unit: "jobs",
      bar: 500,
      atLeast: true,
      parts: report.jobs,
    },
    { name: "kills and stops", value: sum(report.blows), unit: "", parts: report.blows },
    { name: "promises broken", value: report.violations.length, unit: "", bar: 0 },
    { name: "steps", value: report.steps, unit: "steps" },
    { name: "attempts begun again", value: report.repeated, unit: "attempts" },
    {
      name: "of them not in flight when something was hit",
      value: (100 * report.repeatedUntouched) / Math.max(1, report.steps),
      unit: "% of steps",
      bar: 2,
    },
    { name: "recovery p50", value: seconds(percentile(recoveries, 0.5)), unit: "s" },
    { name: "recovery p99", value: seconds(report.recoveryP99), unit: "s", bar: 15 },
    { name: "longest recovery", value: seconds(Math.max(0, ...recoveries)), unit: "s" },
    { name: "recoveries", value: recoveries.length, unit: "" },
    { name: "watchers, each with every event once and in order", value: report.watchers, unit: "" },
    { name: "sockets cut", value: report.cutSockets, unit: "" },
    { name: "from the last blow to the last end", value: report.drainSeconds, unit: "s" },
    { name: "processes left behind", value: report.left.length, unit: "", bar: 0 },
  ];
}
