import { expect } from "vitest";
import { test } from "../support/cloud.ts";
import { eventually } from "../support/eventually.ts";

test("a job goes in at the front door of our own template, and comes out of it completed", async ({
  cloud,
}) => {
  const { job_id } = await cloud.client.submit("council", { question: "Why is the sky blue?" });

  const seqs: number[] = [];
  for await (const event of cloud.client.watch(job_id)) if ("seq" in event) seqs.push(event.seq);

  expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  expect((await cloud.client.get(job_id)).status).toBe("completed");
});

test("a job survives the kill of the sandbox that works on it", async ({ cloud }) => {
  const { job_id } = await cloud.client.submit("council", { question: "Why is the sea salty?" });
  await eventually(async () => (await cloud.client.get(job_id)).seq > 3);

  for (const pid of cloud.sandboxes("WorkerFunction")) process.kill(pid, "SIGKILL");

  await eventually(async () => (await cloud.client.get(job_id)).status === "completed", 20_000);
});
