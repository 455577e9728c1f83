// How long a pass needs before it can go on, against the length of the journal: paging it in, and replaying it.
import * as z from "zod";
import { defineJob } from "../core/engine/job-type.ts";
import { pass } from "../core/engine/pass.ts";
import { registry } from "../core/engine/registry.ts";
import { applyEntry, type Entry, type JobEvent } from "../core/protocol/event.ts";
import type { JobKey } from "../core/protocol/job.ts";
import { workerServices } from "../core/worker-services.ts";
import { startEngines } from "../test/support/engines.ts";
import { type Figure, median } from "./support/figures.ts";
import { print } from "./support/print.ts";
import { prose } from "./support/prose.ts";

const lengths = [10, 100, 1_000, 5_000];
const rounds = 3;
const resultBytes = 200;
const longAgo = 60_000;

/** Steps one after the other, and then a long sleep. */
const steps = defineJob({
  type: "steps",
  version: 1,
  summary: "A journal of a chosen length",
  input: z.object({ steps: z.int() }),
  result: z.null(),
  example: { steps: 1 },
  title: () => "Steps",
  description: () => "Steps",
  async run(ctx, input) {
    for (let step = 0; step < input.steps; step++) await ctx.step(`step ${step}`, async () => result(step));
    await ctx.wait("long", { hours: 1 });
    return null;
  },
});

function result(step: number): string {
  const from = (step * 97) % (prose.length - resultBytes);
  return prose.slice(from, from + resultBytes);
}

/** As a worker has written them: an outcome and the next intent to an entry. The pass itself adds three events. */
function journalOf(key: JobKey, events: number): Entry[] {
  const count = Math.floor((events - 3) / 2) - 1;
  const intent = (step: number): JobEvent => ({
    kind: "step.started",
    steps: [{ step: `step ${step}`, attempt: 1 }],
  });
  const outcome = (step: number): JobEvent => ({
    kind: "step.completed",
    step: `step ${step}`,
    attempt: 1,
    result: { json: result(step) },
  });
  const submitted: JobEvent = {
    kind: "job.submitted",
    type: "steps",
    version: 1,
    lane: "normal",
    title: "Steps",
    description: "Steps",
    tags: [],
    input: { json: { steps: count } },
    by: "bench",
  };
  const entries: Entry[] = [];
  let seq = 1;
  const add = (...committed: JobEvent[]) => {
    const at = Date.now() - longAgo;
    entries.push({ ...key, seq, at, by: "bench", token: `${seq}`, events: committed });
    seq += committed.length;
  };
  add(submitted);
  add({ kind: "job.claimed", by: "bench" }, intent(0));
  for (let step = 0; step < count - 1; step++) add(outcome(step), intent(step + 1));
  add(outcome(count - 1), { kind: "job.released", reason: "out_of_time", wakeAt: Date.now() });
  return entries;
}

const engines = await startEngines();
const figures: Figure[] = [];
try {
  const real = workerServices(engines.environment);
  const services = { ...real, settings: { ...real.settings, maxSteps: 5_000, maxEvents: 10_000 } };
  const jobs = registry([steps]);
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  const { journal } = services;

  const passMs = async (events: number): Promise<{ whole: number; reading: number }> => {
    const key = { tenant: "bench", jobId: services.newId() };
    const [first, ...others] = journalOf(key, events);
    const head = [first!, ...others].reduce(
      (job, entry) => applyEntry(job, entry),
      applyEntry(undefined, first!),
    );
    await journal.create({ entry: first!, head: { ...head, due: Date.now() + 3_600_000 } });
    for (let at = 0; at < others.length; at += 50) {
      await Promise.all(others.slice(at, at + 50).map((entry) => journal.append(entry)));
    }
    let reading = 0;
    const timed: typeof journal.read = async (...asked) => {
      const begunAt = performance.now();
      const page = await journal.read(...asked);
      reading += performance.now() - begunAt;
      return page;
    };
    const begunAt = performance.now();
    const deadline = Date.now() + 900_000;
    const seen = { ...services, journal: { ...journal, read: timed } };
    const { end } = await pass(seen, jobs, key, { deadline, logger: quiet });
    const whole = performance.now() - begunAt;
    if (end !== "parked") throw new Error(`The pass ended as "${end}"`);
    return { whole, reading };
  };

  await passMs(1_000);
  for (const events of lengths) {
    const times = [];
    for (let round = 0; round < rounds; round++) times.push(await passMs(events));
    const whole = median(times.map((each) => each.whole));
    const reading = median(times.map((each) => each.reading));
    figures.push({
      name: `pass over a journal of ${events} events`,
      value: whole,
      unit: "ms",
      ...(events === 5_000 ? { bar: 3_000 } : {}),
      parts: { reading, "replay and one commit": whole - reading },
    });
  }
} finally {
  await engines.stop();
}
print(figures);
