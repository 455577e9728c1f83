import { isDeepStrictEqual } from "node:util";
import type { Model } from "../models/model.ts";
import { load, type Payloads } from "../payloads/payloads.ts";
import { failureOf } from "../protocol/error.ts";
import { applyEntry, type Entry } from "../protocol/event.ts";
import type { JobRecord } from "../protocol/job.ts";
import { serializable } from "./attempt.ts";
import type { Logger } from "./context.ts";
import { jobContext } from "./job-context.ts";
import type { AnyJobType, JobServices, Jobs } from "./job-type.ts";
import { divergence, replay, settle } from "./replay.ts";
import { type Divergence, type Operation, type Outcome, Run } from "./run.ts";

/** What becomes of a journal when the code at hand replays it. */
export type Verdict =
  | { verdict: "fits" }
  /** A worker would block the job, or, had it ended, it would end otherwise. `step` is empty where none is to blame. */
  | ({ verdict: "diverges" } & Divergence)
  /** There is no such type, or not in that version. */
  | { verdict: "missing" }
  /** These entries are no whole journal, or a value of theirs cannot be had. */
  | { verdict: "unreadable"; message: string };

/** What a job function is about to be given at one place of its journal. */
export type Given = {
  /** Of the entry that says so. */
  seq: number;
  step: string;
  kind: Operation["kind"];
  attempt: number;
  outcome: Outcome;
  /** What it has asked for by now and waits for, this one included. */
  awaited: string[];
};

/** So long a job function may take over what is neither a step nor a wait, e.g. to load a module. */
const patienceMs = 1_000;

/**
 * Replays a journal through the code as it stands. Nothing comes of it: no step is performed, no model is asked, nothing
 * is written, whatever the journal holds and the job function asks for after that.
 * @param entries - from the first one, any number.
 * @param onGiving - told of every step, wait and callback in turn, before the job function is.
 */
export async function checkReplay(
  jobs: Jobs,
  entries: Entry[],
  payloads: Payloads,
  onGiving?: (given: Given) => void,
): Promise<Verdict> {
  try {
    const job = foldOf(entries);
    const jobType = jobs.version(job.type, job.version);
    if (!jobType) return { verdict: "missing" };
    const program = await rehearse(jobType, job, entries, payloads, onGiving);
    const found = divergence(program) ?? (await unlikeItsJournal(program, job, entries, payloads));
    return found ? { verdict: "diverges", ...found } : { verdict: "fits" };
  } catch (error) {
    return { verdict: "unreadable", message: failureOf(error).message };
  }
}

export function foldOf(entries: Entry[]): JobRecord {
  const job = entries.reduce<JobRecord | undefined>(applyEntry, undefined);
  if (!job) throw new Error("A journal has at least one entry");
  return job;
}

/** A job function that is given what its journal holds, and nothing more. */
export async function rehearse(
  jobType: AnyJobType,
  job: JobRecord,
  entries: Entry[],
  payloads: Payloads,
  onGiving?: (given: Given) => void,
): Promise<Run> {
  const submitted = entries[0]?.events[0];
  if (submitted?.kind !== "job.submitted") throw new Error("A journal begins with job.submitted");
  const input = await load(payloads, submitted.input);
  const program = new Run(job, world, () => {});
  program.begin(() => jobType.run(jobContext(program, ""), input, services));
  const tell = ({ seq }: Entry, operations: Operation[]) => {
    const awaited = program.wanted().flatMap(({ call, path }) => (call ? [path] : []));
    for (const { path: step, kind, attempt, outcome } of operations)
      onGiving?.({ seq, step, kind, attempt, outcome: outcome!, awaited });
  };
  await replay(program, payloads, entries, onGiving && tell);
  const isBehind = () =>
    !program.diverged && (program.uncalled() || (job.status === "completed" && !program.finished));
  for (
    let waitedMs = 0;
    waitedMs < patienceMs && isBehind() && program.unrecorded().length === 0;
    waitedMs += 10
  ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    await settle();
  }
  return program;
}

/** What a worker would notice later than a divergence, or, where the job has ended, never. */
async function unlikeItsJournal(
  program: Run,
  job: JobRecord,
  entries: Entry[],
  payloads: Payloads,
): Promise<Divergence | undefined> {
  const missing = program.uncalled();
  if (missing) {
    return {
      step: missing.path,
      message: `The journal holds "${missing.path}", the job does not ask for it`,
    };
  }
  const end = entries.at(-1)!.events.at(-1)!;
  if (end.kind !== "job.completed" || job.continuedAs !== undefined) return undefined;
  const { finished } = program;
  if (!finished) {
    const [asked] = program.unrecorded();
    return asked
      ? { step: asked.path, message: `The journal ends, the job asks for "${asked.path}"` }
      : { step: "", message: "The journal ends, the job does not" };
  }
  if (!finished.ok) {
    return {
      step: "",
      message: `The journal holds a result, the job fails: ${failureOf(finished.error).message}`,
    };
  }
  const again = serializable(finished.value);
  const same = "value" in again && isDeepStrictEqual(again.value, await load(payloads, end.result));
  return same ? undefined : { step: "", message: "The job ends with another result than its journal" };
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const model: Model = { generate: () => Promise.reject(new Error("A replay asks no model")) };
const world = { model, logger: silent, modelTotalMs: 1, modelIdleMs: 1, onDelta() {} };
/** Job functions use them in steps only, and no step is performed. */
const services = {} as JobServices;
