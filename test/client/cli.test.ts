import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { jobNews, renderEnd, renderJob } from "../../client/cli/job-frame.ts";
import { applyToPicture, type JobPicture, newPicture } from "../../client/cli/job-picture.ts";
import { run } from "../../client/cli/program.ts";
import { jsonLine, safe } from "../../client/cli/text.ts";
import { apply, type JobEvent } from "../../core/protocol/event.ts";
import type { JobRecord } from "../../core/protocol/job.ts";
import { jobView, toWire } from "../../core/protocol/wire.ts";
import { eventually } from "../support/eventually.ts";
import { flakyService } from "./flaky-service.ts";

const usage = { model_calls: 1, input_tokens: 100, output_tokens: 212, cost_usd: 0.0021 };
const answer = (text: string) => ({ json: { text, model: "mock:ada", finish: "stop", usage } });
const starts = (...steps: string[]): JobEvent => ({
  kind: "step.started",
  steps: steps.map((step) => ({ step, attempt: 1 })),
});
const result = {
  stage1: [],
  stage2: [],
  stage3: { model: "mock:ada", response: "Because of \u001b[31mscattering.", mock: true },
  metadata: {
    label_to_model: {},
    aggregate_rankings: [
      { model: "mock:ada", average_rank: 1.5, rankings_count: 2, votes: 1 },
      { model: "mock:blaise", average_rank: 2, rankings_count: 2, votes: 1 },
    ],
    agreement: 0.25,
    failures: [{ stage: "stage1", model: "mock:clara", code: "model_unavailable", message: "503" }],
  },
  title: "Blue sky",
};
const council: JobEvent[] = [
  {
    kind: "job.submitted",
    type: "council",
    version: 1,
    lane: "normal",
    title: "Why is the sky blue?",
    description: "",
    tags: [],
    input: {
      json: {
        question: "Why is the sky blue?",
        members: ["mock:ada", "mock:blaise", "mock:clara"],
        chairman: "mock:zeno",
      },
    },
    by: "k",
  },
  { kind: "job.claimed", by: "w" },
  starts("title", "stage1/mock:ada", "stage1/mock:blaise", "stage1/mock:clara"),
  {
    kind: "step.completed",
    step: "stage1/mock:ada",
    attempt: 1,
    result: answer("Rayleigh"),
    usage,
    mock: true,
  },
  {
    kind: "step.failed",
    step: "stage1/mock:clara",
    attempt: 1,
    failure: { code: "model_unavailable", message: "503" },
    progress: {
      current_step: "Collecting answers",
      total_steps: 6,
      completed_steps: 2,
      percentage: 33.3,
      details: "",
    },
  },
  { kind: "step.completed", step: "stage1/mock:blaise", attempt: 1, result: answer("Light"), usage },
  starts("stage2/mock:ada", "stage2/mock:blaise"),
  {
    kind: "step.failed",
    step: "stage2/mock:ada",
    attempt: 1,
    failure: { code: "model_garbled", message: "not the shape" },
  },
  starts("stage2/mock:ada#2"),
  { kind: "step.completed", step: "stage2/mock:ada#2", attempt: 1, result: answer("A, B"), usage },
  { kind: "step.completed", step: "stage2/mock:blaise", attempt: 1, result: answer("B, A"), usage },
  starts("stage3"),
  { kind: "step.completed", step: "stage3", attempt: 1, result: answer("Because"), usage },
  { kind: "job.completed", result: { json: result } },
];
const at = (index: number) => 1_000 + index * 500;
const events = council.map((event, index) => ({ ...event, seq: index + 1, at: at(index) }));
const views = events.map(toWire);

function councilAfter(count: number): JobPicture {
  return views.slice(0, count).reduce(applyToPicture, newPicture("j1"));
}

function ended(result: JobEvent & { kind: "job.completed" | "job.failed" | "job.cancelled" }) {
  const all = [...events.slice(0, -1), { ...result, seq: events.length, at: at(events.length - 1) }];
  const key = { tenant: "t", jobId: "j1" };
  const record = all.reduce<JobRecord | undefined>((job, event) => apply(job, key, event), undefined)!;
  const value = result.kind === "job.completed" && "json" in result.result ? result.result.json : null;
  return renderEnd(jobView(record, { input: null, result: value }), { width: 100 }).join("\n");
}

