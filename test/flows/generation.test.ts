import { createHash } from "node:crypto";
import { join } from "node:path";
import { strFromU8, unzipSync } from "fflate";
import { expect, onTestFinished, test } from "vitest";
import type { EventView } from "../../client/index.ts";
import { synthesize } from "../../local/synthesize.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { eventually } from "../support/eventually.ts";
import { collect, ended, expectFolded, expectWellFormed, journalOf, startsIn } from "../support/journals.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const greeter = { name: "Greeter", description: "Greets whoever is named", models: ["mock:ada"] };

async function start(options: Parameters<typeof startTestCloud>[0] = {}): Promise<TestCloud> {
  const cloud = await startTestCloud({ ...options, environment: { MOCK_LATENCY_MS: "120" } });
  onTestFinished(() => cloud.stop());
  return cloud;
}

function asking({ http, key }: { http: string; key: string }) {
  return async (path: string, body?: object, method = body ? "POST" : "GET") => {
    const response = await fetch(`${http}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body ? { "content-type": "application/json" } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: response.status, body: await response.json() };
  };
}

async function generating(cloud: TestCloud, project: object = greeter) {
  const ask = asking(cloud);
  const { body: made } = await ask("/api/projects", project);
  const path = `/api/projects/${made.id}`;
  const { status, body: accepted } = await ask(`${path}/generate`, {});
  expect(status).toBe(202);
  return { ask, path, projectId: made.id as string, jobId: accepted.job_id as string };
}

const completedIn = (events: EventView[]) =>
  events.filter(({ kind }) => kind === "step.completed").map(({ step }) => String(step));

test("a project is generated in the background: its owner sees it over the WebSocket, is asked, answers over HTTP, and fetches file by file or all as a zip [A3-05] [A3-06] [A3-07] [A3-08] [A3-09] [A3-10] [A3-18]", async () => {
  const cloud = await start();
  const { ask, path, projectId, jobId } = await generating(cloud);
  const stranger = await cloud.as({ tenant: "stranger" });
  await expect(collect(stranger.client.watch(jobId))).rejects.toMatchObject({ code: "not_found" });

  const asked = Promise.withResolvers<EventView>();
  const seen = (async () => {
    const events: EventView[] = [];
    for await (const event of cloud.client.watch(jobId)) {
      events.push(event);
      if (event.kind === "callback.created") asked.resolve(event);
    }
    return events;
  })();
  const question = await asked.promise;
  expect(question.ask).toMatchObject({ schema: { properties: { answer_1: { type: "string" } } } });
  const project = (
    await eventually(async () => {
      const { body } = await ask(path);
      return body.questions.length > 0 && { body };
    })
  ).body;
  expect(project).toMatchObject({ status: "in_progress", job_id: jobId });
  expect((await asking({ ...cloud, key: stranger.key })(path)).status).toBe(404);
  const callback = `/api/callbacks/${project.questions[0].id}`;
  expect((await ask(callback, { result: { answer_1: 7 } })).status).toBe(400);
  expect((await ask(callback, { result: { answer_1: "Only in French" } })).status).toBe(200);

  const job = await cloud.client.wait(jobId);
  expect(job).toMatchObject({
    type: "generation",
    status: "completed",
    input_data: { project_id: projectId, user_id: project.user_id },
  });
  expect(job.result_data).toMatchObject({
    specification: { decisions: [{ answer: "Only in French", by: "user" }] },
  });
  const journal = await journalOf(cloud.client, jobId);
  expect(await seen).toEqual(journal);
  expectWellFormed(journal);
  expectFolded(job, journal);

  const { complete, files } = (await ask(`${path}/files`)).body;
  expect([complete, files.map((file: { path: string }) => file.path)]).toEqual([
    true,
    ["README.md", "src/index.ts"],
  ]);
  const contents: Record<string, string> = {};
  for (const file of files) {
    const { body } = await ask(`${path}/files/${encodeURIComponent(file.path)}`);
    expect(createHash("sha256").update(body.content).digest("hex")).toBe(file.sha256);
    contents[file.path] = body.content;
  }
  expect((await ask(`${path}/files/src/index.ts`)).body.content).toBe(contents["src/index.ts"]);
  const bundle = await fetch(`${cloud.http}${path}/bundle`, {
    headers: { authorization: `Bearer ${cloud.key}` },
  });
  expect(bundle.headers.get("content-type")).toBe("application/zip");
  const zip = unzipSync(new Uint8Array(await bundle.arrayBuffer()));
  expect(Object.fromEntries(Object.entries(zip).map(([name, bytes]) => [name, strFromU8(bytes)]))).toEqual(
    contents,
  );

  const { body: metrics } = await ask("/api/metrics?type=generation");
  expect(metrics.over).toMatchObject({ jobs: 1, all: true, journals: 1 });
  expect(metrics.queues.map(({ lane }: { lane: string }) => lane)).toEqual(["high", "normal", "low"]);
  expect(metrics.types).toMatchObject([{ type: "generation", completed: 1, failure_rate: 0 }]);
  expect(metrics.steps.map(({ step }: { step: string }) => step)).toContain("develop/*/write");
  expect(metrics.days[0]).toMatchObject({ jobs: 1, input_tokens: job.usage.input_tokens, cost_usd: 0 });
  expect((await ask("/api/status")).body).toMatchObject({ status: "ok", jobs: { completed: 1 } });
}, 90_000);

test("a deployment of another bundle in the middle, and a kill of every worker, cost no file that was written [A3-02] [A3-11]", async () => {
  const dataDirectory = join(temporaryDirectory(), "data");
  const old = await start({ dataDirectory });
  const { jobId, path } = await generating(old, { ...greeter, ask: false });
  const before = await eventually(async () => {
    const events = await journalOf(old.client, jobId);
    return completedIn(events).includes("develop/1-README.md/keep") && events;
  }, 30_000);
  for (const pid of old.sandboxes("WorkerFunction")) process.kill(pid, "SIGKILL");
  await old.stop();

  const assembly = await synthesize({ jobs: "./test/support/redeployed-jobs.ts" });
  const next = await start({ assembly, dataDirectory });
  const ask = asking(next);
  const { job_types } = (await ask("/api/job-types")).body;
  expect(job_types.map(({ summary }: { summary: string }) => summary)).toContain("As deployed anew");

  const job = await ended(next.client, jobId, 60_000);
  expect(job.status).toBe("completed");
  const journal = await journalOf(next.client, jobId);
  expectWellFormed(journal);
  const written = completedIn(before);
  const begunLater = journal.slice(before.length).flatMap(startsIn);
  expect(begunLater.filter(({ step }) => written.includes(step))).toEqual([]);
  expect((await ask(path)).body).toMatchObject({ status: "completed", generations: 1 });
}, 120_000);

test("while workers stand still in the middle of their work the API accepts, lists and answers, and all of it is done in the end [A3-03] [A3-04] [A3-13]", async () => {
  const cloud = await start();
  const first = await generating(cloud, { ...greeter, ask: false });
  await eventually(async () => (await cloud.client.get(first.jobId)).status === "running", 30_000);
  const stopped = cloud.sandboxes("WorkerFunction");
  for (const pid of stopped) process.kill(pid, "SIGSTOP");
  onTestFinished(() => {
    for (const pid of cloud.sandboxes("WorkerFunction")) {
      if (stopped.includes(pid)) process.kill(pid, "SIGCONT");
    }
  });

  const rest = await Promise.all(
    Array.from({ length: 5 }, () => generating(cloud, { ...greeter, ask: false })),
  );
  const { body } = await first.ask("/api/projects");
  expect(body.projects).toHaveLength(6);
  expect((await first.ask(first.path)).body.status).toBe("in_progress");
  expect((await first.ask(`/api/jobs/${first.jobId}/cancel`, {})).status).toBe(202);

  for (const pid of stopped) {
    if (cloud.sandboxes("WorkerFunction").includes(pid)) process.kill(pid, "SIGCONT");
  }
  for (const { jobId } of rest) expect((await ended(cloud.client, jobId, 60_000)).status).toBe("completed");
  expect((await ended(cloud.client, first.jobId, 60_000)).status).toBe("cancelled");
}, 120_000);
