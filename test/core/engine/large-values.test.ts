import { expect, test } from "vitest";
import { settings } from "../../../core/config.ts";
import { engine, jobOf } from "../../support/engine.ts";

const small = { settings: { ...settings.local, payloadBytes: 20_000 } };

test("a step whose result is too large fails with the reason, once, and the job may go on without it", async () => {
  let tries = 0;
  const job = jobOf(async (ctx) => {
    const large = ctx.step("large", async () => {
      tries += 1;
      return "x".repeat(20_000);
    });
    return large.catch(({ code, message }) => [code, message]);
  });
  const { submit, toEnd, result } = engine(job, small);
  const key = await submit();

  await toEnd(key);

  expect(await result(key)).toEqual(["too_large", "A value has 20002 bytes as JSON; 20000 are allowed"]);
  expect(tries).toBe(1);
});

test("a result that is too large fails its job with the reason", async () => {
  const { submit, toEnd } = engine(
    jobOf(async () => "x".repeat(20_000)),
    small,
  );
  expect(await toEnd(await submit())).toMatchObject({
    status: "failed",
    failure: { code: "too_large", message: "A value has 20002 bytes as JSON; 20000 are allowed" },
  });
});
