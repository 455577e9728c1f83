import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect } from "vitest";
import type { JobSummary, Question, Schedule } from "../../client/index.ts";
import type { EventView, JobView } from "../../core/protocol/wire.ts";
import { type ConvokeProcess, test } from "../support/convoke-process.ts";
import { eventually } from "../support/eventually.ts";

const video = ["--prompt", "A lighthouse", "--model", "mock:video"];
/** Where `convoke` is a command. @throws when the script fails. */
function inBash({ directory }: { directory: string }, script: string) {
  const program = `"${process.execPath}" "${process.cwd()}/client/cli/convoke.js"`;
  const lines = `convoke() { ${program} "$@"; }\n${script}`;
  return promisify(execFile)("bash", ["-c", lines], { cwd: directory });
}

const sky = ["--question", "Why is the sky blue?", "--members", "mock:ada,mock:blaise"];

type Last = { job: JobView };

describe("jobs", () => {
  test("a job is submitted with flags and a tag, followed to its end, listed, shown and forked with another field", async ({
    convoke,
  }) => {
    const translation = ["--text", "Time flies", "--intermediate-language", "french"];
    const lines = await convoke.json<EventView | Last>(
      "submit",
      "translation",
      ...translation,
      "--tag",
      "a,b",
    );
    const { job } = lines.at(-1) as Last;
    expect(job).toMatchObject({ status: "completed", tags: ["a", "b"] });
    expect(lines.slice(0, -1).map((event) => (event as EventView).seq)).toEqual(
      Array.from({ length: job.seq }, (_, index) => index + 1),
    );

    const listed = await convoke.json<JobSummary>("list", "--tag", "b", "--status", "completed");
    expect(listed.map(({ id }) => id)).toEqual([job.id]);
    const shown = await convoke("show", job.id);
    expect(shown.out).toMatch(/Status +completed/);
    expect(shown.out).toContain('"intermediate_language": "french"');

    const forked = await convoke.json<Last>(
      "fork",
      job.id,
      "--after",
      "1",
      "--intermediate-language",
      "german",
    );
    expect(forked.at(-1)!.job).toMatchObject({
      status: "completed",
      fork_of: { job_id: job.id, seq: 1 },
      input_data: { text: "Time flies", intermediate_language: "german" },
    });
  });

  test("a text comes from stdin, and without a terminal each change is a line", async ({ convoke }) => {
    const args = ["submit", "translation", "--text", "-", "--intermediate-language", "french"];
    const { code, out } = await convoke.given({ stdin: "Tempus fugit\n" }, ...args);
    expect(code).toBe(0);
    expect(out).toContain('"original_text": "Tempus fugit"');
    expect(out).toMatch(/^\S+Z {2}forward done {2}\d+\.\d s {2}\d+ tokens/m);
    expect(out).not.toContain("\u001b");
  });

  test("a detached job is only named; it is paused, resumed, cancelled and retried", async ({
    convoke,
    cloud,
  }) => {
    const started = await convoke("submit", "council", ...sky, "--delay", "3600", "--detach");
    const job = started.out.trim();
    expect(await cloud.client.get(job)).toMatchObject({ status: "scheduled" });
    expect((await convoke.json("pause", job, "--reason", "lunch"))[0]).toMatchObject({ paused: true });
    expect((await convoke("resume", job)).out).toBe(`${job} goes on.\n`);
    expect((await convoke("cancel", job)).out).toBe(`${job} will end as cancelled.\n`);
    expect(await convoke("watch", job)).toMatchObject({
      code: 1,
      out: expect.stringContaining("The council was cancelled."),
    });
    const [retried] = await convoke.json<{ job_id: string }>("retry", job, "--detach");
    expect((await cloud.client.get(retried!.job_id)).fork_of?.job_id).toBe(job);
  });

  test("with a type, help has a flag for each field of its input and an example", async ({ convoke }) => {
    const { code, out } = await convoke("submit", "translation", "--help");
    expect(code).toBe(0);
    expect(out).toMatch(/--intermediate-language <one> +\(required\) One of spanish, french/);
    expect(out).toContain("convoke submit translation --text 'Time flies like an arrow.'");
    expect((await convoke("submit", "--help")).out).toContain("--max-cost <dollars>");
    expect((await convoke.json<object>("types", "video"))[0]).toMatchObject({ type: "video" });
  });

  test("a job is watched from where somebody was", async ({ convoke }) => {
    const [{ job_id } = { job_id: "" }] = await convoke.json<{ job_id: string }>(
      "council",
      "Why?",
      "--detach",
    );
    const lines = await convoke.json<EventView | Last>("watch", job_id, "--after", "1");
    expect(lines[0]).toMatchObject({ seq: 2 });
    expect(lines.at(-1)).toMatchObject({ job: { status: "completed" } });
  });
});

