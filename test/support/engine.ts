import * as z from "zod";
import type { JobContext } from "../../core/engine/context.ts";
import { type AnyJobType, defineJob } from "../../core/engine/job-type.ts";
import type { PassEnd } from "../../core/engine/live-pass.ts";
import { registry } from "../../core/engine/registry.ts";
import { type SubmitRequest, submit } from "../../core/engine/submit.ts";
import type { MemoryOverrides } from "../../core/memory.ts";
import type { Model } from "../../core/models/model.ts";
import { load } from "../../core/payloads/payloads.ts";
import { applyEntry, type Entry, type Recorded, recorded } from "../../core/protocol/event.ts";
import { isTerminal, type JobKey, type JobRecord } from "../../core/protocol/job.ts";
import type { Json, Millis } from "../../core/protocol/json.ts";
import { machine } from "../../testing/machine.ts";

export { silent } from "../../testing/machine.ts";

/** A job type that runs `run` and accepts any input. */
export function jobOf(run: (ctx: JobContext, input: Json) => Promise<unknown>, version = 1): AnyJobType {
  return defineJob<Json, unknown>({
    type: "test",
    version,
    summary: "A job of this test",
    input: z.json(),
    result: z.unknown(),
    example: null,
    title: () => "Test",
    description: () => "A job of this test",
    run,
  });
}

/** A job that takes longer has got stuck. */
const longestMs = 60 * 86_400_000;

/**
 * The engine on in-memory services in virtual time, with a queue and a sweeper that the test drives.
 * @param invocationMs - how long an invocation of the worker may last.
 * @param batchSize - most jobs of an invocation.
 */
export function engine(
  job: AnyJobType | AnyJobType[],
  overrides: Partial<MemoryOverrides> = {},
  invocationMs: Millis = 900_000,
  batchSize = 1,
) {
  const model: Model = {
    generate: async ({ model: name }) => {
      throw new Error(`This test has no model ${name}`);
    },
  };
  const inside = machine({
    jobs: registry([job].flat()),
    services: { model, ...overrides },
    invocationMs,
    batchSize,
    // Steps of these tests never end, or wait for each other: none of them is worth waiting for.
    patienceMs: 0,
  });
  const { services, time } = inside;

  const self = {
    services,
    time,
    deploy(...types: AnyJobType[]) {
      inside.jobs = registry(types);
    },
    submit: async (input: Json = null, request: Partial<SubmitRequest> = {}): Promise<JobKey> => {
      const { job: head } = await submit(
        services,
        inside.jobs,
        { tenant: "acme", by: "test" },
        { type: "test", input, ...request },
      );
      return { tenant: head.tenant, jobId: head.jobId };
    },
    pass: (key: JobKey): Promise<PassEnd> => time.until(inside.pass(key)),
    workersDie: inside.workersDie,
    isAtWork: inside.isAtWork,
    entries: async (key: JobKey): Promise<Entry[]> => (await services.journal.read(key, 0)).entries,
    events: async (key: JobKey): Promise<Recorded[]> => (await self.entries(key)).flatMap(recorded),
    kinds: async (key: JobKey): Promise<string[]> => (await self.events(key)).map(({ kind }) => kind),
    job: async (key: JobKey): Promise<JobRecord> =>
      (await self.entries(key)).reduce<JobRecord | undefined>(applyEntry, undefined)!,
    result: async (key: JobKey): Promise<Json | undefined> => {
      const end = (await self.events(key)).at(-1);
      return end?.kind === "job.completed" ? load(services.payloads, end.result) : undefined;
    },
    /** Delivers messages and sweeps until the job has ended. */
    async toEnd(key: JobKey): Promise<JobRecord> {
      const hasEnded = async () => {
        const head = await services.journal.head(key);
        return !inside.isAtWork(key) && (!head || isTerminal(head.status));
      };
      if (await inside.run(hasEnded, time.now() + longestMs)) return self.job(key);
      const last = (await self.kinds(key)).slice(-20);
      throw new Error(`Job ${key.jobId} has not ended; last it had ${last.join(", ")}`);
    },
  };
  return self;
}
