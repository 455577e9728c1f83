import { beforeEach, expect, test } from "vitest";
import { type Call, type Fault, randomFaults, seededRandom } from "../../local/faults.ts";
import { councilCloud } from "../support/council-cloud.ts";
import { collect, ended, expectFolded, expectWellFormed, journalOf, startsIn } from "../support/journals.ts";

const seed = Number(process.env.SEED ?? 7);
const jobCount = 6;
/** How likely a queue delivers a message twice, and how often it has. */
let doubleRate = 0;
let doubled = 0;

const random = seededRandom(seed);
const { provider, cloud } = await councilCloud(20, {
  faults: true,
  duplicateDelivery() {
    const double = random() < doubleRate;
    if (double) doubled += 1;
    return double;
  },
});
beforeEach(() => {
  doubleRate = 0;
  cloud.faults!.inject(undefined);
});

/**
 * Some councils at once, each of which must end as if nothing had happened.
 * @param passes - how many workers may have taken up a job, one after the other.
 */
async function councilsGoRight({ passes }: { passes: number }): Promise<void> {
  const jobs = await Promise.all(
    Array.from({ length: jobCount }, async (_, n) => {
      const { job_id: jobId } = await cloud.client.submit("council", { question: `Question ${n}` });
      return { jobId, seen: collect(cloud.client.watch(jobId)) };
    }),
  );
  await Promise.all(jobs.map(({ jobId }) => ended(cloud.client, jobId, 40_000)));
  doubleRate = 0;
  cloud.faults!.inject(undefined);
  for (const { jobId, seen } of jobs) {
    const job = await ended(cloud.client, jobId);
    const journal = await journalOf(cloud.client, jobId);
    expect(job, `seed ${seed}`).toMatchObject({ status: "completed", degraded: false });
    expectWellFormed(journal);
    expectFolded(job, journal);
    expect(await seen).toEqual(journal);
    const claims = journal.filter(({ kind }) => kind === "job.claimed");
    expect(claims.length, `seed ${seed}: claims`).toBeLessThanOrEqual(passes);
    const intents = new Map(journal.flatMap(startsIn).map(({ step, attempt }) => [step, attempt]));
    for (const [step, most] of intents) {
      const calls = provider.callsFor({ tenant: "test", jobId }, step);
      expect(calls, `seed ${seed}: calls of ${step}`).toBeGreaterThanOrEqual(1);
      expect(calls, `seed ${seed}: calls of ${step}`).toBeLessThanOrEqual(most);
    }
  }
}

/** Injects faults and counts those that happened. */
function inject(decide: (call: Call) => Fault | undefined): { count: number } {
  const happened = { count: 0 };
  cloud.faults!.inject((call) => {
    const fault = decide(call);
    if (fault) happened.count += 1;
    return fault;
  });
  return happened;
}

test("messages that are delivered twice do nothing twice", async () => {
  doubleRate = 0.7;

  await councilsGoRight({ passes: 1 });

  expect(doubled).toBeGreaterThan(0);
}, 60_000);

test("appends whose answers get lost after they were committed are found to stand, and are not written again", async () => {
  const random = seededRandom(seed);
  const lost = inject(({ operation }) =>
    /^(PutItem|TransactWriteItems)$/.test(operation) && random() < 0.3 ? { kind: "lost answer" } : undefined,
  );

  await councilsGoRight({ passes: 1 });

  expect(lost.count).toBeGreaterThan(jobCount);
}, 60_000);

test("a table and queues that throttle, fail and lose requests slow jobs down and spoil nothing", async () => {
  const faulty = inject(
    randomFaults(
      seed,
      { throttle: 0.1, error: 0.05, "lost request": 0.05 },
      ({ service }) => service !== "s3",
    ),
  );

  await councilsGoRight({ passes: 5 });

  expect(faulty.count).toBeGreaterThan(jobCount);
}, 60_000);
