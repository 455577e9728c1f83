// kill -9 of the worker when two of four rankings are recorded and two are in flight.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Figure } from "./support/figures.ts";
import { clientsFor, reference, runJob } from "./support/load.ts";
import { print } from "./support/print.ts";
import { tree } from "./support/processes.ts";
import { startSystem } from "./support/system.ts";

type Call = { at: number; what: "start" | "end"; job: string; step: string };

const directory = mkdtempSync(join(tmpdir(), "convoke-calls-"));
const log = join(directory, "calls.log");
writeFileSync(log, "");
const calls = (job: string): Call[] =>
  readFileSync(log, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Call)
    .filter((call) => call.job === job);

const system = await startSystem({ env: { MOCK_CALL_LOG: log } });
const resumes: number[] = [];
let started = 0;
let repeated = 0;
try {
  const [client] = clientsFor(system, 1);
  await runJob(client!, "reference", reference(0));
  for (let round = 0; round < 3; round++) {
    const input = { ...reference(200), stagger: 1000 };
    const running = runJob(client!, "reference", input);
    const rankings = () =>
      calls(input.job).filter(({ what, step }) => what === "end" && step.startsWith("rank"));
    while (rankings().length < 2) await sleep(5);
    // Time to record them.
    await sleep(300);
    const killedAt = Date.now();
    for (const { pid, label } of tree(system.pid)) if (label === "worker") process.kill(pid, "SIGKILL");
    await running;
    const all = calls(input.job);
    resumes.push((all.find(({ at, what }) => what === "start" && at > killedAt)!.at - killedAt) / 1000);
    started = Math.max(started, all.filter(({ what }) => what === "start").length);
    const finished = all.filter(({ at, what }) => what === "end" && at < killedAt).map(({ step }) => step);
    repeated += finished.filter(
      (step) => all.filter((call) => call.what === "start" && call.step === step).length > 1,
    ).length;
  }
} finally {
  await system.stop();
  rmSync(directory, { recursive: true, force: true });
}
const figures: Figure[] = [
  { name: "resume after kill -9 of the worker", value: Math.max(...resumes), unit: "s", bar: 10, aim: 2 },
  { name: "calls started in all, 9 without the kill", value: started, unit: "calls", bar: 11 },
  { name: "finished calls that were repeated", value: repeated, unit: "calls", bar: 0 },
];
print(figures);
