import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { ConvokeError } from "../../client/index.ts";
import { councilCloud } from "../support/council-cloud.ts";
import { eventually } from "../support/eventually.ts";
import { ended, entryStarts, expectFolded, expectWellFormed, journalOf } from "../support/journals.ts";

const { provider, cloud } = await councilCloud(60);
const question = { question: "Why is the sky blue?" };

test("a cancel at any entry of a journal ends the job as cancelled, or says that it had already ended [A2-50]", async () => {
  const undisturbed = await cloud.client.submit("council", question);
  await cloud.client.wait(undisturbed.job_id);
  const places = entryStarts(await journalOf(cloud.client, undisturbed.job_id));

  const answers = await Promise.all(
    places.map(async (place) => {
      const { job_id } = await cloud.client.submit("council", question);
      for await (const { seq } of cloud.client.watch(job_id)) if (seq >= place) break;
      const answer = await cloud.client.cancel(job_id, { reason: "Changed my mind" }).catch((error) => error);
      const job = await ended(cloud.client, job_id);
      const journal = await journalOf(cloud.client, job_id);
      expectWellFormed(journal);
      expectFolded(job, journal);
      if (answer instanceof ConvokeError) {
        expect(answer).toMatchObject({
          code: "conflict",
          status: 409,
          message: expect.stringContaining("completed"),
        });
        expect(job.status).toBe("completed");
        return "had ended";
      }
      expect(answer).toEqual({ job_id, status: expect.any(String), cancel_requested: true });
      expect(job).toMatchObject({ status: "cancelled", result_data: null, completed_at: expect.any(String) });
      expect(journal.find(({ kind }) => kind === "job.cancel_requested")).toMatchObject({
        reason: "Changed my mind",
        by: expect.any(String),
      });
      return "cancelled";
    }),
  );

  // Only the last place is certain to be too late.
  expect(answers.at(-1)).toBe("had ended");
  expect(answers).toContain("cancelled");
});

test("a cancel aborts the model calls that are running, within 6 s, and none follows [A2-50]", async () => {
  const release = provider.hold(() => true);
  provider.asked.length = 0;
  const { job_id } = await cloud.client.submit("council", question);
  await eventually(() => provider.asked.length === 4);

  const cancelledAt = performance.now();
  await cloud.client.cancel(job_id);
  await Promise.all(provider.asked.map(({ request }) => request.abandoned));
  const abortedMs = performance.now() - cancelledAt;

  expect((await ended(cloud.client, job_id)).status).toBe("cancelled");
  release();
  await sleep(300);
  expect(abortedMs).toBeLessThan(6_000);
  expect(provider.asked).toHaveLength(4);
  await expect(cloud.client.cancel(job_id)).rejects.toMatchObject({ code: "conflict" });
});
