import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import {
  Architecture,
  Code,
  type FunctionOptions,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from "aws-cdk-lib/aws-lambda";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import { type Duration, RemovalPolicy, Stack } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { env } from "../core/config.ts";
import type { Bundles, FunctionName } from "./bundle.ts";
import type { Environment } from "./environment.ts";
import { excuse, excuseWildcard } from "./findings.ts";

/** What every stop is built from. `page` is the folder with the console's files. */
export type Plan = { environment: Environment; bundles: Bundles; page: string };

type Own = Pick<FunctionOptions, "description" | "recursiveLoop" | "environment"> & {
  memorySize: number;
  timeout: Duration;
};

/**
 * A function with a role and a log of its own. It may do nothing but write that log; each resource's `grant...`
 * adds a right and the address to use it on.
 */
export function lambdaFunction(
  scope: Construct,
  name: FunctionName,
  { environment, bundles }: Omit<Plan, "page">,
  own: Own,
): LambdaFunction {
  const role = new Role(scope, "Role", { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
  const logGroup = logGroupOf(scope, "Log", environment);
  logGroup.grantWrite(role);
  const fn = new LambdaFunction(scope, "Function", {
    ...own,
    code: Code.fromAsset(bundles[name].directory),
    handler: bundles[name].handler,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    role,
    logGroup,
    loggingFormat: LoggingFormat.JSON,
    tracing: Tracing.ACTIVE,
    environment: {
      ...own.environment,
      NODE_OPTIONS: "--enable-source-maps",
      [env.settings]: environment.name === "local" ? "local" : "aws",
    },
  });
  excuseWildcard(fn, "*", "X-Ray knows no resources to which the right to send traces could be limited");
  excuse(
    fn,
    "Serverless-LambdaDLQ",
    "Such a queue serves asynchronous calls only. Gateways wait for their answer, event sources have queues of " +
      "their own for what fails, and a sweep that fails is made good by the next",
  );
  return fn;
}

export function logGroupOf(scope: Construct, id: string, { production }: Environment): LogGroup {
  return new LogGroup(scope, id, {
    retention: production ? RetentionDays.THREE_MONTHS : RetentionDays.TWO_WEEKS,
    removalPolicy: production ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
}

/** Lets a function read a secret, and tells it where that is. */
export function grantParameter(fn: LambdaFunction, variable: string, parameter: string): void {
  fn.addToRolePolicy(
    new PolicyStatement({
      actions: ["ssm:GetParameter"],
      resources: [
        Stack.of(fn).formatArn({
          service: "ssm",
          resource: "parameter",
          resourceName: parameter.replace(/^\//, ""),
        }),
      ],
    }),
  );
  fn.addEnvironment(variable, parameter);
}
