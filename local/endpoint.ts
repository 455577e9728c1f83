import { env } from "../core/config.ts";
import type { Cloud } from "./cloud.ts";

/** Where the tables are and how they are set; no provider's key and no secret of a person. */
const operators = new Set<string>([
  env.table,
  env.bucket,
  env.settings,
  "AWS_REGION",
  "AWS_ENDPOINT_URL_DYNAMODB",
  "AWS_ENDPOINT_URL_S3",
]);

/** What the command line needs to know of a cloud that runs here: it finds it as `.convoke/endpoint.json`. */
export function endpointOf(cloud: Pick<Cloud, "http" | "ws" | "environmentOf">, key: string) {
  const { http, ws } = cloud;
  const own = Object.entries(cloud.environmentOf("ApiFunction")).filter(([name]) => operators.has(name));
  const engines = { AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local", AWS_SESSION_TOKEN: "" };
  return { http, ws, key, environment: { ...Object.fromEntries(own), ...engines } };
}
