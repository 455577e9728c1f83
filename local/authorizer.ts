import type { Lambdas } from "./lambdas.ts";
import { within } from "./requests.ts";
import { account, region } from "./resource-types.ts";
import { Unsupported } from "./template.ts";

/** A Lambda authorizer of type REQUEST. */
export type Authorizer = {
  functionId: string;
  identitySources: IdentitySource[];
  /** The function answers `{isAuthorized, context}`, not a policy. */
  simple: boolean;
  cacheMs: number;
  cache: Map<string, { answer: unknown; until: number }>;
};

type IdentitySource = (scope: IdentityScope) => string | undefined;

/** Where identity sources are looked up; header names in lower case. */
type IdentityScope = {
  header: (name: string) => string | undefined;
  querystring: (name: string) => string | undefined;
  context: Record<string, string | undefined>;
  stageVariables: Record<string, string> | undefined;
};

export type Verdict =
  | { allowed: true; principalId?: string; context: Record<string, unknown> }
  | { allowed: false; status: 401 | 403 | 500 };

/** @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
const authorizerTimeoutMs = 10_000;
const cachedAnswersMost = 1_000;

/**
 * Asks the authorizer. A request without an identity source is refused without asking.
 * @param arn - of the route: what a policy has to allow.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
 */
export async function authorize(
  authorizer: Authorizer,
  lambdas: Lambdas,
  scope: IdentityScope,
  arn: string,
  event: (identitySource: string[]) => unknown,
): Promise<Verdict> {
  const identity: string[] = [];
  for (const source of authorizer.identitySources) {
    const value = source(scope);
    if (!value) return { allowed: false, status: 401 };
    identity.push(value);
  }
  const cacheKey = authorizer.cacheMs > 0 && identity.length > 0 ? JSON.stringify(identity) : undefined;
  if (cacheKey !== undefined) {
    const cached = authorizer.cache.get(cacheKey);
    if (cached && cached.until > Date.now()) return judge(authorizer, cached.answer, arn);
  }
  const invoked = await within(
    authorizerTimeoutMs,
    lambdas.invoke(authorizer.functionId, event(identity), { about: "authorizer" }),
  );
  if (!invoked?.ok) {
    // The one message of an error that means something to API Gateway.
    const unauthorized = invoked?.kind === "error" && invoked.error.errorMessage === "Unauthorized";
    return { allowed: false, status: unauthorized ? 401 : 500 };
  }
  const verdict = judge(authorizer, invoked.payload, arn);
  if (cacheKey !== undefined && (verdict.allowed || verdict.status !== 500)) {
    const oldest = authorizer.cache.keys().next();
    if (authorizer.cache.size >= cachedAnswersMost && !oldest.done) authorizer.cache.delete(oldest.value);
    authorizer.cache.set(cacheKey, { answer: invoked.payload, until: Date.now() + authorizer.cacheMs });
  }
  return verdict;
}

export function routeArn(apiId: string, stage: string, method: string, path: string): string {
  return `arn:aws:execute-api:${region}:${account}:${apiId}/${stage}/${method}${path}`;
}

/**
 * `$request.header.Authorization` in HTTP APIs, `route.request.header.Authorization` in WebSocket APIs.
 * @throws Unsupported
 */
export function identitySource(expression: string): IdentitySource {
  const [, kind, name = ""] = /^(?:\$|route\.)?(?:request\.)?(\w+)\.(.+)$/.exec(expression) ?? [];
  switch (kind) {
    case "header":
      return ({ header }) => header(name.toLowerCase());
    case "querystring":
      return ({ querystring }) => querystring(name);
    case "context":
      return ({ context }) => context[name];
    case "stageVariables":
      return ({ stageVariables }) => stageVariables?.[name];
    default:
      throw new Unsupported(`The identity source ${expression} is of no kind that the gateway knows`);
  }
}

function judge(authorizer: Authorizer, answer: unknown, arn: string): Verdict {
  if (typeof answer !== "object" || answer === null) return { allowed: false, status: 500 };
  const { context = {} } = answer as { context?: Record<string, unknown> };
  if (authorizer.simple) {
    const { isAuthorized } = answer as { isAuthorized?: unknown };
    if (typeof isAuthorized !== "boolean") return { allowed: false, status: 500 };
    return isAuthorized ? { allowed: true, context } : { allowed: false, status: 403 };
  }
  const { principalId, policyDocument } = answer as {
    principalId?: unknown;
    policyDocument?: { Statement?: Statement | Statement[] };
  };
  const statements = policyDocument?.Statement;
  if (typeof principalId !== "string" || !statements) return { allowed: false, status: 500 };
  return allows([statements].flat(), arn)
    ? { allowed: true, principalId, context }
    : { allowed: false, status: 403 };
}

type Statement = { Effect: string; Action: string | string[]; Resource: string | string[] };

/** A Deny that fits outranks every Allow. */
function allows(statements: Statement[], arn: string): boolean {
  const fitting = statements.filter(
    ({ Action, Resource }) =>
      [Action].flat().some((action) => like(action, "execute-api:Invoke")) &&
      [Resource].flat().some((resource) => like(resource, arn)),
  );
  return fitting.some(({ Effect }) => Effect === "Allow") && !fitting.some(({ Effect }) => Effect === "Deny");
}

/** The wildcards of policies: `*` for any characters, `?` for one. */
function like(pattern: string, value: string): boolean {
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${expression}$`, "is").test(value);
}
