import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { fingerprint } from "../lib/fingerprint.ts";

const root = join(import.meta.dirname, "..");
const out = join(root, "cdk.out");

/** What the template, the bundles and the page are made of. */
const sources = ["lib", "functions", "core", "jobs", "console", "client", "cdk.json", "package-lock.json"];

/** How many older assemblies stay for runners that still use them. */
const kept = 8;

/**
 * Synthesizes the CDK app for this machine, or finds that it has been done: the directory is named after the sources'
 * paths, sizes and times. CDK's template validation is left to the checks; it would take longer than all of this.
 * @param context - settings as in docs/deploying.md. A module of `jobs` may import anything from anywhere, so with one
 * everything is always built anew.
 * @returns the directory of the cloud assembly. It appears whole or not at all, so any number may ask at a time.
 */
export async function synthesize(context: Record<string, string> = {}): Promise<string> {
  const directory = join(out, `local-${fingerprint(root, sources, [context, context.jobs && randomUUID()])}`);
  if (existsSync(directory)) return directory;
  const unfinished = join(out, `local-unfinished-${process.pid}`);
  rmSync(unfinished, { recursive: true, force: true });
  try {
    await promisify(execFile)(process.execPath, ["lib/app.ts"], {
      cwd: root,
      env: {
        ...process.env,
        CDK_OUTDIR: unfinished,
        CDK_VALIDATION: "false",
        CDK_CONTEXT_JSON: JSON.stringify({ ...context, env: "local" }),
      },
    });
    renameSync(unfinished, directory);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    // Somebody else was as fast.
    if (existsSync(directory)) return directory;
    throw new Error(`The CDK app does not synthesize:\n${(error as { stderr?: string }).stderr ?? error}`);
  }
  prune();
  return directory;
}

function prune(): void {
  const assemblies = readdirSync(out)
    .filter((name) => /^local-[0-9a-f]{16}$/.test(name))
    .map((name) => ({ name, at: statSync(join(out, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  for (const { name } of assemblies.slice(1 + kept))
    rmSync(join(out, name), { recursive: true, force: true });
}
