// One job after the other: what a single user feels.
import { type Figure, median, percentile } from "./support/figures.ts";
import { clientsFor, inSequence, measured, reference } from "./support/load.ts";
import { print } from "./support/print.ts";
import { startSystem } from "./support/system.ts";

const system = await startSystem();
const figures: Figure[] = [];
try {
  const [client] = clientsFor(system, 1);
  const run = (jobs: number, latency: number) =>
    inSequence(client!, jobs, () => ({ type: "reference", input: reference(latency) }));
  await run(20, 0);
  for (const { latency, jobs } of [
    { latency: 0, jobs: 50 },
    { latency: 200, jobs: 20 },
  ]) {
    const { times, cpu, cpuTotal, memory, memoryTotal } = await measured(system, () => run(jobs, latency));
    const at = `, one at a time, calls of ${latency} ms`;
    const overheads = times.map(({ end }) => end - 3 * latency);
    const aims = latency === 0 ? { bar: 60, aim: 25 } : { bar: 60, aim: 30 };
    figures.push({
      name: `acknowledgment p50${at}`,
      value: median(times.map(({ acknowledged }) => acknowledged)),
      unit: "ms",
      bar: 10,
      aim: 5,
    });
    if (latency === 0) {
      const firsts = times.map(({ firstEvent }) => firstEvent);
      figures.push({ name: `first event p50${at}`, value: median(firsts), unit: "ms", bar: 30, aim: 10 });
    }
    figures.push(
      { name: `overhead p50${at}`, value: median(overheads), unit: "ms", ...aims },
      { name: `overhead p99${at}`, value: percentile(overheads, 0.99), unit: "ms" },
      { name: `CPU a job${at}`, value: cpuTotal, unit: "ms", parts: cpu },
      { name: `memory${at}`, value: memoryTotal, unit: "MiB", parts: memory },
    );
  }
} finally {
  await system.stop();
}
print(figures);
