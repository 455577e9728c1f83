import type { Page } from "playwright-core";
import { expect } from "vitest";
import { test } from "../support/browser.ts";

const preview = (page: Page) => page.locator(".preview");
const moments = (page: Page) => page.getByRole("list", { name: "The next moments" }).getByRole("listitem");
const cronOf = (page: Page) => page.getByLabel("Cron expression");

test("who writes a schedule sees when it comes next, as the service says, or what is wrong with it", async ({
  visitor,
  cloud,
}) => {
  const { page } = visitor;
  await visitor.open("/schedules?new");
  await page.getByLabel("Time zone").fill("Asia/Tokyo");
  await cronOf(page).fill("30 12 * * *");
  await expect.poll(() => preview(page).innerText()).toMatch(/^At 12:30\s+(.*12:30:00.*GMT\+9\n?){5}$/);
  const [first] = await cloud.client.schedules.next("30 12 * * *", { timezone: "Asia/Tokyo" });
  const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "Asia/Tokyo" });
  expect(await moments(page).first().innerText()).toContain(day.format(new Date(first!)));

  visitor.expectComplaint(/^console: .*400.*next-moments/);
  await cronOf(page).fill("30 99 * * *");
  await expect.poll(() => preview(page).innerText()).toMatch(/"30 99 \* \* \*" is no cron expression/);
  await visitor.accessible();
  await cronOf(page).fill("30 9 * * *");
  await page.getByLabel("Time zone").fill("Asia/Nowhere");
  await expect.poll(() => preview(page).innerText()).toMatch(/"Asia\/Nowhere" is no time zone/);
});

test("the moments that stand there stay until the next are there, and an answer that comes too late is not shown", async ({
  visitor,
}) => {
  const { page } = visitor;
  await visitor.open("/schedules?new");
  await cronOf(page).fill("30 12 * * *");
  await expect.poll(() => preview(page).innerText()).toContain("At 12:30");

  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(/next-moments\?cron=30\+13/, async (route) => {
    await held;
    await route.continue().catch(() => {});
  });
  const asked = page.waitForRequest(/next-moments\?cron=30\+13/);
  const givenUp = page.waitForEvent("requestfailed", (request) => request.url().includes("cron=30+13"));
  await cronOf(page).fill("30 13 * * *");
  await asked;
  expect(await preview(page).innerText()).toContain("At 12:30");
  await cronOf(page).fill("30 14 * * *");
  await givenUp;
  await expect.poll(() => preview(page).innerText()).toContain("At 14:30");
  release();
  expect(await moments(page).allInnerTexts()).toEqual(Array(5).fill(expect.stringContaining("14:30:00")));
});

test("without a network nothing is said about an expression, and with one again what is true of it", async ({
  visitor,
}) => {
  const { page } = visitor;
  await visitor.open("/schedules?new");
  await expect.poll(() => moments(page).count()).toBe(5);

  await visitor.offline(true);
  await cronOf(page).fill("30 15 * * *");
  await expect.poll(() => preview(page).innerText()).toBe("");

  await visitor.offline(false);
  await expect
    .poll(() => moments(page).allInnerTexts(), { timeout: 30_000 })
    .toEqual(Array(5).fill(expect.stringContaining("15:30:00")));
}, 60_000);
