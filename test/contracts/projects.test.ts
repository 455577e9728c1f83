import { expect, test } from "vitest";
import type { ProjectRecord } from "../../core/projects/project.ts";
import { inBothWorlds } from "../support/worlds.ts";

const noon = Date.UTC(2026, 0, 1, 12);
const day = 86_400_000;

function aProject(of: Partial<ProjectRecord> & { tenant: string; id: string }): ProjectRecord {
  return {
    by: "key-1",
    createdAt: noon,
    name: "Greeter",
    description: "Greets whoever is named",
    request: { max_files: 3, models: ["mock:ada"] },
    fingerprint: "f",
    version: 1,
    ...of,
  };
}

inBothWorlds((world) => {
  test("a new project is there at once, under its own tenant only", async () => {
    const { projects, newId } = world();
    const record = aProject({ tenant: newId(), id: newId() });
    expect(await projects.create(record, 5)).toBe("created");
    expect(await projects.get(record)).toEqual(record);
    expect(await projects.get({ tenant: "other", id: record.id })).toBeUndefined();
  });

  test("a second one of the same id is refused, does not count, and the first stays", async () => {
    const { projects, newId } = world();
    const record = aProject({ tenant: newId(), id: "p" });
    await projects.create(record, 2);
    expect(await projects.create({ ...record, name: "Another" }, 2)).toBe("exists");
    expect(await projects.get(record)).toEqual(record);
    expect(await projects.create({ ...record, id: "q" }, 2)).toBe("created");
  });

  test("of many that one person makes at once as many are made as a day allows; others and tomorrow have their own", async () => {
    const { projects, newId } = world();
    const tenant = newId();
    const create = (id: string, of: Partial<ProjectRecord> = {}) =>
      projects.create(aProject({ tenant, id, ...of }), 3);
    const ends = await Promise.all(Array.from({ length: 6 }, (_, index) => create(`p${index}`)));
    expect(ends.filter((end) => end === "created")).toHaveLength(3);
    expect(ends.filter((end) => end === "too many")).toHaveLength(3);
    expect(await create("theirs", { by: "key-2" })).toBe("created");
    expect(await create("late", { createdAt: noon + day / 2 - 1 })).toBe("too many");
    expect(await create("tomorrow", { createdAt: noon + day / 2 })).toBe("created");
    const { projects: made } = await projects.list(tenant, { limit: 10 });
    expect(made).toHaveLength(5);
  });

  test("of two changes that were decided on the same state one is written", async () => {
    const { projects, newId } = world();
    const record = aProject({ tenant: newId(), id: newId() });
    await projects.create(record, 5);
    const changes = ["a", "b"].map((jobId) => ({
      ...record,
      generation: { number: 1, jobId, at: noon },
      version: 2,
    }));
    const written = await Promise.all(changes.map((change) => projects.update(change)));
    expect(written.toSorted()).toEqual([false, true]);
    expect(await projects.get(record)).toEqual(changes[written.indexOf(true)]);
    expect(await projects.update({ ...record, id: "unknown", version: 2 })).toBe(false);
  });

  test("the list shows the newest first, page by page, and only the tenant's own", async () => {
    const { projects, newId } = world();
    const tenant = newId();
    for (const at of [3, 1, 2, 5, 4])
      await projects.create(aProject({ tenant, id: `p${at}`, createdAt: noon + at }), 9);
    await projects.create(aProject({ tenant: `${tenant}#P`, id: "stranger" }), 9);
    const first = await projects.list(tenant, { limit: 3 });
    expect(first.projects.map(({ id }) => id)).toEqual(["p5", "p4", "p3"]);
    const second = await projects.list(tenant, { limit: 3, cursor: first.cursor! });
    expect(second.projects.map(({ id }) => id)).toEqual(["p2", "p1"]);
    expect(second.cursor).toBeUndefined();
  });
});
