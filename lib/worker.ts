import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { type Function as LambdaFunction, RecursiveLoop } from "aws-cdk-lib/aws-lambda";
import { Duration, Stack } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import { env } from "../core/config.ts";
import { deploymentOf } from "../core/models/deployment.ts";
import { type Lane, lanes } from "../core/protocol/job.ts";
import type { LaneShare } from "./environment.ts";
import { excuseWildcard } from "./findings.ts";
import { grantParameter, lambdaFunction, type Plan } from "./lambda.ts";
import { excuseQueueSource, title, type WorkQueue } from "./queue.ts";

/** Advances jobs, up to ten to an invocation. */
export class Worker extends Construct {
  readonly fn: LambdaFunction;

  constructor(scope: Construct, id: string, plan: Plan) {
    super(scope, id);
    const { limits, settings, models, moreModels, providerKeysParameter, signingSecretParameter } =
      plan.environment;
    this.fn = lambdaFunction(this, "worker", plan, {
      description: "Advances jobs",
      // It waits for models most of the time, and waiting is billed by the memory.
      memorySize: 384,
      timeout: Duration.seconds(settings.workerTimeoutSeconds),
      environment: { ...models, ...limits },
      // A long job is many passes, each started by the one before: after 16 of them Lambda would take it for a
      // runaway loop and drop it. Jobs have budgets of their own for hops, steps, age and money.
      recursiveLoop: RecursiveLoop.ALLOW,
    });
    // The models that the function will choose, from the same variables.
    const { councilMembers, councilChairmen, titleModel, workModels, videoModel } = deploymentOf(models);
    this.allowBedrock([...councilMembers, ...councilChairmen, titleModel, ...workModels, ...moreModels]);
    this.allowVideos(videoModel);
    if (providerKeysParameter) grantParameter(this.fn, env.providerKeysParameter, providerKeysParameter);
    if (signingSecretParameter) grantParameter(this.fn, env.signingSecretParameter, signingSecretParameter);
  }

  consume(queue: WorkQueue, shares: Record<Lane, LaneShare>): void {
    for (const lane of lanes) {
      queue.queues[lane].grantConsumeMessages(this.fn);
      const mapping = this.fn.addEventSourceMapping(title(lane), {
        eventSourceArn: queue.queues[lane].queueArn,
        batchSize: shares[lane].batchSize,
        maxConcurrency: shares[lane].concurrency,
        reportBatchItemFailures: true,
      });
      excuseQueueSource(mapping);
    }
  }

  private allowBedrock(models: string[]): void {
    const prefix = "bedrock:";
    const resources = models
      .filter((model) => model.startsWith(prefix))
      .flatMap((model) => bedrockArns(Stack.of(this), model.slice(prefix.length)));
    if (resources.length === 0) return;
    this.fn.addToRolePolicy(
      new PolicyStatement({
        actions: ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
        resources: [...new Set(resources)],
      }),
    );
    for (const resource of resources.filter((arn) => arn.includes(":*:"))) {
      excuseWildcard(
        this.fn,
        resource,
        "The profile decides in which regions of its continent the model runs",
      );
    }
  }

  /** Videos are made beside the call that begins them. */
  private allowVideos(model: string): void {
    if (!model.startsWith("bedrock:")) return;
    this.allowBedrock([model]);
    const stack = Stack.of(this);
    const invocations = stack.formatArn({ service: "bedrock", resource: "async-invoke", resourceName: "*" });
    this.fn.addToRolePolicy(
      new PolicyStatement({ actions: ["bedrock:GetAsyncInvoke"], resources: [invocations] }),
    );
    excuseWildcard(this.fn, invocations, "What is to be looked at is named when it has begun");
  }
}

/**
 * A model in this region, or an inference profile, which passes calls on to the same model elsewhere: `global.` to
 * anywhere, which is a region of no name, the others to the regions of a continent.
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html
 */
function bedrockArns(stack: Stack, model: string): string[] {
  const profile = /^(global|us|us-gov|eu|apac|jp|au|ca)\.(.+)$/.exec(model);
  const foundationModel = (region?: string): string =>
    stack.formatArn({
      service: "bedrock",
      ...(region === undefined ? {} : { region }),
      account: "",
      resource: "foundation-model",
      resourceName: profile?.[2] ?? model,
    });
  if (!profile) return [foundationModel()];
  const inferenceProfile = stack.formatArn({
    service: "bedrock",
    resource: "inference-profile",
    resourceName: model,
  });
  return [
    inferenceProfile,
    ...(profile[1] === "global" ? [foundationModel(), foundationModel("")] : [foundationModel("*")]),
  ];
}
