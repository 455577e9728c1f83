import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Tells whether something made of these files and folders, and of these settings, would be made otherwise now. */
export function fingerprint(root: string, sources: string[], settings: unknown = null): string {
  const hash = createHash("sha256").update(JSON.stringify(settings));
  for (const source of sources) {
    const path = join(root, source);
    const files = statSync(path).isDirectory()
      ? readdirSync(path, { recursive: true, encoding: "utf8" })
          .sort()
          .map((file) => join(path, file))
      : [path];
    for (const file of files) {
      const { mtimeMs, size } = statSync(file);
      hash.update(`${file} ${mtimeMs} ${size}\n`);
    }
  }
  return hash.digest("hex").slice(0, 16);
}
