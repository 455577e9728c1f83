import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { synthesize } from "../../local/synthesize.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { eventually } from "../support/eventually.ts";
import { ended, expectFolded, expectWellFormed, journalOf } from "../support/journals.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test("a job that its deployment no longer fits is blocked where it can be seen, does nothing, and goes on when one fits", async () => {
  const directory = temporaryDirectory();
  const diary = join(directory, "diary");
  const done = () => readFileSync(diary, "utf8").trim().split("\n");
  let running: TestCloud | undefined;
  onTestFinished(() => running?.stop());
  const deploy = async (name: string) => {
    await running?.stop();
    const assembly = await synthesize({ jobs: `./test/support/journeys/${name}.ts` });
    running = await startTestCloud({ assembly, dataDirectory: join(directory, "data") });
    return running;
  };

  const original = await deploy("original");
  const { job_id: jobId } = await original.client.submit("journey", { diary, restSeconds: 2 });
  await eventually(async () => (await original.client.get(jobId)).status === "waiting", 30_000);

  const changed = await deploy("changed");
  const blocked = await eventually(async () => {
    const job = await changed.client.get(jobId);
    return job.blocked !== null && job;
  }, 30_000);
  expect(blocked).toMatchObject({
    status: "waiting",
    version: 1,
    blocked: {
      step: "pack",
      message: 'The journal holds "pack", the job asks for "buy a ticket" in its place',
    },
  });
  expect(done()).toEqual(["pack"]);

  const next = await deploy("next");
  const { job_id: newId } = await next.client.submit("journey", { diary, restSeconds: 0 });
  const fresh = await ended(next.client, newId, 30_000);
  const old = await ended(next.client, jobId, 30_000);
  expect([fresh.version, fresh.result_data]).toEqual([2, ["buy a ticket", "fly"]]);
  expect([old.version, old.result_data, old.blocked]).toEqual([1, ["pack", "walk"], null]);
  expect(done().toSorted()).toEqual(["buy a ticket", "fly", "pack", "walk"]);
  const journal = await journalOf(next.client, jobId);
  expectWellFormed(journal);
  expectFolded(old, journal);

  const response = await fetch(`${next.http}/api/job-types`, {
    headers: { authorization: `Bearer ${next.key}` },
  });
  const { job_types } = (await response.json()) as { job_types: { type: string }[] };
  expect(job_types.find(({ type }) => type === "journey")).toMatchObject({ version: 2, versions: [2, 1] });
}, 120_000);
