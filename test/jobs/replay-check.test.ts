import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { tableServices } from "../../core/aws-services.ts";
import { settings } from "../../core/config.ts";
import { submit } from "../../core/engine/submit.ts";
import { workerServices } from "../../core/worker-services.ts";
import { jobs } from "../../jobs/index.ts";
import { startEngines, tableName } from "../support/engines.ts";

const root = join(import.meta.dirname, "../..");
const golden = join(root, "test/golden/council@1/happy-path.jsonl");

/** `npm run replay-check`, in the environment that this process has by then. */
async function replayCheck(...args: string[]) {
  const child = spawn(process.execPath, ["jobs/replay-check.ts", ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (out += text));
  const code = await new Promise((resolve) => child.once("close", resolve));
  return { code, out };
}

/** A registry beside this deployment's own. */
function jobsModule(body: string): string {
  const directory = mkdtempSync(join(tmpdir(), "convoke-replay-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "jobs.ts");
  writeFileSync(
    file,
    `import { registry } from "${root}/core/engine/registry.ts";
     import { council } from "${root}/jobs/council/council.ts";
     export const jobs = registry([${body}]);`,
  );
  return file;
}

test("an export that fits is said to fit, with exit code 0", async () => {
  const { code, out } = await replayCheck(golden);
  expect(out).toMatch(/^fits +council@1 +acme\/\S+ +completed\n1 of 1 journals fit\n$/);
  expect(code).toBe(0);
});

test("a divergence is named with its step, a missing version with its number, and either gives exit code 1", async () => {
  const other = jobsModule(`{ ...council, run: async (ctx) => ctx.step("another", async () => 1) }`);
  const diverged = await replayCheck("--jobs", other, golden);
  expect(diverged.out).toMatch(/^diverges +council@1 .* at "title": .*"another"/);
  expect(diverged.code).toBe(1);

  const newer = jobsModule("{ ...council, version: 2 }");
  const missing = await replayCheck("--jobs", newer, golden);
  expect(missing.out).toMatch(/^missing .*: this code has no council@1\n0 of 1 journals fit/);
  expect(missing.code).toBe(1);
});

test("a file that is no export is refused with the line", async () => {
  const { code, out } = await replayCheck(join(root, "README.md"));
  expect(out).toContain("README.md:1 is no entry of a journal");
  expect(code).toBe(1);
});

test("of a table every job that is alive is checked, large inputs included, and nothing is written", async () => {
  const engines = await startEngines();
  onTestFinished(() => engines.stop());
  const services = workerServices(engines.environment);
  const who = { tenant: "acme", by: "somebody" };
  const question = `Why? ${"x".repeat(20_000)}`;
  const small = await submit(services, jobs, who, { type: "council", input: { question: "Why?" } });
  const large = await submit(services, jobs, who, { type: "council", input: { question } });
  const before = await services.journal.head(small.job);

  const { code, out } = await replayCheck(tableName, "--bucket", tableName);

  expect(out).toContain("2 of 2 journals fit");
  for (const { job } of [small, large]) expect(out).toMatch(new RegExp(`fits .*acme/${job.jobId} .*pending`));
  expect(code).toBe(0);
  const { now, random, sleep } = services;
  const { journal } = tableServices(tableName, { settings: settings.local, now, random, sleep });
  expect(await journal.head(small.job)).toEqual(before);
});
