import type { Metric } from "aws-cdk-lib/aws-cloudwatch";
import {
  FilterCriteria,
  FilterRule,
  type Function as LambdaFunction,
  StartingPosition,
} from "aws-cdk-lib/aws-lambda";
import { SqsDlq } from "aws-cdk-lib/aws-lambda-event-sources";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Duration } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import { table } from "../core/table.ts";
import { excuse } from "./findings.ts";
import type { Journal } from "./journal.ts";
import { lambdaFunction, type Plan } from "./lambda.ts";
import { lastQueue } from "./queue.ts";

/** Pushes what was committed to those who watch. A push that is lost does no harm: watchers notice gaps and ask. */
export class Progress extends Construct {
  readonly fn: LambdaFunction;
  /** Names of stream records that could not be handed on; without their contents. */
  readonly failures: Queue;
  private readonly lanes: number;

  constructor(scope: Construct, id: string, plan: Plan) {
    super(scope, id);
    this.lanes = plan.environment.settings.progressLanes;
    this.fn = lambdaFunction(this, "progress", plan, {
      description: "Pushes committed events to their watchers",
      memorySize: 512,
      timeout: Duration.seconds(60),
    });
    this.failures = lastQueue(this, "Failures");
    excuse(this.failures, "AwsSolutions-SQS3", "It is itself the dead-letter queue, of a stream");
  }

  follow(journal: Journal): void {
    journal.grantStream(this.fn);
    const insertOf = (prefix: string) =>
      FilterCriteria.filter({
        eventName: FilterRule.isEqual("INSERT"),
        dynamodb: { Keys: { [table.sortKey]: { S: FilterRule.beginsWith(prefix) } } },
      });
    this.fn.addEventSourceMapping("Journal", {
      eventSourceArn: journal.table.tableStreamArn!,
      startingPosition: StartingPosition.TRIM_HORIZON,
      filters: [insertOf(table.prefixes.entry), insertOf(table.prefixes.deltas)],
      batchSize: 100,
      maxBatchingWindow: Duration.seconds(0),
      // Order is kept per item collection, and that is all that a watcher of one job can see.
      parallelizationFactor: this.lanes,
      // One record that cannot be handled must not hold up the feed for the day that it stays in the stream.
      bisectBatchOnError: true,
      retryAttempts: 3,
      maxRecordAge: Duration.minutes(5),
      onFailure: new SqsDlq(this.failures),
    });
  }
}

/** How old the last record was when it was read from the stream. */
export function iteratorAge(fn: LambdaFunction, period: Duration): Metric {
  return fn.metric("IteratorAge", { period, statistic: "max" });
}
