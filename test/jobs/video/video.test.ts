import { describe, expect, test } from "vitest";
import { newConversation } from "../../../core/conversations/conversation.ts";
import { cancel } from "../../../core/engine/cancel.ts";
import { retry } from "../../../core/engine/fork.ts";
import { submit } from "../../../core/engine/submit.ts";
import { models } from "../../../core/models/models.ts";
import type { JobKey } from "../../../core/protocol/job.ts";
import { jobs } from "../../../jobs/index.ts";
import { video } from "../../../jobs/video/video.ts";
import { chaos } from "../../../testing/index.ts";
import { engine } from "../../support/engine.ts";

const who = { tenant: "acme", by: "test" };
const own = jobs.all.filter(({ type }) => type !== "batch");

function studio() {
  const self = engine(own, { model: models({ MOCK_LATENCY_MS: "0" }) });
  const { services } = self;
  return {
    ...self,
    async make(input: object = {}, conversation?: string): Promise<JobKey> {
      const { job } = await submit(services, jobs, who, {
        type: "video",
        input: { prompt: "A lighthouse in a storm", ...input },
        ...(conversation ? { conversation: { id: conversation, onBusy: "enqueue" as const } } : {}),
      });
      return job;
    },
    async talk(id = "talk"): Promise<string> {
      await services.conversations.create(newConversation("acme", id, services.now()));
      return id;
    },
    async heard(id: string) {
      const record = (await services.conversations.get("acme", id))!;
      const messages = await services.conversations.messages("acme", id);
      return { record, messages, said: messages.map(({ role, content }) => `${role}: ${content}`) };
    },
  };
}

