import { expect, test } from "vitest";
import type { Waiting } from "../../core/slots/slots.ts";
import { inBothWorlds } from "../support/worlds.ts";

const waiting = (jobId: string, createdAt: number, tenant = "acme"): Waiting => ({
  ...{ tenant, jobId, createdAt },
  lane: "normal",
});

inBothWorlds((world) => {
  const aPool = (limit: number) => ({ name: world().newId(), limit });
  const minute = () => world().clock.at + 60_000;

  test("of a hundred that want a slot at once exactly as many get one as there are", async () => {
    const { slots } = world();
    const pool = aPool(7);
    const wishes = Array.from({ length: 100 }, (_, index) => slots.take(pool, `w${index}`, minute()));
    expect((await Promise.all(wishes)).filter(Boolean)).toHaveLength(7);
  });

  test("fifteen that come and go are never more than the limit at the same time", async () => {
    const { slots } = world();
    const pool = aPool(3);
    let [inside, most, served] = [0, 0, 0];
    const visit = async (by: string) => {
      while (!(await slots.take(pool, by, minute()))) await new Promise(setImmediate);
      inside += 1;
      most = Math.max(most, inside);
      await new Promise(setImmediate);
      inside -= 1;
      served += 1;
      await slots.giveBack(pool, by);
    };
    await Promise.all(Array.from({ length: 15 }, (_, index) => visit(`w${index}`)));
    expect({ most: most <= 3, served }).toEqual({ most: true, served: 15 });
    const again = ["x", "y", "z", "too many"].map((by) => slots.take(pool, by, minute()));
    expect((await Promise.all(again)).filter(Boolean)).toHaveLength(3);
  });

  test("a job in the line knows its place, which moves up as others are served", async () => {
    const { slots } = world();
    const pool = aPool(1);
    const [first, second, third] = [waiting("a", 1), waiting("b", 2), waiting("c", 2, "other")];
    for (const job of [third, first, second]) await slots.enter(pool, job);
    const places = () => Promise.all([first, second, third].map((job) => slots.position(pool, job)));

    expect(await places()).toEqual([1, 2, 3]);
    await slots.next(pool);
    expect(await places()).toEqual([undefined, 1, 2]);
    await slots.leave(pool, second);
    expect(await places()).toEqual([undefined, undefined, 1]);
    expect(await slots.position(aPool(1), third)).toBeUndefined();
  });

  test("a holder that asks again has one slot, and giving back what one has not changes nothing", async () => {
    const { slots } = world();
    const pool = aPool(2);
    expect(await slots.take(pool, "a", minute())).toBe(true);
    expect(await slots.take(pool, "a", minute())).toBe(true);
    await slots.giveBack(pool, "stranger");
    expect(await slots.take(pool, "b", minute())).toBe(true);
    expect(await slots.take(pool, "c", minute())).toBe(false);
    await slots.giveBack(pool, "a");
    await slots.giveBack(pool, "a");
    expect(await slots.take(pool, "c", minute())).toBe(true);
    expect(await slots.take(pool, "d", minute())).toBe(false);
  });

  test("the slot of a holder that has died comes free by itself; one that says that it lives keeps it", async () => {
    const { slots, clock } = world();
    const pool = aPool(2);
    await slots.take(pool, "dead", minute());
    await slots.take(pool, "alive", minute());
    clock.at += 50_000;
    await slots.extend(pool, "alive", minute());
    clock.at += 11_000;
    expect(await slots.take(pool, "next", minute())).toBe(true);
    expect(await slots.take(pool, "another", minute())).toBe(false);
    // Back from the dead, it has no slot and takes none away.
    await slots.extend(pool, "dead", minute());
    await slots.giveBack(pool, "dead");
    expect(await slots.take(pool, "another", minute())).toBe(false);
  });

  test("those who wait are called by age, each once, and who has left is not", async () => {
    const { slots } = world();
    const pool = aPool(1);
    const jobs = [
      waiting("c", 3),
      waiting("a", 1),
      waiting("gone", 2),
      waiting("b", 2),
      waiting("d", 4, "x"),
    ];
    for (const job of jobs) await slots.enter(pool, job);
    await slots.enter(pool, waiting("a", 1));
    await slots.leave(pool, waiting("gone", 2));
    expect(await slots.next(pool)).toEqual(waiting("a", 1));
    const called = await Promise.all([1, 2, 3, 4].map(() => slots.next(pool)));
    expect(
      called
        .filter((job) => job !== undefined)
        .map(({ jobId }) => jobId)
        .sort(),
    ).toEqual(["b", "c", "d"]);
    expect(await slots.next(pool)).toBeUndefined();
  });

  test("pools know nothing of each other", async () => {
    const { slots } = world();
    const [one, two] = [aPool(1), aPool(1)];
    expect(await slots.take(one, "a", minute())).toBe(true);
    expect(await slots.take(two, "b", minute())).toBe(true);
    await slots.enter(one, waiting("a", 1));
    expect(await slots.next(two)).toBeUndefined();
  });
});
