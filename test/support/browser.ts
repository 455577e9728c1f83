import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { AxeResults } from "axe-core";
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "playwright-core";
import { expect } from "vitest";
import { chromiumPath } from "./chromium.ts";
import { test as cloudTest, type TestCloud } from "./cloud.ts";

/** Somebody with a browser of their own, signed in, whom nothing strange may happen to. */
export type Visitor = {
  context: BrowserContext;
  page: Page;
  /** Opens an address of the console; the first time by the link that `npm start` prints, which signs in. */
  open(path: string, page?: Page): Promise<void>;
  /** Another tab of the same browser. */
  newTab(path: string): Promise<Page>;
  /** Cuts every connection, and refuses new ones until `false`. */
  offline(cut: boolean): Promise<void>;
  /** From now on these complaints of the console are part of the story. */
  expectComplaint(pattern: RegExp): void;
  /** What has happened that must not: errors, refused content, dialogs, requests to others. */
  faults(): string[];
  /** Finds nothing with axe, by WCAG 2.2 AA. */
  accessible(page?: Page): Promise<void>;
  /**
   * `docs/screenshots/<name>-light.png` and `-dark.png`, when `SCREENSHOTS` is set: otherwise nothing is written, and
   * only whether the page can be drawn so is seen.
   */
  screenshot(name: string, options?: { fullPage?: boolean }): Promise<void>;
};

/** What a visitor needs of the cloud that is visited. */
export type Place = Pick<TestCloud, "http" | "ws" | "key"> & {
  endpoints: { s3: string };
  gateway?: Pick<TestCloud["gateway"], "connections">;
};

export type VisitorOptions = BrowserContextOptions & { key?: string };

const screenshots = join(import.meta.dirname, "../../docs/screenshots");
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** `test("...", async ({ visitor }) => ...)`: a cloud and a browser for a file, a visitor for each test. */
export const test = cloudTest.extend<{
  /** The test's cloud, unless a file has another one visited. */
  place: Place;
  browser: Browser;
  /** More visitors than one: with another key, or another screen. */
  visit: (options?: VisitorOptions) => Promise<Visitor>;
  visitor: Visitor;
}>({
  place: [async ({ cloud }, use) => use(cloud as Place), { scope: "file" }],
  browser: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of other fixtures from this pattern
    async ({}, use) => {
      const browser = await chromium.launch({ executablePath: chromiumPath()! });
      await use(browser);
      await browser.close();
    },
    { scope: "file" },
  ],
  visit: async ({ browser, place }, use) => {
    const visitors: Visitor[] = [];
    await use(async (options = {}) => {
      const visitor = await newVisitor(browser, place, options);
      visitors.push(visitor);
      return visitor;
    });
    const faults = visitors.flatMap((visitor) => visitor.faults());
    for (const { context } of visitors) await context.close();
    expect(faults, "what must not happen to a visitor").toEqual([]);
  },
  visitor: async ({ visit }, use) => use(await visit()),
});

async function newVisitor(
  browser: Browser,
  { http, ws, endpoints, gateway, key: ownKey }: Place,
  { key = ownKey, ...options }: VisitorOptions,
): Promise<Visitor> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    timezoneId: "UTC",
    ...options,
  });
  const seen: string[] = [];
  const expected: RegExp[] = [];
  const own = new Set([http, ws, endpoints.s3].map((url) => new URL(url!).host));
  const isForeign = (url: string) => /^(https?|wss?):/.test(url) && !own.has(new URL(url).host);
  let cut = false;

  await context.exposeBinding("tellOfViolation", (_, violation: string) => void seen.push(violation));
  await context.addInitScript(watchForViolations);
  context.on("request", (request) => {
    if (isForeign(request.url())) seen.push(`request to ${request.url()}`);
  });
  const watch = (page: Page) => {
    page.on("console", (message) => {
      if (message.type() !== "error") return;
      // Chromium tells of every request that a cut network refuses.
      if (cut || message.text().includes("net::ERR_INTERNET_DISCONNECTED")) return;
      seen.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => seen.push(`error: ${error.stack ?? error.message}`));
    page.on("dialog", (dialog) => {
      seen.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("websocket", (socket) => {
      if (isForeign(socket.url())) seen.push(`socket to ${socket.url()}`);
    });
    page.on("crash", () => seen.push("the page crashed"));
  };
  context.on("page", watch);
  const page = await context.newPage();

  let signedIn = false;
  const visitor: Visitor = {
    context,
    page,
    async open(path, tab = page) {
      if (signedIn) return void (await tab.goto(http + path));
      const exchanged = tab.waitForResponse(
        (answer) => answer.url().endsWith("/api/session") && answer.request().method() === "POST",
      );
      await tab.goto(`${http}${path}#key=${key}`);
      await (await exchanged).finished();
      signedIn = true;
    },
    async newTab(path) {
      const tab = await context.newPage();
      await visitor.open(path, tab);
      return tab;
    },
    async offline(now) {
      cut = now;
      await context.setOffline(now);
      // Chromium lets open WebSockets live on in a network that is gone.
      if (now) for (const { id } of gateway?.connections.list() ?? []) gateway?.connections.cut(id);
    },
    expectComplaint: (pattern) => void expected.push(pattern),
    faults: () => seen.filter((fault) => !expected.some((pattern) => pattern.test(fault))),
    async accessible(tab = page) {
      await tab.evaluate(axeSource);
      const { violations } = (await tab.evaluate(
        `axe.run(document, ${JSON.stringify(axeRules)})`,
      )) as AxeResults;
      expect(
        violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`),
        "what axe finds",
      ).toEqual([]);
    },
    async screenshot(name, { fullPage = false } = {}) {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        const path = join(screenshots, `${name}-${colorScheme}.png`);
        await page.screenshot({
          fullPage,
          animations: "disabled",
          ...(process.env.SCREENSHOTS ? { path } : {}),
        });
      }
      await page.emulateMedia({ colorScheme: null, reducedMotion: null });
    },
  };
  return visitor;
}

const axeRules = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };

/** Runs in the page, before anything of its own. */
function watchForViolations(): void {
  const { tellOfViolation } = window as unknown as { tellOfViolation(violation: string): void };
  document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) =>
    tellOfViolation(`refused by ${violatedDirective}: ${blockedURI} ${sample}`),
  );
}
