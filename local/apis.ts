import * as z from "zod";
import { type Authorizer, identitySource } from "./authorizer.ts";
import type { Properties } from "./resource-types.ts";
import { type Template, Unsupported } from "./template.ts";
import { TokenBucket } from "./token-bucket.ts";

/** A route with all that the template says of it: its integration, authorizer and throttle. */
export type Route = {
  key: string;
  functionId: string;
  timeoutMs: number;
  authorizer?: Authorizer;
  throttle?: TokenBucket;
  /** WebSocket only: what the function returns goes to the client. */
  responds: boolean;
};

/** One stage of an API. */
export type Api = {
  id: string;
  stage: string;
  stageVariables?: Record<string, string>;
  routes: Route[];
  cors?: Properties<"AWS::ApiGatewayV2::Api">["CorsConfiguration"];
  /** WebSocket only: which part of a message names its route, as `$request.body.action` does. */
  selection: string;
};

const routeSettings = z.object({
  ThrottlingBurstLimit: z.number().optional(),
  ThrottlingRateLimit: z.number().optional(),
});

/** The longest that API Gateway waits for an integration. */
const integrationTimeoutMs = {
  /** @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
  HTTP: 30_000,
  /** @see https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html */
  WEBSOCKET: 29_000,
};

/**
 * The HTTP and WebSocket APIs of a template, by stage.
 * @throws Unsupported when they ask for something that the gateway does not do as AWS does.
 */
export function readApis(template: Pick<Template, "of" | "find">): { http: Api[]; webSocket: Api[] } {
  const answered = new Set(
    template.of("AWS::ApiGatewayV2::RouteResponse").map(({ properties }) => properties.RouteId),
  );
  const apis = { http: [] as Api[], webSocket: [] as Api[] };
  for (const { properties: stage } of template.of("AWS::ApiGatewayV2::Stage")) {
    const { name: apiId, properties: api } = template.find("AWS::ApiGatewayV2::Api", stage.ApiId);
    const http = api.ProtocolType === "HTTP";
    const authorizers = new Map<string, Authorizer>();
    const defaults = routeSettings.parse(stage.DefaultRouteSettings ?? {});
    const perRoute = z.record(z.string(), routeSettings).parse(stage.RouteSettings ?? {});
    const routes = template
      .of("AWS::ApiGatewayV2::Route")
      .filter(({ properties }) => properties.ApiId === apiId)
      .map(({ name, properties }): Route => {
        const integration = template.find(
          "AWS::ApiGatewayV2::Integration",
          properties.Target.replace(/^integrations\//, ""),
        );
        const { PayloadFormatVersion, IntegrationUri, TimeoutInMillis } = integration.properties;
        if (http && PayloadFormatVersion !== "2.0") {
          throw new Unsupported(`${integration.id}: the gateway speaks payload format 2.0 only`);
        }
        const settings = { ...defaults, ...perRoute[properties.RouteKey] };
        const { ThrottlingRateLimit: rate, ThrottlingBurstLimit: burst } = settings;
        return {
          key: properties.RouteKey,
          functionId: template.find("AWS::Lambda::Function", IntegrationUri).id,
          timeoutMs: TimeoutInMillis ?? integrationTimeoutMs[api.ProtocolType],
          responds: properties.RouteResponseSelectionExpression === "$default" && answered.has(name),
          ...(properties.AuthorizationType === "CUSTOM"
            ? { authorizer: authorizerNamed(properties.AuthorizerId ?? "") }
            : {}),
          ...(rate === undefined || burst === undefined ? {} : { throttle: new TokenBucket(rate, burst) }),
        };
      });
    apis[http ? "http" : "webSocket"].push({
      id: apiId,
      stage: stage.StageName,
      ...(stage.StageVariables ? { stageVariables: stage.StageVariables } : {}),
      routes,
      ...(api.CorsConfiguration ? { cors: api.CorsConfiguration } : {}),
      selection: api.RouteSelectionExpression ?? "$request.body.action",
    });

    /** Routes that name the same authorizer share its cache. */
    function authorizerNamed(name: string): Authorizer {
      const known = authorizers.get(name);
      if (known) return known;
      const { id, properties } = template.find("AWS::ApiGatewayV2::Authorizer", name);
      if (http && properties.AuthorizerPayloadFormatVersion !== "2.0") {
        throw new Unsupported(`${id}: the gateway speaks payload format 2.0 only`);
      }
      const authorizer: Authorizer = {
        functionId: template.find("AWS::Lambda::Function", properties.AuthorizerUri).id,
        identitySources: (properties.IdentitySource ?? []).map(identitySource),
        simple: properties.EnableSimpleResponses ?? false,
        // AWS caches the answers of authorizers for HTTP APIs only.
        cacheMs: http ? (properties.AuthorizerResultTtlInSeconds ?? 0) * 1000 : 0,
        cache: new Map(),
      };
      authorizers.set(name, authorizer);
      return authorizer;
    }
  }
  return apis;
}
