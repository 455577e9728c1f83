import * as z from "zod";
import { successor } from "../../core/engine/children.ts";
import type { RetryStrategy } from "../../core/engine/context.ts";
import { readJob } from "../../core/engine/job-reading.ts";
import { defineJob, type JobServices } from "../../core/engine/job-type.ts";
import { NotFound, ServiceError, StepFailed } from "../../core/protocol/error.ts";
import type { JobKey } from "../../core/protocol/job.ts";
import type { JsonObject } from "../../core/protocol/json.ts";
import { webhookSecrets } from "../../core/signing.ts";

const input = z.strictObject({
  job_id: z.string().max(64).meta({ description: "The job that has ended" }),
  url: z.string().max(2_000).meta({ description: "Whom to tell" }),
});

const result = z.object({ status: z.number().meta({ description: "What the receiver answered" }) });

/** Those of Standard Webhooks, 28 hours in all. @see https://www.standardwebhooks.com */
const pauses = [
  { seconds: 5 },
  { minutes: 5 },
  { minutes: 30 },
  { hours: 2 },
  { hours: 5 },
  { hours: 10 },
  { hours: 10 },
];

const patiently: RetryStrategy = (error, attempt) => {
  const delay = pauses[attempt - 1];
  const isUseless = error instanceof ServiceError && !error.retryable;
  return delay && !isUseless ? { shouldRetry: true, delay } : { shouldRetry: false };
};

/** A larger result is fetched by its receiver, who has a key. */
const resultBytes = 64 * 1024;

/** Tells a receiver that a job has ended, signed as Standard Webhooks says. Waits for that job like any that depends on one. */
export const notification = defineJob<z.infer<typeof input>, z.infer<typeof result>>({
  type: "notification",
  version: 1,
  summary: "Tells a webhook that a job has ended; submitted by `notify`",
  input,
  result,
  example: { job_id: "0190b6a2-0000-7000-8000-000000000000", url: "https://example.com/hooks/convoke" },
  title: ({ url }) => `Notifying ${URL.parse(url)?.host ?? url}`,
  description: ({ job_id }) => `Of the end of job ${job_id}`,

  async run(ctx, { job_id, url }, services) {
    const { tenant, jobId } = ctx.job;
    const message = await ctx.step("message", () => messageOf(services, { tenant, jobId: job_id }));
    const body = JSON.stringify(message);
    const status = await ctx.step(
      "deliver",
      async ({ signal }) => {
        const { signatureHeaders } = await import("../../core/webhook-signature.ts");
        const secrets = await webhookSecrets(services.signing, tenant);
        const signed = signatureHeaders(secrets, { id: jobId, at: services.now(), body });
        const headers = { "content-type": "application/json", "user-agent": "convoke", ...signed };
        const answer = await services.webhooks({ method: "POST", url, headers, body, signal });
        if (answer.status >= 200 && answer.status <= 299) return answer.status;
        const said = `The receiver answered with ${answer.status}`;
        // 410: it wants nothing more to be sent.
        throw new StepFailed("webhook_refused", said, { retryable: answer.status !== 410 });
      },
      { retryStrategy: patiently, timeout: { seconds: 30 } },
    );
    return { status };
  },
});

async function messageOf(services: JobServices, key: JobKey): Promise<JsonObject> {
  const last = await successor(services, key);
  const job = last && (await readJob(services, last));
  if (!job) throw new NotFound(`No job "${key.jobId}"`);
  const { type, status, title, result_data, error, completed_at, conversation_id, degraded, mock } = job;
  const fits = JSON.stringify(result_data).length <= resultBytes;
  return {
    type: `job.${status}`,
    timestamp: completed_at,
    data: {
      job_id: key.jobId,
      type,
      status,
      title,
      result_data: fits ? result_data : null,
      result_url: `/api/jobs/${job.id}/result`,
      error,
      conversation_id,
      degraded,
      mock,
      completed_at,
    },
  };
}
