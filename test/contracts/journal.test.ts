import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { settings } from "../../core/config.ts";
import { addMessage, newConversation } from "../../core/conversations/conversation.ts";
import { cancel } from "../../core/engine/cancel.ts";
import { readEvents, readJob, readValue } from "../../core/engine/job-reading.ts";
import { pass } from "../../core/engine/pass.ts";
import { registry } from "../../core/engine/registry.ts";
import { wholeJournal } from "../../core/engine/whole-journal.ts";
import type { Submission } from "../../core/journal/journal.ts";
import { memoryServices } from "../../core/memory.ts";
import { InvalidRequest, TooLarge } from "../../core/protocol/error.ts";
import { type Entry, type JobEvent, lastSeq } from "../../core/protocol/event.ts";
import type { JobKey, JobRecord } from "../../core/protocol/job.ts";
import { silent } from "../support/engine.ts";
import { anEntry, headAfter, submitted } from "../support/entries.ts";
import { inBothWorlds, type World } from "../support/worlds.ts";

const noModel = { generate: () => Promise.reject(new Error("No contract asks a model")) };
const claimed: JobEvent = { kind: "job.claimed", by: "worker" };
const cancelled: JobEvent = { kind: "job.cancel_requested", by: "somebody" };

function completed(text: string): JobEvent {
  return { kind: "step.completed", step: "s", attempt: 1, result: { json: text } };
}

async function submit(
  { journal, newId }: World,
  more: Partial<JobRecord> & { tenant?: string } = {},
  rest: Partial<Submission> = {},
): Promise<{ job: JobKey; entries: Entry[]; head: JobRecord }> {
  const { tenant = newId(), jobId = newId() } = more;
  const entry = anEntry({ tenant, jobId }, [], [submitted]);
  const head = { ...headAfter([entry]), ...more, tenant, jobId };
  expect(await journal.create({ entry, head, ...rest })).toEqual({ end: "stored" });
  return { job: { tenant, jobId }, entries: [entry], head };
}

/** A job whose entries hold so many events each. */
async function written(world: World, sizes: number[]): Promise<{ job: JobKey; entries: Entry[] }> {
  const { job, entries } = await submit(world);
  for (const size of sizes) {
    const entry = anEntry(job, entries, Array<JobEvent>(size).fill(cancelled));
    expect(await world.journal.append(entry)).toEqual({ end: "stored" });
    entries.push(entry);
  }
  return { job, entries };
}

