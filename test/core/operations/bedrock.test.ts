import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { OperationCall, Ticket } from "../../../core/operations/operation.ts";
import { operations } from "../../../core/operations/operations.ts";
import { hangsUp, refuses, scriptedServer } from "../../support/scripted-server.ts";

const bedrock = await scriptedServer();
const videos = operations({ BEDROCK_BASE_URL: bedrock.url, BUCKET_NAME: "payloads" });
const call: OperationCall = {
  job: { tenant: "acme", jobId: "job-1" },
  signal: new AbortController().signal,
  idempotencyKey: "k3y_of-the_step",
};
const model = "bedrock:amazon.nova-reel-v1:1";
const arn = "arn:aws:bedrock:us-east-1:123456789012:async-invoke/abcdef123456";
const ticket: Ticket = { operation: model, operation_id: arn };

beforeAll(() => {
  vi.stubEnv("AWS_REGION", "us-east-1");
  vi.stubEnv("AWS_BEARER_TOKEN_BEDROCK", "");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIA");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
});
afterAll(() => {
  vi.unstubAllEnvs();
  return bedrock.close();
});
beforeEach(() => bedrock.script());

/** What GetAsyncInvoke says. */
const stands = (status: string, more: object = {}) => ({
  invocationArn: arn,
  modelArn: "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-reel-v1:1",
  status,
  submitTime: "2026-11-23T04:00:00Z",
  outputDataConfig: { s3OutputDataConfig: { s3Uri: "s3://payloads/acme/job-1/reel/abcdef123456" } },
  ...more,
});

test("Nova Reel is told what to make and where to put it, once for a step however often it is told", async () => {
  bedrock.script(refuses(200, { invocationArn: arn }));

  expect(await videos.start(model, { prompt: "A lighthouse", seed: 7 }, call)).toEqual(ticket);

  const [request] = bedrock.requests;
  expect(request).toMatchObject({
    path: "/async-invoke",
    body: {
      clientRequestToken: "k3y-of-the-step",
      modelId: "amazon.nova-reel-v1:1",
      modelInput: {
        taskType: "TEXT_VIDEO",
        textToVideoParams: { text: "A lighthouse" },
        videoGenerationConfig: { durationSeconds: 6, fps: 24, dimension: "1280x720", seed: 7 },
      },
      outputDataConfig: { s3OutputDataConfig: { s3Uri: "s3://payloads/acme/job-1/reel" } },
    },
  });
  expect(request!.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 /);
});

test("more than one shot is another task", async () => {
  bedrock.script(refuses(200, { invocationArn: arn }));
  await videos.start(model, { prompt: "A storm", duration_seconds: 24 }, call);
  expect(bedrock.requests[0]!.body.modelInput).toMatchObject({
    taskType: "MULTI_SHOT_AUTOMATED",
    multiShotAutomatedParams: { text: "A storm" },
    videoGenerationConfig: { durationSeconds: 24 },
  });
});

test("it is pending, then done, below the job's own keys in the payload store", async () => {
  bedrock.script(refuses(200, stands("InProgress")), refuses(200, stands("Completed")));

  expect(await videos.poll(ticket, call)).toEqual({ state: "pending" });
  expect(await videos.poll(ticket, call)).toEqual({
    state: "done",
    result: { files: [{ key: "acme/job-1/reel/abcdef123456/output.mp4", media_type: "video/mp4" }] },
  });
  expect(bedrock.requests[0]!.path).toBe(`/async-invoke/${encodeURIComponent(arn)}`);
});

test("a failure is one, and a place that is another job's is none", async () => {
  const elsewhere = { s3OutputDataConfig: { s3Uri: "s3://payloads/globex/job-9/reel/x" } };
  bedrock.script(
    refuses(200, stands("Failed", { failureMessage: "the prompt said lighthouse" })),
    refuses(200, stands("Completed", { outputDataConfig: elsewhere })),
  );
  const failed = await videos.poll(ticket, call);
  expect(failed).toMatchObject({ state: "failed", failure: { code: "operation_failed" } });
  expect(JSON.stringify(failed)).not.toContain("lighthouse");
  await expect(videos.poll(ticket, call)).rejects.toMatchObject({ code: "operation_garbled" });
});

test.each([
  [
    "throttling",
    refuses(429, {}, { "x-amzn-errortype": "ThrottlingException" }),
    { code: "operation_rate_limited", notBegun: true },
  ],
  [
    "a refusal",
    refuses(400, { message: "no" }, { "x-amzn-errortype": "ValidationException" }),
    { code: "operation_rejected", details: { provider_code: "ValidationException" } },
  ],
  [
    "a failure of its own",
    refuses(500, {}, { "x-amzn-errortype": "InternalServerException" }),
    { code: "operation_unavailable", notBegun: false },
  ],
  ["a connection that breaks", hangsUp, { code: "operation_unavailable", notBegun: false }],
])("a start that is answered with %s says what may be done, and is one try", async (_, act, wanted) => {
  bedrock.script(act);
  await expect(videos.start(model, { prompt: "A" }, call)).rejects.toMatchObject(wanted);
  expect(bedrock.requests).toHaveLength(1);
});
