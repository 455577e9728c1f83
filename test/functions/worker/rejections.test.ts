import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

/** A batch of two jobs in a process of its own, as a sandbox would run it. */
const batch = `
  import { containRejections } from "./functions/worker/rejections.ts";
  import { worker } from "./functions/worker/worker.ts";
  import { registry } from "./core/engine/registry.ts";
  import { submit } from "./core/engine/submit.ts";
  import { memoryServices } from "./core/memory.ts";
  import { jobOf } from "./test/support/engine.ts";

  const lines = [];
  const note = (message, fields) => lines.push({ message, ...fields });
  const logger = { debug() {}, info() {}, warn: note, error: note };
  // What AWS's runtime client does.
  process.on("unhandledRejection", () => process.exit(129));
  containRejections(logger);

  const once = { retryStrategy: () => ({ shouldRetry: false }) };
  const jobs = registry([
    jobOf(async (ctx, input) => {
      if (input === "good") return ctx.step("slow", () => new Promise((end) => setTimeout(end, 100, "good")));
      const ask = async () => ctx.step("fails", async () => { throw new Error("no luck"); }, once);
      const later = ask();
      await ctx.step("slow", () => new Promise((end) => setTimeout(end, 50, 1)));
      return later.catch(() => "caught");
    }),
  ]);
  const services = memoryServices({ model: {} });
  const keys = [];
  for (const input of ["bad", "good"]) {
    keys.push((await submit(services, jobs, { tenant: "acme", by: "test" }, { type: "test", input })).job);
  }
  const Records = services.queue.receive().map(({ job }, i) => ({ messageId: String(i), body: JSON.stringify(job) }));
  await worker(services, jobs, logger)({ Records }, { getRemainingTimeInMillis: () => 60_000 });
  const results = [];
  for (const key of keys) {
    const { entries } = await services.journal.read(key, 0);
    results.push(entries.at(-1).events.at(-1).result?.json);
  }
  const rejection = lines.find(({ message }) => message.startsWith("a promise"));
  console.log(JSON.stringify({ results, ofBad: rejection?.job_id === keys[0].jobId, error: rejection?.error }));
`;

test("a promise that fails before its job looks at it takes neither the worker nor the other jobs of the batch with it", () => {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--no-warnings", "--input-type=module", "--eval", batch],
    { encoding: "utf8" },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(JSON.parse(stdout)).toEqual({ results: ["caught", "good"], ofBad: true, error: "no luck" });
});
