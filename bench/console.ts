// The page for people: what it weighs, how soon it shows something, and whether it keeps up.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { chromium, type Page } from "playwright-core";
import { isTerminal } from "../core/protocol/job.ts";
import { page as builtPage } from "../lib/page.ts";
import { chromiumPath } from "../test/support/chromium.ts";
import { type Figure, median } from "./support/figures.ts";
import { reference } from "./support/load.ts";
import { print } from "./support/print.ts";
import { startSystem } from "./support/system.ts";

/** With two attempts each there are four events to a step, with one there are two. */
const steps = 500;
const events = 4 * steps;
const loads = 7;

const system = await startSystem();
const executablePath = chromiumPath();
if (!executablePath) throw new Error("No Chromium here; CHROMIUM says where it is");
const browser = await chromium.launch({ executablePath });
const figures: Figure[] = [];
try {
  const client = system.client();
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  for (let job = 0; job < 30; job += 1) await client.submit("reference", reference(0));
  await page.goto(`${system.http}/#key=${system.key}`);
  await page.locator("tbody tr").first().waitFor();

  const firstLists: number[] = [];
  for (let load = 0; load < loads; load += 1) {
    await page.goto(`${system.http}/jobs`);
    firstLists.push(await whenShown(page, "tbody tr"));
  }
  const all = weigh(filesOf(await builtPage({ orSay: false })));
  figures.push(
    {
      name: "console: first page, compressed",
      value: weigh(await loadedBy(page)),
      unit: "KB",
      bar: 60,
    },
    { name: "console: everything, compressed", value: all, unit: "KB", bar: 120 },
    { name: "from opening to the first list p50", value: median(firstLists), unit: "ms", bar: 300 },
  );

  const { job_id: long } = await client.submit("talking", { steps, pause_ms: 0, twice: true });
  await client.wait(long);
  await page.goto(`${system.http}/jobs/${long}?tab=steps`);
  await page.locator(".page-head .status.completed").waitFor();
  const slider = page.getByRole("slider", { name: "Event up to which the page is shown" });
  const rebuilt: number[] = [];
  for (let look = 0; look < loads; look += 1)
    rebuilt.push(await slider.evaluate(moveTo, Math.round(events * (0.99 - look / 100))));
  figures.push({ name: "2,000 events replayed and drawn p50", value: median(rebuilt), unit: "ms", bar: 200 });

  const { job_id: live } = await client.submit("talking", { steps, pause_ms: 12 });
  await page.goto(`${system.http}/jobs/${live}?tab=steps`);
  await page.locator(".page-head h1").waitFor();
  await page.evaluate(countFrames);
  const before = (await client.get(live)).seq;
  const begunAt = performance.now();
  let job = await client.get(live);
  while (!isTerminal(job.status) && performance.now() - begunAt < 10_000) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    job = await client.get(live);
  }
  const seconds = (performance.now() - begunAt) / 1000;
  const { tasks, longest, frames, shift } = await page.evaluate(framesCounted);
  figures.push(
    { name: "live page: events a second", value: (job.seq - before) / seconds, unit: "1/s" },
    { name: "live page: tasks over 50 ms a second", value: tasks / seconds, unit: "1/s" },
    { name: "live page: longest task", value: longest, unit: "ms" },
    { name: "live page: frames a second", value: frames / seconds, unit: "1/s" },
    { name: "live page: layout shift in all", value: shift, unit: "CLS" },
  );
} finally {
  await browser.close();
  await system.stop();
}
print(figures);

/** @returns milliseconds from the start of the navigation until the element was drawn. */
function whenShown(page: Page, selector: string): Promise<number> {
  return page.evaluate(
    (wanted) =>
      new Promise<number>((resolve) => {
        const look = () => {
          if (document.querySelector(wanted)) resolve(performance.now());
          else requestAnimationFrame(look);
        };
        look();
      }),
    selector,
  );
}

/** Runs in the page: from the move of the slider until what it changes has been drawn. */
function moveTo(slider: SVGElement | HTMLElement, seq: number): Promise<number> {
  const begunAt = performance.now();
  (slider as HTMLInputElement).value = String(seq);
  slider.dispatchEvent(new InputEvent("input", { bubbles: true }));
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begunAt)));
  });
}

type Counted = { tasks: number; longest: number; frames: number; shift: number };

/** Runs in the page. */
function countFrames(): void {
  const counted: Counted = { tasks: 0, longest: 0, frames: 0, shift: 0 };
  Object.assign(window, { counted });
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      counted.tasks += 1;
      counted.longest = Math.max(counted.longest, duration);
    }
  }).observe({ type: "longtask" });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) counted.shift += (entry as unknown as { value: number }).value;
  }).observe({ type: "layout-shift" });
  const frame = () => {
    counted.frames += 1;
    requestAnimationFrame(frame);
  };
  frame();
}

/** Runs in the page. */
function framesCounted(): Counted {
  return (window as unknown as { counted: Counted }).counted;
}

/** What a page has fetched of the console, with itself. */
async function loadedBy(page: Page): Promise<Buffer[]> {
  const addresses = await page.evaluate(() => [
    location.href,
    ...performance.getEntriesByType("resource").map(({ name }) => name),
  ]);
  const files = addresses.filter((address) => !new URL(address).pathname.startsWith("/api/"));
  return Promise.all(files.map(async (file) => Buffer.from(await (await fetch(file)).arrayBuffer())));
}

function filesOf(directory: string): Buffer[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name)));
}

function weigh(files: Buffer[]): number {
  return files.reduce((sum, file) => sum + gzipSync(file, { level: 9 }).length, 0) / 1_000;
}
