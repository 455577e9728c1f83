import { expect } from "vitest";
import { test } from "../support/browser.ts";

test("whoever follows the link of `npm start` is signed in, and the key is nowhere in the page", async ({
  visitor: { open, page, context },
  cloud,
}) => {
  await open("/jobs");

  await page.getByRole("link", { name: "Inbox" }).waitFor();
  expect(page.url()).toBe(`${cloud.http}/jobs`);
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", path: "/" });
  const kept = await page.evaluate(() =>
    JSON.stringify([
      document.cookie,
      { ...localStorage },
      { ...sessionStorage },
      history.state,
      location.href,
    ]),
  );
  const secret = cloud.key.split("_")[2]!;
  expect(kept).not.toContain(secret);
  expect(kept).not.toContain(cookie!.value);
  await page.goBack().catch(() => {});
  expect(page.url()).not.toContain(secret);
});