test("what a job asks is in the inbox, and is answered with the flags of its form", async ({
  convoke,
  cloud,
}) => {
  const dialogue = ["submit", "maieutic", "--narrative", "My boss took the credit.", "--max-turns", "1"];
  const [{ job_id } = { job_id: "" }] = await convoke.json<{ job_id: string }>(...dialogue, "--detach");
  await eventually(async () => (await cloud.client.inbox()).questions.length === 1);
  const [question] = await convoke.json<Question>("inbox");
  expect((await convoke("inbox")).out).toContain(`convoke answer ${question!.callback_id} --answer <text>`);
  expect(await convoke("answer", question!.callback_id, "--reply", "Nothing.")).toMatchObject({
    code: 2,
    err: expect.stringContaining("This answer has no --reply. It has --answer"),
  });
  expect(await convoke("answer", question!.callback_id, "--answer", "I said nothing.")).toMatchObject({
    code: 0,
    out: `${job_id} has its answer.\n`,
  });
  expect(await convoke("answer", question!.callback_id, '{"answer":"Else"}')).toMatchObject({
    code: 6,
  });
  await convoke("cancel", job_id);
});

test("a conversation is begun, written to and read", async ({ convoke }) => {
  const id = (await convoke("conversations", "create", "--title", "Sky")).out.trim();
  const sent = await convoke("send", id, "Why is it blue?", "--members", "mock:ada,mock:blaise");
  expect(sent).toMatchObject({ code: 0, out: expect.stringContaining("Answer by mock:") });
  const listed = await convoke.json<object>("conversations", "list");
  expect(listed).toMatchObject([{ id, message_count: 2 }]);
  const shown = await convoke("conversations", "show", id);
  expect(shown.out).toMatch(/^1\. user, .*\nWhy is it blue\?\n\n2\. assistant/m);
});

test("a schedule is made with the flags of its type, run, paused, resumed and deleted", async ({
  convoke,
}) => {
  const cron = ["--cron", "0 7 * * 1-5", "--timezone", "Europe/Paris", "--name", "Morning"];
  const [made] = await convoke.json<Schedule>("schedules", "create", "video", ...cron, ...video);
  expect(made).toMatchObject({ name: "Morning", input: { prompt: "A lighthouse", model: "mock:video" } });
  const { id } = made!;
  expect(await convoke.json<object>("schedules", "list")).toMatchObject([{ id }]);
  expect((await convoke("schedules", "pause", id)).out).toMatch(/Next +paused/);
  expect((await convoke("schedules", "resume", id)).out).toMatch(/Next +20/);
  const [ran] = await convoke.json<{ job_id: string }>("schedules", "run", id, "--detach");
  expect((await convoke("schedules", "show", id)).out).toContain(`job ${ran!.job_id}`);
  expect((await convoke("schedules", "delete", id)).out).toBe(`${id} is deleted.\n`);
  expect(await convoke("schedules", "show", id)).toMatchObject({ code: 3 });
});

test("the moments of a cron expression are said to people and to programs, and what is none is refused", async ({
  convoke,
}) => {
  const daily = ["schedules", "next", "0 7 * * *", "--timezone", "Asia/Tokyo"];
  const [moments] = await convoke.json<string[]>(...daily, "--limit", "2");
  expect(moments).toEqual([expect.stringMatching(/T22:00:00/), expect.stringMatching(/T22:00:00/)]);
  expect((await convoke(...daily)).out.trim().split("\n")).toEqual([
    ...moments!,
    ...Array(3).fill(expect.any(String)),
  ]);
  await refused(convoke, 2, "invalid_request", "schedules", "next", "0 0 31 2 *");
});

test("metrics say what was done, to people and to programs", async ({ convoke, cloud }) => {
  const { job_id } = await cloud.client.submit("video", { prompt: "A lighthouse", model: "mock:video" });
  await cloud.client.wait(job_id);
  expect((await convoke("metrics")).out).toMatch(/^TYPE +JOBS +COMPLETED/m);
  expect((await convoke.json<object>("metrics", "--type", "video"))[0]).toMatchObject({
    types: [{ type: "video" }],
  });
});

