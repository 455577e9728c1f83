import { expect, onTestFinished, test } from "vitest";
import type { EventView } from "../../client/index.ts";
import { seededRandom } from "../../local/faults.ts";
import { councilCloud } from "../support/council-cloud.ts";
import { eventually } from "../support/eventually.ts";
import {
  collect,
  comparableResult,
  ended,
  entryStarts,
  expectFolded,
  expectWellFormed,
  journalOf,
  startsIn,
} from "../support/journals.ts";

const { provider, cloud } = await councilCloud(60);
const question = { question: "Why is the sky blue?" };

/** Watches a job and kills every worker at once when event `seq` arrives. */
async function watchAndKill(jobId: string, seq: number, killed: () => void): Promise<EventView[]> {
  const seen: EventView[] = [];
  for await (const event of cloud.client.watch(jobId)) {
    seen.push(event);
    if (event.seq !== seq) continue;
    for (const pid of cloud.sandboxes("WorkerFunction")) process.kill(pid, "SIGKILL");
    killed();
  }
  return seen;
}

test("a worker killed at any entry of a council's journal costs nothing but the calls that had no outcome [A2-84] [A3-11] [A0-03] [A0-06]", async () => {
  const undisturbed = await cloud.client.submit("council", question);
  const { result_data: expected } = await cloud.client.wait(undisturbed.job_id);
  const places = entryStarts(await journalOf(cloud.client, undisturbed.job_id));
  expect(places.length).toBeGreaterThan(5);

  const jobs: { place: number; jobId: string; seen: Promise<EventView[]> }[] = [];
  for (const place of places) {
    const { job_id: jobId } = await cloud.client.submit("council", question);
    const killed = Promise.withResolvers<void>();
    jobs.push({ place, jobId, seen: watchAndKill(jobId, place, killed.resolve) });
    await killed.promise;
  }

  let repeated = 0;
  for (const { place, jobId, seen } of jobs) {
    const job = await ended(cloud.client, jobId);
    const journal = await journalOf(cloud.client, jobId);
    const where = `killed at event ${place}`;
    expect(job.status, where).toBe("completed");
    expect(comparableResult(job.result_data), where).toEqual(comparableResult(expected));
    expectWellFormed(journal);
    expectFolded(job, journal);
    // So every attempt after the first follows an intent without an outcome.
    expect(journal.filter(({ kind }) => kind === "step.failed")).toEqual([]);
    expect(await seen, where).toEqual(journal);
    const attempts = new Map(
      journal.flatMap(startsIn).map(({ step, attempt }): [string, number] => [step, attempt]),
    );
    for (const [step, intents] of attempts) {
      const calls = provider.callsFor({ tenant: "test", jobId }, step);
      // A worker may die between an intent and its call, so there may be fewer calls than intents, but never more.
      expect(calls, `${where}: calls of ${step}`).toBeGreaterThanOrEqual(1);
      expect(calls, `${where}: calls of ${step}`).toBeLessThanOrEqual(intents);
      repeated += calls - 1;
    }
  }
  expect(repeated).toBeGreaterThan(0);
}, 120_000);

test("whichever sandboxes are killed while jobs are submitted and watched, each submit is one job, which ends and is seen whole [A0-03]", async () => {
  const seed = Number(process.env.SEED ?? 3);
  const random = seededRandom(seed);
  const functions = ["ApiFunction", "SocketsFunction", "ProgressFunction", "WorkerFunction"];
  let kills = 0;
  const killing = setInterval(() => {
    const pids = cloud.sandboxes(functions[Math.floor(random() * functions.length)]!);
    for (const pid of pids) process.kill(pid, "SIGKILL");
    kills += pids.length;
  }, 300);
  onTestFinished(() => clearInterval(killing));

  const jobs = await Promise.all(
    Array.from({ length: 8 }, async (_, n) => {
      const { job_id } = await cloud.client.submit(
        "council",
        { question: `Question ${n}?` },
        { title: `Title ${n}` },
      );
      return { jobId: job_id, seen: collect(cloud.client.watch(job_id)) };
    }),
  );
  await eventually(() => kills > 10);
  clearInterval(killing);

  for (const { jobId, seen } of jobs) {
    const job = await ended(cloud.client, jobId);
    const journal = await journalOf(cloud.client, jobId);
    expect(job.status, `seed ${seed}`).toBe("completed");
    expectWellFormed(journal);
    expectFolded(job, journal);
    expect(await seen).toEqual(journal);
  }
  const { jobs: listed } = await cloud.client.list({ limit: 100 });
  expect(listed.filter(({ title }) => title.startsWith("Title "))).toHaveLength(8);
}, 120_000);
