import { afterAll, expect, test } from "vitest";
import { synthesize } from "../../local/synthesize.ts";
import { startTestCloud } from "../support/cloud.ts";
import { eventually } from "../support/eventually.ts";
import { expectFolded, expectWellFormed, journalOf } from "../support/journals.ts";

const cloud = await startTestCloud({
  assembly: await synthesize({ jobs: "./test/support/waiting-jobs.ts" }),
});
afterAll(() => cloud.stop());

async function ask(path: string, body?: object) {
  const response = await fetch(`${cloud.http}${path}`, {
    method: body ? "POST" : "GET",
    headers: { authorization: `Bearer ${cloud.key}`, "content-type": "application/json" },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { status: response.status, body: await response.json() };
}

function killWorkers(): void {
  for (const pid of cloud.sandboxes("WorkerFunction")) process.kill(pid, "SIGKILL");
}

/** The id under which a step of the job waits, once it does. */
async function waitingAt(jobId: string, step: string): Promise<string> {
  return eventually(async () => {
    const { callbacks } = (await ask(`/api/jobs/${jobId}`)).body;
    return callbacks.find((open: { step: string }) => open.step === step)?.id;
  });
}

test("a job waits for a child, a system, a condition and a person, each answered after its workers were killed [A3-11]", async () => {
  const { job_id: jobId } = await cloud.client.submit("trip", { nights: 3 });

  const flight = await waitingAt(jobId, "flight/callback");
  killWorkers();
  const answer = { result: { seat: "12A" } };
  const first = await ask(`/api/callbacks/${flight}`, answer);
  expect(first).toMatchObject({ status: 200, body: { job_id: jobId, outcome: "succeeded" } });
  killWorkers();
  expect(await ask(`/api/jobs/${jobId}/callbacks/${flight}`, answer)).toEqual(first);
  expect((await ask(`/api/callbacks/${flight}`, { result: { seat: "13B" } })).status).toBe(409);

  const agreement = await waitingAt(jobId, "agreement");
  const { questions } = await eventually(async () => {
    const { body } = await ask("/api/inbox");
    return body.questions.length > 0 && body;
  });
  expect(questions).toMatchObject([
    { job_id: jobId, callback_id: agreement, question: "Is this all right?" },
  ]);
  killWorkers();
  expect(await ask(`/api/callbacks/${agreement}`, { result: { agreed: "hm" } })).toMatchObject({
    status: 400,
    body: { errors: [{ field: "result.agreed" }] },
  });
  await ask(`/api/callbacks/${agreement}`, { result: { agreed: true } });

  const job = await cloud.client.wait(jobId);
  expect(job).toMatchObject({
    status: "completed",
    result_data: { booked: [{ room: "3 nights" }, { seat: "12A" }, 4], agreed: true },
    callbacks: [],
  });
  const journal = await journalOf(cloud.client, jobId);
  expectWellFormed(journal);
  expectFolded(job, journal);
  const { jobs } = await cloud.client.list({ type: "room" });
  expect(jobs).toMatchObject([{ status: "completed", parent_job_id: jobId, title: "A room for 3 nights" }]);
}, 90_000);

test("a job that is cancelled takes its child along", async () => {
  const { job_id: jobId } = await cloud.client.submit("trip", { nights: 9 });
  await waitingAt(jobId, "flight/callback");
  await ask(`/api/jobs/${jobId}/cancel`, {});
  expect((await cloud.client.wait(jobId)).status).toBe("cancelled");
  const [child] = (await cloud.client.list({ type: "room" })).jobs;
  expect(child).toMatchObject({ parent_job_id: jobId });
  // It may have been as quick as the cancel.
  expect(["cancelled", "completed"]).toContain((await cloud.client.wait(child!.id)).status);
}, 60_000);

test("a job that fails leaves nothing behind: its child is cancelled, its questions are gone, nobody answers it any more [A2-74]", async () => {
  const { job_id: jobId } = await cloud.client.submit("trip", { nights: 8 });
  const flight = await waitingAt(jobId, "flight/callback");
  await ask(`/api/callbacks/${flight}`, { error: { code: "sold_out", message: "No seats" } });

  const job = await cloud.client.wait(jobId);

  expect(job).toMatchObject({ status: "failed", error: { code: "sold_out" }, callbacks: [] });
  const [child] = (await cloud.client.list({ type: "room" })).jobs;
  expect(child).toMatchObject({ parent_job_id: jobId });
  // It may have been as quick as the failure.
  expect(["cancelled", "completed"]).toContain((await cloud.client.wait(child!.id)).status);
  expect((await ask("/api/inbox")).body.questions).toEqual([]);
  const late = await ask(`/api/callbacks/${flight}`, { result: { seat: "12A" } });
  expect(late).toMatchObject({ status: 409, body: { code: "conflict" } });
  expect((await journalOf(cloud.client, jobId)).at(-1)).toMatchObject({ kind: "job.failed" });
}, 60_000);
