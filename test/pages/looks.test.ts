import { expect } from "vitest";
import { isTerminal } from "../../core/protocol/job.ts";
import type { JsonObject } from "../../core/protocol/json.ts";
import { test as pageTest } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";

/** What the pages of this file show, by name: one job of each kind, and what they make of the rest. */
type Stock = { jobs: Record<string, string>; conversation: string };

const kinds = [
  "council",
  "translation",
  "translation-stability",
  "projection",
  "maieutic",
  "configuration",
  "system-prompt",
  "audit",
  "generation",
  "video",
];

const test = pageTest.extend<{ stock: Stock }>({
  stock: [
    async ({ cloud: { client } }, use) => {
      const types = await client.jobTypes();
      const examples = kinds.map((kind) => types.find(({ type }) => type === kind)!);
      const jobs: Stock["jobs"] = {};
      for (const { type, example } of examples) {
        const input = { ...(example as JsonObject), ...(type === "maieutic" ? { interactive: true } : {}) };
        jobs[type] = (await client.submit(type, input, { tags: ["example"] })).job_id;
      }
      const { job_id: failed } = await client.submit("council", {
        question: "Who is there?",
        members: ["mock:fails", "mock:rejected"],
      });
      const batch = await client.batch(
        ["one", "two"].map((word) => ({ type: "council", input: { question: `What is ${word}?` } })),
      );
      const fork = await client.fork(jobs.council!, {});
      Object.assign(jobs, { failed, batch: batch.job_id, fork: fork.job_id });
      const { id: conversation } = await client.conversations.create();
      await client.conversations.send(conversation, "What makes a **good** question?");
      await client.schedules.create({
        name: "Every morning",
        type: "council",
        input: { question: "What is new?" },
        cron: "0 8 * * 1-5",
        timezone: "Europe/Berlin",
      });
      for (const jobId of Object.values(jobs))
        await eventually(async () => {
          const { status, callbacks } = await client.get(jobId);
          return isTerminal(status) || callbacks.some(({ ask }) => ask !== null);
        }, 60_000);
      await eventually(
        async () => (await client.conversations.get(conversation)).messages.length === 2,
        30_000,
      );
      await use({ jobs, conversation });
    },
    { scope: "file" },
  ],
});

const pages: [name: string, path: (stock: Stock) => string][] = [
  ["jobs", () => "/jobs"],
  ...[...kinds, "failed", "batch"].map((kind): [string, (stock: Stock) => string] => [
    `job-${kind}`,
    ({ jobs }) => `/jobs/${jobs[kind]}`,
  ]),
  ["job-steps", ({ jobs }) => `/jobs/${jobs.council}?tab=steps`],
  ["job-journal", ({ jobs }) => `/jobs/${jobs.council}?tab=journal`],
  ["job-replay", ({ jobs }) => `/jobs/${jobs.council}?at=7`],
  ["compare", ({ jobs }) => `/compare/${jobs.council}/${jobs.fork}`],
  ["new-job", () => "/new"],
  ["new-council", () => "/new/council"],
  ["conversation", ({ conversation }) => `/conversations/${conversation}`],
  ["inbox", () => "/inbox"],
  ["schedules", () => "/schedules"],
  ["metrics", () => "/metrics"],
  ["not-found", () => "/no-such-page"],
];

test.for(pages)(
  "%s: axe finds nothing in light or dark, and a phone shows it without scrolling sideways",
  { timeout: 90_000 },
  async ([name, path], { visitor, stock }) => {
    const { page } = visitor;
    await visitor.open(path(stock));
    await page.getByRole("heading", { level: 1 }).waitFor();
    await expect.poll(() => page.locator("[aria-busy=true]").count(), { timeout: 15_000 }).toBe(0);

    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      // The colours are there with the next frame.
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
      await visitor.accessible();
    }
    await visitor.screenshot(name);
    await page.setViewportSize({ width: 375, height: 812 });
    const [width, shown] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ]);
    await visitor.screenshot(`${name}-phone`);

    expect(width).toBeLessThanOrEqual(shown!);
  },
);

test("whoever is not signed in is asked for a key, and told when it is not one", async ({ visit, cloud }) => {
  const visitor = await visit({ key: "ck_none" });
  visitor.expectComplaint(/^console: .*401/);
  const { page } = visitor;
  await visitor.open("/jobs");
  const key = page.getByLabel("API key");
  await key.fill("ck_nor_this");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("This key is not known here").waitFor();
  await visitor.accessible();
  await visitor.screenshot("sign-in");

  await key.fill(cloud.key);
  await page.getByRole("button", { name: "Sign in" }).click();

  await page.getByRole("heading", { name: "Jobs" }).waitFor();
});
