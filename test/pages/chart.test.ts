import { expect } from "vitest";
import { test } from "../support/browser.ts";

const dayMs = 86_400_000;
const last = Date.parse("2026-03-31");

/** Thirty days, of which the n-th had n jobs, and whose last one cost nobody knows how much. */
const metrics = {
  at: new Date(last + 3_600_000).toISOString(),
  over: { jobs: 465, journals: 0, all: true, since: new Date(last - 29 * dayMs).toISOString() },
  days: Array.from({ length: 30 }, (_, ago) => ({
    day: new Date(last - ago * dayMs).toISOString().slice(0, 10),
    jobs: 30 - ago,
    model_calls: 0,
    input_tokens: 1_000 * (30 - ago),
    output_tokens: 500,
    cost_usd: ago === 0 ? null : 0.25,
  })),
  queues: [],
  types: [],
  steps: [],
};

test("a chart says what the day under the pointer had, and what the last day had when nobody points", async ({
  visitor,
}) => {
  const { page } = visitor;
  await page.route("**/api/metrics*", (route) => route.fulfill({ json: metrics }));
  await visitor.open("/metrics");
  const jobs = page.getByRole("figure").filter({ has: page.getByRole("img", { name: "Jobs per day" }) });
  const money = page.getByRole("figure").filter({ has: page.getByRole("img", { name: "Money per day" }) });
  await jobs.getByText("jobs 30").waitFor();
  await money.getByText("cost unknown").waitFor();
  const plot = (await jobs.getByRole("img").boundingBox())!;

  await page.mouse.move(plot.x + plot.width * (4.5 / 30), plot.y + 10);

  await jobs.getByText("jobs 5").waitFor();
  expect(await jobs.locator("figcaption strong").textContent()).toBe("6 Mar");
  await page.mouse.move(plot.x, plot.y - 50);
  await jobs.getByText("jobs 30").waitFor();
});

test("bars reach as high as their values, and names of days and lines stand as far apart as they can be read", async ({
  visitor,
}) => {
  const { page } = visitor;
  await page.route("**/api/metrics*", (route) => route.fulfill({ json: metrics }));
  await visitor.open("/metrics");
  const plot = page.getByRole("img", { name: "Tokens per day" });
  await plot.waitFor();

  const { height } = (await plot.boundingBox())!;
  const day = plot.locator(".plot-place").nth(9);
  const [both, input] = [day.locator(".plot-bar").first(), day.locator(".plot-bar").last()];
  expect((await both.boundingBox())!.height / height).toBeCloseTo(10.5 / 30.5, 2);
  expect((await input.boundingBox())!.height / height).toBeCloseTo(10 / 30.5, 2);
  expect(await plot.locator(".plot-line").allTextContents()).toEqual(["0", "10K", "20K", "30K"]);
  const names = await plot.locator(".plot-place span").all();
  const places = await Promise.all(names.map(async (name) => (await name.boundingBox())!));
  expect(places.length).toBeGreaterThan(2);
  for (const [index, { x }] of places.slice(1).entries()) {
    const before = places[index]!;
    expect(x).toBeGreaterThan(before.x + before.width);
  }
});
