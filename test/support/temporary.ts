import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A directory that is gone after the test, and after what the test began later than this. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "convoke-test-"));
  // Processes that were just killed may still be writing.
  onTestFinished(() => rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
  return directory;
}
