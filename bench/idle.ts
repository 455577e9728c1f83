// What `npm start` needs when nobody wants anything.
import { setTimeout as sleep } from "node:timers/promises";
import { print } from "./support/print.ts";
import { cpuByLabel, memoryByLabel, total } from "./support/processes.ts";
import { startSystem } from "./support/system.ts";

const seconds = 30;
const system = await startSystem();
let share: Record<string, number>;
let memory: Record<string, number>;
try {
  await sleep(10_000);
  const before = cpuByLabel(system.pid);
  await sleep(seconds * 1000);
  const after = cpuByLabel(system.pid);
  share = Object.fromEntries(
    Object.entries(after).map(([label, ms]) => [label, (ms - (before[label] ?? 0)) / (10 * seconds)]),
  );
  memory = memoryByLabel(system.pid);
} finally {
  await system.stop();
}
print([
  { name: "CPU when idle", value: total(share), unit: "% of a core", bar: 3, parts: share },
  { name: "memory when idle", value: total(memory), unit: "MiB", parts: memory },
]);
