import { Dashboard as Board, GraphWidget, type IMetric } from "aws-cdk-lib/aws-cloudwatch";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { Duration } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import { lanes } from "../core/protocol/job.ts";
import type { Journal } from "./journal.ts";
import { iteratorAge, type Progress } from "./progress.ts";
import { title, type WorkQueue } from "./queue.ts";

type Shown = {
  functions: Record<string, LambdaFunction>;
  queue: WorkQueue;
  journal: Journal;
  progress: Progress;
};

const period = Duration.minutes(1);

/** One page for whoever is on duty: what waits, what fails, how far behind the live feed is. */
export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, { functions, queue, journal, progress }: Shown) {
    super(scope, id);
    const eachFunction = (
      metricOf: (fn: LambdaFunction) => IMetric & { with(props: { label: string }): IMetric },
    ) => Object.entries(functions).map(([label, fn]) => metricOf(fn).with({ label }));
    const eachQueue = (metric: string, of: "queues" | "deadLetters") =>
      lanes.map((lane) => queue[of][lane].metric(metric, { period, statistic: "max", label: title(lane) }));
    const throttles = (metric: string) =>
      journal.table.metric(metric, { period, statistic: "sum", label: metric });

    const board = new Board(this, "Board", { defaultInterval: Duration.hours(3) });
    board.addWidgets(
      graph("Jobs that wait, by lane", eachQueue("ApproximateNumberOfMessagesVisible", "queues")),
      graph("Seconds that the oldest has waited", eachQueue("ApproximateAgeOfOldestMessage", "queues")),
      graph("Dead letters", [
        ...eachQueue("ApproximateNumberOfMessagesVisible", "deadLetters"),
        progress.failures.metricApproximateNumberOfMessagesVisible({
          period,
          statistic: "max",
          label: "Pushes",
        }),
      ]),
    );
    board.addWidgets(
      graph(
        "Errors, by function",
        eachFunction((fn) => fn.metricErrors({ period })),
      ),
      graph(
        "Throttles, by function",
        eachFunction((fn) => fn.metricThrottles({ period })),
      ),
      graph(
        "Milliseconds, slowest of a hundred",
        eachFunction((fn) => fn.metricDuration({ period, statistic: "p99" })),
      ),
    );
    board.addWidgets(
      graph("Milliseconds that the live feed is behind", [iteratorAge(progress.fn, period)]),
      graph(
        "Invocations, by function",
        eachFunction((fn) => fn.metricInvocations({ period })),
      ),
      graph("Refusals of the table", [throttles("ReadThrottleEvents"), throttles("WriteThrottleEvents")]),
    );
  }
}

function graph(name: string, left: IMetric[]): GraphWidget {
  return new GraphWidget({ title: name, left, width: 8, leftYAxis: { min: 0 } });
}
