import { Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction as Target } from "aws-cdk-lib/aws-events-targets";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { Duration } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import { lanes } from "../core/protocol/job.ts";
import { excuse } from "./findings.ts";
import { lambdaFunction, type Plan } from "./lambda.ts";
import { excuseQueueSource, title, type WorkQueue } from "./queue.ts";

/** Walks behind and picks up what fell: jobs and schedules whose time has come, messages that no worker could take. */
export class Sweeper extends Construct {
  readonly fn: LambdaFunction;

  constructor(scope: Construct, id: string, plan: Plan) {
    super(scope, id);
    this.fn = lambdaFunction(this, "sweeper", plan, {
      description: "Picks up what is due, overdue or was given up",
      memorySize: 512,
      timeout: Duration.seconds(50),
      // Schedules submit jobs, whose models are chosen then.
      environment: plan.environment.models,
    });
    const rule = new Rule(this, "EveryMinute", {
      schedule: Schedule.rate(Duration.minutes(1)),
      targets: [new Target(this.fn, { retryAttempts: 0, maxEventAge: Duration.seconds(60) })],
    });
    excuse(rule, "Serverless-EventBusDLQ", "A sweep that failed or came late is made good by the next one");
  }

  consume(queue: WorkQueue): void {
    for (const lane of lanes) {
      queue.deadLetters[lane].grantConsumeMessages(this.fn);
      const mapping = this.fn.addEventSourceMapping(`${title(lane)}DeadLetters`, {
        eventSourceArn: queue.deadLetters[lane].queueArn,
        batchSize: 10,
        maxConcurrency: 2,
        reportBatchItemFailures: true,
      });
      excuseQueueSource(mapping);
    }
  }
}
