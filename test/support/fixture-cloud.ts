import { readFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Cloud, type CloudOptions, startCloud } from "../../local/cloud.ts";
import { fixtureAssembly } from "./fixture-assembly.ts";
import { temporaryDirectory } from "./temporary.ts";

/** Starts a cloud on a fixture for one test. Its functions note what they see; `notes` reads it. */
export async function fixtureCloud(
  fixture: Parameters<typeof fixtureAssembly>[0],
  options: Partial<CloudOptions> = {},
): Promise<{ cloud: Cloud; notes: <T>() => T[] }> {
  const { file, notes } = notebook();
  const cloud = await startCloud({
    assembly: fixtureAssembly(fixture),
    prewarm: false,
    ...options,
    environment: { NOTES: file, ...options.environment },
  });
  onTestFinished(() => cloud.stop());
  return { cloud, notes };
}

/** A file that functions add lines to. */
export function notebook(): { file: string; notes: <T>() => T[] } {
  const file = join(temporaryDirectory(), "notes");
  return {
    file,
    notes: <T>() => {
      try {
        return readFileSync(file, "utf8")
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line) as T);
      } catch {
        return [];
      }
    },
  };
}
