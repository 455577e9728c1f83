// Two hundred jobs at once, of which the normal lane carries fifty at a time.
import { members } from "./reference-job.ts";
import { type Figure, median } from "./support/figures.ts";
import { atOnce, clientsFor, inSequence, measured, reference } from "./support/load.ts";
import { print } from "./support/print.ts";
import { startSystem } from "./support/system.ts";

const jobs = 200;
const steps = 2 * members.length + 1;
const system = await startSystem();
const figures: Figure[] = [];
try {
  const clients = clientsFor(system, jobs);
  const make = (latency: number) => () => ({ type: "reference", input: reference(latency) });
  await inSequence(clients[0]!, 20, make(0));
  await atOnce(clients, jobs, make(0));
  for (const latency of [0, 200]) {
    const { times, wallMs, cpu, cpuTotal, memory, memoryTotal } = await measured(system, () =>
      atOnce(clients, jobs, make(latency)),
    );
    const at = `, ${jobs} at once, calls of ${latency} ms`;
    const rate = (1000 * jobs) / wallMs;
    const rates = latency === 0 ? {} : { bar: 50, aim: 78 };
    figures.push(
      { name: `jobs${at}`, value: rate, unit: "per second", atLeast: true, ...rates },
      { name: `steps${at}`, value: rate * steps, unit: "per second" },
      {
        name: `acknowledgment p50${at}`,
        value: median(times.map(({ acknowledged }) => acknowledged)),
        unit: "ms",
        bar: 250,
        aim: 50,
      },
      { name: `CPU a job${at}`, value: cpuTotal, unit: "ms", bar: 25, aim: 12, parts: cpu },
      { name: `peak memory${at}`, value: memoryTotal, unit: "MiB", bar: 400, aim: 250, parts: memory },
    );
  }
} finally {
  await system.stop();
}
print(figures);
