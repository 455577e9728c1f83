import { afterAll, expect, test } from "vitest";
import { startTestCloud } from "../support/cloud.ts";
import { eventually } from "../support/eventually.ts";
import { expectFolded, expectWellFormed, journalOf } from "../support/journals.ts";
import { plainSocket } from "../support/plain-socket.ts";

const cloud = await startTestCloud();
afterAll(() => cloud.stop());

async function ask(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${cloud.http}${path}`, {
    method,
    headers: { authorization: `Bearer ${cloud.key}`, "content-type": "application/json", ...headers },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

const post = (path: string, body: object = {}, headers = {}) => ask("POST", path, body, headers);
const get = (path: string) => ask("GET", path);

function killWorkers(): void {
  for (const pid of cloud.sandboxes("WorkerFunction")) process.kill(pid, "SIGKILL");
}

/** Watches a job over a socket until it has ended; its messages in the order of the journal. */
async function watched(job_id: string) {
  const { ofType, send, close } = await plainSocket(cloud);
  send({ type: "watch", job_id, after: 0 });
  const { head } = await eventually(async () => {
    const job = (await get(`/api/jobs/${job_id}`)).body;
    return job.completed_at ? { head: job.seq as number } : undefined;
  }, 30_000);
  const numbered = () => [...ofType("progress"), ...ofType("status"), ...ofType("event")];
  await eventually(() => new Set(numbered().map(({ seq }) => seq)).size === head);
  close();
  const inOrder = <T extends { seq: number }>(messages: T[]) =>
    [...new Map(messages.map((message) => [message.seq, message])).values()].sort((a, b) => a.seq - b.seq);
  const status = inOrder(ofType("status"));
  // What the last event shows rides on the message of its status.
  const shown = inOrder(numbered()).flatMap(({ event }) =>
    event.progress ? [event.progress as { current_step: string; percentage: number; details: string }] : [],
  );
  return { status, shown, progress: inOrder(ofType("progress")) };
}

/** The step that begins with a stage, by its journal. */
async function stagesOf(jobId: string) {
  const journal = await journalOf(cloud.client, jobId);
  return journal.flatMap(({ kind, progress, steps }) =>
    kind === "step.started" && progress
      ? [[(steps as { step: string }[])[0]!.step, (progress as { percentage: number }).percentage]]
      : [],
  );
}

const narrative = "A clerk worked for years on a map that nobody had asked for, and one day it was needed.";

test("a projection is made in five phases that are watched as they happen [A2-01] [A2-10] [A2-15] [A2-18] [A2-19] [A2-51] [A2-23..A2-26] [A2-55..A2-61]", async () => {
  const began = Date.now();
  const { status, body } = await post("/api/projection/create", {
    narrative,
    persona: "philosopher",
    namespace: "lamish-galaxy",
    style: "academic",
  });
  expect(status).toBe(202);
  // Long before the first model call could have ended.
  expect(body).toMatchObject({ job_id: expect.any(String), status: "pending" });
  expect((await get(`/api/projection/${body.job_id}`)).body).toMatchObject({
    source_narrative: narrative,
    projection: null,
  });
  expect(Date.now() - began).toBeLessThan(20_000);

  const { shown, progress, status: told } = await watched(body.job_id);

  expect(shown.map(({ current_step, percentage }) => [current_step, percentage])).toEqual([
    ["Initializing configuration", 16.7],
    ["Creating projection", 33.3],
    ["Deconstructing narrative", 50],
    ["Mapping to namespace", 58.3],
    ["Reconstructing allegory", 66.7],
    ["Applying style", 75],
    ["Generating reflection", 83.3],
    ["Finalizing projection", 100],
  ]);
  for (const { data } of progress) {
    expect(data).toMatchObject({
      total_steps: 8,
      completed_steps: expect.any(Number),
      timestamp: expect.any(String),
    });
    expect(data.details).not.toBe("");
  }
  expect(told.map((message) => message.status)).toEqual(["pending", "running", "completed"]);
  expect(await stagesOf(body.job_id)).toEqual([
    ["configuration", 16.7],
    ["models", 33.3],
    ["deconstruct", 50],
    ["map", 58.3],
    ["reconstruct", 66.7],
    ["stylize", 75],
    ["reflect", 83.3],
  ]);
  const { projection } = (await get(`/api/projection/${body.job_id}`)).body;
  expect(projection).toMatchObject({
    id: body.job_id,
    persona: "philosopher",
    namespace: "lamish-galaxy",
    style: "academic",
    steps: [{}, {}, {}, {}, {}],
  });
  expect(projection.reflection.length).toBeGreaterThan(200);
  const found = (await get("/api/projections/search?query=CLERK%20map&limit=5")).body.projections;
  expect(found.map(({ id }: { id: string }) => id)).toContain(body.job_id);
  expect((await get("/api/projections/search?query=submarine%20clerk")).body.projections).toEqual([]);
}, 60_000);

test("a round trip shows its stages when they happen, and says what was preserved, lost and gained [A2-11] [A2-27..A2-31] [A2-52] [A2-62..A2-66]", async () => {
  const { languages } = (await get("/api/translation/supported-languages")).body;
  expect(languages).toHaveLength(18);
  const text = "Time flies like an arrow.";
  const { status, body } = await post("/api/translation/round-trip", {
    text,
    intermediate_language: "french",
    source_language: "english",
  });
  expect(status).toBe(202);

  const { shown } = await watched(body.job_id);

  expect(shown.map(({ current_step, percentage }) => [current_step, percentage])).toEqual([
    ["Initializing analysis", 20],
    ["Forward translation", 40],
    ["Backward translation", 60],
    ["Analyzing semantic drift", 80],
    ["Analysis complete", 100],
  ]);
  expect(await stagesOf(body.job_id)).toEqual([
    ["models", 20],
    ["forward", 40],
    ["backward", 60],
    ["similarity", 80],
  ]);
  const { result_data: result } = (await get(`/api/jobs/${body.job_id}`)).body;
  expect(result).toMatchObject({
    original_text: text,
    final_text: expect.stringContaining(text),
    score_parsed: true,
    preserved_elements: [expect.any(String)],
    lost_elements: [expect.any(String)],
    gained_elements: [expect.any(String)],
    linguistic_analysis: { tone_change: expect.any(String) },
  });
  expect(result.semantic_drift).toBeCloseTo(1 - result.semantic_similarity, 5);
  const refused = await post("/api/translation/round-trip", { text, intermediate_language: "klingon" });
  expect(refused).toMatchObject({ status: 400, body: { errors: [{ field: "intermediate_language" }] } });
}, 60_000);

test("a stability analysis goes through several languages at once", async () => {
  const { body } = await post("/api/translation/stability-analysis", {
    text: "Time flies.",
    languages: ["german", "czech"],
  });
  const job = await cloud.client.wait(body.job_id);
  expect(job).toMatchObject({
    status: "completed",
    result_data: { languages: [{ intermediate_language: "german" }, { intermediate_language: "czech" }] },
  });
}, 60_000);

test("a dialogue asks, waits while its workers are killed, sums up, and makes the projection that was accepted [A2-12] [A2-53] [A2-67] [A2-68] [A2-70]", async () => {
  const { status, body } = await post("/api/maieutic/start", { narrative, goal: "discover", max_turns: 2 });
  expect(status).toBe(202);
  const path = `/api/maieutic/${body.job_id}`;

  const questions: string[] = [];
  for (const turn of [1, 2]) {
    const { question } = await eventually(async () => {
      const answer = (await post(`${path}/question?wait=10`)).body;
      return answer.question?.turn === turn && answer;
    }, 30_000);
    expect(question).toMatchObject({ kind: "question", depth_level: turn - 1 });
    questions.push(question.question);
    killWorkers();
    const answer = { answer: `What I think of it, part ${turn}`, turn };
    expect((await post(`${path}/answer`, answer)).body).toMatchObject({ outcome: "succeeded" });
    expect((await post(`${path}/answer`, answer)).status).toBe(200);
  }
  const offer = await eventually(async () => {
    const answer = (await post(`${path}/question?wait=10`)).body;
    return answer.question?.kind === "offer" && answer;
  }, 30_000);
  expect(offer.question.question).toContain("allegory");
  expect((await get(path)).body).toMatchObject({
    status: "waiting",
    final_understanding: expect.stringContaining("[mock:"),
  });
  await post(`${path}/answer`, { accept: true, persona: "artist", style: "poetic" });

  const job = await cloud.client.wait(body.job_id);
  const session = (await get(path)).body;

  expect(session).toMatchObject({
    status: "completed",
    goal: "discover",
    turns: questions.map((question, index) => ({
      question,
      answer: `What I think of it, part ${index + 1}`,
      insights: [expect.any(String)],
      depth_level: index,
    })),
    extracted_elements: { projection: { persona: "artist", style: "poetic" } },
    question: null,
  });
  const child = (await get(`/api/projection/${session.extracted_elements.projection.id}`)).body;
  expect(child).toMatchObject({ status: "completed", source_narrative: expect.stringContaining(narrative) });
  const journal = await journalOf(cloud.client, body.job_id);
  expectWellFormed(journal);
  expectFolded(job, journal);
  const steps = journal.flatMap(({ progress }) =>
    progress ? [(progress as { current_step: string }).current_step] : [],
  );
  expect(steps[0]).toBe("Starting dialogue session");
  expect(steps).toContain("Waiting for answer 2");
}, 120_000);

test("a dialogue can be prepared instead: a question for each depth, without answers [A2-12] [A2-67..A2-69]", async () => {
  const { body } = await post("/api/maieutic/start", { narrative, interactive: false });

  const { shown } = await watched(body.job_id);

  expect(shown.map(({ current_step }) => current_step)).toEqual([
    "Starting dialogue session",
    ...[1, 2, 3, 4, 5].map((number) => `Generating question ${number}`),
    "Dialogue prepared",
  ]);
  expect(shown.at(-1)!.percentage).toBe(100);
  const { turns } = (await get(`/api/maieutic/${body.job_id}`)).body;
  expect(turns.map((turn: { depth_level: number }) => turn.depth_level)).toEqual([0, 1, 2, 3, 4]);
}, 60_000);

test("a tenant configures a persona, has a field of it generated, and its projections go by it [A2-13] [A2-55]", async () => {
  await ask("PUT", "/api/config/persona/preset", { value: "critic" }, { "if-match": '"0"' });
  const stale = await ask("PUT", "/api/config/persona/preset", { value: "artist" }, { "if-match": '"0"' });
  expect(stale).toMatchObject({ status: 409, body: { version: 1 } });
  const { body } = await post("/api/config/persona/generate-field", {
    field: "motto",
    description: "A saying",
  });
  expect(await cloud.client.wait(body.job_id)).toMatchObject({ type: "configuration", status: "completed" });

  const { headers, body: persona } = await get("/api/config/persona");
  expect(headers.get("etag")).toBe('"2"');
  expect(persona.fields.motto).toMatchObject({ generated_by: "ai", is_core: false, job_id: body.job_id });
  const { body: made } = await post("/api/projection/create", { narrative });
  expect(await cloud.client.wait(made.job_id)).toMatchObject({ result_data: { persona: "critic" } });
  const journal = await journalOf(cloud.client, made.job_id);
  const read = journal.find(({ kind, step }) => kind === "step.completed" && step === "configuration");
  expect(read).toMatchObject({ result: { persona: { traits: { motto: persona.fields.motto.value } } } });

  const merged = await get("/api/config/system-prompt?context=Reviews&wait=20");
  expect(merged.body).toMatchObject({ merged_by: "model", status: "completed" });
  expect((await ask("DELETE", "/api/config/persona/motto")).status).toBe(200);
}, 90_000);

test("an old client that waits for its answer gets it, and 202 where that takes too long [A2-80]", async () => {
  const quick = await post("/api/projection/create", { narrative }, { prefer: "wait=25" });
  expect(quick.status).toBe(200);
  expect(quick.headers.get("preference-applied")).toBe("wait=25");
  expect(quick.body).toMatchObject({
    status: "completed",
    result_data: { final_projection: expect.any(String) },
  });

  const began = Date.now();
  const slow = await post("/api/maieutic/start", { narrative }, { prefer: "wait=1" });
  expect(slow.status).toBe(202);
  expect(Date.now() - began).toBeGreaterThanOrEqual(1_000);
  expect(slow.body.job_id).toEqual(expect.any(String));
}, 60_000);

test("a mock stands in only where that is allowed, and the step, the progress and the job say so [A2-72]", async () => {
  const asked = { narrative, models: ["mock:rejected"] };
  const { body: refused } = await post("/api/projection/create", asked);
  expect(await cloud.client.wait(refused.job_id)).toMatchObject({ status: "failed" });

  const { body } = await post("/api/projection/create", { ...asked, allow_mock: true });
  const job = await cloud.client.wait(body.job_id);

  expect(job).toMatchObject({ status: "completed", degraded: true, mock: true });
  const journal = await journalOf(cloud.client, body.job_id);
  const stoodIn = journal.filter(
    ({ kind, step }) => kind === "step.completed" && /fallback/.test(String(step)),
  );
  expect(stoodIn).toHaveLength(5);
  for (const event of stoodIn) expect(event).toMatchObject({ degraded: true, mock: true });
  const after = journal.slice(journal.indexOf(stoodIn[0]!)).filter(({ progress }) => progress);
  expect(after.length).toBeGreaterThan(3);
  for (const { progress } of after) expect(progress).toMatchObject({ degraded: true });
  expect(job.progress).toMatchObject({ degraded: true, percentage: 100 });
}, 60_000);

test("a failure names its class, its step, its attempt and what the provider said, and is kept with the job [A2-71] [A2-73]", async () => {
  const { body } = await post("/api/projection/create", { narrative, models: ["mock:fails"] });

  const job = await cloud.client.wait(body.job_id);

  expect(job).toMatchObject({
    status: "failed",
    error_message: expect.stringContaining("mock:fails"),
    error: {
      code: "model_unavailable",
      step: "deconstruct",
      attempt: expect.any(Number),
      retryable: true,
      details: { model: "mock:fails" },
    },
    callbacks: [],
    result_data: null,
  });
  const attempts = (await journalOf(cloud.client, body.job_id)).filter(({ kind }) => kind === "step.failed");
  expect(attempts.length).toBe(job.error!.attempt);
  expect(attempts.slice(0, -1).every(({ retry_at }) => retry_at !== undefined)).toBe(true);
}, 60_000);

test("who did what and when is in the journal: the submit, each answer, the cancel [A2-04]", async () => {
  const me = (await get("/api/keys/current")).body.id;
  const { body } = await post("/api/maieutic/start", { narrative });
  const path = `/api/maieutic/${body.job_id}`;
  await eventually(async () => (await post(`${path}/question?wait=10`)).body.question, 30_000);
  await post(`${path}/answer`, { answer: "I was in the room.", turn: 1 });
  await post(`/api/jobs/${body.job_id}/cancel`, { reason: "Enough" });
  await cloud.client.wait(body.job_id);

  const journal = await journalOf(cloud.client, body.job_id);

  const by = (kind: string) => journal.find((event) => event.kind === kind);
  expect(by("job.submitted")).toMatchObject({ by: me, at: expect.stringMatching(/Z$/) });
  expect(by("callback.completed")).toMatchObject({
    by: me,
    step: "answer-1",
    result: { answer: "I was in the room." },
  });
  expect(by("job.cancel_requested")).toMatchObject({ by: me, reason: "Enough" });
  expect(by("job.cancelled")).toMatchObject({ by: me });
  const before = journal.map(({ at }) => at);
  expect(before).toEqual(before.toSorted());
  expect((await journalOf(cloud.client, body.job_id)).slice(0, journal.length)).toEqual(journal);
}, 60_000);

test("a job of high priority overtakes those of low priority that wait for a worker [A2-81] [A2-78]", async () => {
  const asked = {
    type: "projection",
    input: { narrative, models: ["mock:slow"] },
    priority: "low",
    tags: ["slow"],
  };
  // More than the workers of their lane take up at once.
  await Promise.all(Array.from({ length: 30 }, () => post("/api/jobs", asked)));

  const { body } = await post("/api/jobs", { type: "projection", input: { narrative }, priority: "high" });
  expect(await cloud.client.wait(body.job_id)).toMatchObject({ status: "completed", priority: "high" });

  const { jobs } = (await get("/api/jobs?tag=slow&limit=100")).body;
  const statuses = jobs.map(({ status }: { status: string }) => status);
  expect(statuses).toContain("running");
  expect(statuses).toContain("pending");
  expect(statuses).not.toContain("completed");
  expect((await post("/api/jobs/cancel", { tag: "slow" })).body).toMatchObject({ count: 30 });
}, 60_000);
