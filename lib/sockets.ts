import { WebSocketApi, WebSocketStage } from "aws-cdk-lib/aws-apigatewayv2";
import { WebSocketLambdaAuthorizer } from "aws-cdk-lib/aws-apigatewayv2-authorizers";
import { WebSocketLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { Duration, Stack } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import { env } from "../core/config.ts";
import { excuse, excuseWildcard } from "./findings.ts";
import { lambdaFunction, type Plan } from "./lambda.ts";

/** The front door for watchers. One function is authorizer and handler of every route. */
export class Sockets extends Construct {
  readonly fn: LambdaFunction;
  private readonly api: WebSocketApi;
  private readonly stage: WebSocketStage;

  constructor(scope: Construct, id: string, plan: Plan) {
    super(scope, id);
    this.fn = lambdaFunction(this, "sockets", plan, {
      description: "Admits watchers, keeps what they watch, replays what they missed",
      memorySize: 512,
      timeout: Duration.seconds(29),
      environment: plan.environment.access,
    });

    const integration = new WebSocketLambdaIntegration("Integration", this.fn);
    this.api = new WebSocketApi(this, "WebSocketApi", {
      apiName: Stack.of(this).stackName,
      connectRouteOptions: {
        integration,
        // No identity source: what a client lacks is not the same for all. A program sends the Authorization header,
        // a browser, which cannot, a ticket among its subprotocols.
        authorizer: new WebSocketLambdaAuthorizer("Authorizer", this.fn, { identitySource: [] }),
      },
      disconnectRouteOptions: { integration },
      defaultRouteOptions: { integration, returnResponse: true },
    });
    excuse(
      this.api,
      "AwsSolutions-APIG4",
      "Only $connect can have an authorizer; what is said afterwards is checked against what that one found out",
    );
    this.stage = new WebSocketStage(this, "Stage", {
      webSocketApi: this.api,
      stageName: "ws",
      autoDeploy: true,
      throttle: { rateLimit: 500, burstLimit: 1000 },
    });
    for (const rule of ["AwsSolutions-APIG1", "Serverless-APIGWAccessLogging"] as const) {
      excuse(
        this.stage,
        rule,
        "Access logs of a WebSocket API need a role in the settings of the whole account, which is not one stack's " +
          "to set; the function logs who connects",
      );
    }
  }

  /** Where clients connect. */
  get url(): string {
    return this.stage.url;
  }

  tellAddress(fn: LambdaFunction): void {
    fn.addEnvironment(env.socketEndpoint, this.stage.callbackUrl);
  }

  grantPost(fn: LambdaFunction): void {
    const connections = Stack.of(this).formatArn({
      service: "execute-api",
      resource: this.api.apiId,
      resourceName: `${this.stage.stageName}/*/@connections/*`,
    });
    fn.addToRolePolicy(
      new PolicyStatement({ actions: ["execute-api:ManageConnections"], resources: [connections] }),
    );
    excuseWildcard(fn, connections, "Any connection to this stage of this API, to post to it or to close it");
    this.tellAddress(fn);
  }
}
