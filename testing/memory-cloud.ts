import { settings as allSettings, type Settings } from "../core/config.ts";
import { completeCallback } from "../core/engine/callback.ts";
import { cancel } from "../core/engine/cancel.ts";
import { type Duration, toMillis } from "../core/engine/context.ts";
import type { AnyJobType } from "../core/engine/job-type.ts";
import { registry } from "../core/engine/registry.ts";
import { type SubmitRequest, submit } from "../core/engine/submit.ts";
import { type Deployment, deploymentOf } from "../core/models/deployment.ts";
import type { Model } from "../core/models/model.ts";
import { models } from "../core/models/models.ts";
import { load } from "../core/payloads/payloads.ts";
import { applyEntry, type Recorded, recorded } from "../core/protocol/event.ts";
import { isTerminal, type JobKey, type JobRecord, type OpenCallback } from "../core/protocol/job.ts";
import type { Json, Millis } from "../core/protocol/json.ts";
import { type Machine, machine } from "./machine.ts";

export type MemoryCloudOptions = {
  /** The job types of the test. Several versions of one may be among them. */
  jobs: AnyJobType[];
  /** Answers `ctx.generate` and `ctx.stream`. Without it the mock models answer, and no others. */
  model?: Model;
  /** What a job type's `prepare` is given. */
  deployment?: Partial<Deployment>;
  /** Constants of the system, instead of those on AWS. */
  settings?: Partial<Settings>;
  /**
   * Time stands still while a step waits for something real, such as a file or a server of the test, but not for longer
   * than so many real milliseconds (5,000).
   */
  patienceMs?: number;
};

/** Jobs on the whole engine, in this process and in virtual time: it passes when a test waits for something. */
export interface MemoryCloud {
  /** Submits a job, as `POST /api/jobs` does. @throws InvalidRequest for an unknown type or an input that does not fit. */
  submit(
    type: string,
    input: unknown,
    options?: Omit<SubmitRequest, "type" | "input" | "conversation">,
  ): Promise<MemoryJob>;
  /** Epoch milliseconds of the virtual clock. It begins with the year 2026. */
  now(): Millis;
  /** Lets time pass, with all that is due in it. */
  advance(duration: Duration): Promise<void>;
}

export interface MemoryJob {
  readonly id: string;
  /** How the job stands. */
  record(): Promise<JobRecord>;
  /** Its journal so far. */
  events(): Promise<Recorded[]>;
  /** Lets time pass until the job has ended. @throws Error when nothing would ever end it. */
  ended(): Promise<JobRecord>;
  /** The same, for a job that must complete. @throws Error that says how it ended instead. */
  result<R = Json>(): Promise<R>;
  /** Asks for its end, as a person would. It ends when time passes. */
  cancel(reason?: string): Promise<void>;
  /**
   * Lets time pass until the job waits for the callback at this path: of `createCallback`, `waitForCallback` or `ask`.
   * @throws Error when the job ends without.
   */
  callback(step: string): Promise<OpenCallback>;
  /** Waits for the callback, then answers it. @throws InvalidRequest when it asks for something else; Conflict when it is decided. */
  answer(step: string, result: Json): Promise<void>;
  /** Waits for the callback, then says that there will be no answer. */
  refuse(step: string, failure: { code: string; message: string }): Promise<void>;
}

export const tenant = "test";
const somebody = { tenant, by: "somebody" };
/** A job that has not ended by then never will. */
export const longestMs = 400 * 86_400_000;

/**
 * A cloud for tests: nothing listens, nothing is stored, and a day of `ctx.wait` takes a millisecond.
 *
 * ```ts
 * const job = await memoryCloud({ jobs: [haiku] }).submit("haiku", { topic: "rain" });
 * expect(await job.result()).toEqual({ text: "..." });
 * ```
 */
export function memoryCloud(options: MemoryCloudOptions): MemoryCloud {
  return cloudOn(machine(machineOptions(options)));
}

export function machineOptions({
  jobs,
  model,
  deployment,
  settings,
  patienceMs = 5_000,
}: MemoryCloudOptions) {
  const all = { ...allSettings.aws, ...settings };
  return {
    jobs: registry(jobs),
    services: {
      model: model ?? mockModels(),
      settings: all,
      deployment: { ...deploymentOf({}), ...deployment },
    },
    invocationMs: all.workerTimeoutSeconds * 1000,
    patienceMs,
  };
}

/** A test must not spend money because of a key in somebody's environment. */
function mockModels(): Model {
  const { generate } = models({ MOCK_LATENCY_MS: "0" });
  return {
    async generate(request, options) {
      if (request.model.startsWith("mock:")) return generate(request, options);
      throw new Error(`No model "${request.model}" in this test; give memoryCloud one that answers for it`);
    },
  };
}

export function cloudOn(inside: Machine): MemoryCloud {
  const { services, time } = inside;
  // One clock, and one who drives it at a time.
  let turn: Promise<unknown> = Promise.resolve();
  const run: Machine["run"] = (done, limit) => {
    const mine = turn.then(() => inside.run(done, limit));
    turn = mine.catch(() => {});
    return mine;
  };

  return {
    now: time.now,
    async submit(type, input, request = {}) {
      const { job } = await time.until(submit(services, inside.jobs, somebody, { ...request, type, input }));
      return jobOn(inside, run, { tenant, jobId: job.jobId });
    },
    async advance(duration) {
      await run(async () => false, time.now() + toMillis(duration));
    },
  };
}

function jobOn({ services, time, isAtWork }: Machine, run: Machine["run"], key: JobKey): MemoryJob {
  const entries = async () => (await services.journal.read(key, 0)).entries;
  const self: MemoryJob = {
    id: key.jobId,
    record: async () => (await entries()).reduce<JobRecord | undefined>(applyEntry, undefined)!,
    events: async () => (await entries()).flatMap(recorded),
    async ended() {
      const hasEnded = async () => {
        const head = await services.journal.head(key);
        return !isAtWork(key) && (!head || isTerminal(head.status));
      };
      if (await run(hasEnded, time.now() + longestMs)) return self.record();
      const { status, type } = await self.record();
      throw new Error(`Job "${type}" does not end: it is ${status}`);
    },
    async result<R>() {
      const { type, status, failure } = await self.ended();
      const end = (await self.events()).at(-1);
      if (end?.kind === "job.completed") return (await load(services.payloads, end.result)) as R;
      const why = failure ? `: ${failure.code}: ${failure.message}` : "";
      const ending = status === "cancelled" ? "was cancelled" : `has ${status}`;
      throw new Error(`Job "${type}" ${ending}${why}`, { cause: failure });
    },
    async cancel(reason) {
      await time.until(cancel(services, key, somebody.by, reason));
    },
    async callback(step) {
      const open = ({ callbacks = [] }: JobRecord) =>
        callbacks.find((callback) => callback.step === step && !callback.decided);
      await run(async () => {
        const record = await self.record();
        return open(record) !== undefined || isTerminal(record.status);
      }, time.now() + longestMs);
      const record = await self.record();
      const found = open(record);
      if (found) return found;
      throw new Error(`Job "${record.type}" does not wait for "${step}": it is ${record.status}`);
    },
    async answer(step, result) {
      const { id } = await self.callback(step);
      await time.until(completeCallback(services, key, id, { result }, somebody.by));
    },
    async refuse(step, failure) {
      const { id } = await self.callback(step);
      await time.until(completeCallback(services, key, id, { failure }, somebody.by));
    },
  };
  return self;
}
