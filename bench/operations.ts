// What one job asks of AWS, counted on the way between the functions and the engines, and what that costs.
import { convoke } from "../client/index.ts";
import { localScheduleScale, settings } from "../core/config.ts";
import { type Cloud, startCloud } from "../local/cloud.ts";
import type { Call } from "../local/faults.ts";
import { createKey } from "../local/keys.ts";
import { synthesize } from "../local/synthesize.ts";
import { type Figure, rounded } from "./support/figures.ts";
import { reference, runJob } from "./support/load.ts";
import { dollars, type Operations } from "./support/prices.ts";
import { print } from "./support/print.ts";
import { total } from "./support/processes.ts";
import { prose } from "./support/prose.ts";

type Counts = Record<"itemWrites" | "writeUnits" | "readUnits" | "sends" | "frames", number>;

const counts: Counts = { itemWrites: 0, writeUnits: 0, readUnits: 0, sends: 0, frames: 0 };

/** The sweeper's look at the index is not the job's, and the keys are remembered for a while. */
function isHousekeeping({ operation, body }: Call): boolean {
  return operation === "Query" && body.includes('"IndexName":"due"');
}

function count(call: Call, answer: string): void {
  if (call.service === "sqs") {
    if (call.operation === "SendMessage") counts.sends += 1;
    return;
  }
  if (call.service !== "dynamodb" || isHousekeeping(call)) return;
  const asked = JSON.parse(call.body) as {
    TransactItems?: unknown[];
    RequestItems?: Record<string, unknown[]>;
  };
  const writes: Record<string, number> = {
    PutItem: 1,
    UpdateItem: 1,
    DeleteItem: 1,
    TransactWriteItems: asked.TransactItems?.length ?? 0,
    BatchWriteItem: Object.values(asked.RequestItems ?? {}).flat().length,
  };
  const { ConsumedCapacity } = JSON.parse(answer) as {
    ConsumedCapacity?: { CapacityUnits?: number } | { CapacityUnits?: number }[];
  };
  const units = [ConsumedCapacity ?? []]
    .flat()
    .reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
  const items = writes[call.operation];
  counts.itemWrites += items ?? 0;
  counts[items === undefined ? "readUnits" : "writeUnits"] += units;
}

/** Everything that comes and goes over the socket is billed by the frame. */
class CountedSocket extends WebSocket {
  constructor(address: string | URL, protocols?: string | string[]) {
    super(address, protocols);
    this.addEventListener("message", () => {
      counts.frames += 1;
    });
  }
  override send(data: string): void {
    counts.frames += 1;
    super.send(data);
  }
}

/** Lambda's own three lines for each invocation, and ours for a request or a pass. */
const logBytesPerInvocation = 700;

const cloud = await startCloud({
  assembly: await synthesize({ jobs: "./bench/jobs.ts" }),
  scheduleScale: localScheduleScale,
  faults: true,
  environment: { MOCK_TEXT: prose },
});

type Spent = { counts: Counts; invocations: Record<string, number>; gbSeconds: Record<string, number> };

/** Per job. */
async function spentOn(jobs: number, work: () => Promise<unknown>): Promise<Spent> {
  const before = { counts: { ...counts }, functions: cloud.counts() };
  await work();
  // The last frames, and the entries that are still on their way through the stream.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const memory = memoryOf(cloud);
  const perJob = <T extends string>(names: T[], value: (name: T) => number) =>
    Object.fromEntries(names.map((name) => [name, value(name) / jobs])) as Record<T, number>;
  const after = cloud.counts();
  const labels = Object.keys(after).filter((label) => label !== "sweeper");
  const since = (label: string, what: "invocations" | "billedMs") =>
    after[label]![what] - (before.functions[label]?.[what] ?? 0);
  return {
    counts: perJob(Object.keys(counts) as (keyof Counts)[], (name) => counts[name] - before.counts[name]),
    invocations: perJob(labels, (label) => since(label, "invocations")),
    gbSeconds: perJob(labels, (label) => (since(label, "billedMs") / 1000) * (memory[label]! / 1024)),
  };
}

function memoryOf({ template }: Cloud): Record<string, number> {
  return Object.fromEntries(
    template
      .of("AWS::Lambda::Function")
      .map(({ id, properties }) => [
        id.replace(/Function[0-9A-F]{8}$/, "").toLowerCase(),
        properties.MemorySize,
      ]),
  );
}

let figures: Figure[];
try {
  cloud.faults!.amend((call) =>
    call.service === "dynamodb"
      ? JSON.stringify({ ...JSON.parse(call.body), ReturnConsumedCapacity: "TOTAL" })
      : call.body,
  );
  cloud.faults!.observe((call, { status, body }) => {
    if (status === 200) count(call, body);
  });
  const key = await createKey(cloud, { tenant: "bench" });
  const client = convoke({ url: cloud.http, key, WebSocket: CountedSocket });
  const run = (latency: number) => runJob(client, "reference", reference(latency));
  for (let warm = 0; warm < 20; warm++) await run(0);

  const jobs = 40;
  const short = await spentOn(jobs, async () => {
    for (let job = 0; job < jobs; job++) await run(0);
  });
  const longMs = 3 * 4_000;
  const long = await spentOn(1, () => run(longMs / 3));
  client.close();

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
    const waitedGb = (memoryOf(cloud).worker! / 1024) * modelSeconds * worker;
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