test("keys are made with the table, listed without their secret, and revoked", async ({ convoke }) => {
  const made = await convoke("keys", "create", "--tenant", "acme", "--scopes", "jobs:read");
  const key = made.out.trim();
  const [, id = ""] = /^ck_([0-9a-f]+)_/.exec(key)!;
  const listed = await convoke("keys", "list");
  expect(listed.out).toMatch(new RegExp(`^${id} +acme +never +jobs:read$`, "m"));
  expect(listed.out).not.toContain(key.split("_").slice(2).join("_"));
  expect(await convoke("list", "--key", key)).toMatchObject({ code: 0 });
  const notAllowed = await convoke("submit", "video", ...video, "--key", key, "--json");
  expect(notAllowed.code).toBe(4);
  expect(JSON.parse(notAllowed.err)).toMatchObject({ error: { code: "forbidden" }, exit: 4 });
  expect((await convoke.json<object>("keys", "revoke", id))[0]).toEqual({ id, revoked: true });
  expect((await convoke.json<{ id: string }>("keys", "list")).map((one) => one.id)).not.toContain(id);
  expect(await convoke("keys", "revoke", id)).toMatchObject({ code: 3 });
  const over = await convoke("keys", "create", "--tenant", "acme", "--expires", "2020-01-01T00:00:00Z");
  expect(over).toMatchObject({ code: 2, out: "" });
});

/** Nothing is printed but one document, on stderr. */
async function refused(convoke: ConvokeProcess, code: number, name: string, ...args: string[]) {
  const ended = await convoke(...args, "--json");
  expect(ended).toMatchObject({ code, out: "" });
  expect(JSON.parse(ended.err)).toMatchObject({
    error: { code: name, message: expect.any(String) },
    exit: code,
  });
}

describe("scripts", () => {
  const nobody = "00000000-0000-7000-8000-000000000000";

  test.for<[number, string, string[]]>([
    [2, "commander.unknownCommand", ["counsel"]],
    [2, "commander.unknownOption", ["list", "--colour"]],
    [2, "commander.missingArgument", ["show"]],
    [2, "commander.invalidArgument", ["list", "--status", "lost"]],
    [2, "invalid_request", ["submit", "video", "--prompt", "x", "--seed", "-1"]],
    [2, "invalid_request", ["submit", "vidio", "--prompt", "x"]],
    [2, "invalid_request", ["submit", "video", "--prompts", "x"]],
    [3, "not_found", ["show", nobody]],
    [3, "not_found", ["watch", nobody]],
    [3, "not_found", ["export", nobody]],
    [3, "not_found", ["schedules", "run", nobody]],
    [3, "not_found", ["send", nobody, "Hello"]],
    [4, "unauthorized", ["list", "--key", "ck_wrong"]],
    [5, "unreachable", ["list", "--url", "http://127.0.0.1:9", "--key", "k"]],
  ])("are told by exit code %i and %s what is wrong with %j", async ([code, name, args], { convoke }) => {
    await refused(convoke, code, name, ...args);
  });

  test("are told when what they want is over", async ({ convoke, cloud }) => {
    const { job_id } = await cloud.client.submit("video", { prompt: "A lighthouse", model: "mock:video" });
    await cloud.client.wait(job_id);
    await refused(convoke, 6, "conflict", "cancel", job_id);
    await refused(convoke, 6, "conflict", "retry", job_id);
  });

  test("may pipe into whoever stops reading, and find no colour where nobody wants any", async ({
    convoke,
  }) => {
    const piped = await inBash(convoke, "set -o pipefail; convoke types | head -1");
    expect(piped).toEqual({ stdout: expect.stringMatching(/^TYPE.*\n$/), stderr: "" });
    const plain = await convoke.given({ environment: { NO_COLOR: "1", FORCE_COLOR: "0" } }, "list");
    expect(plain.out).not.toContain("\u001b");
  });
});

describe("the Tab key", () => {
  test("knows commands, options, types with their flags, and what there is", async ({ convoke, cloud }) => {
    const { job_id } = await cloud.client.submit("video", { prompt: "A lighthouse", model: "mock:video" });
    const tab = async (...words: string[]) => (await convoke("complete", "--", ...words)).out.split("\n");
    expect(await tab("sch")).toEqual(["schedules", ""]);
    expect(await tab("schedules", "r")).toEqual(["resume", "run", ""]);
    expect(await tab("list", "--st")).toEqual(["--status", ""]);
    expect(await tab("submit", "transl")).toEqual(["translation", "translation-stability", ""]);
    expect(await tab("submit", "video", "--du")).toEqual(["--duration-seconds", ""]);
    expect(await tab("show", "")).toContain(job_id);
    expect(await tab("list", "--tag", "x")).toEqual([""]);
    expect(await tab("show", "--url", "http://127.0.0.1:9", "")).toEqual(expect.any(Array));
  });

  test("is taught by a script that bash understands", async ({ convoke }) => {
    const { out } = await convoke("completion", "bash");
    const typed = "COMP_WORDS=(convoke conv); COMP_CWORD=1; _convoke; printf '%s\\n' \"$COMPREPLY\"";
    expect((await inBash(convoke, `${out}\n${typed}`)).stdout).toBe("conversations\n");
    expect(await convoke("completion", "tcsh")).toMatchObject({ code: 2 });
  });
});
