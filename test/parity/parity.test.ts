import { LocalDurableTestRunner } from "@aws/durable-execution-sdk-js-testing";
import { beforeAll, describe, expect, test } from "vitest";
import { underAws } from "./aws.ts";
import { underConvoke } from "./convoke.ts";
import { differences } from "./differences.ts";
import { answeredJobs, jobs, timedJobs } from "./jobs.ts";
import type { Answer, JobFunction, Outcome } from "./vocabulary.ts";

type Case = { job: JobFunction; answers?: Answer[]; timed?: boolean };

const alike: [string, Case][] = [
  ...Object.entries(jobs).map(([name, job]): [string, Case] => [name, { job }]),
  ...Object.entries(timedJobs).map(([name, job]): [string, Case] => [name, { job, timed: true }]),
  ...Object.entries(answeredJobs),
];
const byAws = new Map<string, Outcome>();

/**
 * AWS's runner goes first: while it skips time, the clock of the whole process is its own. It skips waits in the order
 * of the calls, however long they are, so what depends on their length runs in real time, all at once.
 */
beforeAll(async () => {
  const all: [string, Case][] = [...alike, ...Object.entries(differences)];
  const run = async ([name, { job, answers }]: [string, Case]) =>
    byAws.set(name, await underAws(job, answers));
  await inAwsEnvironment({ skipTime: true }, async () => {
    await Promise.all(all.filter(([, { timed }]) => !timed).map(run));
  });
  await inAwsEnvironment({ skipTime: false }, () =>
    Promise.all(all.filter(([, { timed }]) => timed).map(run)),
  );
}, 60_000);

async function inAwsEnvironment(options: { skipTime: boolean }, run: () => Promise<unknown>) {
  await LocalDurableTestRunner.setupTestEnvironment(options);
  try {
    await run();
  } finally {
    await LocalDurableTestRunner.teardownTestEnvironment();
  }
}

describe("the same under AWS's SDK and under this engine: result or error, operations, what the steps did", () => {
  test.for(alike)("%s", async ([name, { job, answers }]) => {
    expect(await underConvoke(job, answers)).toEqual(byAws.get(name));
  });
});

describe("different on purpose, as docs/durable-functions.md says", () => {
  test.for(Object.entries(differences))("%s", async ([name, { job, aws, convoke }]) => {
    expect(byAws.get(name)).toMatchObject(aws);
    expect(await underConvoke(job)).toMatchObject(convoke);
  });
});