test("a video is made, fetched and kept, and its result says where", async () => {
  const { make, toEnd, result, services } = studio();
  const key = await make();

  await toEnd(key);

  const made = (await result(key)) as { video: { key: string; bytes: number } };
  expect(made).toMatchObject({
    id: key.jobId,
    model: "mock:video",
    operation_id: expect.stringMatching(/^mock-operations\//),
    mock: true,
    video: { media_type: "image/svg+xml", url: `/api/videos/${key.jobId}/content` },
  });
  expect(services.payloads.objects.has(made.video.key)).toBe(true);
});

test("a message for a video is confirmed at once, and the conversation is free at once [A1-02] [A1-08] [A1-17]", async () => {
  const { make, talk, heard, toEnd, services } = studio();
  const id = await talk();

  const first = await make({ model: "mock:2h" }, id);

  expect(await heard(id)).toMatchObject({
    record: { processingState: "idle", waitingJobIds: [], backgroundJobIds: [first.jobId] },
    said: ["user: A lighthouse in a storm", expect.stringMatching(/^assistant: Job started/)],
    messages: [{}, { jobId: first.jobId, answers: 1, data: { job_status: "started" } }],
  });

  const { job: second } = await submit(services, jobs, who, {
    type: "council",
    input: { question: "Why is the sky blue?" },
    conversation: { id, onBusy: "reject" },
  });
  await toEnd(second);
  const between = await heard(id);
  expect(between.messages.map(({ jobId }) => jobId)).toEqual([
    first.jobId,
    first.jobId,
    second.jobId,
    second.jobId,
  ]);
  expect((await services.journal.head(first))!.status).toBe("waiting");

  await toEnd(first);
  const { record, messages } = await heard(id);
  expect(messages.at(-1)).toMatchObject({
    role: "assistant",
    content: expect.stringContaining(`/api/videos/${first.jobId}/content`),
    answers: 1,
    data: { job_status: "completed", operation_id: expect.any(String) },
  });
  expect(record).toMatchObject({ processingState: "idle", messageCount: 5, backgroundJobIds: [] });
});

test("a result that comes while another message is answered wakes the conversation without taking its turn [A1-19] [A1-20]", async () => {
  const { make, talk, heard, toEnd, services } = studio();
  const id = await talk();
  const first = await make({ model: "mock:2h" }, id);
  const { job: asked } = await submit(services, jobs, who, {
    type: "council",
    input: { question: "Why?" },
    runAt: services.now() + 3 * 3_600_000,
    conversation: { id, onBusy: "enqueue" },
  });

  await toEnd(first);

  expect(await heard(id)).toMatchObject({
    record: { processingState: "active", activeJobId: asked.jobId },
    messages: [{}, {}, { role: "user" }, { role: "assistant", jobId: first.jobId, answers: 1 }],
  });
  await toEnd(asked);
  expect((await heard(id)).record).toMatchObject({ processingState: "idle", messageCount: 5 });
});

test("who was told that it began is told when it fails or is cancelled, and a retry is no turn either", async () => {
  const { make, talk, heard, toEnd, pass, services } = studio();
  const id = await talk();
  const failing = await make({ model: "mock:fails" }, id);
  const cancelled = await make({ model: "mock:2h" }, id);
  await pass(cancelled);
  await cancel(services, cancelled, "somebody");
  await toEnd(cancelled);
  await toEnd(failing);

  const { said, record } = await heard(id);
  expect(said.slice(4)).toEqual([
    "assistant: The job was cancelled.",
    "assistant: The job has failed: mock:fails failed, as always",
  ]);
  expect(record).toMatchObject({ processingState: "idle", backgroundJobIds: [] });

  const { job } = await retry(services, jobs, "somebody", failing);
  expect((await heard(id)).record).toMatchObject({ processingState: "idle", backgroundJobIds: [job.jobId] });
  await toEnd(job);
  expect((await heard(id)).record.backgroundJobIds).toEqual([]);
});

test("a job that waits for its operation is found again by a sweep when its message gets lost [A1-06] [A1-18] [A1-22]", async () => {
  const self = studio();
  const key = await self.make({ model: "mock:2h" });
  await self.pass(key);
  const { send } = self.services.queue;
  self.services.queue.send = async (lane, job, delaySeconds = 0) => {
    if (delaySeconds === 0) await send(lane, job);
  };

  expect(await self.toEnd(key)).toMatchObject({ status: "completed" });
});

test("a video comes out the same wherever its worker dies", async () => {
  const { outcome, repeated } = await chaos(
    video,
    { prompt: "A lighthouse", model: "mock:45s" },
    {
      isSame: (a, b) => a.status === b.status && a.completedSteps.join() === b.completedSteps.join(),
    },
  );
  expect(outcome).toMatchObject({
    status: "completed",
    completedSteps: ["store", "video/poll", "video/start"],
  });
  expect(Object.keys(repeated).sort()).toEqual(["store", "video/poll", "video/start"]);
});

describe("where no video can be had of its model", () => {
  test.each(["mock:fails", "mock:rejected"])("%s fails the job, unless a mock is allowed", async (model) => {
    const { make, toEnd } = studio();
    expect(await toEnd(await make({ model }))).toMatchObject({ status: "failed" });
  });

  test.each([
    ["mock:fails", "once it has begun"],
    ["mock:rejected", "at once"],
  ])(
    "a mock stands in that is allowed, and its step, the progress, the job and the result say so (%s, %s) [A2-72]",
    async (model) => {
      const { make, toEnd, result, events } = studio();
      const key = await make({ model, allow_mock: true });

      expect(await toEnd(key)).toMatchObject({ status: "completed", degraded: true, mock: true });

      expect(await result(key)).toMatchObject({ model: "mock:video", mock: true });
      const journal = await events(key);
      const begun = journal.findIndex(
        (event) => event.kind === "step.completed" && event.step === "stand-in/start",
      );
      expect(journal[begun]).toMatchObject({ mock: true, degraded: true });
      const shown = journal.slice(begun).flatMap((event) => ("progress" in event ? [event.progress] : []));
      expect(shown.length).toBeGreaterThan(1);
      for (const progress of shown.filter(Boolean)) expect(progress).toMatchObject({ degraded: true });
    },
  );

  test("the deployment may allow it for all, and a job may refuse", async () => {
    const { services, toEnd } = studio();
    services.deployment = { ...services.deployment, mockFallback: true };
    const make = async (input: object) => {
      const asked = { type: "video", input: { prompt: "A boat", model: "mock:rejected", ...input } };
      return (await submit(services, jobs, who, asked)).job;
    };
    expect(await toEnd(await make({}))).toMatchObject({ status: "completed", degraded: true });
    expect(await toEnd(await make({ allow_mock: false }))).toMatchObject({ status: "failed" });
  });
});

test("whoever asks for a mock is given one, and the job says so without being called less than was asked for", async () => {
  const { make, toEnd } = studio();
  expect(await toEnd(await make())).toMatchObject({ status: "completed", degraded: false, mock: true });
});

test("a video that a mock stands in for comes out the same wherever its worker dies", async () => {
  const { outcome } = await chaos(
    video,
    { prompt: "A lighthouse", model: "mock:rejected", allow_mock: true },
    {
      isSame: (a, b) => a.status === b.status && a.completedSteps.join() === b.completedSteps.join(),
    },
  );
  expect(outcome).toMatchObject({
    status: "completed",
    completedSteps: ["stand-in/poll", "stand-in/start", "store"],
  });
});
