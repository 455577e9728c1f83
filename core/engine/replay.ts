import { load, type Payloads } from "../payloads/payloads.ts";
import type { Entry, JobEvent } from "../protocol/event.ts";
import type { Json } from "../protocol/json.ts";
import type { Divergence, Run } from "./run.ts";

/**
 * Gives a job function what its journal holds, in the order in which it was given live: what was committed together
 * is delivered together, without a turn of the event loop in between.
 * @throws NotFound, Unavailable from the payload store.
 */
export async function replay(program: Run, payloads: Payloads, entries: Entry[]): Promise<void> {
  await settle();
  for (const { events } of entries) {
    const values = await Promise.all(events.map((event) => resultOf(payloads, event)));
    let delivered = false;
    for (const [index, event] of events.entries()) {
      const operation = program.record(event);
      if (!operation) continue;
      delivered = true;
      if (event.kind === "step.failed") program.deliver(operation, { ok: false, failure: event.failure });
      else program.deliver(operation, { ok: true, value: values[index]!, ...besides(event) });
    }
    if (delivered) await settle();
  }
  program.replaying = false;
}

async function resultOf(payloads: Payloads, event: JobEvent): Promise<Json> {
  return event.kind === "step.completed" ? load(payloads, event.result) : null;
}

function besides(event: JobEvent) {
  if (event.kind !== "step.completed") return {};
  const { usage, mock, degraded } = event;
  return { usage, mock, degraded };
}

/** Whether the job function goes another way than its journal. It may lag behind, awaiting something else. */
export function divergence(program: Run): Divergence | undefined {
  if (program.diverged) return program.diverged;
  const missing = program.uncalled();
  if (!missing) return undefined;
  const [asked] = program.unrecorded();
  if (!asked && !program.finished) return undefined;
  return {
    step: missing.path,
    message: asked
      ? `The journal holds "${missing.path}", the job asks for "${asked.path}" in its place`
      : `The journal holds "${missing.path}", the job ends without it`,
  };
}

/** Lets the job function run until it waits: its promises settle before the event loop turns. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
