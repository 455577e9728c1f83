import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { type Function as LambdaFunction, RecursiveLoop } from "aws-cdk-lib/aws-lambda";
import { Duration, Stack } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import { env } from "../core/config.ts";
import { lanes } from "../core/protocol/job.ts";
import type { LaneShare } from "./environment.ts";
import { lambdaFunction, type Plan } from "./lambda.ts";
import { title, type WorkQueue } from "./queue.ts";

/** Advances jobs, up to ten to an invocation. */
export class Worker extends Construct {
  readonly fn: LambdaFunction;

  constructor(scope: Construct, id: string, plan: Plan) {
    super(scope, id);
    const { settings, ...environment } = plan.environment;
    this.fn = lambdaFunction(this, "worker", plan, {
      description: "Advances jobs",
      memorySize: 1024,
      timeout: Duration.seconds(settings.workerTimeoutSeconds),
      // A long job is many passes, each started by the one before: after 16 of them Lambda would take it for a
      // runaway loop and drop it. Jobs have budgets of their own for hops, steps, age and money.
      recursiveLoop: RecursiveLoop.ALLOW,
    });
    const { councilMembers, councilChairmen, titleModel, moreModels, providerKeysParameter } = environment;
    const models = { councilMembers, councilChairmen, titleModel };
    for (const [name, value] of Object.entries(models)) {
      if (value) this.fn.addEnvironment(env[name as keyof typeof models], value);
    }
    this.allowBedrock(
      [councilMembers, councilChairmen, titleModel, moreModels].flatMap((list) => list?.split(",") ?? []),
    );
    if (providerKeysParameter) this.allowProviderKeys(providerKeysParameter);
  }

  consume(queue: WorkQueue, shares: Record<(typeof lanes)[number], LaneShare>): void {
    for (const lane of lanes) {
      queue.queues[lane].grantConsumeMessages(this.fn);
      this.fn.addEventSourceMapping(title(lane), {
        eventSourceArn: queue.queues[lane].queueArn,
        batchSize: shares[lane].batchSize,
        maxConcurrency: shares[lane].concurrency,
        reportBatchItemFailures: true,
      });
    }
  }

  private allowBedrock(models: string[]): void {
    const stack = Stack.of(this);
    const resources = models
      .filter((model) => model.startsWith("bedrock:"))
      .flatMap((model) => bedrockArns(stack, model.slice("bedrock:".length)));
    if (resources.length === 0) return;
    this.fn.addToRolePolicy(
      new PolicyStatement({
        actions: ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
        resources: [...new Set(resources)],
      }),
    );
  }

  private allowProviderKeys(parameter: string): void {
    this.fn.addToRolePolicy(
      new PolicyStatement({
        actions: ["ssm:GetParameter"],
        resources: [
          Stack.of(this).formatArn({
            service: "ssm",
            resource: "parameter",
            resourceName: parameter.replace(/^\//, ""),
          }),
        ],
      }),
    );
    this.fn.addEnvironment(env.providerKeysParameter, parameter);
  }
}

/**
 * A model in this region, or an inference profile, which passes calls on to the same model in other regions.
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
 */
function bedrockArns(stack: Stack, model: string): string[] {
  const inRegion = { service: "bedrock", resource: "foundation-model", account: "", resourceName: model };
  const profile = /^(global|us|us-gov|eu|apac|jp|au|ca)\.(.+)$/.exec(model);
  if (!profile) return [stack.formatArn(inRegion)];
  return [
    stack.formatArn({ service: "bedrock", resource: "inference-profile", resourceName: model }),
    stack.formatArn({ ...inRegion, region: "*", resourceName: profile[2]! }),
  ];
}
