import { expect, test } from "vitest";
import { cancel } from "../../../core/engine/cancel.ts";
import { registry } from "../../../core/engine/registry.ts";
import { changeSchedule, createSchedule, fireDue, runSchedule } from "../../../core/engine/schedule.ts";
import { Conflict, InvalidRequest, NotFound, Unavailable } from "../../../core/protocol/error.ts";
import type { Overlap, ScheduleDefinition } from "../../../core/schedules/schedule.ts";
import { sweeper } from "../../../functions/sweeper/sweeper.ts";
import { engine, jobOf, silent } from "../../support/engine.ts";

const context = { getRemainingTimeInMillis: () => 60_000 } as Parameters<ReturnType<typeof sweeper>>[1];
const scheduled = {} as Parameters<ReturnType<typeof sweeper>>[0];
const who = { tenant: "acme", by: "key" };

/** A schedule that fires every ten minutes, made at 12:00, and jobs that end when they are carried to their end. */
async function every10(change: Partial<ScheduleDefinition> = {}) {
  const jobType = jobOf(async (_ctx, input) => input);
  const job = engine(jobType);
  const { services, time } = job;
  const jobs = registry([jobType]);
  time.advance(Date.parse("2026-06-01T12:00:00Z") - time.now());
  const { schedule } = await createSchedule(services, jobs, who, {
    name: "Every ten",
    type: "test",
    input: { n: 1 },
    cron: "*/10 * * * *",
    timezone: "UTC",
    overlap: "parallel",
    priority: "low",
    tags: ["ten"],
    ...change,
  });
  const key = { tenant: schedule.tenant, id: schedule.id };
  return {
    ...job,
    jobs,
    key,
    clock: (text: string) => time.advance(Date.parse(`2026-06-01T${text}Z`) - time.now()),
    sweep: () => sweeper(services, jobs, silent)(scheduled, context),
    schedule: async () => (await services.schedules.get(key))!,
    /** In the order in which they were submitted. */
    submitted: async () => (await services.journal.list("acme", { limit: 100 })).jobs.toReversed(),
    next: async () => {
      const at = (await services.schedules.get(key))?.nextAt;
      return at === undefined ? undefined : new Date(at).toISOString().slice(11, 19);
    },
  };
}

test("a moment that has come gives one job, with what the schedule says, and the next one is set", async () => {
  const { sweep, clock, submitted, schedule, next, key } = await every10({ budget: { max_steps: 7 } });
  await sweep();
  expect(await submitted()).toEqual([]);
  clock("12:10:01");
  await sweep();
  await sweep();
  const jobs = await submitted();
  expect(jobs).toMatchObject([
    { type: "test", lane: "low", tags: ["ten"], scheduleId: key.id, budget: { max_steps: 7 } },
  ]);
  expect(await schedule()).toMatchObject({ lastJobId: jobs[0]?.jobId, lastAt: jobs[0]?.createdAt });
  expect(await next()).toBe("12:20:00");
});

test("sweeps at the same time fire a moment once", async () => {
  const { sweep, clock, submitted, services } = await every10();
  clock("12:10:01");
  await Promise.all([sweep(), sweep(), sweep()]);
  expect(await submitted()).toHaveLength(1);
  expect(services.queue.waiting).toHaveLength(1);
});

test("a sweep that dies after the job was submitted leaves a moment that the next sweep fires no second time", async () => {
  const { sweep, clock, time, submitted, services, next, schedule, jobs, key } = await every10();
  clock("12:10:01");
  const { update } = services.schedules;
  services.schedules.update = () => Promise.reject(new Unavailable("Died here"));
  await sweep();
  services.schedules.update = update;
  expect(await next()).toBe("12:10:00");
  // Its owner changes what it submits, and two days go by: longer than an idempotency key is kept.
  await changeSchedule(services, jobs, key, { input: { n: 2 } });
  time.advance(2 * 86_400_000);
  await sweep();
  expect(await submitted()).toHaveLength(1);
  expect(await next()).toBe("12:20:00");
  expect((await schedule()).lastJobId).toBe((await submitted())[0]?.jobId);
  // That job was made before the moments that have passed since, so they are owed one.
  await sweep();
  await sweep();
  expect(await submitted()).toHaveLength(2);
  expect((await schedule()).nextAt).toBeGreaterThan(time.now());
});

test("after an outage a schedule fires once, not once for every moment that was missed", async () => {
  const { sweep, clock, submitted, next } = await every10();
  clock("13:34:00");
  await sweep();
  await sweep();
  expect(await submitted()).toHaveLength(1);
  expect(await next()).toBe("13:40:00");
});

test("a store that is silent leaves the moment due, and costs other schedules nothing", async () => {
  const { sweep, clock, submitted, next, services, jobs } = await every10();
  const { schedule: other } = await createSchedule(services, jobs, who, {
    ...{ name: "b", type: "test", input: null, cron: "*/10 * * * *", timezone: "UTC" },
    ...{ overlap: "parallel", priority: "normal", tags: [] },
  });
  clock("12:10:01");
  const { create } = services.journal;
  services.journal.create = (submission) =>
    submission.head.scheduleId === other.id
      ? create(submission)
      : Promise.reject(new Unavailable("The table did not answer"));
  await sweep();
  expect((await submitted()).map(({ scheduleId }) => scheduleId)).toEqual([other.id]);
  expect(await next()).toBe("12:10:00");
  services.journal.create = create;
  await sweep();
  expect(await submitted()).toHaveLength(2);
  expect(await next()).toBe("12:20:00");
});

