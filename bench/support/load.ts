import type { Convoke } from "../../client/index.ts";
import type { ReferenceInput } from "../reference-job.ts";
import { cpuByLabel, memoryByLabel, total } from "./processes.ts";
import type { System } from "./system.ts";

/** Milliseconds, as the watching client sees them. */
export type JobTimes = { acknowledged: number; firstEvent: number; end: number };

/** A connection may watch fifty jobs, and is told only now and then that some of them have ended. */
const watchesPerClient = 25;

let count = 0;

/** Submits one job, watches it over the WebSocket to its end. */
export async function runJob(client: Convoke, type: string, input: object): Promise<JobTimes> {
  const begunAt = performance.now();
  const since = () => performance.now() - begunAt;
  const { job_id } = await client.submit(type, input as Record<string, string>);
  const times = { acknowledged: since(), firstEvent: Number.NaN, end: Number.NaN };
  for await (const event of client.watch(job_id)) {
    // The first that tells anything new: that the job was accepted, its client knows.
    if (event.kind !== "job.submitted" && Number.isNaN(times.firstEvent)) times.firstEvent = since();
    if (event.kind === "job.completed") times.end = since();
  }
  if (Number.isNaN(times.end)) throw new Error(`Job ${job_id} was not completed`);
  return times;
}

export function reference(latency: number): ReferenceInput {
  return { job: String(++count), latency };
}

export type Load = {
  times: JobTimes[];
  wallMs: number;
  /** Milliseconds a job, by process. */
  cpu: Record<string, number>;
  cpuTotal: number;
  /** MiB, by process, when all of them together had most. */
  memory: Record<string, number>;
  memoryTotal: number;
};

/** Runs a load and accounts for what the processes of the system needed for it. */
export async function measured(system: System, work: () => Promise<JobTimes[]>): Promise<Load> {
  let memory = memoryByLabel(system.pid);
  const sampler = setInterval(() => {
    const sample = memoryByLabel(system.pid);
    if (total(sample) > total(memory)) memory = sample;
  }, 500);
  const before = cpuByLabel(system.pid);
  const begunAt = performance.now();
  const times = await work().finally(() => clearInterval(sampler));
  const wallMs = performance.now() - begunAt;
  const cpu = Object.fromEntries(
    Object.entries(cpuByLabel(system.pid)).map(([label, ms]) => [
      label,
      (ms - (before[label] ?? 0)) / times.length,
    ]),
  );
  return { times, wallMs, cpu, cpuTotal: total(cpu), memory, memoryTotal: total(memory) };
}

/** One job after the other. */
export async function inSequence(
  client: Convoke,
  jobs: number,
  make: () => { type: string; input: object },
): Promise<JobTimes[]> {
  const times: JobTimes[] = [];
  for (let index = 0; index < jobs; index++) {
    const { type, input } = make();
    times.push(await runJob(client, type, input));
  }
  return times;
}

/** As many clients as that many watches need, with their sockets on the way. */
export function clientsFor(system: System, watches: number): Convoke[] {
  const clients = Array.from({ length: Math.ceil(watches / watchesPerClient) }, () => system.client());
  for (const client of clients) client.connect();
  return clients;
}

/** All at the same time. */
export function atOnce(
  clients: Convoke[],
  jobs: number,
  make: () => { type: string; input: object },
): Promise<JobTimes[]> {
  return Promise.all(
    Array.from({ length: jobs }, (_, index) => {
      const { type, input } = make();
      return runJob(clients[index % clients.length]!, type, input);
    }),
  );
}
