import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { fingerprint } from "./fingerprint.ts";

const root = resolve(import.meta.dirname, "..");
const built = join(root, "build/pages");

/** What the page is made of. */
const sources = ["console", "client", "core/protocol", "package-lock.json"];

/** How many older builds stay for whoever is reading them. */
const kept = 4;

/**
 * Builds the console, or finds that it has been built: Vite takes longer than everything else of a synthesis.
 * @param orSay - whoever works on something else is not kept from it: a page that says why it could not be built will do.
 * @returns the folder with its files. It appears whole or not at all, so any number may ask at a time.
 */
export async function page({ orSay }: { orSay: boolean }): Promise<string> {
  const directory = join(built, fingerprint(root, sources));
  if (existsSync(directory)) return directory;
  const unfinished = join(built, `unfinished-${process.pid}`);
  const { build } = await import("vite");
  try {
    await build({
      configFile: join(root, "console/vite.config.ts"),
      configLoader: "native",
      // What is wrong stands in the error.
      logLevel: "silent",
      build: { outDir: unfinished },
    });
    renameSync(unfinished, directory);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    // Somebody else was as fast.
    if (existsSync(directory)) return directory;
    if (orSay) return notice(`The console could not be built: ${(error as Error).message}`);
    throw error;
  }
  prune(directory);
  return directory;
}

function notice(text: string): string {
  const directory = join(built, "notice");
  mkdirSync(directory, { recursive: true });
  const escaped = stripVTControlCharacters(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  writeFileSync(
    join(directory, "index.html"),
    `<!doctype html><meta charset="utf-8"><pre>${escaped}</pre>\n`,
  );
  return directory;
}

function prune(newest: string): void {
  const others = readdirSync(built)
    .filter((name) => /^[0-9a-f]{16}$/.test(name))
    .map((name) => join(built, name))
    .filter((path) => path !== newest)
    .map((path) => ({ path, at: statSync(path).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  for (const { path } of others.slice(kept)) rmSync(path, { recursive: true, force: true });
}
