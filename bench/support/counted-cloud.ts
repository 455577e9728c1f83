import { type Convoke, convoke } from "../../client/index.ts";
import { localScheduleScale } from "../../core/config.ts";
import { type Cloud, startCloud } from "../../local/cloud.ts";
import type { Call } from "../../local/faults.ts";
import { createKey } from "../../local/keys.ts";
import { synthesize } from "../../local/synthesize.ts";
import { prose } from "./prose.ts";

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

export type Spent = {
  counts: Counts;
  invocations: Record<string, number>;
  gbSeconds: Record<string, number>;
};

export type CountedCloud = {
  client: Convoke;
  /** MB of each function. */
  memory: Record<string, number>;
  /** Counts what some jobs need, by job. */
  spentOn(jobs: number, work: () => Promise<unknown>): Promise<Spent>;
  /** Invocations of a function so far, and what of them is billed. */
  counts(label: string): { invocations: number; billedMs: number };
  stop(): Promise<void>;
};

/** A cloud with a counter on the way between the functions and the engines. One to a process. */
export async function startCountedCloud(): Promise<CountedCloud> {
  const cloud = await startCloud({
    assembly: await synthesize({ jobs: "./bench/jobs.ts" }),
    scheduleScale: localScheduleScale,
    faults: true,
    environment: { MOCK_TEXT: prose },
  });
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
  const memory = memoryOf(cloud);
  return {
    client,
    memory,
    async spentOn(jobs, work) {
      const before = { counts: { ...counts }, functions: cloud.counts() };
      await work();
      // The last frames, and the entries that are still on their way through the stream.
      await new Promise((resolve) => setTimeout(resolve, 500));
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
    },
    counts: (label) => cloud.counts()[label]!,
    async stop() {
      client.close();
      await cloud.stop();
    },
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
