import type { EventSourceMapping, Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { Queue, QueueEncryption, type QueueProps } from "aws-cdk-lib/aws-sqs";
import { Duration } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import { env } from "../core/config.ts";
import { eachLane, type Lane, lanes } from "../core/protocol/job.ts";
import type { Environment } from "./environment.ts";
import { excuse } from "./findings.ts";

/** One queue per lane, and behind each the one for what its worker could not take. */
export class WorkQueue extends Construct {
  readonly queues: Record<Lane, Queue>;
  readonly deadLetters: Record<Lane, Queue>;

  constructor(scope: Construct, id: string, { settings }: Environment) {
    super(scope, id);
    this.deadLetters = eachLane((lane) =>
      lastQueue(this, `${title(lane)}DeadLetters`, {
        // Six times the timeout of the sweeper, which reads them.
        visibilityTimeout: Duration.minutes(5),
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
const secured = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };

/** A queue behind which there is none: what comes here has failed everywhere else. */
export function lastQueue(scope: Construct, id: string, props: QueueProps = {}): Queue {
  const queue = new Queue(scope, id, { ...secured, retentionPeriod: Duration.days(14), ...props });
  excuse(queue, "Serverless-SQSRedrivePolicy", "It is itself the dead-letter queue");
  return queue;
}

/** Says of an event source that reads from a queue: */
export function excuseQueueSource(mapping: EventSourceMapping): void {
  excuse(
    mapping,
    "Serverless-LambdaEventSourceMappingDestination",
    "A queue has no failure destination: what fails stays in it, and moves to its dead-letter queue",
  );
}

export function title(lane: Lane): string {
  return lane[0]!.toUpperCase() + lane.slice(1);
}
