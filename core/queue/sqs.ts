import { createHash } from "node:crypto";
import { GetQueueAttributesCommand, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { calling } from "../aws.ts";
import { eachLane, type Lane, lanes } from "../protocol/job.ts";
import { checkDelay, type LaneLength, type WorkQueue } from "./queue.ts";

export function sqsQueue(client: SQSClient, urls: Record<Lane, string>): WorkQueue {
  return {
    async lengths() {
      const counted = await Promise.all(lanes.map((lane) => lengthOf(client, urls[lane])));
      return eachLane((lane) => counted[lanes.indexOf(lane)]!);
    },
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

async function lengthOf(client: SQSClient, url: string): Promise<LaneLength> {
  const { Attributes = {} } = await calling("The queue", () =>
    client.send(
      new GetQueueAttributesCommand({
        QueueUrl: url,
        AttributeNames: [
          "ApproximateNumberOfMessages",
          "ApproximateNumberOfMessagesNotVisible",
          "ApproximateNumberOfMessagesDelayed",
        ],
      }),
    ),
  );
  return {
    ready: Number(Attributes.ApproximateNumberOfMessages ?? 0),
    taken: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
    delayed: Number(Attributes.ApproximateNumberOfMessagesDelayed ?? 0),
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
