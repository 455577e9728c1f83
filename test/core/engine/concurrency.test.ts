import { expect, test } from "vitest";
import { settings } from "../../../core/config.ts";
import { cancel } from "../../../core/engine/cancel.ts";
import { defineJob } from "../../../core/engine/job-type.ts";
import { pass } from "../../../core/engine/pass.ts";
import { registry } from "../../../core/engine/registry.ts";
import { submit } from "../../../core/engine/submit.ts";
import type { JobKey } from "../../../core/protocol/job.ts";
import { engine, jobOf, silent } from "../../support/engine.ts";

/** Jobs that work until they are told to stop, and count how many of them are at it. */
function crowd(limits: Parameters<typeof set>[0] = {}) {
  const seen = { inside: 0, most: 0 };
  const doors = new Map<string, () => void>();
  const base = jobOf(async (ctx, input) =>
    ctx.step("work", async () => {
      seen.inside += 1;
      seen.most = Math.max(seen.most, seen.inside);
      await new Promise<void>((open) => doors.set(ctx.job.jobId, open));
      seen.inside -= 1;
      return input;
    }),
  );
  return set(limits);

  function set({
    concurrency,
    perTenant = Number.POSITIVE_INFINITY,
  }: {
    concurrency?: NonNullable<typeof base.concurrency>;
    perTenant?: number;
  }) {
    const jobType = defineJob({ ...base, ...(concurrency ? { concurrency } : {}) });
    const own = { ...settings.local, maxRunningPerTenant: perTenant };
    const world = engine(jobType, { settings: own });
    const { services, time } = world;
    const jobs = registry([jobType]);
    const ends = new Map<string, string>();
    return {
      ...world,
      seen,
      ends,
      async submitFor(tenant: string, input: object = {}): Promise<JobKey> {
        const { job } = await submit(services, jobs, { tenant, by: "test" }, {
          type: "test",
          input,
        } as never);
        return job;
      },
      /** Lets a worker begin with whatever is in the queue, and does not wait for its end. */
      async begin(): Promise<void> {
        for (const { job } of services.queue.receive())
          void pass(services, jobs, job, { deadline: time.now() + 900_000, logger: silent }).then(({ end }) =>
            ends.set(job.jobId, end),
          );
        for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
      },
      atWork: () => [...doors.keys()].filter((jobId) => ends.get(jobId) !== "finished"),
      async finish(jobId: string): Promise<void> {
        doors.get(jobId)!();
        await expect.poll(() => ends.get(jobId)).toBe("finished");
      },
    };
  }
}

test("no more jobs of a type are at work than its limit says; each end begins the next, the oldest first", async () => {
  const world = crowd({ concurrency: { limit: 2, per: "deployment" } });
  const keys: JobKey[] = [];
  for (let n = 0; n < 6; n += 1) {
    keys.push(await world.submitFor(n % 2 ? "acme" : "globex"));
    world.time.advance(10);
  }
  await world.begin();
  const ids = keys.map(({ jobId }) => jobId);
  for (let done = 0; done < 6; done += 1) {
    expect(world.atWork()).toEqual(ids.slice(done, done + 2));
    await world.finish(ids[done]!);
    await world.begin();
  }
  expect(world.seen.most).toBe(2);
  for (const key of keys)
    expect(await world.job(key)).toMatchObject({ status: "completed", hops: 1, steps: 1 });
});

test("a limit for each tenant leaves the others alone, and one for each key the other keys", async () => {
  const perTenant = crowd({ concurrency: { limit: 1, per: "tenant" } });
  for (const tenant of ["acme", "acme", "globex"]) await perTenant.submitFor(tenant);
  await perTenant.begin();
  expect(perTenant.seen.inside).toBe(2);

  const key = (input: { repository: string }) => input.repository;
  const perKey = crowd({ concurrency: { limit: 1, per: "deployment", key } });
  for (const repository of ["a", "a", "b"]) await perKey.submitFor("acme", { repository });
  await perKey.begin();
  expect(perKey.seen.inside).toBe(2);
});

test("a job that finds no slot stays as it was: nothing is counted, and the sweeper looks at it again", async () => {
  const world = crowd({ concurrency: { limit: 1, per: "tenant" } });
  await world.submitFor("acme");
  const second = await world.submitFor("acme");
  await world.begin();
  expect(world.ends.get(second.jobId)).toBe("not its turn");
  const head = (await world.services.journal.head(second))!;
  expect(head).toMatchObject({ status: "pending", hops: 0, stalls: 0, seq: 1 });
  expect(head.due).toBeGreaterThan(world.time.now());
});

test("the slot of a worker that has died comes free by itself", async () => {
  const world = crowd({ concurrency: { limit: 1, per: "tenant" } });
  const { slots } = world.services;
  const [pool, until] = [{ name: "T#acme#test", limit: 1 }, world.time.now() + settings.local.slotMs];
  expect(await slots.take(pool, "a worker that has died", until)).toBe(true);
  const key = await world.submitFor("acme");
  await world.begin();
  expect(world.atWork()).toEqual([]);
  world.time.advance(settings.local.slotMs + 1);
  await world.services.queue.send("normal", key);
  await world.begin();
  expect(world.atWork()).toEqual([key.jobId]);
});

test("a job that waits for its time holds no slot", async () => {
  const napper = defineJob({
    ...jobOf(async (ctx) => ctx.wait("nap", { hours: 1 })),
    concurrency: { limit: 1, per: "tenant" as const },
  });
  const world = engine(napper);
  const [first, second] = [await world.submit(), await world.submit()];
  for (const key of [first, second]) expect(await world.pass(key)).toMatchObject({ end: "parked" });
});

test("a cancel waits for no slot", async () => {
  const world = crowd({ concurrency: { limit: 1, per: "tenant" } });
  await world.submitFor("acme");
  const second = await world.submitFor("acme");
  await world.begin();
  await cancel(world.services, second, "test");
  await world.begin();
  expect((await world.job(second)).status).toBe("cancelled");
});

test("[L3] a quiet tenant's job begins at once although another has a thousand in the queue before it", async () => {
  const world = crowd({ perTenant: 3 });
  for (let n = 0; n < 1_000; n += 1) await world.submitFor("flood");
  const quiet = await world.submitFor("quiet");
  await world.begin();
  await world.begin();
  expect(world.atWork()).toContain(quiet.jobId);
  expect(world.seen.inside).toBe(4);
});

test("without a limit nothing is read or written for slots", async () => {
  const job = engine(jobOf(async () => "done"));
  const refuse = () => Promise.reject(new Error("Nobody asked for a slot"));
  Object.assign(job.services.slots, { take: refuse, giveBack: refuse, next: refuse });
  expect(await job.pass(await job.submit())).toMatchObject({ end: "finished" });
});

test.each([0, -1, 1.5])("a type that allows %d jobs at a time is refused at the start", (limit) => {
  const jobType = { ...jobOf(async () => null), concurrency: { limit, per: "tenant" as const } };
  expect(() => registry([jobType])).toThrow(/whole number/);
});
