import { expect, test } from "vitest";
import { callbackToken, readCallbackToken, signingSecrets, webhookSecrets } from "../../core/signing.ts";

const [older, newer] = ["o".repeat(40), "n".repeat(40)];
const before = signingSecrets({ SIGNING_SECRET: older });
const during = signingSecrets({ SIGNING_SECRET: `${newer},${older}` });
const after = signingSecrets({ SIGNING_SECRET: newer });
const callback = { tenant: "acme", callbackId: "job-1.abcdefghijklmnop" };

test("a token opens the callback that it was made for, until it expires", async () => {
  const token = await callbackToken(before, callback, 1_000);
  expect(await readCallbackToken(before, token, 999)).toEqual(callback);
  expect(await readCallbackToken(before, token, 1_000)).toBeUndefined();
});

test("whoever changes anything about it, or makes one, opens nothing", async () => {
  const token = await callbackToken(before, callback, 1_000);
  const [said, signed] = token.split(".") as [string, string];
  const forged = Buffer.from(JSON.stringify(["globex", callback.callbackId, 9e15])).toString("base64url");
  const changed = [
    `${forged}.${signed}`,
    `${said}.${signed.slice(0, -2)}AA`,
    said,
    `${said}.`,
    "",
    ".",
    "a.b.c",
  ];
  for (const one of changed) expect(await readCallbackToken(before, one, 0), one).toBeUndefined();
  expect(await readCallbackToken(after, token, 0)).toBeUndefined();
});

test("while a secret is being replaced what either has signed is good", async () => {
  const [old, young] = [
    await callbackToken(before, callback, 1_000),
    await callbackToken(during, callback, 1_000),
  ];
  for (const token of [old, young]) expect(await readCallbackToken(during, token, 0)).toEqual(callback);
  expect(await readCallbackToken(after, young, 0)).toEqual(callback);
});

test("each tenant has a webhook secret of its own, which says nothing of the deployment's", async () => {
  const [acme] = await webhookSecrets(during, "acme");
  const [globex] = await webhookSecrets(during, "globex");
  expect(acme).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(acme).not.toBe(globex);
  expect(await webhookSecrets(during, "acme")).toEqual([acme, ...(await webhookSecrets(before, "acme"))]);
});

test("a deployment without a secret signs nothing, and a short one is none", async () => {
  const none = signingSecrets({});
  await expect(callbackToken(none, callback, 1)).rejects.toMatchObject({ code: "invalid_request" });
  await expect(webhookSecrets(none, "acme")).rejects.toMatchObject({ code: "invalid_request" });
  expect(await readCallbackToken(none, "a.b", 0)).toBeUndefined();
  await expect(signingSecrets({ SIGNING_SECRET: "short" })()).rejects.toThrow("32 characters");
});
