import { expect } from "vitest";
import { synthesize } from "../../local/synthesize.ts";
import { test as pageTest } from "../support/browser.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";

const test = pageTest.extend<{ cloud: TestCloud }>({
  cloud: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of other fixtures from this pattern
    async ({}, use) => {
      const cloud = await startTestCloud({
        assembly: await synthesize({ jobs: "./test/support/echo-jobs.ts" }),
      });
      await use(cloud);
      await cloud.stop();
    },
    { scope: "file" },
  ],
});

test("a page puts a large input where it is told, and follows a redirect to a large value", async ({
  visitor: { open, page },
}) => {
  await open("/jobs");

  const [sent, read] = await page.evaluate(async () => {
    const own = { "x-convoke-session": "1", "content-type": "application/json" };
    const ask = (path: string, body?: object) =>
      fetch(path, {
        headers: own,
        ...(body ? { method: "POST", body: JSON.stringify(body) } : {}),
      });
    const input = JSON.stringify({ text: "x".repeat(5_000_000) });
    const bytes = new TextEncoder().encode(input);
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const sha256 = [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const link = await (await ask("/api/uploads", { bytes: bytes.length, sha256 })).json();
    const put = await fetch(link.url, { method: "PUT", headers: link.headers, body: bytes });
    if (!put.ok) throw new Error(`PUT: ${put.status}`);
    const submitted = await ask("/api/jobs", { type: "echo", input_ref: link.input_ref });
    const { job_id, ...problem } = await submitted.json();
    if (!job_id) throw new Error(JSON.stringify(problem));
    const value = await ask(`/api/jobs/${job_id}/events/1/value`);
    return [input.length, JSON.stringify(await value.json()).length];
  });

  expect(read).toBe(sent);
});