describe("a council on the terminal", () => {
  test("every member is shown from the beginning, with what it does", () => {
    const frame = (count: number) => renderJob(councilAfter(count), { now: at(count), width: 80 }).join("\n");

    expect(frame(1)).toContain("· mock:blaise  waiting");
    expect(frame(3)).toMatch(/… mock:ada +thinking {2}0\.5 s/);
    expect(frame(5)).toContain("✓ mock:ada     answered  0.5 s  312 tokens  $0.0021");
    expect(frame(5)).toContain("✗ mock:clara   failed  503");
    expect(frame(5)).toContain("33 % Collecting answers");
    expect(frame(5)).toContain("2.5 s  312 tokens  $0.0021");
  });

  test("tokens count up and text runs by while a member thinks", () => {
    const delta = {
      kind: "delta",
      step: "stage1/mock:blaise",
      attempt: 1,
      index: 0,
      text: `${"x".repeat(394)} light`,
    } as const;
    const frame = renderJob(applyToPicture(councilAfter(3), delta), { now: at(4), width: 80 });
    expect(frame.join("\n")).toContain("mock:blaise  thinking  1.0 s  ~100 tokens");
    expect(frame.find((line) => line.endsWith("x light"))).toHaveLength(80);
  });

  test("a member that is asked again in another shape keeps its one line", () => {
    const rows = (count: number) => councilAfter(count).steps.filter(({ group }) => group === "stage2");
    expect(rows(9).map(({ name, state }) => `${name} ${state}`)).toEqual([
      "mock:ada working",
      "mock:blaise working",
    ]);
    expect(rows(11).map(({ state }) => state)).toEqual(["done", "done"]);
  });

  test("the outcome has the ranking, the agreement, who is missing, the answer and the cost", () => {
    const text = ended({ kind: "job.completed", result: { json: result } });
    expect(text).toMatch(/1\. {2}mock:ada +1\.50 +1 +2/);
    expect(text).toContain("Agreement 0.25");
    expect(text).toContain("mock:clara is missing in stage1: 503");
    expect(text).toContain("Answer by mock:ada (mock)");
    expect(text).toContain("completed in 6.5 s, 5 model calls, 1560 tokens, $0.0105, mock models");
  });

  test("where no frame can be redrawn, each change is one line", () => {
    let view = newPicture("j1");
    const lines = views.flatMap((event) => {
      const before = view;
      view = applyToPicture(view, event);
      return jobNews(before, view);
    });
    expect(lines[0]).toBe("Council: Why is the sky blue?");
    expect(lines).toContain("Answers: mock:ada answered  0.5 s  312 tokens  $0.0021");
    expect(lines).toContain("Answers: mock:clara failed  503");
    expect(lines).toContain("33 % Collecting answers");
    expect(lines.at(-1)).toContain("Final answer: mock:zeno answered");
  });
});

