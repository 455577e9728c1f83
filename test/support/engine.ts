import * as z from "zod";
import type { JobContext, Logger } from "../../core/engine/context.ts";
import { type AnyJobType, defineJob, type Jobs, registry } from "../../core/engine/job-type.ts";
import type { PassEnd } from "../../core/engine/live-pass.ts";
import { pass } from "../../core/engine/pass.ts";
import { submit } from "../../core/engine/submit.ts";
import { type MemoryOverrides, memoryServices } from "../../core/memory.ts";
import type { Model } from "../../core/models/model.ts";
import { applyEntry, type Entry, type Recorded, recorded } from "../../core/protocol/event.ts";
import { isTerminal, type JobKey, type JobRecord } from "../../core/protocol/job.ts";
import type { Json, Millis } from "../../core/protocol/json.ts";
import { sweeper } from "../../functions/sweeper/sweeper.ts";
import { virtualTime } from "./virtual-time.ts";

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

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

/**
 * The engine on in-memory services in virtual time, with a queue and a sweeper that the test drives.
 * @param invocationMs - how long an invocation of the worker may last.
 */
export function engine(
  job: AnyJobType | AnyJobType[],
  overrides: Partial<MemoryOverrides> = {},
  invocationMs: Millis = 900_000,
) {
  const time = virtualTime();
  const model: Model = {
    generate: async ({ model: name }) => {
      throw new Error(`This test has no model ${name}`);
    },
  };
  const services = memoryServices({ model, now: time.now, sleep: time.sleep, ...overrides });
  let jobs: Jobs = registry([job].flat());
  const sweep = sweeper(services, silent);
  const context = { getRemainingTimeInMillis: () => 60_000 } as Parameters<typeof sweep>[1];

  let death = Promise.withResolvers<PassEnd>();
  const self = {
    services,
    time,
    deploy(...types: AnyJobType[]) {
      jobs = registry(types);
    },
    submit: async (input: Json = null): Promise<JobKey> => {
      const { job: head } = await submit(
        services,
        jobs,
        { tenant: "acme", by: "test" },
        { type: "test", input },
      );
      return { tenant: head.tenant, jobId: head.jobId };
    },
    pass: (key: JobKey): Promise<PassEnd> => {
      const living = pass(services, jobs, key, { deadline: time.now() + invocationMs, logger: silent });
      return time.until(Promise.race([living, death.promise]));
    },
    /** The passes that are under way never come back. What they still do is the test's to prevent. */
    workersDie() {
      death.resolve({ end: "gone" });
      death = Promise.withResolvers();
    },
    entries: async (key: JobKey): Promise<Entry[]> => (await services.journal.read(key, 0)).entries,
    events: async (key: JobKey): Promise<Recorded[]> => (await self.entries(key)).flatMap(recorded),
    kinds: async (key: JobKey): Promise<string[]> => (await self.events(key)).map(({ kind }) => kind),
    job: async (key: JobKey): Promise<JobRecord> =>
      (await self.entries(key)).reduce<JobRecord | undefined>(applyEntry, undefined)!,
    result: async (key: JobKey): Promise<Json | undefined> => {
      const end = (await self.events(key)).at(-1);
      if (end?.kind !== "job.completed") return undefined;
      return "json" in end.result ? end.result.json : JSON.parse(await services.payloads.get(end.result.ref));
    },
    /** Delivers messages and sweeps until the job has ended. */
    async toEnd(key: JobKey, rounds = 2_000): Promise<JobRecord> {
      for (let round = 0; round < rounds; round += 1) {
        const messages = services.queue.receive();
        for (const { job: woken } of messages) await self.pass(woken);
        const head = await services.journal.head(key);
        if (!head || isTerminal(head.status)) return self.job(key);
        if (messages.length > 0) continue;
        time.advance(Math.max(1_000, Math.min(head.due!, time.now() + 3_600_000) - time.now()));
        await sweep({} as Parameters<typeof sweep>[0], context);
      }
      throw new Error(`Job ${key.jobId} has not ended: ${JSON.stringify(await self.kinds(key))}`);
    },
  };
  return self;
}
