import type { Authenticate } from "../../core/keys/authenticate.ts";
import type { Principal } from "../../core/keys/keys.ts";
import { Unauthorized } from "../../core/protocol/error.ts";
import { ticketPrefix } from "../../core/protocol/message.ts";
import type { Services } from "../../core/services.ts";

/** API Gateway asks before it opens a WebSocket, and only then. */
export type AuthorizerEvent = {
  type: "REQUEST";
  methodArn: string;
  headers?: Headers;
};

export type Headers = Record<string, string | undefined> | null;

/** What later messages of the connection carry. API Gateway passes nothing but strings on. */
export type AuthorizerContext = { tenant: string; principal: string; scopes: string; expiresAt: string };

type AuthorizerResult = {
  principalId: string;
  policyDocument: {
    Version: "2012-10-17";
    Statement: [{ Action: "execute-api:Invoke"; Effect: "Allow" | "Deny"; Resource: string }];
  };
  context?: AuthorizerContext;
};

export type Admission = {
  authenticate: Authenticate;
  keys: Services["keys"];
  /** Pages of these origins may connect; whoever names no origin is not a browser. */
  allowedOrigins: string[];
};

/**
 * Decides who may open a WebSocket: the holder of a key or token (`Authorization: Bearer ...`), or of a ticket, which
 * a browser offers as a subprotocol because it cannot set headers.
 *
 * CORS does not cover WebSockets, so a page of another origin is turned away here.
 */
export async function authorize(event: AuthorizerEvent, admission: Admission): Promise<AuthorizerResult> {
  const origin = header(event.headers, "origin");
  if (origin !== undefined && !admission.allowedOrigins.includes(origin)) return policy(event, undefined);
  const principal = await identify(event.headers, admission);
  return policy(event, principal && mayRead(principal.scopes) ? principal : undefined);
}

export function mayRead(scopes: string[]): boolean {
  return scopes.includes("jobs:read") || scopes.includes("admin");
}

/** Header names arrive as the client wrote them. */
function header(headers: Headers | undefined, name: string): string | undefined {
  const found = Object.keys(headers ?? {}).find((key) => key.toLowerCase() === name);
  return found === undefined ? undefined : headers?.[found];
}

export function subprotocols(headers: Headers | undefined): string[] {
  return (header(headers, "sec-websocket-protocol") ?? "")
    .split(",")
    .map((offered) => offered.trim())
    .filter((offered) => offered !== "");
}

async function identify(
  headers: Headers | undefined,
  { authenticate, keys }: Admission,
): Promise<Principal | undefined> {
  const authorization = header(headers, "authorization");
  if (authorization === undefined) {
    const ticket = subprotocols(headers).find((offered) => offered.startsWith(ticketPrefix));
    return ticket === undefined ? undefined : keys.redeemTicket(ticket.slice(ticketPrefix.length));
  }
  try {
    return await authenticate(authorization);
  } catch (error) {
    if (error instanceof Unauthorized) return undefined;
    throw error;
  }
}

function policy(event: AuthorizerEvent, principal: Principal | undefined): AuthorizerResult {
  return {
    principalId: principal?.id ?? "unknown",
    policyDocument: {
      Version: "2012-10-17",
      Statement: [
        { Action: "execute-api:Invoke", Effect: principal ? "Allow" : "Deny", Resource: event.methodArn },
      ],
    },
    ...(principal
      ? {
          context: {
            tenant: principal.tenant,
            principal: principal.id,
            scopes: principal.scopes.join(" "),
            expiresAt: String(principal.expiresAt ?? ""),
          },
        }
      : {}),
  };
}
