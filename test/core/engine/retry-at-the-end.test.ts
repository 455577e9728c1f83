import { expect, test } from "vitest";
import { settings } from "../../../core/config.ts";
import { engine, jobOf } from "../../support/engine.ts";

test("a retry that is waited for when the last moment to begin a step passes is carried over to the next pass", async () => {
  const { reserveMs, heartbeatMs } = settings.local;
  const sleepMs = heartbeatMs - 50;
  let attempts = 0;
  const job = jobOf((ctx) =>
    ctx.step(
      "flaky",
      async () => {
        attempts += 1;
        await world.time.sleep(sleepMs);
        if (attempts === 1) throw new Error("not yet");
        return "done";
      },
      { retryStrategy: (_error, attempt) => ({ shouldRetry: attempt < 3, delay: { seconds: 0.4 } }) },
    ),
  );
  // Between the failure and the retry comes that moment, and then the heartbeat.
  const world = engine(job, {}, reserveMs + sleepMs + 30);

  const key = await world.submit();
  const ended = await world.toEnd(key);

  expect(ended.failure).toBeUndefined();
  expect(await world.result(key)).toBe("done");
  expect(attempts).toBe(2);
});
