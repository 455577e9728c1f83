import { readFileSync } from "node:fs";
import { unzipSync } from "fflate";
import { expect } from "vitest";
import { test as pageTest } from "../support/browser.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { eventually } from "../support/eventually.ts";
import { ended } from "../support/journals.ts";

// Each of the requirement's stories as a person lives it, in a browser.

/** Models take long enough for work to be seen, and videos are rendered by the mock. */
const test = pageTest.extend<{ cloud: TestCloud }>({
  cloud: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of other fixtures from this pattern
    async ({}, use) => {
      const cloud = await startTestCloud({
        environment: { MOCK_LATENCY_MS: "300", MESSAGE_TYPE: "router", VIDEO_MODEL: "mock:3s" },
      });
      await use(cloud);
      await cloud.stop();
    },
    { scope: "file" },
  ],
});

const report = {
  enterprise_report_id: "annual-report-2025",
  selected_norms: ["ifrs"],
  report: "The company sells tiles. Customers' credit is not checked.",
  models: ["mock:athena"],
};

test("who asks, closes the tab and comes back finds the answer, and the same after a reload [A0-23] [A2-17]", async ({
  visitor,
  cloud,
}) => {
  const { page } = visitor;
  await visitor.open("/new/council");
  await page.getByLabel("question").fill("Why is the sky blue?");
  await page.getByRole("button", { name: "Submit" }).click();
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}/);
  const jobId = new URL(page.url()).pathname.split("/").at(-1)!;
  await page.getByRole("progressbar").first().waitFor();
  const early = await cloud.client.get(jobId);
  await page.close();

  const job = await ended(cloud.client, jobId);
  const later = await visitor.newTab(`/jobs/${jobId}`);
  const shown = async () => {
    await later.getByRole("heading", { name: "The council's answer" }).waitFor();
    await later.locator(".status.completed").first().waitFor();
    return later.getByRole("main").innerText();
  };
  const first = await shown();
  await later.reload();
  const again = await shown();

  expect(early.status).not.toBe("completed");
  const { stage3 } = job.result_data as { stage3: { response: string } };
  const opening = stage3.response.split("\n")[0]!.slice(0, 60);
  expect(first).toContain(opening);
  expect(again).toContain(opening);
});

test("an audit is approved, answers at once, and shows itself at work until its report is there [A4-43] [A4-72]", async ({
  visitor,
  cloud,
}) => {
  const { page } = visitor;
  const { job_id: jobId } = await cloud.client.submit("audit", report);
  await visitor.open(`/jobs/${jobId}`);
  const answered = page.waitForResponse((answer) => answer.url().endsWith("/approve"));
  await page.getByLabel("Feedback").fill("Look at the credit of customers first.");
  await page.getByRole("button", { name: "Approve the plan" }).click();
  const approval = (await (await answered).json()) as { background_processing_started: boolean };

  // The view changes with the answer, before any worker has done anything.
  await page.getByRole("heading", { name: "Sections" }).waitFor();
  const seen = new Set<string>();
  await eventually(async () => {
    seen.add(await page.getByRole("list", { name: "Stages of the audit" }).innerText());
    return (await page.locator(".status.completed").first().innerText()) === "completed";
  }, 45_000);
  await page.getByRole("button", { name: "Download" }).first().waitFor();

  expect(approval.background_processing_started).toBe(true);
  expect(seen.size).toBeGreaterThan(1);
  expect((await cloud.client.get(jobId)).status).toBe("completed");
});

test("a video that was asked for in a conversation wakes it when it is done, and the conversation stays usable meanwhile", async ({
  visitor,
}) => {
  const { page } = visitor;
  await visitor.open("/conversations");
  const say = async (text: string) => {
    await page.getByLabel("Message", { exact: true }).fill(text);
    await page.keyboard.press("Enter");
  };
  await say("Please make a video of a paper boat on a river");
  await page.getByRole("article", { name: "Work in the background" }).waitFor();

  await say("And why do paper boats float?");
  const answers = page.getByRole("article", { name: "Answer", exact: true });
  await eventually(async () => (await answers.count()) >= 3, 45_000);

  expect(await answers.allInnerTexts()).toEqual(
    expect.arrayContaining([expect.stringMatching(/About message 1/), expect.stringMatching(/float/i)]),
  );
});

test("a project that was described asks what is unclear, goes on when it is told, and can be read and taken away", async ({
  visitor,
  cloud,
}) => {
  const { page } = visitor;
  await visitor.open("/new/generation");
  await page.getByRole("button", { name: "Fill with example" }).click();
  await page.getByRole("button", { name: "Submit" }).click();
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}/);
  const jobId = new URL(page.url()).pathname.split("/").at(-1)!;

  await page.locator("form textarea").first().fill("English, French and Latin.");
  await page.getByRole("button", { name: "Answer", exact: true }).click();
  await page.locator(".page-head .status.completed").waitFor({ timeout: 45_000 });
  const file = page.getByRole("navigation", { name: "Files" }).getByRole("button").last();
  const [name] = (await file.innerText()).split(",");
  await file.click();
  const shown = await page.getByRole("group", { name: /^Content of / }).innerText();
  const saved = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download all" }).click();

  const { files } = (await cloud.client.get(jobId)).result_data as { files: { path: string }[] };
  expect(files.some(({ path }) => path.endsWith(name!.trim()))).toBe(true);
  expect(shown.length).toBeGreaterThan(20);
  const zip = await saved;
  expect(zip.suggestedFilename()).toMatch(/\.zip$/);
  const entries = unzipSync(readFileSync(await zip.path()));
  expect(Object.keys(entries).sort()).toEqual(files.map(({ path }) => path).sort());
}, 90_000);

test("two tabs of one person show the same while a job runs, and a cancel in one is seen in the other", async ({
  visitor,
  cloud,
}) => {
  const { job_id: jobId } = await cloud.client.submit("audit", report);
  await visitor.open(`/jobs/${jobId}?tab=steps`);
  const other = await visitor.newTab(`/jobs/${jobId}?tab=journal`);
  await other
    .getByRole("button", { name: /step.started/ })
    .first()
    .waitFor();

  await visitor.page.getByRole("button", { name: "Cancel", exact: true }).click();
  await visitor.page.getByRole("button", { name: "Cancel the job" }).click();

  await other.locator(".page-head .status.cancelled").waitFor();
  await visitor.page.locator(".page-head .status.cancelled").waitFor();
  const { seq } = await ended(cloud.client, jobId);
  await expect.poll(() => other.getByRole("tab", { name: /Journal/ }).innerText()).toContain(String(seq));
});

test("a network that is dead for half a minute costs nothing that was shown: a banner, then everything in order", async ({
  visitor,
  cloud,
}) => {
  const { page } = visitor;
  await visitor.open("/jobs");
  const { job_id: jobId } = await cloud.client.submit("council", { question: "What is a good sentence?" });
  await visitor.open(`/jobs/${jobId}?tab=journal`);
  await page
    .getByRole("button", { name: /step.started/ })
    .first()
    .waitFor();

  await visitor.offline(true);
  await page.getByText("No connection to the service").waitFor();
  const job = await ended(cloud.client, jobId);
  // The time that the story is about.
  await new Promise((resolve) => setTimeout(resolve, 30_000));
  await visitor.offline(false);

  await page.locator(".page-head .status.completed").waitFor({ timeout: 45_000 });
  await expect.poll(() => page.getByText("No connection to the service").count()).toBe(0);
  expect(await page.getByRole("tab", { name: /Journal/ }).innerText()).toContain(String(job.seq));
}, 120_000);
