import { load, type Payloads } from "../payloads/payloads.ts";
import { type Entry, type Recorded, recorded } from "../protocol/event.ts";
import type { Json } from "../protocol/json.ts";
import type { Divergence, Operation, Run } from "./run.ts";

/**
 * Gives a job function what its journal holds, in the order in which it was given live: what was committed together
 * is delivered together, without a turn of the event loop in between.
 * @param onGiving - told what the job function is about to be given.
 * @throws NotFound, Unavailable from the payload store.
 */
export async function replay(
  program: Run,
  payloads: Payloads,
  entries: Entry[],
  onGiving?: (entry: Entry, operations: Operation[]) => void,
): Promise<void> {
  await settle();
  for (const entry of entries) {
    const settled = await learn(program, payloads, entry);
    if (settled.length === 0) continue;
    onGiving?.(entry, settled);
    await program.give(settled);
    await settle();
  }
  program.replaying = false;
}

/**
 * Records what an entry says, with the values that are kept elsewhere.
 * @returns the operations whose outcome the job function is given here.
 */
export async function learn(
  program: Run,
  payloads: Pick<Payloads, "get">,
  entry: Entry,
): Promise<Operation[]> {
  const events = recorded(entry);
  const values = await Promise.all(events.map((event) => resultOf(payloads, event)));
  return events.flatMap((event, index) => program.record(event, event.at, values[index]) ?? []);
}

async function resultOf(payloads: Pick<Payloads, "get">, event: Recorded): Promise<Json> {
  if (event.kind !== "step.completed" && event.kind !== "callback.completed") return null;
  return event.result ? load(payloads, event.result) : null;
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
