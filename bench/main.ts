import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { type Figure, table } from "./support/figures.ts";

/** In this order. Each is a script of its own, in a process of its own: `node bench/burst.ts`. */
const scripts = [
  "start",
  "idle",
  "sequential",
  "council",
  "burst",
  "resume",
  "operations",
  "cold-start",
  "append",
  "replay",
  "polling",
  "approvals",
  "sweep",
  "client",
  "console",
];

const usage = `npm run bench -- [options]

  --only <name>   one of ${scripts.join(", ")}; may be repeated
  --json <file>   where the figures go as JSON (build/bench.json)`;

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    json: { type: "string", default: "build/bench.json" },
    help: { type: "boolean", default: false },
  },
});
const unknown = values.only.find((name) => !scripts.includes(name));
if (values.help || unknown) {
  console.log(unknown ? `No benchmark "${unknown}"\n\n${usage}` : usage);
  process.exit(unknown ? 1 : 0);
}

const figures: Record<string, Figure[]> = {};
const failed: string[] = [];
for (const name of scripts.filter((script) => values.only.length === 0 || values.only.includes(script))) {
  const file = join(tmpdir(), `convoke-bench-${process.pid}-${name}.json`);
  console.log(`\n## ${name} (load ${loadavg()[0]!.toFixed(1)} on ${availableParallelism()} cores)\n`);
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`)], {
    stdio: "inherit",
    env: { ...process.env, BENCH_JSON: file },
  });
  if (status === 0) figures[name] = JSON.parse(readFileSync(file, "utf8")) as Figure[];
  else failed.push(name);
  rmSync(file, { force: true });
}
console.log(`\n## All\n\n${table(Object.values(figures).flat())}`);
const report = {
  at: new Date().toISOString(),
  node: process.version,
  cores: availableParallelism(),
  load: loadavg(),
  figures,
};
mkdirSync(dirname(values.json), { recursive: true });
writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(", ")}`);
  process.exit(1);
}
