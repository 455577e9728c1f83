import {
  ComparisonOperator,
  type IAlarmAction,
  type Metric,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import { ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Topic } from "aws-cdk-lib/aws-sns";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Duration } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import { lanes } from "../core/protocol/job.ts";
import { iteratorAge, type Progress } from "./progress.ts";
import { title, type WorkQueue } from "./queue.ts";
import type { Sweeper } from "./sweeper.ts";
import type { Worker } from "./worker.ts";

type Watched = { queue: WorkQueue; worker: Worker; progress: Progress; sweeper: Sweeper };

/** What somebody must hear of, although the system may well repair it by itself. */
export class Alarms extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, { queue, worker, progress, sweeper }: Watched) {
    super(scope, id);
    this.topic = new Topic(this, "Topic", { enforceSSL: true });
    this.topic.grantPublish(new ServicePrincipal("cloudwatch.amazonaws.com"));

    for (const lane of lanes) {
      this.notEmpty(`${title(lane)}DeadLetters`, queue.deadLetters[lane], "The sweeper leaves dead letters");
    }
    this.notEmpty("ProgressFailures", progress.failures, "Committed events could not be pushed");

    this.above(
      "WorkerErrors",
      worker.fn.metricErrors({ period }),
      0,
      "A worker died: an error that is not a job's own, a crash, or a time-out",
    );
    this.above(
      "WorkerThrottles",
      worker.fn.metricThrottles({ period }),
      0,
      "The account has too little concurrency for the lanes",
    );
    this.above(
      "WorkerInvocations",
      worker.fn.metricInvocations({ period: minute }),
      3000,
      "Jobs wake each other up without end: the worker is exempt from Lambda's guard against loops",
    );
    this.above("SweeperErrors", sweeper.fn.metricErrors({ period }), 0, "A sweep failed");
    this.alarm("SweeperStopped", sweeper.fn.metricInvocations({ period: minute }), {
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 3,
      treatMissingData: TreatMissingData.BREACHING,
      alarmDescription: "No sweep for three minutes: nobody resumes jobs whose worker died",
    });
    this.above(
      "FeedDelay",
      iteratorAge(progress.fn, period),
      Duration.minutes(1).toMilliseconds(),
      "The live feed is more than a minute behind the journal",
    );
  }

  private notEmpty(id: string, queue: Queue, alarmDescription: string): void {
    const visible = queue.metricApproximateNumberOfMessagesVisible({ period, statistic: "max" });
    this.above(id, visible, 0, alarmDescription);
  }

  private above(id: string, metric: Metric, threshold: number, alarmDescription: string): void {
    this.alarm(id, metric, {
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      alarmDescription,
    });
  }

  private alarm(id: string, metric: Metric, options: Parameters<Metric["createAlarm"]>[2]): void {
    const tell: IAlarmAction = { bind: () => ({ alarmActionArn: this.topic.topicArn }) };
    const alarm = metric.createAlarm(this, id, options);
    alarm.addAlarmAction(tell);
    alarm.addOkAction(tell);
  }
}

const minute = Duration.minutes(1);
const period = Duration.minutes(5);
