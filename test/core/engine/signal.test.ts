import { expect, test } from "vitest";
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

  expect(await journal.head(key)).toMatchObject({ lease, paused: { by: "person" }, due: job.time.now() });
});

test("a wish that the record holds already is not written again", async () => {
  const job = engine(jobOf(async () => null));
  const key = await job.submit();
  await pause(job.services, key, "person");
  await pause(job.services, key, "somebody else");
  expect(await job.kinds(key)).toEqual(["job.submitted", "job.paused"]);
});
