import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Duration } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import { env } from "../core/config.ts";
import { type Lane, lanes } from "../core/protocol/job.ts";
import type { Environment } from "./environment.ts";
import { sweeperTimeout } from "./sweeper.ts";

/** One queue per lane, and behind each the one for what its worker could not take. */
export class WorkQueue extends Construct {
  readonly queues: Record<Lane, Queue>;
  readonly deadLetters: Record<Lane, Queue>;

  constructor(scope: Construct, id: string, { settings }: Environment) {
    super(scope, id);
    this.deadLetters = eachLane(
      (lane) =>
        new Queue(this, `${title(lane)}DeadLetters`, {
          ...secured,
          visibilityTimeout: visibilityFor(sweeperTimeout),
          retentionPeriod: Duration.days(14),
        }),
    );
    this.queues = eachLane(
      (lane) =>
        new Queue(this, title(lane), {
          ...secured,
          visibilityTimeout: Duration.seconds(settings.visibilitySeconds),
          retentionPeriod: Duration.days(4),
          deadLetterQueue: { queue: this.deadLetters[lane], maxReceiveCount: settings.maxReceives },
        }),
    );
  }

  grantSend(fn: LambdaFunction): void {
    for (const lane of lanes) {
      this.queues[lane].grantSendMessages(fn);
      fn.addEnvironment(env.queue(lane), this.queues[lane].queueUrl);
    }
  }
}

/** Encrypted at rest and on the way. */
export const secured = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };

/** Six times the consumer's timeout, as AWS advises: a message must not come back while it is still at work. */
export function visibilityFor(timeout: Duration): Duration {
  return Duration.seconds(6 * timeout.toSeconds());
}

export function title(lane: Lane): string {
  return lane[0]!.toUpperCase() + lane.slice(1);
}

function eachLane<T>(make: (lane: Lane) => T): Record<Lane, T> {
  return Object.fromEntries(lanes.map((lane) => [lane, make(lane)])) as Record<Lane, T>;
}
