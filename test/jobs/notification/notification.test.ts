import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import type { Incoming, Outgoing } from "../../../core/egress.ts";
import { EgressFailed, EgressRefused } from "../../../core/egress.ts";
import { registry } from "../../../core/engine/registry.ts";
import { submit } from "../../../core/engine/submit.ts";
import { StepFailed } from "../../../core/protocol/error.ts";
import type { Json, Millis } from "../../../core/protocol/json.ts";
import { webhookSecrets } from "../../../core/signing.ts";
import { notification } from "../../../jobs/notification/notification.ts";
import { engine, jobOf } from "../../support/engine.ts";

const url = "https://example.com/hooks";

/** A receiver in virtual time. */
function receiver(
  answer: (attempt: number) => number | Error = () => 200,
  run: () => Promise<Json> = async () => 42,
) {
  const received: (Outgoing & { at: Millis })[] = [];
  const types = [jobOf(run), notification];
  const self = engine(types, {
    webhooks: async (outgoing): Promise<Incoming> => {
      received.push({ ...outgoing, at: self.time.now() });
      const said = answer(received.length);
      if (said instanceof Error) throw said;
      return { status: said, headers: {}, text: "" };
    },
  });
  const notified = async () => {
    const key = await self.submit();
    const { job } = await submit(
      self.services,
      registry(types),
      { tenant: "acme", by: "test" },
      {
        type: "notification",
        input: { job_id: key.jobId, url },
        dependsOn: [key.jobId],
        onDependencyFailure: "continue",
      },
    );
    await self.toEnd(key);
    return { key, job: await self.toEnd(job) };
  };
  return { ...self, received, notified };
}

test("the end of a job is told once, signed so that a receiver can check it [A1-13]", async () => {
  const { notified, received, services } = receiver();
  const { key, job } = await notified();

  expect(job.status).toBe("completed");
  expect(received).toHaveLength(1);
  const { headers, body = "" } = received[0]!;
  expect(headers!["webhook-id"]).toBe(job.jobId);
  expect(JSON.parse(body)).toMatchObject({
    type: "job.completed",
    timestamp: expect.stringMatching(/Z$/),
    data: { job_id: key.jobId, type: "test", status: "completed", result_data: 42 },
  });
  const [secret] = await webhookSecrets(services.signing, "acme");
  // The library refuses what is not of this minute, and this receiver lives in another year.
  const right = new Webhook(secret!).sign(job.jobId, new Date(received[0]!.at), body);
  expect(headers!["webhook-signature"]).toBe(right);
  expect(headers!["webhook-timestamp"]).toBe(String(Math.floor(received[0]!.at / 1000)));
});

test("failure and cancel are told too", async () => {
  const { notified, received } = receiver(undefined, async () => {
    throw new StepFailed("out_of_paint", "No paint");
  });
  await notified();
  expect(JSON.parse(received[0]!.body!)).toMatchObject({
    type: "job.failed",
    data: { status: "failed", error: { code: "out_of_paint" }, result_data: null },
  });
});

test("a receiver that is away is tried for more than a day, with the same id and a new time", async () => {
  const { notified, received } = receiver((attempt) =>
    attempt < 8 ? (attempt % 2 ? 503 : new EgressFailed("away")) : 204,
  );
  const { job } = await notified();

  expect(job.status).toBe("completed");
  const pauses = received.slice(1).map(({ at }, index) => Math.round((at - received[index]!.at) / 60_000));
  expect(pauses).toEqual([0, 5, 30, 120, 300, 600, 600]);
  expect(new Set(received.map(({ headers }) => headers!["webhook-id"])).size).toBe(1);
  expect(new Set(received.map(({ headers }) => headers!["webhook-timestamp"])).size).toBe(8);
});

test.each([
  ["wants no more", 410, 1],
  ["is no address that may be called", new EgressRefused("inside"), 1],
  ["redirects", 302, 8],
])("one that %s is not told for ever", async (_, said, attempts) => {
  const { notified, received } = receiver(() => said);
  expect((await notified()).job.status).toBe("failed");
  expect(received).toHaveLength(attempts);
});

test("a large result is left for its receiver to fetch", async () => {
  const { notified, received } = receiver(undefined, async () => "x".repeat(100_000));
  await notified();
  const { data } = JSON.parse(received[0]!.body!);
  expect(data).toMatchObject({ result_data: null, result_url: `/api/jobs/${data.job_id}/result` });
});