describe("a job of any type on the terminal", () => {
  const submitted = {
    ...(council[0] as JobEvent & { kind: "job.submitted" }),
    type: "audit",
    title: "Books",
  };
  const picture = (...news: JobEvent[]) =>
    [submitted, ...news]
      .map((event, index) => toWire({ ...event, seq: index + 1, at: at(index) }))
      .reduce(applyToPicture, newPicture("j1"));
  const frame = (view: JobPicture, height = 40) => renderJob(view, { now: at(9), width: 80, height });

  test("attempts are counted, waits and questions are shown with what answers them", () => {
    const view = picture(
      starts("plan-1/draft", "report"),
      {
        kind: "step.failed",
        step: "plan-1/draft",
        attempt: 1,
        failure: { code: "model_unavailable", message: "Busy" },
        retryAt: 9_000,
      },
      { kind: "step.started", steps: [{ step: "plan-1/draft", attempt: 2 }] },
      { kind: "callback.created", step: "approval", callbackId: "cb1", ask: { question: "Go?", schema: {} } },
    );
    const text = frame(view).join("\n");
    expect(text).toContain("Audit: Books");
    expect(text).toMatch(/plan-1\n +… draft {2}working {2}4\.0 s {2}attempt 2/);
    expect(text).toMatch(/… report +working/);
    expect(text).toMatch(/‖ approval +waits/);
    expect(text).toContain("Asks: Go?\n  convoke answer cb1");
  });

  test("of more steps than the terminal has rows, those that matter now are shown", () => {
    const many = Array.from({ length: 200 }, (_, index) => `step-${index}`);
    const done = many
      .slice(0, 190)
      .map((step): JobEvent => ({ kind: "step.completed", step, attempt: 1, result: { json: 1 } }));
    const lines = frame(picture(starts(...many), ...done), 24);
    expect(lines).toHaveLength(24);
    expect(lines[0]).toBe("Audit: Books");
    expect(lines.join("\n")).toContain("183 more steps");
    for (const step of many.slice(183)) expect(lines.join("\n")).toContain(` ${step} `);
  });

  test("how much longer it goes on is said where it is known", () => {
    const eta = {
      seconds_low: 20,
      seconds: 40,
      seconds_high: 90,
      completes_at: "",
      learned_from: { jobs: 3, same_models: true },
    };
    const lines = renderJob(picture(), { now: at(2), width: 80, eta });
    expect(lines.at(-1)).toBe("  1.0 s  20.0 s to 1 min 30 s to go");
  });

  test("no line is wider than the terminal, so that a redrawn frame stays in its place", () => {
    const views_ = views.map((_, index) => councilAfter(index + 1));
    for (const view of [...views_, picture(starts("x".repeat(90)), starts(`a/${"y".repeat(90)}`))]) {
      const lines = renderJob(view, { now: at(3), width: 30 });
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(30);
    }
  });

  test("what a model wrote cannot steer the terminal, nor what it wrote into JSON", () => {
    expect(ended({ kind: "job.completed", result: { json: result } })).not.toContain("\u001b");
    expect(safe("a\u001b[2Jb\u009b1m\u202ec\n\td")).toBe("a[2Jb1mc\n\td");
    expect(jsonLine({ a: "\u009b2J\u202e\u007f\n" })).toBe('{"a":"\\u009b2J\\u202e\\u007f\\n"}');
    const evil = picture(starts("a\u001b[2J"), {
      kind: "callback.created",
      step: "b",
      callbackId: "cb1",
      ask: { question: "\u001b]0;title\u0007", schema: {} },
    });
    for (const lines of [frame(evil), jobNews(newPicture("j1"), evil)])
      expect(lines.join("\n")).not.toMatch(/(?!\n)\p{Cc}/u);
  });
});

