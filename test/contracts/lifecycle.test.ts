import { expect, test } from "vitest";
import type { ContentClaim, Submission } from "../../core/journal/journal.ts";
import type { Entry } from "../../core/protocol/event.ts";
import type { JobKey, JobRecord } from "../../core/protocol/job.ts";
import { anEntry, headAfter, submitted } from "../support/entries.ts";
import { inBothWorlds, type World } from "../support/worlds.ts";

inBothWorlds((world) => {
  function submission(
    job: JobKey,
    rest: Partial<Submission> = {},
    head: Partial<JobRecord> = {},
  ): Submission {
    const entry = anEntry(job, [], [submitted]);
    return { entry, head: { ...headAfter([entry]), ...head }, ...rest };
  }

  const aJob = ({ newId }: World, tenant = newId()): JobKey => ({ tenant, jobId: newId() });
  const claim = (key: string, replaces?: string): { content: ContentClaim } => ({
    content: { key, expiresAt: world().clock.at + 1_000, ...(replaces ? { replaces } : {}) },
  });

  test("one job stands for a content, until another takes its place or its time is over", async () => {
    const { journal, newId, clock } = world();
    const tenant = newId();
    const create = (job: JobKey, rest: Partial<Submission>) => journal.create(submission(job, rest));
    const [a, b, c, d] = [0, 1, 2, 3].map(() => aJob(world(), tenant)) as [JobKey, JobKey, JobKey, JobKey];
    expect(await create(a, claim("k"))).toEqual({ end: "stored" });
    expect(await create(b, claim("k"))).toEqual({ end: "same content", jobId: a.jobId });
    expect(await create(b, claim("other"))).toEqual({ end: "stored" });
    expect(await create(c, claim("k", b.jobId))).toEqual({ end: "same content", jobId: a.jobId });
    expect(await create(c, claim("k", a.jobId))).toEqual({ end: "stored" });
    expect(await create(d, claim("k", a.jobId))).toEqual({ end: "same content", jobId: c.jobId });
    expect(await journal.head(d)).toBeUndefined();
    expect(await journal.create(submission(aJob(world()), claim("k")))).toEqual({ end: "stored" });
    clock.at += 1_000;
    expect(await create(d, claim("k"))).toEqual({ end: "stored" });
  });

  test("of 20 jobs that would take the place of another for the same content, one does", async () => {
    const { journal, newId } = world();
    const tenant = newId();
    const before = aJob(world(), tenant);
    await journal.create(submission(before, claim("k")));
    const ends = await Promise.all(
      Array.from({ length: 20 }, () =>
        journal.create(submission(aJob(world(), tenant), claim("k", before.jobId))),
      ),
    );
    expect(ends.filter(({ end }) => end === "stored")).toHaveLength(1);
    expect(ends.filter(({ end }) => end === "same content")).toHaveLength(19);
  });

  test("a repeated request learns of its key before it learns of its content, and a lost answer of neither", async () => {
    const { journal, clock } = world();
    const first = aJob(world());
    const idempotency = { key: "k", fingerprint: "f", expiresAt: clock.at + 1_000 };
    const both = { idempotency, ...claim("c") };
    await journal.create(submission(first, both));
    expect(await journal.create(submission(first, both))).toEqual({ end: "stored" });
    expect(await journal.create(submission(aJob(world(), first.tenant), both))).toEqual({
      end: "duplicate",
      jobId: first.jobId,
      fingerprint: "f",
    });
  });

  test("what a key was used for is known as long as the key is kept, to its tenant", async () => {
    const { journal, clock } = world();
    const job = aJob(world());
    const idempotency = { key: "k", fingerprint: "f", expiresAt: clock.at + 1_000 };
    expect(await journal.claimed(job.tenant, "k")).toBeUndefined();
    await journal.create(submission(job, { idempotency }));
    const { key: _key, ...kept } = idempotency;
    expect(await journal.claimed(job.tenant, "k")).toEqual({ ...kept, jobId: job.jobId });
    expect(await journal.claimed(`${job.tenant}x`, "k")).toBeUndefined();
    clock.at += 1_000;
    expect(await journal.claimed(job.tenant, "k")).toBeUndefined();
  });

  test("those that wait for a job are found page by page, each once, and leave its journal as it is", async () => {
    const { journal, newId } = world();
    const tenant = newId();
    const [awaited, other] = [aJob(world(), tenant), aJob(world(), tenant)];
    await journal.create(submission(awaited));
    await journal.create(submission(other));
    const before = await journal.read(awaited, 0);
    const waiting = new Set<string>();
    for (const jobId of ["a", "a-1", "a1", "b", "z", "A", "_x"]) {
      const wokenBy = [awaited.jobId, other.jobId];
      await journal.create(submission({ tenant, jobId }, { wokenBy }, { lane: "low" }));
      waiting.add(jobId);
    }
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await journal.dependents(awaited, { limit: 2, ...(cursor ? { cursor } : {}) });
      expect(page.dependents.length).toBeLessThanOrEqual(2);
      for (const { jobId, lane } of page.dependents) {
        expect(lane).toBe("low");
        found.push(jobId);
      }
      cursor = page.cursor;
    } while (cursor);
    expect(found.toSorted()).toEqual([...waiting].toSorted());
    expect(await journal.read(awaited, 0)).toEqual(before);
    expect(await journal.dependents(aJob(world(), tenant), { limit: 2 })).toEqual({ dependents: [] });
  });

  test("entries that stand before a job's first one are no job yet, and belong to it then", async () => {
    const { journal } = world();
    const job = aJob(world());
    const first = anEntry(job, [], [submitted]);
    const second: Entry = { ...anEntry(job, [first], [{ kind: "wait.ended", step: "a", inherited: true }]) };
    const third = anEntry(job, [first, second], [{ kind: "wait.ended", step: "b", inherited: true }]);
    expect(await journal.append(third)).toEqual({ end: "stored" });
    expect(await journal.append(second)).toEqual({ end: "stored" });
    expect(await journal.append(second)).toEqual({ end: "taken", entry: second });
    expect(await journal.head(job)).toBeUndefined();
    expect((await journal.list(job.tenant, { limit: 10 })).jobs).toEqual([]);
    const head = headAfter([first, second, third]);
    expect(await journal.create({ entry: first, head })).toEqual({ end: "stored" });
    expect(await journal.read(job, 0)).toEqual({
      entries: [first, second, third],
      head,
      more: false,
      deltasWanted: false,
    });
  });

  test("a list can be narrowed to tags, ages and several statuses", async () => {
    const { journal, newId } = world();
    const tenant = newId();
    for (const [jobId, head] of Object.entries({
      a: { createdAt: 1, tags: ["x"], status: "running" },
      b: { createdAt: 2, tags: ["x", "y"], status: "failed" },
      c: { createdAt: 3, tags: [], status: "waiting" },
    } satisfies Record<string, Partial<JobRecord>>)) {
      await journal.create(submission({ tenant, jobId }, {}, head));
    }
    const listed = async (filter: Partial<Parameters<typeof journal.list>[1]>) =>
      (await journal.list(tenant, { limit: 10, ...filter })).jobs.map(({ jobId }) => jobId);
    expect(await listed({ tag: "x" })).toEqual(["b", "a"]);
    expect(await listed({ createdBefore: 2 })).toEqual(["a"]);
    expect(await listed({ status: ["running", "waiting"] })).toEqual(["c", "a"]);
    expect(await listed({ status: ["running", "waiting"], tag: "x" })).toEqual(["a"]);
  });
});