inBothWorlds((world, engines) => {
  test("a submitted job is there whole, and for its tenant only", async () => {
    const { journal } = world();
    const { job, entries, head } = await submit(world(), { due: 9e15, lease: { by: "w", until: 99 } });
    expect(await journal.read(job, 0)).toEqual({ entries, head, more: false, deltasWanted: false });
    expect(await journal.head(job)).toEqual(head);
    const stranger = { ...job, tenant: `${job.tenant}x` };
    expect(await journal.head(stranger)).toBeUndefined();
    expect(await journal.read(stranger, 0)).toEqual({ entries: [], more: false, deltasWanted: false });
  });

  test("a submission whose answer got lost may be sent again", async () => {
    const { journal, clock } = world();
    const idempotency = { key: "k", fingerprint: "f", expiresAt: clock.at + 1_000 };
    const { entries, head, job } = await submit(world(), {}, { idempotency });
    expect(await journal.create({ entry: entries[0]!, head, idempotency })).toEqual({ end: "stored" });
    expect((await journal.read(job, 0)).entries).toEqual(entries);
  });

  test("of 100 writers for one place, one wins and 99 are given the winner's entry [A0-03]", async () => {
    const { journal } = world();
    const { job, entries } = await submit(world());
    const rivals = Array.from({ length: 100 }, (_, index) => ({
      ...anEntry(job, entries, [claimed]),
      token: `rival-${index}`,
    }));
    const ends = await Promise.all(rivals.map((rival) => journal.append(rival)));
    const winner = rivals[ends.findIndex(({ end }) => end === "stored")]!;
    expect(ends.filter(({ end }) => end === "stored")).toHaveLength(1);
    expect(ends.filter((each) => each.end === "taken").map(({ entry }) => entry)).toEqual(
      Array(99).fill(winner),
    );
    expect((await journal.read(job, 1)).entries).toEqual([winner]);
  });

  test("a writer whose answer got lost finds its own token in the place", async () => {
    const { journal } = world();
    const { job, entries, head } = await submit(world());
    const entry = anEntry(job, entries, [claimed]);
    await journal.append(entry);
    expect(await journal.append(entry)).toEqual({ end: "taken", entry });
    expect(await journal.append(entry, { head: { ...head, title: "Changed" } })).toEqual({
      end: "taken",
      entry,
    });
    expect((await journal.head(job))?.title).toBe(head.title);
  });

  test("an entry, HEAD and the conversation change together or not at all [A0-21] [A0-22]", async () => {
    const { journal, conversations, newId } = world();
    const conversation = newConversation(newId(), newId(), 1);
    await conversations.create(conversation);
    const { tenant, id } = conversation;
    const { job, entries } = await submit(world(), { tenant });
    const change = addMessage(conversation, { content: "hello", jobId: job.jobId, at: 2 });
    const entry = anEntry(job, entries, [claimed]);
    const head = headAfter([...entries, entry]);

    const stale = { ...change, record: { ...change.record, version: 7 } };
    expect(await journal.append(entry, { head, conversation: stale })).toEqual({
      end: "conversation changed",
    });
    expect((await journal.read(job, 0)).entries).toEqual(entries);
    expect((await journal.head(job))?.status).toBe("pending");

    expect(await journal.append(entry, { head, conversation: change })).toEqual({ end: "stored" });
    expect(await journal.head(job)).toEqual(head);
    expect(await conversations.get(tenant, id)).toEqual(change.record);
    expect(await conversations.messages(tenant, id)).toEqual(change.messages);

    const next = addMessage(change.record, { content: "again", jobId: job.jobId, at: 3 });
    const late = { ...entry, token: "late" };
    expect(await journal.append(late, { head, conversation: next })).toEqual({ end: "taken", entry });
    expect(await conversations.messages(tenant, id)).toEqual(change.messages);
  });

  test("a job ends and the one that carries it on begins in one transaction, or neither does", async () => {
    const { journal, newId } = world();
    const { job, entries } = await submit(world());
    const first = anEntry(
      { ...job, jobId: newId() },
      [],
      [{ ...submitted, continues: job.jobId } as JobEvent],
    );
    const create = { entry: first, head: { ...headAfter([first]), due: 9e15 } };
    const end: JobEvent = { kind: "job.completed", result: { json: null }, continuedAs: first.jobId };
    const entry = anEntry(job, entries, [end]);
    const head = headAfter([...entries, entry]);

    await journal.append(anEntry(job, entries, [claimed]));
    expect((await journal.append(entry, { head, create })).end).toBe("taken");
    expect(await journal.head(first)).toBeUndefined();

    const next = { ...entry, seq: entry.seq + 1 };
    expect(await journal.append(next, { head, create })).toEqual({ end: "stored" });
    expect(await journal.head(first)).toEqual(create.head);
    expect((await journal.read(first, 0)).entries).toEqual([first]);
    // Sent again because its answer got lost.
    expect((await journal.append(next, { head, create })).end).toBe("taken");
  });

  test("a list of jobs with questions has those that this person may answer", async () => {
    const { journal, newId } = world();
    const tenant = newId();
    const question = (answerers?: string[]) => ({
      id: "c",
      step: "ask",
      createdAt: 1,
      ask: { question: "?", schema: {}, ...(answerers ? { answerers } : {}) },
    });
    const decided = { outcome: "succeeded" as const, by: "ann", at: 2, seq: 9 };
    const asking = {
      everybody: [question()],
      ben: [question(["ben"])],
      nobody: [{ ...question(), decided }],
    };
    for (const [jobId, callbacks] of Object.entries(asking))
      await submit(world(), { tenant, jobId, callbacks });
    const found = async (asks: string) =>
      (await journal.list(tenant, { limit: 9, asks })).jobs.map(({ jobId }) => jobId).sort();
    expect(await found("ann")).toEqual(["everybody"]);
    expect(await found("ben")).toEqual(["ben", "everybody"]);
  });

  test("a conversation that has changed stops a submission before anything is written", async () => {
    const { journal, conversations, newId } = world();
    const conversation = newConversation(newId(), newId(), 1);
    await conversations.create(conversation);
    const job = { tenant: conversation.tenant, jobId: newId() };
    const change = addMessage(conversation, { content: "hello", jobId: job.jobId, at: 2 });
    const entry = anEntry(job, [], [submitted]);
    const submission: Submission = {
      entry,
      head: headAfter([entry]),
      idempotency: { key: "k", fingerprint: "f", expiresAt: 9e15 },
      conversation: { ...change, record: { ...change.record, version: 3 } },
    };
    expect(await journal.create(submission)).toEqual({ end: "conversation changed" });
    expect(await journal.head(job)).toBeUndefined();
    expect(await journal.create({ ...submission, conversation: change })).toEqual({ end: "stored" });
  });

  test("one idempotency key makes one job, however many ask at once", async () => {
    const { journal, newId, clock } = world();
    const tenant = newId();
    const submissions = Array.from({ length: 20 }, (_, index): Submission => {
      const entry = anEntry({ tenant, jobId: newId() }, [], [submitted]);
      const claim = { key: "same", fingerprint: `f${index}`, expiresAt: clock.at + 1_000 };
      return { entry, head: headAfter([entry]), idempotency: claim };
    });
    const ends = await Promise.all(submissions.map((submission) => journal.create(submission)));
    const winner = submissions[ends.findIndex(({ end }) => end === "stored")]!;
    const { jobId } = winner.entry;
    const { fingerprint } = winner.idempotency!;
    expect(ends.filter(({ end }) => end === "stored")).toHaveLength(1);
    expect(ends.filter(({ end }) => end !== "stored")).toEqual(
      Array(19).fill({ end: "duplicate", jobId, fingerprint }),
    );
    expect((await journal.list(tenant, { limit: 50 })).jobs).toHaveLength(1);
  });

  test("an idempotency key is free again when it has expired, and another tenant's from the start", async () => {
    const { clock, newId } = world();
    const tenant = newId();
    const idempotency = { key: "k", fingerprint: "f", expiresAt: clock.at + 1_000 };
    await submit(world(), { tenant }, { idempotency });
    await submit(world(), { tenant: newId() }, { idempotency });
    clock.at += 1_000;
    await submit(world(), { tenant }, { idempotency: { ...idempotency, expiresAt: clock.at + 1_000 } });
  });

  test("a reading begins in the entry that holds the next event, wherever that is", async () => {
    const { journal } = world();
    const { job, entries } = await written(world(), [3, 1, 5]);
    const firsts = await Promise.all(
      Array.from({ length: 12 }, async (_, after) =>
        (await journal.read(job, after)).entries.map(({ seq }) => seq),
      ),
    );
    expect(firsts).toEqual([
      [1, 2, 5, 6],
      ...Array(3).fill([2, 5, 6]),
      [5, 6],
      ...Array(5).fill([6]),
      [],
      [],
    ]);
    expect((await journal.read(job, 3)).entries).toEqual(entries.slice(1));
  });

  test("a long journal comes in pages, and HEAD with the last one only", async () => {
    const { journal } = world();
    const { job, entries } = await written(world(), [1, 1, 1, 1]);
    const seen: Entry[] = [];
    for (let after = 0, page = 0; ; page += 1) {
      const reading = await journal.read(job, after, 2);
      seen.push(...reading.entries);
      after = seen.at(-1)!.seq;
      expect(reading.entries.length).toBeLessThanOrEqual(2);
      expect(reading.head === undefined).toBe(reading.more);
      if (!reading.more) break;
      expect(page).toBeLessThan(4);
    }
    expect(seen).toEqual(entries);
    expect((await journal.read(job, 2, 1)).entries).toEqual([entries[2]]);
    expect(await journal.read(job, 3, 2)).toMatchObject({ entries: entries.slice(3), more: false });
  });

  test("a limit holds also where the reading begins inside an entry", async () => {
    const { journal } = world();
    const { job, entries } = await written(world(), [3, 1]);
    const { entries: found, more } = await journal.read(job, 2, 1);
    expect({ found, more }).toEqual({ found: [entries[1]], more: true });
  });

  test("a journal larger than one page of the table is read to its end", async () => {
    const { journal } = world();
    const { job, entries } = await submit(world());
    for (let count = 0; count < 4; count += 1) {
      const entry = anEntry(job, entries, [
        completed(
          randomBytes(280_000)
            .toString("latin1")
            .replace(/[^ -~]/g, "x"),
        ),
      ]);
      await journal.append(entry);
      entries.push(entry);
    }
    const seen: Entry[] = [];
    for (let more = true; more; ) {
      const reading = await journal.read(job, seen.at(-1)?.seq ?? 0);
      seen.push(...reading.entries);
      more = reading.more;
    }
    expect(seen).toEqual(entries);
  });

  test("a reading tells whether somebody wants token deltas", async () => {
    const { journal, watches, clock } = world();
    const { job } = await submit(world());
    const watch = { connectionId: "c", at: clock.at, batch: false, authorisedUntil: 9e15 };
    const wanted = async () => (await journal.read(job, 0)).deltasWanted;
    await watches.add(job.tenant, job, { ...watch, deltas: false });
    expect(await wanted()).toBe(false);
    await watches.add(job.tenant, job, { ...watch, connectionId: "d", deltas: true });
    expect(await wanted()).toBe(true);
    await watches.remove(job.tenant, job, "d");
    expect(await wanted()).toBe(false);
  });

  test("a heartbeat renews its own lease and nobody else's, leaves due, and never replaces a newer HEAD", async () => {
    const { journal, clock } = world();
    const { job, entries } = await submit(world());
    const claim = anEntry(job, entries, [claimed]);
    const head = { ...headAfter([...entries, claim]), lease: { by: "a", until: 10 }, due: 10 };
    await journal.append(claim, { head });
    const beat = (by: string, until: number, seq = head.seq) =>
      journal.renew({ ...head, seq, lease: { by, until }, due: until });

    expect(await beat("a", 20)).toBe(true);
    expect(await journal.head(job)).toEqual({ ...head, lease: { by: "a", until: 20 } });
    expect(await beat("b", 30)).toBe(false);
    expect(await beat("a", 30, head.seq - 1)).toBe(false);
    expect(await beat("a", 30, head.seq + 3)).toBe(true);
    expect((await journal.head(job))?.seq).toBe(head.seq + 3);

    const cancelledAs: JobEvent = { kind: "job.cancelled", by: "somebody" };
    const end = { ...anEntry(job, [...entries, claim], [cancelledAs]), at: clock.at };
    const last = headAfter([...entries, claim, end]);
    await journal.append(end, { head: last });
    expect(await beat("a", 40, 99)).toBe(false);
    expect(await journal.head(job)).toEqual(last);
  });

  test("what is due comes longest overdue first, and what is not due or has ended does not", async () => {
    const { journal, newId } = world();
    const tenant = newId();
    for (const due of [5, 3, 9, 4, 7]) await submit(world(), { tenant, jobId: `j${due}`, due });
    await submit(world(), { tenant, jobId: "ended" });
    expect(await journal.due(7, 3)).toEqual([3, 4, 5].map((due) => ({ tenant, jobId: `j${due}`, due })));
    expect((await journal.due(7, 100)).map(({ due }) => due)).toEqual([3, 4, 5, 7]);
    for (const due of await journal.due(9, 100)) await journal.postpone(due, 9e15);
  });

  test("of 20 sweepers that saw the same job, one may act", async () => {
    const { journal } = world();
    const { job } = await submit(world(), { due: 50 });
    const acting = await Promise.all(
      Array.from({ length: 20 }, (_, index) => journal.postpone({ ...job, due: 50 }, 9e14 + index)),
    );
    expect(acting.filter(Boolean)).toHaveLength(1);
    const to = 9e14 + acting.indexOf(true);
    expect((await journal.head(job))?.due).toBe(to);
    expect(await journal.due(9e14 - 1, 100)).not.toContainEqual({ ...job, due: 50 });
    expect(await journal.due(9e14 + 30, 100)).toContainEqual({ ...job, due: to });
    expect(await journal.postpone({ ...job, jobId: "none", due: 50 }, 60)).toBe(false);
    await journal.postpone({ ...job, due: to }, 9e15);
  });

  test("a list shows the newest first, page by page, without gap or double, and the tenant's own only", async () => {
    const { journal, newId } = world();
    const tenant = newId();
    for (const createdAt of [3, 1, 2, 5, 4])
      await submit(world(), { tenant, jobId: `j${createdAt}`, createdAt });
    await submit(world(), { tenant: `${tenant}#J`, createdAt: 9 });
    await submit(world(), { tenant: newId(), createdAt: 9 });
    const first = await journal.list(tenant, { limit: 2 });
    expect(first.jobs.map(({ jobId }) => jobId)).toEqual(["j5", "j4"]);
    await submit(world(), { tenant, jobId: "newer", createdAt: 7 });
    const second = await journal.list(tenant, { limit: 2, cursor: first.cursor! });
    expect(second.jobs.map(({ jobId }) => jobId)).toEqual(["j3", "j2"]);
    const third = await journal.list(tenant, { limit: 2, cursor: second.cursor! });
    expect(third.jobs.map(({ jobId }) => jobId)).toEqual(["j1"]);
    expect(third.cursor).toBeUndefined();
  });

  test("a filtered list fills its pages from the whole list", async () => {
    const { journal, newId } = world();
    const tenant = newId();
    for (let count = 0; count < 130; count += 1) {
      const status = count % 60 === 0 ? "failed" : "completed";
      await submit(world(), {
        tenant,
        jobId: `j${count}`,
        createdAt: count,
        status,
        type: count < 100 ? "a" : "b",
      });
    }
    const failed = await journal.list(tenant, { limit: 2, status: "failed" });
    expect(failed.jobs.map(({ jobId }) => jobId)).toEqual(["j120", "j60"]);
    const rest = await journal.list(tenant, { limit: 2, status: "failed", cursor: failed.cursor! });
    expect(rest.jobs.map(({ jobId }) => jobId)).toEqual(["j0"]);
    const both = await journal.list(tenant, { limit: 9, status: "failed", type: "a" });
    expect(both.jobs.map(({ jobId }) => jobId)).toEqual(["j60", "j0"]);
    expect((await journal.list(tenant, { limit: 500 })).jobs).toHaveLength(130);
  });

  test("a cursor of another tenant or of nothing at all is refused", async () => {
    const { journal, newId } = world();
    const tenant = newId();
    for (const createdAt of [1, 2]) await submit(world(), { tenant, createdAt });
    const { cursor } = await journal.list(tenant, { limit: 1 });
    for (const wrong of ["", "garbage", `${cursor}x`, Buffer.from("[]").toString("base64url")]) {
      await expect(journal.list(tenant, { limit: 1, cursor: wrong })).rejects.toThrow(InvalidRequest);
    }
    await expect(journal.list(newId(), { limit: 1, cursor: cursor! })).rejects.toThrow(InvalidRequest);
  });

  test("an entry that the table would refuse is refused whole, and one just below it is kept", async () => {
    const { journal } = world();
    const { job, entries, head } = await submit(world());
    const noise = (bytes: number) => randomBytes(bytes).toString("base64").slice(0, bytes);
    const big = anEntry(job, entries, [completed(noise(600_000))]);
    await expect(journal.append(big)).rejects.toThrow(TooLarge);
    await expect(journal.append(big, { head: { ...head, title: "Changed" } })).rejects.toThrow(TooLarge);
    expect(await journal.read(job, 0)).toMatchObject({ entries, head: { title: head.title } });
    expect(await journal.append({ ...big, events: [completed(noise(390_000))] })).toEqual({ end: "stored" });
  });

  test("nobody changes what is stored by changing what was given or read", async () => {
    const { journal } = world();
    const { job, entries, head } = await submit(world());
    const before = structuredClone({ entries, head });
    entries[0]!.events.push(claimed);
    head.tags.push("intruder");
    const read = await journal.read(job, 0);
    read.entries[0]!.events.pop();
    read.head!.tags.push("another");
    expect(await journal.read(job, 0)).toMatchObject(before);
  });

  test("the stream tells of entries and deltas as they were written, small or large [A0-17]", async () => {
    const { journal, streamed, clock } = world();
    const { job, entries } = await submit(world());
    const large = anEntry(job, entries, [completed("Why is the sky blue? ".repeat(200))]);
    await journal.append(large);
    const deltas = [
      { step: "stage1/model-b", attempt: 1, index: 4, text: "Because " },
      { step: "stage1/model-b", attempt: 1, index: 5, text: "of 🚀" },
    ];
    await journal.putDeltas(job, deltas);
    await journal.putDeltas(job, []);
    await world().watches.add(job.tenant, job, {
      connectionId: "c",
      at: clock.at,
      deltas: true,
      batch: false,
      authorisedUntil: 9e15,
    });
    const of = (record: object) => JSON.stringify(record).includes(job.jobId);
    expect(streamed().filter(of)).toEqual([{ entry: entries[0] }, { entry: large }, { job, deltas }]);
    expect((await journal.read(job, 0)).entries).toEqual([...entries, large]);
  });

  describe("of a job that has ended", () => {
    const keptMs = settings.local.journalKeptSeconds * 1_000;

    async function ended(tenant = world().newId(), rest: Partial<Submission> = {}) {
      const { journal, clock } = world();
      const { job, entries } = await submit(world(), { tenant, due: clock.at }, rest);
      const entry = { ...anEntry(job, entries, [{ kind: "job.cancelled", by: "somebody" }]), at: clock.at };
      await journal.append(entry, { head: headAfter([...entries, entry]) });
      return { job, endedAt: clock.at };
    }

    test("everything is there as long as it is kept, counted from the end, and nothing after that", async () => {
      const { journal, clock, newId } = world();
      const tenant = newId();
      const { job, endedAt } = await ended(tenant);

      clock.at = endedAt + keptMs - 1;
      expect(await journal.head(job)).toMatchObject({ status: "cancelled" });
      expect((await journal.list(tenant, { limit: 5 })).jobs).toHaveLength(1);

      // The table has yet to delete it.
      clock.at = endedAt + keptMs + 1_000;
      expect(await journal.head(job)).toBeUndefined();
      expect((await journal.read(job, 0)).head).toBeUndefined();
      expect((await journal.news(job, 1)).head).toBeUndefined();
      expect((await journal.list(tenant, { limit: 5 })).jobs).toEqual([]);
    });

    test("nothing brings it back: no cancel, no message, no heartbeat, no sweep", async () => {
      const { journal, clock } = world();
      const { job, endedAt } = await ended();
      const last = (await journal.head(job))!;
      clock.at = endedAt + keptMs + 1_000;

      const services = { ...memoryServices({ model: noModel }), journal, now: () => clock.at };
      expect(await cancel(services, job, "somebody")).toBeUndefined();
      expect(await readJob(services, job)).toBeUndefined();
      expect(await readEvents(services, job, { after: 0, limit: 10, waitMs: 0 })).toBeUndefined();
      expect(await readValue(services, job, 1)).toBeUndefined();
      const options = { deadline: clock.at + 60_000, logger: silent };
      expect(await pass(services, registry([]), job, options)).toEqual({ end: "gone" });
      expect(await journal.renew({ ...last, lease: { by: "a late worker", until: clock.at } })).toBe(false);
      expect(await journal.postpone({ ...job, due: endedAt }, clock.at)).toBe(false);
      expect(await journal.due(clock.at, 100)).not.toContainEqual(expect.objectContaining(job));
      expect(await journal.head(job)).toBeUndefined();
    });

    test("its idempotency key, where that is kept for longer, gives no second job", async () => {
      const { journal, clock, newId } = world();
      const idempotency = { key: newId(), fingerprint: "f", expiresAt: clock.at + keptMs + 60_000 };
      const { job, endedAt } = await ended(newId(), { idempotency });
      clock.at = endedAt + keptMs + 1_000;
      const entry = anEntry({ ...job, jobId: newId() }, [], [submitted]);
      expect(await journal.create({ entry, head: headAfter([entry]), idempotency })).toEqual({
        end: "duplicate",
        jobId: job.jobId,
        fingerprint: "f",
      });
    });
  });

  test("a job that is alive never expires", async () => {
    const { journal, clock } = world();
    const { job, head } = await submit(world(), { due: clock.at });
    clock.at += 400 * 86_400_000;
    expect(await journal.head(job)).toEqual(head);
    expect(await journal.due(clock.at, 1_000)).toContainEqual({ ...job, due: head.due });
  });

  test("a journal of 5,000 events and several megabytes is read page by page, from anywhere, and whole", async () => {
    const { journal } = world();
    const { job, entries } = await submit(world());
    const text = randomBytes(6_000).toString("base64");
    while (lastSeq(entries.at(-1)!) < 5_000) {
      const size = Math.min(10, 5_000 - lastSeq(entries.at(-1)!));
      const events = [completed(text), ...Array<JobEvent>(size - 1).fill(cancelled)];
      const entry = anEntry(job, entries, events);
      entries.push(entry);
    }
    const head = headAfter(entries);
    for (let at = 1; at < entries.length; at += 25) {
      const batch = entries.slice(at, at + 25);
      await Promise.all(
        batch.map((entry) => journal.append(entry, entry === entries.at(-1) ? { head } : undefined)),
      );
    }

    const whole = await wholeJournal({ journal }, job);
    expect(whole.entries).toEqual(entries);
    expect(whole.head).toEqual(head);
    if (engines) expect((await journal.read(job, 0)).more).toBe(true);

    const services = { journal, sleep: async () => {} };
    const seqs: number[] = [];
    for (let after = 0, done = false; !done; ) {
      const page = (await readEvents(services, job, { after, limit: 250, waitMs: 0 }))!;
      expect(page.events.length).toBeLessThanOrEqual(250);
      seqs.push(...page.events.map(({ seq }) => seq));
      after = seqs.at(-1)!;
      done = page.events.length === 0 || after === 5_000;
    }
    expect(seqs).toEqual(Array.from({ length: 5_000 }, (_, index) => index + 1));
    const middle = (await readEvents(services, job, { after: 4_321, limit: 3, waitMs: 0 }))!;
    expect(middle.events.map(({ seq }) => seq)).toEqual([4_322, 4_323, 4_324]);
    expect(middle.head).toBe(5_000);
  });
});
