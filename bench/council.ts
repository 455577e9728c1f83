// The product's own job on mock models: ten calls with the title, prompts, rankings read, aggregation, deltas.
import { type Figure, median } from "./support/figures.ts";
import { clientsFor, inSequence, measured } from "./support/load.ts";
import { print } from "./support/print.ts";
import { startSystem } from "./support/system.ts";

const latency = 200;
const system = await startSystem({ env: { MOCK_LATENCY_MS: String(latency) } });
const figures: Figure[] = [];
try {
  const [client] = clientsFor(system, 1);
  const run = (jobs: number) =>
    inSequence(client!, jobs, () => ({ type: "council", input: { question: "Why is the sky blue?" } }));
  await run(10);
  const { times, cpu, cpuTotal } = await measured(system, () => run(20));
  const at = `, the council itself, calls of ${latency} ms`;
  figures.push(
    { name: `overhead p50${at}`, value: median(times.map(({ end }) => end - 3 * latency)), unit: "ms" },
    { name: `CPU a job${at}`, value: cpuTotal, unit: "ms", parts: cpu },
  );
} finally {
  await system.stop();
}
print(figures);
