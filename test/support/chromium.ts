import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const install = ["install", "--yes", "--no-install-recommends", "chromium", "fonts-liberation"];

/** The browser of this machine, or the one that `CHROMIUM` names. */
export function chromiumPath(): string | undefined {
  const { CHROMIUM, PATH = "" } = process.env;
  if (CHROMIUM) return CHROMIUM;
  const places = PATH.split(delimiter).flatMap((directory) => names.map((name) => join(directory, name)));
  places.push("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
  return places.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Before the tests of the console: they need a browser, and a machine that has none is given Debian's, if it may be.
 * @throws with the command to run when it may not: tests that are skipped prove nothing.
 */
export default function setup(): void {
  if (chromiumPath()) return;
  const byHand = `sudo apt-get update && sudo apt-get ${install.join(" ")}`;
  const missing = `The tests of the console need Chromium. Run\n\n  ${byHand}\n\nor say where it is: CHROMIUM=/path/to/chromium`;
  const asRoot = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  try {
    console.error("Chromium is missing: installing it with apt-get");
    for (const args of [["update"], install]) {
      const [command, ...rest] = [...asRoot, "apt-get", ...args];
      execFileSync(command!, rest, {
        stdio: ["ignore", "ignore", "inherit"],
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      });
    }
  } catch (error) {
    throw new Error(missing, { cause: error });
  }
  if (!chromiumPath()) throw new Error(missing);
}
