import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

const usage = `npm run bench:peers -- <directory of the harness> [options]

  --systems <names>    baseline,convoke and every peer that is set up there
  --variants <names>   seq0,seq200,burst0,burst200,crash
  --rounds <number>    of all variants but the crash (1)
  --results <file>     where the results are appended (build/peers.jsonl)`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    systems: { type: "string" },
    variants: { type: "string", default: "seq0,seq200,burst0,burst200,crash" },
    rounds: { type: "string", default: "1" },
    results: { type: "string", default: "build/peers.jsonl" },
  },
});
const [harness] = positionals;
if (!harness || !existsSync(join(harness, "run.mjs"))) {
  console.error(usage);
  process.exit(1);
}

const root = join(import.meta.dirname, "../..");
const results = resolve(values.results);
// The harness stays as it is: it may belong to somebody else, and not be writable.
const copy = mkdtempSync(join(tmpdir(), "convoke-peers-"));
try {
  cpSync(harness, copy, { recursive: true, verbatimSymlinks: true });
  // With it came its permissions.
  chmodSync(copy, 0o700);
  const adapter = join(copy, "convoke");
  mkdirSync(adapter);
  mkdirSync(dirname(results), { recursive: true });
  for (const name of ["adapter.mjs", "jobs.mjs", "call-log.mjs"]) {
    cpSync(join(import.meta.dirname, name), join(adapter, name));
  }
  symlinkSync(root, join(adapter, "repository"));

  const systems = values.systems?.split(",") ?? ["baseline", "convoke", ...installed(copy)];
  const variants = values.variants.split(",");
  const repeated = variants.filter((variant) => variant !== "crash");
  for (let round = 0; round < Number(values.rounds); round++) {
    // In turn, and every second time the other way round, so that no system has the quiet moments for itself.
    for (const system of round % 2 ? systems.toReversed() : systems) measure(system, repeated);
  }
  if (variants.includes("crash")) {
    for (const system of systems) if (system !== "baseline") measure(system, ["crash"]);
  }
  node(["report.mjs", results]);
} finally {
  rmSync(copy, { recursive: true, force: true });
}

function measure(system: string, variants: string[]): void {
  if (variants.length === 0) return;
  const data = join(copy, "data");
  node(["run.mjs", "--system", system, "--variants", variants.join(","), "--out", results, "--tmp", data]);
}

function node(args: string[]): void {
  const { status } = spawnSync(process.execPath, args, { cwd: copy, stdio: "inherit" });
  if (status !== 0) console.error(`node ${args.join(" ")} ended with ${status}`);
}

/** Peers need their packages; the harness' own set-up installs them. */
function installed(directory: string): string[] {
  return readdirSync(directory).filter((name) => existsSync(join(directory, name, "node_modules")));
}
