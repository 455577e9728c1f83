import { type CfnStage, CorsHttpMethod, HttpApi, HttpMethod, HttpStage } from "aws-cdk-lib/aws-apigatewayv2";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { Duration, Stack } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import { env } from "../core/config.ts";
import { excuse } from "./findings.ts";
import { grantParameter, lambdaFunction, logGroupOf, type Plan } from "./lambda.ts";

/** The front door for requests. */
export class Api extends Construct {
  readonly fn: LambdaFunction;
  readonly url: string;

  constructor(scope: Construct, id: string, plan: Plan) {
    super(scope, id);
    const { access, allowedOrigins, limits, models, settings, signingSecretParameter } = plan.environment;
    this.fn = lambdaFunction(this, "api", plan, {
      description: "Accepts jobs and answers questions about them",
      memorySize: 1024,
      // An HTTP API gives up after 30 seconds, whatever the function may still have to say.
      timeout: Duration.seconds(29),
      // A job's models are chosen when it is submitted, so that a later deployment changes nothing for it.
      environment: { ...access, ...models, ...limits },
    });
    if (signingSecretParameter) grantParameter(this.fn, env.signingSecretParameter, signingSecretParameter);

    const api = new HttpApi(this, "HttpApi", {
      apiName: Stack.of(this).stackName,
      createDefaultStage: false,
      corsPreflight: allowedOrigins.length
        ? {
            allowOrigins: allowedOrigins,
            allowMethods: [CorsHttpMethod.ANY],
            allowHeaders: ["authorization", "content-type", "idempotency-key", "if-match", "prefer"],
            exposeHeaders: [
              "etag",
              "idempotent-replayed",
              "preference-applied",
              "retry-after",
              "x-request-id",
            ],
            maxAge: Duration.hours(1),
          }
        : undefined,
    });
    api.addRoutes({
      path: "/{proxy+}",
      methods: [HttpMethod.ANY],
      integration: new HttpLambdaIntegration("Integration", this.fn),
    });
    excuse(
      api,
      "AwsSolutions-APIG4",
      "The function checks keys and tokens itself: an authorizer would be a second invocation for each request",
    );
    const stage = new HttpStage(this, "Stage", {
      httpApi: api,
      stageName: "$default",
      autoDeploy: true,
      throttle: { rateLimit: settings.requestsPerSecond, burstLimit: settings.requestBurst },
    });
    (stage.node.defaultChild as CfnStage).accessLogSettings = {
      destinationArn: logGroupOf(this, "AccessLog", plan.environment).logGroupArn,
      format: accessLogFormat,
    };
    this.url = api.apiEndpoint;
  }

  /** For addresses that are given to others. */
  tellAddress(fn: LambdaFunction): void {
    fn.addEnvironment(env.apiUrl, this.url);
  }
}

/** Path, but neither query nor headers: no secret is ever in there. */
const accessLogFormat = JSON.stringify({
  requestId: "$context.requestId",
  requestTime: "$context.requestTime",
  sourceIp: "$context.identity.sourceIp",
  method: "$context.httpMethod",
  path: "$context.path",
  status: "$context.status",
  responseLength: "$context.responseLength",
  responseLatency: "$context.responseLatency",
  integrationError: "$context.integrationErrorMessage",
});
