import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { tree } from "../../bench/support/processes.ts";
import { commandLine, exited } from "../../local/processes.ts";
import { eventually } from "../support/eventually.ts";
import { chaos } from "./chaos.ts";

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));

test(`60 s of kills and stops of every process under 500 jobs break no promise, seed ${seed} [A0-03] [A0-29] [A3-11]`, async () => {
  const { violations, left, steps, repeatedUntouched, recoveryP99, recoveries, ...figures } = await chaos({
    seconds: 60,
    jobs: 500,
    seed,
  });
  console.log({ seed, steps, repeatedUntouched, recoveryP99, recoveries: recoveries.length, ...figures });

  expect(violations).toEqual([]);
  expect(left).toEqual([]);
  expect(Object.values(figures.jobs).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(500);
  for (const blow of ["kill runner", "kill dynoxide", "kill worker", "stop worker"])
    expect(figures.blows, `${blow} has happened`).toHaveProperty([blow]);
  expect(recoveries.length).toBeGreaterThan(0);
  expect(repeatedUntouched / steps).toBeLessThanOrEqual(0.02);
  expect(recoveryP99).toBeLessThanOrEqual(15_000);
}, 600_000);

/** The first line that begins with these words. The rest is read too: a full pipe would hold up the program. */
function line(program: ChildProcess, beginning: string): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface({ input: program.stdout! }).on("line", (text) => {
      if (text.startsWith(beginning)) resolve(text);
    });
    program.once("exit", (code) => reject(new Error(`The program has ended with ${code}`)));
  });
}

test("a kill -9 of the driver itself leaves no process behind", async () => {
  const before = new Set(readdirSync(tmpdir()));
  const driver = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), "--seed", String(seed)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => {
    driver.kill("SIGKILL");
    // Nobody else can clean up after what was killed.
    for (const name of readdirSync(tmpdir()))
      if (name.startsWith(`convoke-chaos-${driver.pid}-`) && !before.has(name))
        rmSync(join(tmpdir(), name), { recursive: true, force: true });
  });
  await line(driver, "up at");
  const below = tree(driver.pid!).filter(({ pid }) => pid !== driver.pid);
  expect(below.map(({ label }) => label)).toEqual(expect.arrayContaining(["runner", "dynoxide", "api"]));

  driver.kill("SIGKILL");
  await exited(driver);

  await eventually(() =>
    below.every(({ pid }) => !/run-cloud|convoke-lambda|dynoxide/.test(commandLine(pid) ?? "")),
  );
}, 120_000);
