import { createHash } from "node:crypto";
import { SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { calling } from "../aws.ts";
import type { Lane } from "../protocol/job.ts";
import { checkDelay, type WorkQueue } from "./queue.ts";

export function sqsQueue(client: SQSClient, urls: Record<Lane, string>): WorkQueue {
  return {
    async send(lane, job, delaySeconds = 0) {
      checkDelay(delaySeconds);
      await calling("The queue", () =>
        client.send(
          new SendMessageCommand({
            QueueUrl: urls[lane],
            // Ids and nothing else, so that no dead-letter queue ever holds what users wrote.
            MessageBody: JSON.stringify({ tenant: job.tenant, jobId: job.jobId }),
            MessageGroupId: groupOf(job.tenant),
            ...(delaySeconds > 0 ? { DelaySeconds: delaySeconds } : {}),
          }),
        ),
      );
    },
  };
}

/**
 * Fair queues: a tenant that floods does not delay the others. A name that SQS would refuse is replaced by its hash.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
 */
function groupOf(tenant: string): string {
  if (/^[\x21-\x7e]{1,128}$/.test(tenant)) return tenant;
  return createHash("sha256").update(tenant).digest("hex");
}
