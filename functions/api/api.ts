import { handle, type LambdaEvent } from "hono/aws-lambda";
import { env, required } from "../../core/config.ts";
import type { Logger } from "../../core/engine/context.ts";
import type { Jobs } from "../../core/engine/job-type.ts";
import { type JwtSettings, jwtSettings } from "../../core/keys/authenticate.ts";
import { app } from "./app.ts";
import type { DoorServices } from "./route.ts";

export type DoorSettings = {
  /** Where clients open their WebSocket. */
  socketUrl: string;
  /** Web origins that may call the API from a page. */
  allowedOrigins: string[];
  jwt?: JwtSettings;
};

export function doorSettings(environment: NodeJS.ProcessEnv): DoorSettings {
  return {
    socketUrl: required(environment, env.socketEndpoint).replace(/^http/, "ws"),
    allowedOrigins: (environment[env.allowedOrigins] ?? "").split(",").filter((origin) => origin !== ""),
    jwt: jwtSettings(environment),
  };
}

/** What API Gateway's HTTP APIs send, payload format 2.0. */
export type HttpEvent = Extract<LambdaEvent, { rawPath: string }>;

/** The Lambda function behind the HTTP API. */
export function api(services: DoorServices, jobs: Jobs, settings: DoorSettings, logger: Logger) {
  const { socketUrl, ...access } = settings;
  const handleEvent = handle(app({ services, jobs, socketUrl, logger }, access));
  return (event: HttpEvent) => {
    const { method } = event.requestContext.http;
    // A body of a GET means nothing in HTTP, and the fetch API refuses to make such a request.
    return handleEvent(method === "GET" || method === "HEAD" ? { ...event, body: null } : event);
  };
}
