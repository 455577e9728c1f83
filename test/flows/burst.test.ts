import { expect } from "vitest";
import { convoke } from "../../client/index.ts";
import { test } from "../support/cloud.ts";
import { collect, ended, expectWellFormed, journalOf } from "../support/journals.ts";

const input = (question: string) => ({ question, members: ["mock:athena", "mock:borges"] });

test("two hundred jobs at once all end, and every watcher is given its job's events in order [A2-79] [A2-45]", async ({
  cloud,
}) => {
  // One connection may watch fifty jobs.
  const clients = Array.from({ length: 4 }, () => convoke({ url: cloud.http, key: cloud.key }));

  const jobs = await Promise.all(
    Array.from({ length: 200 }, async (_, n) => {
      const client = clients[n % clients.length]!;
      const { job_id } = await client.submit("council", input(`Question ${n}?`));
      return { jobId: job_id, given: await collect(client.watch(job_id)) };
    }),
  );

  expect(new Set(jobs.map(({ jobId }) => jobId)).size).toBe(200);
  for (const { given } of jobs) {
    expectWellFormed(given);
    expect(given.at(-1)!.kind).toBe("job.completed");
  }
  const { jobId, given } = jobs[100]!;
  expect(given).toEqual(await journalOf(cloud.client, jobId));
  for (const client of clients) client.close();
}, 90_000);

test("of fifty submits with one idempotency key there is one job, in a race as well as later [A0-14] (I10)", async ({
  cloud,
}) => {
  const submit = (question: string) =>
    cloud.client.submit("council", input(question), { idempotencyKey: "one-job" });

  const accepted = await Promise.all(Array.from({ length: 50 }, () => submit("Once?")));
  const [jobId] = accepted.map(({ job_id }) => job_id);
  await ended(cloud.client, jobId!);
  const later = await submit("Once?");

  expect(new Set(accepted.map(({ job_id }) => job_id)).size).toBe(1);
  expect(accepted.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
  expect(later).toMatchObject({ job_id: jobId, deduplicated: true });
  const { jobs } = await cloud.client.list({ limit: 100 });
  expect(jobs.filter(({ description }) => description === "Once?")).toHaveLength(1);
  await expect(submit("Something else?")).rejects.toMatchObject({
    status: 422,
    code: "idempotency_key_reused",
  });
});
