import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished } from "vitest";
import type { EventView } from "../../client/index.ts";
import type { Entry, JobEvent } from "../../core/protocol/event.ts";
import { type ConvokeProcess, test } from "../support/convoke-process.ts";

const registry = join(import.meta.dirname, "../../jobs/index.ts");
const golden = (path: string) => join(import.meta.dirname, "../golden", path);
const councils = golden("council@1/happy-path.jsonl");

/** Writes the journal of a job, as an export has it. */
function written({ directory }: ConvokeProcess, jobId: string, ...entries: JobEvent[][]): string {
  let seq = 1;
  const lines = entries.map((events, index) => {
    const entry: Entry = {
      ...{ tenant: "elsewhere", jobId, seq, at: Date.now() + index, by: "w", token: `${index}` },
      events,
    };
    seq += events.length;
    return `${JSON.stringify(entry)}\n`;
  });
  writeFileSync(join(directory, `${jobId}.jsonl`), lines.join(""));
  return `${jobId}.jsonl`;
}

const submitted = (): JobEvent => ({
  kind: "job.submitted",
  type: "translation",
  version: 1,
  lane: "normal",
  title: "There and back",
  description: "",
  tags: [],
  input: { json: { text: "Time flies", intermediate_language: "french", models: ["mock:ada"] } },
  by: "k",
});

test("a production job is taken along in a pipe, looked at in the service here, and replayed without any effect", async ({
  cloud,
  convoke,
}) => {
  const production = await cloud.as({ tenant: "production" });
  const large = "Time flies like an arrow. ".repeat(700);
  const { job_id } = await production.client.submit("translation", {
    text: large,
    intermediate_language: "french",
  });
  const job = await production.client.wait(job_id);
  const there = ["--key", production.key];

  const { out: journal } = await convoke("export", job_id, ...there);
  const imported = await convoke.given({ stdin: journal }, "import", "-", "--tenant", "test");
  expect(imported).toMatchObject({ code: 0, out: `${job_id}  translation, completed\n` });
  const here = await cloud.client.get(job_id);
  expect(here).toMatchObject({
    status: "completed",
    result_data: job.result_data,
    input_data: job.input_data,
  });
  const events: EventView[] = [];
  for await (const event of cloud.client.watch(job_id)) events.push(event);
  expect(events).toHaveLength(job.seq);
  expect(await convoke.given({ stdin: journal }, "import", "-", "--tenant", "test")).toMatchObject({
    code: 6,
  });

  const lines = await convoke.json<Record<string, unknown>>("replay", job_id, "--jobs", registry);
  expect(lines[0]).toMatchObject({ job_id, type: "translation", status: "completed" });
  expect(lines.slice(1, -1).map(({ step }) => step)).toEqual(
    expect.arrayContaining(["models", "forward", "elements"]),
  );
  expect(lines.find(({ step }) => step === "forward")).toMatchObject({
    kind: "step",
    given: { text: expect.any(String) },
  });
  expect(lines.at(-1)).toEqual({ verdict: "fits" });
  expect((await cloud.client.get(job_id)).seq).toBe(job.seq);
});

test("a job that was at work elsewhere is paused here, and nothing is done for it until it is resumed", async ({
  cloud,
  convoke,
}) => {
  const file = written(convoke, "job-under-way", [submitted()], [{ kind: "job.claimed", by: "w" }]);
  const [imported] = await convoke.json<object>("import", file, "--tenant", "test");
  expect(imported).toMatchObject({ job_id: "job-under-way", status: "running" });
  expect(await cloud.client.get("job-under-way")).toMatchObject({ paused: true, seq: 3 });

  expect((await convoke("resume", "job-under-way")).code).toBe(0);
  expect(await cloud.client.wait("job-under-way")).toMatchObject({ status: "completed", seq: 16 });
});