test("a moment whose job cannot be submitted says why and makes room for the next ones", async () => {
  const { services, clock, key, next, schedule } = await every10();
  clock("12:10:01");
  const nothing = registry([]);
  await fireDue(services, nothing, key);
  expect((await schedule()).lastFailure).toMatchObject({ code: "invalid_request" });
  expect(await next()).toBe("12:20:00");
});

test("the last moment is the one before the end, and then there is none", async () => {
  const { sweep, clock, submitted, next } = await every10({ endAt: Date.parse("2026-06-01T12:20:00Z") });
  for (const time of ["12:10:00", "12:20:00", "12:30:00", "12:40:00"]) {
    clock(time);
    await sweep();
  }
  expect(await submitted()).toHaveLength(2);
  expect(await next()).toBeUndefined();
});

test("a paused schedule fires nothing, and goes on from the moment at which it is resumed", async () => {
  const { sweep, clock, submitted, next, services, jobs, key } = await every10();
  await changeSchedule(services, jobs, key, { paused: true });
  expect(await next()).toBeUndefined();
  clock("12:35:00");
  await sweep();
  await changeSchedule(services, jobs, key, { paused: false });
  await sweep();
  expect(await submitted()).toEqual([]);
  expect(await next()).toBe("12:40:00");
});

test("a changed expression counts from now, and a faulty one changes nothing", async () => {
  const { services, jobs, key, next, schedule } = await every10();
  const before = await schedule();
  await expect(changeSchedule(services, jobs, key, { cron: "0 0 31 2 *" })).rejects.toThrow(InvalidRequest);
  await expect(changeSchedule(services, jobs, key, { type: "unheard" })).rejects.toThrow(InvalidRequest);
  expect(await schedule()).toEqual(before);
  await changeSchedule(services, jobs, key, { cron: "15 * * * *" });
  expect(await next()).toBe("12:15:00");
});

test("a schedule that is deleted between two sweeps fires nothing", async () => {
  const { services, sweep, clock, key, submitted, jobs } = await every10();
  clock("12:10:01");
  await services.schedules.delete(key);
  await sweep();
  expect(await submitted()).toEqual([]);
  await expect(runSchedule(services, jobs, key)).rejects.toThrow(NotFound);
});

const afterTwoMoments = async (overlap: Overlap) => {
  const world = await every10({ overlap });
  world.clock("12:10:00");
  await world.sweep();
  world.clock("12:20:00");
  await world.sweep();
  const [first, second] = await world.submitted();
  return { ...world, first: first!, second };
};

test("while the job before is at work, `skip` gives no job, and one again once it has ended", async () => {
  const { first, second, schedule, toEnd, clock, sweep, submitted } = await afterTwoMoments("skip");
  expect(second).toBeUndefined();
  expect((await schedule()).lastFailure?.message).toContain(first.jobId);
  await toEnd(first);
  clock("12:50:00");
  await sweep();
  expect(await submitted()).toHaveLength(2);
  expect((await schedule()).lastFailure).toBeUndefined();
});

test("while the job before is at work, `parallel` gives one beside it", async () => {
  const { first, second } = await afterTwoMoments("parallel");
  expect([first.status, second?.status]).toEqual(["pending", "pending"]);
});

test("while the job before is at work, `queue` gives one that begins after it, however that ends", async () => {
  const { first, second, services, toEnd, clock, sweep, submitted } = await afterTwoMoments("queue");
  expect(second).toMatchObject({ status: "scheduled", dependencies: { job_ids: [first.jobId] } });
  clock("12:30:00");
  await sweep();
  const third = (await submitted())[2]!;
  expect(third.dependencies?.job_ids).toEqual([second?.jobId]);
  await cancel(services, first, "test");
  expect((await toEnd(third)).status).toBe("completed");
  const ends = (await submitted()).map(({ status }) => status);
  expect(ends).toEqual(["cancelled", "completed", "completed"]);
});

test("while the job before is at work, `cancel_previous` cancels it, also when the sweep died before that", async () => {
  const { first, second, toEnd, services, jobs, clock, sweep, submitted } =
    await afterTwoMoments("cancel_previous");
  expect(second?.cancelRequested).toBeUndefined();
  clock("12:30:00");
  const journal = { ...services.journal, append: () => new Promise<never>(() => {}) };
  void sweeper({ ...services, journal }, jobs, silent)(scheduled, context);
  await expect.poll(async () => (await submitted()).length).toBe(3);
  await sweep();
  for (const job of [first, second!]) expect((await toEnd(job)).status).toBe("cancelled");
  expect(await submitted()).toHaveLength(3);
});

test("a run out of turn is a job like the others: once for a key, and the next moment knows of it", async () => {
  const { services, jobs, key, submitted, clock, sweep, schedule } = await every10({ overlap: "skip" });
  const first = await runSchedule(services, jobs, key, "once");
  expect((await runSchedule(services, jobs, key, "once")).jobId).toBe(first.jobId);
  await expect(runSchedule(services, jobs, key, "twice")).rejects.toThrow(Conflict);
  clock("12:10:00");
  await sweep();
  expect(await submitted()).toHaveLength(1);
  expect((await schedule()).lastJobId).toBe(first.jobId);
});

test("a schedule that is sent twice with one key is one, and another with that key is refused", async () => {
  const { services, jobs } = await every10();
  const definition: ScheduleDefinition = {
    ...{ name: "a", type: "test", input: null, cron: "0 * * * *", timezone: "UTC" },
    ...{ overlap: "skip", priority: "normal", tags: [] },
  };
  const create = (change: Partial<ScheduleDefinition>) =>
    createSchedule(services, jobs, who, { ...definition, ...change }, "key-1");
  const first = await create({});
  const again = await create({});
  expect(again).toMatchObject({ deduplicated: true, schedule: { id: first.schedule.id } });
  await expect(create({ name: "b" })).rejects.toThrow(/used before/);
});
