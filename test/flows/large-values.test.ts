import { afterAll, expect, test } from "vitest";
import { synthesize } from "../../local/synthesize.ts";
import { startTestCloud } from "../support/cloud.ts";

const cloud = await startTestCloud({ assembly: await synthesize({ jobs: "./test/support/echo-jobs.ts" }) });
afterAll(() => cloud.stop());

const megabyte = 1024 * 1024;

test("50 MB go in, through a step, and out again over HTTP, and nobody else comes near them", async () => {
  const text = `${"0123456789abcdef".repeat((50 * megabyte) / 16 - 1)}`;
  const { job_id: jobId } = await cloud.client.submit("echo", { text });

  const job = await cloud.client.wait(jobId);

  expect(job.status).toBe("completed");
  // Not by `toEqual`: a difference of 50 MB is nothing to print.
  expect((job.result_data as { text: string }).text === text).toBe(true);
  expect(job.input_data).toBeNull();
  const [submitted] = (await cloud.client.events(jobId, { limit: 1 })).events;
  const input = (await cloud.client.value(jobId, submitted!)) as { text: string };
  expect(input.text === text).toBe(true);

  const answer = (key: string, path: string) =>
    fetch(`${cloud.http}/api/jobs/${jobId}/${path}`, {
      headers: { authorization: `Bearer ${key}` },
      redirect: "manual",
    });
  const { key } = await cloud.as({ tenant: "other" });
  for (const path of ["result", "events/1/value", "journal"])
    expect((await answer(key, path)).status).toBe(404);
  const link = (await answer(cloud.key, "result")).headers.get("location")!;
  expect((await fetch(link, { method: "HEAD" })).status).toBe(403);
  expect((await fetch(link.replace("/test/", "/other/"))).status).toBe(403);
  expect((await fetch(link.split("?")[0]!)).status).toBe(403);
}, 60_000);

test("an input above 50 MB is refused before it is sent anywhere", async () => {
  const text = "x".repeat(50 * megabyte);
  await expect(cloud.client.submit("echo", { text })).rejects.toMatchObject({
    code: "invalid_request",
    details: { errors: [{ field: "bytes" }] },
  });
}, 60_000);
