import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { S3Client } from "@aws-sdk/client-s3";
import { Command } from "commander";
import { connection, tableServices } from "../core/aws-services.ts";
import { env, settingsOf } from "../core/config.ts";
import type { Jobs } from "../core/engine/job-type.ts";
import { checkReplay, foldOf, type Verdict } from "../core/engine/replay-check.ts";
import { wholeJournal } from "../core/engine/whole-journal.ts";
import { exportedJournals } from "../core/journal/exported.ts";
import { liveJobs } from "../core/journal/live-jobs.ts";
import { memoryPayloads } from "../core/payloads/memory.ts";
import type { Payloads } from "../core/payloads/payloads.ts";
import { s3Payloads } from "../core/payloads/s3.ts";
import type { Entry } from "../core/protocol/event.ts";
import { sleep } from "../core/sleep.ts";

/** A journal, and where its large values are. */
type Found = { entries: Entry[]; payloads: Payloads };

/** The journals of an export, which holds its values itself. */
function* exported(file: string): Generator<Found> {
  for (const entries of exportedJournals(readFileSync(file, "utf8"), file)) {
    yield { entries, payloads: memoryPayloads() };
  }
}

/** The journals of all jobs of a table that have not ended. */
async function* alive(table: string, where: { endpoint?: string; bucket?: string }): AsyncGenerator<Found> {
  const around = { settings: settingsOf(process.env), now: Date.now, random: Math.random, sleep };
  const services = tableServices(table, around, where.endpoint);
  const bucket = where.bucket ?? process.env[env.bucket];
  const payloads = bucket ? s3Payloads(new S3Client(connection), bucket) : memoryPayloads();
  for (const key of await liveJobs(services.table, around.settings)) {
    const { entries } = await wholeJournal(services, key);
    if (entries.length > 0) yield { entries, payloads };
  }
}

function lineOf(entries: Entry[], verdict: Verdict): string {
  const { jobId, tenant, type, version, status } = foldOf(entries);
  const at = verdict.verdict === "diverges" && verdict.step ? ` at "${verdict.step}"` : "";
  const why =
    verdict.verdict === "missing"
      ? `: this code has no ${type}@${version}`
      : "message" in verdict
        ? `: ${verdict.message}`
        : "";
  return `${verdict.verdict.padEnd(10)}  ${type}@${version}  ${tenant}/${jobId}  ${status}${at}${why}`;
}

const program = new Command("replay-check")
  .description(
    "Replays journals through the code as it stands, without any effect, and says which jobs would go on.\n" +
      "Exits with 1 if any would be blocked.",
  )
  .argument(
    "<sources...>",
    "files of `convoke export`, or the name of a table: all of its jobs that are alive",
  )
  .option("--endpoint <url>", "of DynamoDB, when it is not AWS's own")
  .option("--bucket <name>", `where a table's large values are; default: ${env.bucket} in the environment`)
  .option("--jobs <module>", "exports `jobs`, the registry to check", "jobs/index.ts")
  .action(async (sources: string[], options: { endpoint?: string; bucket?: string; jobs: string }) => {
    const module = pathToFileURL(resolve(options.jobs)).href;
    const { jobs } = (await import(module)) as { jobs: Jobs };
    let checked = 0;
    let fit = 0;
    for (const source of sources) {
      for await (const { entries, payloads } of existsSync(source)
        ? exported(source)
        : alive(source, options)) {
        const verdict = await checkReplay(jobs, entries, payloads);
        console.log(lineOf(entries, verdict));
        checked += 1;
        if (verdict.verdict === "fits") fit += 1;
      }
    }
    console.log(`${fit} of ${checked} journals fit`);
    process.exitCode = fit === checked ? 0 : 1;
  });

try {
  await program.parseAsync();
} catch (error) {
  program.error(error instanceof Error ? error.message : String(error));
}
