// What each bundle adds to the start of a sandbox: milliseconds over a handler that does nothing, and its size.
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCloud } from "../local/cloud.ts";
import { Sandbox, type SandboxPlan } from "../local/sandbox.ts";
import { synthesize } from "../local/synthesize.ts";
import { type Figure, median } from "./support/figures.ts";
import { print } from "./support/print.ts";

const rounds = 9;

async function startMs(plan: SandboxPlan): Promise<number> {
  const sandbox = new Sandbox(
    plan,
    () => {},
    () => {},
  );
  if (!(await sandbox.ready())) throw new Error(`${plan.label} does not start`);
  sandbox.kill();
  await sandbox.exited();
  return sandbox.initMs!;
}

const empty = mkdtempSync(join(tmpdir(), "convoke-empty-"));
writeFileSync(join(empty, "empty.mjs"), "export const handler = async () => {};\n");
const cloud = await startCloud({ assembly: await synthesize(), prewarm: false });
let figures: Figure[];
try {
  const plans = cloud.template.of("AWS::Lambda::Function").map(({ id, properties }): SandboxPlan => {
    // Lambda keeps no compiled code from one sandbox to the next.
    const { NODE_COMPILE_CACHE: _cache, ...environment } = cloud.environmentOf(id);
    const label = id.replace(/Function[0-9A-F]{8}$/, "").toLowerCase();
    return {
      label,
      memoryMb: properties.MemorySize,
      background: false,
      directory: cloud.template.asset(properties.Code.S3Key),
      environment,
    };
  });
  const nothing: SandboxPlan = {
    ...plans[0]!,
    label: "empty",
    directory: empty,
    environment: { ...plans[0]!.environment, _HANDLER: "empty.handler", LAMBDA_TASK_ROOT: empty },
  };
  const times = new Map<SandboxPlan, number[]>([nothing, ...plans].map((plan) => [plan, []]));
  // In turn, so that whatever else this machine does befalls all of them.
  for (let round = 0; round < rounds; round++) {
    for (const [plan, measured] of times) measured.push(await startMs(plan));
  }
  const base = median(times.get(nothing)!);
  figures = plans.flatMap((plan) => [
    {
      name: `cold start, ${plan.label}`,
      value: median(times.get(plan)!) - base,
      unit: "ms over an empty handler",
    },
    { name: `code, ${plan.label}`, value: codeBytes(plan.directory) / 1000, unit: "kB" },
  ]);
} finally {
  await cloud.stop();
  rmSync(empty, { recursive: true, force: true });
}
print(figures);

/** Some of it is loaded at its first use only. */
function codeBytes(directory: string): number {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".mjs"))
    .reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}