test("what is no whole journal is refused with its line, and nothing is written", async ({
  cloud,
  convoke,
}) => {
  const { directory } = convoke;
  writeFileSync(join(directory, "broken.jsonl"), '{"seq":1}\n');
  expect(await convoke("import", "broken.jsonl")).toMatchObject({
    code: 2,
    err: expect.stringContaining("broken.jsonl:1 is no entry of a journal"),
  });
  const [first = "", , ...rest] = readFileSync(councils, "utf8").trimEnd().split("\n");
  writeFileSync(join(directory, "gap.jsonl"), [first, ...rest].join("\n"));
  expect(await convoke("import", "gap.jsonl", "--tenant", "test")).toMatchObject({
    code: 2,
    err: expect.stringContaining("has gaps"),
  });
  expect(await convoke("replay", "nothing.jsonl")).toMatchObject({ code: 2 });
  writeFileSync(join(directory, "empty.jsonl"), "\n");
  for (const command of ["import", "to-test"])
    expect(await convoke(command, "empty.jsonl")).toMatchObject({
      code: 2,
      err: expect.stringContaining("empty.jsonl holds no journal"),
    });
  const { jobId } = JSON.parse(first) as Entry;
  await expect(cloud.client.get(jobId)).rejects.toMatchObject({ code: "not_found" });
});

test("a replay says at which step the code at hand goes another way", async ({ convoke }) => {
  const lines = readFileSync(councils, "utf8").trimEnd().split("\n");
  const other = lines.map((line) => line.replaceAll("stage1/test:cleo", "stage1/test:carl"));
  writeFileSync(join(convoke.directory, "other.jsonl"), other.join("\n"));
  const { code, out } = await convoke("replay", "other.jsonl", "--jobs", registry);
  expect(code).toBe(1);
  expect(out).toMatch(/^ +\d+ {2}stage1\/test:ada \(step\) is given \{"text":/m);
  expect(out).toContain(
    'It diverges at "stage1/test:carl": The journal holds "stage1/test:carl", the job asks for',
  );
  expect((await convoke("replay", councils, "--jobs", registry)).code).toBe(0);
  expect(await convoke("replay", councils, "--jobs", "nowhere.ts")).toMatchObject({ code: 2 });
});

test("a recorded job becomes a test, which passes, and fails for other code", async ({ convoke }) => {
  const root = join(import.meta.dirname, "../..");
  const out = join(root, "test/recorded-by-a-test");
  onTestFinished(() => rmSync(out, { recursive: true, force: true }));
  mkdirSync(out);
  const vitest = () =>
    promisify(execFile)(
      process.execPath,
      ["node_modules/vitest/vitest.mjs", "run", "--project", "parts", out],
      {
        cwd: root,
      },
    );

  const [made] = await convoke.json<{ files: string[] }>(
    "to-test",
    councils,
    "--out",
    out,
    "--jobs",
    registry,
  );
  expect(readdirSync(out).sort()).toEqual(made!.files.map((file) => file.split("/").at(-1)).sort());
  expect((await vitest()).stdout).toContain("1 passed");

  const journal = join(out, readdirSync(out).find((name) => name.endsWith(".jsonl"))!);
  writeFileSync(journal, readFileSync(journal, "utf8").replaceAll("stage1/test:cleo", "stage1/test:carl"));
  await expect(vitest()).rejects.toMatchObject({ stderr: expect.stringContaining("diverges") });
  expect(await convoke("to-test", councils, "--out", out, "--jobs", registry)).toMatchObject({ code: 2 });
});

test("jobs that were given up are redriven, and no others", async ({ cloud, convoke }) => {
  const failed = (jobId: string, code: string) =>
    written(
      convoke,
      jobId,
      [submitted()],
      [{ kind: "job.claimed", by: "w" }],
      [{ kind: "job.failed", failure: { code, message: "So it was" } }],
    );
  const files = [failed("given-up", "worker_died"), failed("at-fault", "invalid_input")];
  expect((await convoke("import", ...files, "--tenant", "test")).code).toBe(0);

  const dry = await convoke("redrive", "--dry-run");
  expect(dry).toMatchObject({ code: 0, err: "1 of 2 failed jobs were given up, 0 are retried.\n" });
  const redriven = await convoke.json<{ job_id: string; retry: string }>("redrive", "--type", "translation");
  expect(redriven).toMatchObject([{ job_id: "given-up" }]);
  expect(await cloud.client.wait(redriven[0]!.retry)).toMatchObject({
    status: "completed",
    fork_of: { job_id: "given-up" },
  });
  // Not twice: the second time is told of the same job.
  expect(await convoke.json("redrive")).toEqual(redriven);
});
