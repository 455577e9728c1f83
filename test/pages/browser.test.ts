import { expect } from "vitest";
import { test } from "../support/browser.ts";

// The other tests of pages rest on this: what must not happen to a visitor is seen when it happens.

test.for<[string, RegExp, () => unknown]>([
  ["a dialog", /^dialog: hello$/, () => alert("hello")],
  ["a complaint", /^console: broken/, () => console.error("broken")],
  [
    "a surprise",
    /^error: .*lost/,
    () =>
      setTimeout(() => {
        throw new Error("lost");
      }),
  ],
  ["a request to another site", /https:\/\/evil\.test/, () => fetch("https://evil.test/").catch(() => {})],
  ["an image of another site", /https:\/\/evil\.test/, () => (new Image().src = "https://evil.test/x.png")],
  [
    "a script in the page",
    /^refused by require-trusted-types-for: .*HTMLScriptElement text/,
    () => {
      const script = document.createElement("script");
      script.append("window.ran = true");
      document.body.append(script);
    },
  ],
  [
    "text that is made into elements",
    /^refused by require-trusted-types-for: trusted-types-sink Element innerHTML/,
    () => {
      try {
        document.body.innerHTML = "<p>hello</p>";
      } catch {}
    },
  ],
  [
    "a style in the page",
    /^refused by style-src-attr/,
    () => document.body.setAttribute("style", "color: red"),
  ],
])("%s is found", async ([_what, fault, misdeed], { visitor }) => {
  await visitor.open("/jobs");
  await visitor.page.getByRole("link", { name: "Inbox" }).waitFor();

  await visitor.page.evaluate(misdeed);

  await expect.poll(() => visitor.faults().some((found) => fault.test(found))).toBe(true);
  // It was to happen here.
  visitor.expectComplaint(/./s);
});

test("a visitor whose network is gone has no connection left, and gets it back", async ({
  visitor,
  cloud,
}) => {
  await visitor.open("/jobs");
  await visitor.page.getByRole("link", { name: "Inbox" }).waitFor();
  const reaches = () =>
    visitor.page.evaluate(() =>
      fetch("/api/health").then(
        ({ ok }) => ok,
        () => false,
      ),
    );

  await expect.poll(() => cloud.gateway.connections.count).toBeGreaterThan(0);

  await visitor.offline(true);
  expect(await reaches()).toBe(false);
  await expect.poll(() => cloud.gateway.connections.count).toBe(0);

  await visitor.offline(false);
  expect(await reaches()).toBe(true);
});

test("what cannot be read aloud is found", async ({ visitor }) => {
  await visitor.open("/jobs");
  await visitor.page.getByRole("link", { name: "Inbox" }).waitFor();
  await visitor.page.evaluate(() => document.querySelector("main")!.append(new Image()));

  await expect(visitor.accessible()).rejects.toThrow(/image-alt/);
});

test("a page can be drawn in both its looks", async ({ visitor }) => {
  await visitor.open("/jobs");
  await visitor.page.getByRole("link", { name: "Inbox" }).waitFor();
  const background = () =>
    visitor.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const looks = new Set<string>();
  for (const colorScheme of ["light", "dark"] as const) {
    await visitor.page.emulateMedia({ colorScheme });
    looks.add(await background());
  }
  expect(looks.size).toBe(2);
});