describe("the command", () => {
  let service: Awaited<ReturnType<typeof flakyService>>;
  let directory: string;
  beforeEach(async () => {
    service = await flakyService(1);
    directory = mkdtempSync(join(tmpdir(), "convoke-cli-"));
  });
  afterEach(async () => {
    await service.close();
    rmSync(directory, { recursive: true });
  });

  function start(args: string[], { flags = [] as string[], interruptAfter = Number.POSITIVE_INFINITY } = {}) {
    const command = join(import.meta.dirname, "../../client/cli/convoke.js");
    const child = spawn(process.execPath, [...flags, command, ...args], {
      cwd: directory,
      env: { PATH: process.env.PATH, CONVOKE_URL: service.url, CONVOKE_KEY: "key" },
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
      if (out.length >= interruptAfter) child.kill("SIGINT");
    });
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    return new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
      child.on("close", (code) => resolve({ code, out, err }));
    });
  }

  test("a council that completes prints its answer and exits 0", async () => {
    service.create("j1");
    service.append("j1", ...council);
    const { code, out } = await start([
      "council",
      "Why is the sky blue?",
      "--members",
      "mock:ada,mock:blaise",
    ]);
    expect(code).toBe(0);
    expect(out).toContain("Answers: mock:ada answered");
    expect(out).toContain("Answer by mock:ada (mock)");
    expect(out).toContain(`${service.url}/api/jobs/j1`);
  });

  test("a job of any type is submitted with its input as JSON and followed to its end", async () => {
    service.create("j1");
    service.append(
      "j1",
      { ...(council[0] as JobEvent & { kind: "job.submitted" }), type: "haiku" },
      { kind: "job.completed", result: { json: { text: "Rain" } } },
    );
    const { code, out } = await start(["submit", "haiku", '{"topic":"rain"}']);
    expect(code).toBe(0);
    expect(out).toContain("Haiku: Why is the sky blue?");
    expect(out).toContain('"text": "Rain"');
    expect(await start(["submit", "haiku", "{topic"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("The input is no JSON"),
    });
  });

  test("--json prints one line per event and the job at the end", async () => {
    service.create("j1");
    service.append("j1", ...council);
    const { code, out } = await start(["watch", "j1", "--after", "2", "--json"]);
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(code).toBe(0);
    expect(lines.slice(0, -1).map((line) => line.seq)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    expect(lines.at(-1).job).toMatchObject({ id: "j1", status: "completed" });
  });

  test("a council that fails says why and exits 1", async () => {
    service.create("j1");
    const failure = { code: "quorum_not_reached", message: "All models failed to respond" };
    service.append("j1", council[0]!, { kind: "job.failed", failure });
    const { code, out } = await start(["council", "Why?"]);
    expect(code).toBe(1);
    expect(out).toContain("The council failed: All models failed to respond (quorum_not_reached)");
  });

  test("Ctrl-C leaves the job alone, says how to come back and exits 130", async () => {
    service.create("j1");
    service.append("j1", council[0]!);
    const { code, err } = await start(["council", "Why?"], { interruptAfter: 1 });
    expect(code).toBe(130);
    expect(err).toContain("The job goes on. Come back with: convoke watch j1");
    expect(service.requests.join()).not.toContain("cancel");
  });

  test("wrong usage exits 2, a key that is not accepted 4", async () => {
    expect(await start(["counsel"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("unknown command"),
    });
    expect(await start(["show", "j1", "--key", "wrong"])).toMatchObject({
      code: 4,
      err: "Unknown key (unauthorized)\n",
    });
    expect((await start(["--help"])).code).toBe(0);
  });

  /** The same in this process, in a terminal of this size. */
  async function inTerminal(args: string[], environment: NodeJS.ProcessEnv = {}, seen = { out: "" }) {
    const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 60, rows: 20 });
    stdout.on("data", (chunk) => {
      seen.out += chunk;
    });
    const code = await run(args, {
      environment: { CONVOKE_URL: service.url, CONVOKE_KEY: "key", ...environment },
      directory,
      stdin: new PassThrough(),
      stdout: stdout as unknown as NodeJS.WriteStream,
      stderr: new PassThrough() as unknown as NodeJS.WriteStream,
      onInterrupt: () => () => {},
    });
    return { code, out: seen.out };
  }

  test("in a terminal a job is one frame that is redrawn, with the text that arrives, and then its outcome", async () => {
    service.create("j1");
    service.append("j1", ...council.slice(0, 3));
    const seen = { out: "" };
    const watching = inTerminal(["watch", "j1"], {}, seen);
    await eventually(() => seen.out.includes("thinking"));
    service.append("j1", starts("stage1/a"));
    service.delta("j1", "Rayleigh\u001b[2J scatters");
    await eventually(() => seen.out.includes("Rayleigh[2J scatters"));
    service.append("j1", ...council.slice(3));
    const { code, out } = await watching;
    expect(code).toBe(0);
    // The cursor goes up, to draw over what was drawn before.
    expect(out).toMatch(/\p{Cc}\[\d*A/u);
    expect(out).not.toContain("\u001b[2J");
    expect(out).toContain("Answer by mock:ada (mock)");
  });

  test("a terminal that can do little is given lines", async () => {
    service.create("j1");
    service.append("j1", ...council);
    const { out } = await inTerminal(["watch", "j1"], { TERM: "dumb" });
    expect(out).not.toMatch(/\p{Cc}\[\d*A/u);
    expect(out).toContain("Answers: mock:ada answered");
  });

  test("what `npm start` has left here is found from any directory below", async () => {
    service.create("j1");
    service.append("j1", ...council);
    mkdirSync(join(directory, ".convoke"));
    mkdirSync(join(directory, "below"));
    writeFileSync(
      join(directory, ".convoke/endpoint.json"),
      JSON.stringify({ http: service.url, key: "key" }),
    );
    const { findEndpoint } = await import("../../client/cli/endpoint.ts");

    expect(findEndpoint({}, {}, join(directory, "below"))).toEqual({ url: service.url, key: "key" });
    expect(findEndpoint({ url: "http://elsewhere" }, {}, directory)).toBeUndefined();
    expect(findEndpoint({}, { CONVOKE_KEY: "mine" }, directory)).toEqual({ url: service.url, key: "mine" });
  });

  test("a Node that cannot run it is told which one can", async () => {
    const { code, err } = await start(["list"], { flags: ["--no-strip-types"] });
    expect(code).toBe(2);
    expect(err).toContain("convoke needs Node 22.18 or newer");
  });
});
