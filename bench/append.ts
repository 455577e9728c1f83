// How fast one job can commit, one entry after the other: a journal has one writer and no gaps.
import { applyEntry, type Entry, type JobEvent } from "../core/protocol/event.ts";
import { workerServices } from "../core/worker-services.ts";
import { startEngines } from "../test/support/engines.ts";
import { median } from "./support/figures.ts";
import { print } from "./support/print.ts";
import { prose } from "./support/prose.ts";

const entries = 2_000;
const warmUp = 200;

const engines = await startEngines();
const times: number[] = [];
try {
  const { journal, newId } = workerServices(engines.environment);
  const key = { tenant: "bench", jobId: newId() };
  let seq = 1;
  const entryOf = (...events: JobEvent[]): Entry => {
    const entry = { ...key, seq, at: Date.now(), by: "bench", token: newId(), events };
    seq += events.length;
    return entry;
  };
  const first = entryOf({
    kind: "job.submitted",
    type: "bench",
    version: 1,
    lane: "normal",
    title: "Append",
    description: "Append",
    tags: [],
    input: { json: null },
    by: "bench",
  });
  await journal.create({
    entry: first,
    head: { ...applyEntry(undefined, first), due: Date.now() + 3_600_000 },
  });
  for (let step = 0; step < warmUp + entries; step++) {
    const entry = entryOf(
      {
        kind: "step.completed",
        step: `${step}`,
        attempt: 1,
        result: { json: prose.slice(step, step + 200) },
      },
      { kind: "step.started", steps: [{ step: `${step + 1}`, attempt: 1 }] },
    );
    const begunAt = performance.now();
    const { end } = await journal.append(entry);
    if (end !== "stored") throw new Error(`Entry ${entry.seq} was not stored: ${end}`);
    if (step >= warmUp) times.push(performance.now() - begunAt);
  }
} finally {
  await engines.stop();
}
const wallMs = times.reduce((sum, ms) => sum + ms, 0);
print([
  { name: "commits of one job", value: entries / (wallMs / 1000), unit: "entries/s" },
  { name: "one commit p50", value: median(times), unit: "ms" },
]);
