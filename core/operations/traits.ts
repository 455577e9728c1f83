import type { JsonObject } from "../protocol/json.ts";
import { callsBack, type HttpRequest } from "./http.ts";
import { mockMs } from "./mock.ts";
import { OperationError, type OperationName, type OperationTraits } from "./operation.ts";
import type { VideoRequest } from "./video.ts";

const providers = ["google", "bedrock", "mock", "http"] as const;
export type ProviderName = (typeof providers)[number];

/**
 * What is known of an operation before its provider is asked. It follows from the request alone, so that a replay is told
 * the same.
 * @throws OperationError `operation_unknown`.
 */
export function traitsOf(operation: OperationName, request: JsonObject): OperationTraits {
  return traits[nameOf(operation)](operation, request);
}

/** Of figures that the providers publish: Veo takes one to three minutes, Nova Reel about a quarter of a minute a second. */
const traits: Record<ProviderName, (operation: OperationName, request: JsonObject) => OperationTraits> = {
  google: () => ({ repeatable: false, callsBack: false, expectedMs: 90_000 }),
  bedrock: (_, request) => ({
    repeatable: true,
    callsBack: false,
    expectedMs: Math.max(90_000, ((request as VideoRequest).duration_seconds ?? 6) * 8_000),
  }),
  mock: (operation) => ({ repeatable: true, callsBack: false, expectedMs: mockMs(operation) ?? 20_000 }),
  http: (_, request) => ({
    repeatable: (request as HttpRequest).idempotent === true,
    callsBack: callsBack(request as HttpRequest),
  }),
};

/** @throws OperationError `operation_unknown` for a name without one of our prefixes. */
export function nameOf(operation: OperationName): ProviderName {
  const name = providers.find((known) => operation.startsWith(`${known}:`));
  if (name) return name;
  throw new OperationError(
    "operation_unknown",
    `No operation "${operation}"; a name begins with ${providers.map((known) => `${known}:`).join(", ")}`,
  );
}
