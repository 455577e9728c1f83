import { expect, test } from "vitest";
import { settings } from "../../core/config.ts";
import type { Watch } from "../../core/sockets/sockets.ts";
import { inBothWorlds, type World } from "../support/worlds.ts";

const aWatch = ({ clock }: World, connectionId: string, more: Partial<Watch> = {}): Watch => ({
  connectionId,
  at: clock.at,
  deltas: false,
  batch: true,
  authorisedUntil: 9e15,
  ...more,
});

inBothWorlds((world) => {
  test("who watches a job is found with everything that was asked for", async () => {
    const { watches, newId } = world();
    const job = { tenant: newId(), jobId: "j" };
    const watch = aWatch(world(), "c1=", { deltas: true, batch: false, authorisedUntil: 77 });
    expect(await watches.add(job.tenant, job, watch)).toBe(true);
    expect(await watches.ofJob(job)).toEqual([watch]);
    expect(await watches.ofJob({ ...job, tenant: "other" })).toEqual([]);
    expect(await watches.ofTenant(job.tenant)).toEqual([]);
  });

  test("watching again replaces the watch", async () => {
    const { watches, newId } = world();
    const job = { tenant: newId(), jobId: "j" };
    await watches.add(job.tenant, job, aWatch(world(), "c1"));
    await watches.add(job.tenant, job, aWatch(world(), "c1", { deltas: true }));
    expect(await watches.ofJob(job)).toEqual([aWatch(world(), "c1", { deltas: true })]);
  });

  test("watching all of one's own jobs is a watch of its own", async () => {
    const { watches, newId } = world();
    const tenant = newId();
    await watches.add(tenant, "mine", aWatch(world(), "c1"));
    expect(await watches.ofTenant(tenant)).toEqual([aWatch(world(), "c1")]);
    await watches.remove(tenant, "mine", "c1");
    expect(await watches.ofTenant(tenant)).toEqual([]);
  });

  test("a connection has so many watches and no more, and room again after one is removed", async () => {
    const { watches, newId } = world();
    const tenant = newId();
    const most = settings.local.maxWatchesPerConnection;
    const add = (jobId: string) => watches.add(tenant, { jobId }, aWatch(world(), "c1"));
    const added = await Promise.all(Array.from({ length: most + 5 }, (_, index) => add(`j${index}`)));
    expect(added.filter(Boolean)).toHaveLength(most);
    const kept = `j${added.indexOf(true)}`;
    const refused = `j${added.indexOf(false)}`;
    expect(await watches.ofJob({ tenant, jobId: refused })).toEqual([]);
    expect(await add(kept)).toBe(true);
    expect(await add(refused)).toBe(false);
    expect(await watches.ofJob({ tenant, jobId: refused })).toEqual([]);
    await watches.remove(tenant, { jobId: kept }, "c1");
    expect(await add(refused)).toBe(true);
  });

  test("when a connection ends, all of its watches end and no others do [A0-25]", async () => {
    const { watches, newId } = world();
    const tenant = newId();
    const jobs = Array.from({ length: 30 }, (_, index) => ({ jobId: `j${index}` }));
    for (const job of jobs) await watches.add(tenant, job, aWatch(world(), "leaving"));
    await watches.add(tenant, "mine", aWatch(world(), "leaving"));
    await watches.add(tenant, jobs[3]!, aWatch(world(), "staying"));
    await watches.removeAll(tenant, "leaving");
    const left = await Promise.all(jobs.map(({ jobId }) => watches.ofJob({ tenant, jobId })));
    expect(left.flat()).toEqual([aWatch(world(), "staying")]);
    expect(await watches.ofTenant(tenant)).toEqual([]);
  });

  test("removing what is not there does nothing, also after the connection has ended", async () => {
    const { watches, newId } = world();
    const tenant = newId();
    await watches.removeAll(tenant, "nobody");
    await watches.remove(tenant, { jobId: "j" }, "nobody");
    expect(await watches.ofJob({ tenant, jobId: "j" })).toEqual([]);
  });

  test("a watch outlives no connection: it ends by itself", async () => {
    const { watches, newId, clock } = world();
    const job = { tenant: newId(), jobId: "j" };
    await watches.add(job.tenant, job, aWatch(world(), "c1"));
    clock.at += settings.local.watchKeptSeconds * 1000;
    expect(await watches.ofJob(job)).toEqual([]);
  });
});
