import { execFile } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../support/temporary.ts";

const run = promisify(execFile);
const setup = resolve(import.meta.dirname, "../support/chromium.ts");

/** The set-up of the browser tests on a machine whose `apt-get` does this, whoever asks. */
function setUp(aptGet: string) {
  const bin = temporaryDirectory();
  const program = (name: string, script: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  program("apt-get", `echo "$@" >> ${bin}/asked; ${aptGet}`);
  program("sudo", 'shift; exec "$@"');
  const { CHROMIUM: _, ...env } = process.env;
  const done = run(
    process.execPath,
    ["-e", `import(${JSON.stringify(setup)}).then((module) => module.default())`],
    { env: { ...env, PATH: bin } },
  );
  return { bin, done };
}

test("a machine without Chromium is given it before the tests that need it", async () => {
  const { bin, done } = setUp(
    `/bin/touch $(/usr/bin/dirname $0)/chromium; /bin/chmod +x $(/usr/bin/dirname $0)/chromium`,
  );

  await done;

  const [update, install] = readFileSync(join(bin, "asked"), "utf8").split("\n");
  expect(update).toBe("update");
  expect(install).toMatch(/^install .*\bchromium\b/);
});

test("where that is not allowed, the tests fail and say what to run", async () => {
  const { done } = setUp("exit 1");

  await expect(done).rejects.toThrow(/sudo apt-get update && sudo apt-get install .* chromium/);
});
