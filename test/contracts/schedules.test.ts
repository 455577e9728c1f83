import { expect, test } from "vitest";
import type { ScheduleRecord } from "../../core/schedules/schedule.ts";
import { inBothWorlds } from "../support/worlds.ts";

function aSchedule(of: Partial<ScheduleRecord> & { tenant: string; id: string }): ScheduleRecord {
  return {
    name: "Nightly",
    type: "council",
    input: { question: "What was new?" },
    cron: "0 3 * * *",
    timezone: "Europe/Paris",
    overlap: "skip",
    priority: "low",
    tags: ["nightly"],
    by: "key-1",
    createdAt: 1_000,
    updatedAt: 1_000,
    paused: false,
    nextAt: 5_000,
    fingerprint: "f",
    version: 1,
    ...of,
  };
}

inBothWorlds((world) => {
  test("a new schedule is there at once, under its own tenant only", async () => {
    const { schedules, newId } = world();
    const record = aSchedule({ tenant: newId(), id: newId(), budget: { max_steps: 3 }, endAt: 9_000 });
    expect(await schedules.create(record, 5)).toBe("created");
    expect(await schedules.get(record)).toEqual(record);
    expect(await schedules.get({ tenant: "other", id: record.id })).toBeUndefined();
    expect(await schedules.delete({ tenant: "other", id: record.id })).toBe(false);
  });

  test("a second one of the same id is refused, does not count, and the first stays", async () => {
    const { schedules, newId } = world();
    const record = aSchedule({ tenant: newId(), id: "s" });
    await schedules.create(record, 2);
    expect(await schedules.create({ ...record, name: "Another" }, 2)).toBe("exists");
    expect(await schedules.get(record)).toEqual(record);
    expect(await schedules.create({ ...record, id: "t" }, 2)).toBe("created");
  });

  test("of many that are made at once, a tenant gets as many as it may have, and one more for each that is deleted", async () => {
    const { schedules, newId } = world();
    const tenant = newId();
    const create = (id: string) => schedules.create(aSchedule({ tenant, id }), 3);
    const ends = await Promise.all(Array.from({ length: 6 }, (_, index) => create(`s${index}`)));
    expect(ends.filter((end) => end === "created")).toHaveLength(3);
    expect(ends.filter((end) => end === "too many")).toHaveLength(3);
    const { schedules: made } = await schedules.list(tenant, { limit: 10 });
    expect(await schedules.delete(made[0]!)).toBe(true);
    expect(await schedules.delete(made[0]!)).toBe(false);
    expect(await create("another")).toBe("created");
    expect(await create("too-much")).toBe("too many");
    expect(await schedules.create(aSchedule({ tenant: newId(), id: "s" }), 3)).toBe("created");
  });

  test("of two changes that were decided on the same state one is written, and what is deleted stays so", async () => {
    const { schedules, newId } = world();
    const record = aSchedule({ tenant: newId(), id: newId() });
    await schedules.create(record, 5);
    const changes = ["a", "b"].map((name) => ({ ...record, name, nextAt: undefined, version: 2 }));
    const written = await Promise.all(changes.map((change) => schedules.update(change)));
    expect(written.sort()).toEqual([false, true]);
    const stored = await schedules.get(record);
    expect(stored).toMatchObject({ version: 2 });
    expect(stored?.nextAt).toBeUndefined();
    await schedules.delete(record);
    expect(await schedules.update({ ...record, version: 3 })).toBe(false);
    expect(await schedules.get(record)).toBeUndefined();
  });

  test("what is due comes in the order of its moments; what is paused, ended or later does not; jobs are no schedules", async () => {
    const { schedules, journal, newId } = world();
    const tenant = newId();
    for (const [id, nextAt] of [
      ["third", 330],
      ["first", 310],
      ["later", 900],
      ["never", undefined],
      ["second", 320],
    ] as const) {
      await schedules.create(aSchedule({ tenant, id, nextAt }), 9);
    }
    const due = async (limit: number) =>
      (await schedules.due(400, limit)).filter((key) => key.tenant === tenant);
    expect((await due(9)).map(({ id }) => id)).toEqual(["first", "second", "third"]);
    expect((await due(2)).map(({ id }) => id)).toEqual(["first", "second"]);
    expect((await journal.due(400, 50)).filter((job) => job.tenant === tenant)).toEqual([]);
    const first = (await schedules.get({ tenant, id: "first" }))!;
    await schedules.update({ ...first, nextAt: 901, version: 2 });
    expect((await due(9)).map(({ id }) => id)).toEqual(["second", "third"]);
  });

  test("the list shows the newest first, page by page, and only the tenant's own", async () => {
    const { schedules, newId } = world();
    const tenant = newId();
    for (const at of [3, 1, 2, 5, 4])
      await schedules.create(aSchedule({ tenant, id: `s${at}`, createdAt: at }), 9);
    await schedules.create(aSchedule({ tenant: `${tenant}#S`, id: "stranger" }), 9);
    const first = await schedules.list(tenant, { limit: 3 });
    expect(first.schedules.map(({ id }) => id)).toEqual(["s5", "s4", "s3"]);
    const second = await schedules.list(tenant, { limit: 3, cursor: first.cursor! });
    expect(second.schedules.map(({ id }) => id)).toEqual(["s2", "s1"]);
    expect(second.cursor).toBeUndefined();
  });
});
