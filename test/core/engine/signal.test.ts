import { expect, test } from "vitest";
import { completeCallback } from "../../../core/engine/callback.ts";
import { pause } from "../../../core/engine/pause.ts";
import { signalTo } from "../../../core/engine/signal.ts";
import { applyEntry } from "../../../core/protocol/event.ts";
import { engine, jobOf } from "../../support/engine.ts";
import { anEntry } from "../../support/entries.ts";

test("a signal that comes upon a new claim leaves the worker its lease", async () => {
  const job = engine(jobOf(async () => null));
  const key = await job.submit();
  const { journal } = job.services;
  const known = (await journal.head(key))!;
  const claim = anEntry(key, await job.entries(key), [{ kind: "job.claimed", by: "worker" }]);
  const lease = { by: "worker", until: job.time.now() + 5_000 };
  await journal.append(claim, { head: { ...applyEntry(known, claim), lease, due: lease.until } });

  await signalTo(job.services, known, "person", () => ({ kind: "job.paused", by: "person" }));

  const due = job.time.now() + job.services.settings.submitDueMs;
  expect(await journal.head(key)).toMatchObject({ lease, paused: { by: "person" }, due });
});

test("an answer to a job that waits costs one read, one write and one message, and no sweeper sends another at once", async () => {
  const job = engine(
    jobOf(async (ctx) => ctx.ask("go", { question: "Go on?", schema: { type: "boolean" } })),
  );
  const key = await job.submit();
  await job.pass(key);
  const { journal, queue } = job.services;
  const [open] = (await journal.head(key))!.callbacks!;
  const calls: string[] = [];
  for (const name of ["head", "read", "news", "append"] as const) {
    const real = journal[name] as (...given: unknown[]) => Promise<never>;
    journal[name] = (...given: unknown[]) => {
      calls.push(name);
      return real(...given);
    };
  }
  const sent = queue.waiting.length;

  await completeCallback(job.services, key, open!.id, { result: true }, "person");

  expect(calls).toEqual(["head", "append"]);
  expect(queue.waiting.length - sent).toBe(1);
  expect(await journal.due(job.time.now(), 10)).toEqual([]);
  expect(await journal.due(job.time.now() + job.services.settings.submitDueMs, 10)).toMatchObject([key]);
});

test("an answer whose message gets lost is found by the sweeper", async () => {
  const job = engine(
    jobOf(async (ctx) => ctx.ask("go", { question: "Go on?", schema: { type: "boolean" } })),
  );
  const key = await job.submit();
  await job.pass(key);
  const [open] = (await job.services.journal.head(key))!.callbacks!;
  const { send } = job.services.queue;
  job.services.queue.send = async () => {};
  await completeCallback(job.services, key, open!.id, { result: true }, "person");
  job.services.queue.send = send;

  expect(await job.toEnd(key)).toMatchObject({ status: "completed" });
});

test("a wish that the record holds already is not written again", async () => {
  const job = engine(jobOf(async () => null));
  const key = await job.submit();
  await pause(job.services, key, "person");
  await pause(job.services, key, "somebody else");
  expect(await job.kinds(key)).toEqual(["job.submitted", "job.paused"]);
});
