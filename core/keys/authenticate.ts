import { env } from "../config.ts";
import { Unauthorized, Unavailable } from "../protocol/error.ts";
import type { Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import { type Principal, type Scope, scopes } from "./keys.ts";

/** Tokens of an OpenID Connect issuer. */
export type JwtSettings = {
  issuer: string;
  audience: string;
  tenantClaim: string;
  /** Fetches the issuer's public keys from where it publishes them, if not by a plain HTTPS request. */
  fetchKeys?: (uri: string) => Promise<ArrayBuffer>;
};

/** @returns undefined where a deployment accepts API keys only. */
export function jwtSettings(environment: NodeJS.ProcessEnv): JwtSettings | undefined {
  const issuer = environment[env.jwtIssuer];
  const audience = environment[env.jwtAudience];
  if (!issuer) return undefined;
  // A token for another application of the same issuer must not open this one.
  if (!audience) throw new Error(`${env.jwtIssuer} is set, but ${env.jwtAudience} is not`);
  return { issuer, audience, tenantClaim: environment[env.jwtTenantClaim] || "tenant" };
}

/**
 * Tells who asks from the value of an `Authorization` header, or where there is none from a browser's session.
 * @throws Unauthorized when it is not exactly one valid key or token; Unavailable when that cannot be known now.
 */
export type Authenticate = (authorization: string | undefined, session?: string) => Promise<Principal>;

/** Ids become parts of database keys, so their alphabet excludes every separator. */
export const idPattern = /^[A-Za-z0-9_-]{1,64}$/;

const cachedKeys = 1_000;
const clockLeewaySeconds = 60;

export function authenticator(
  services: Pick<Services, "keys" | "now" | "settings">,
  jwt?: JwtSettings,
): Authenticate {
  const { keys, now, settings } = services;
  // Only keys that were good: a refused one is looked up each time, and can fill nothing.
  const cache = new Map<string, { principal: Principal; until: Millis }>();
  let verify: Promise<(token: string) => Promise<Principal | undefined>> | undefined;

  async function byKey(key: string): Promise<Principal | undefined> {
    const cached = cache.get(key);
    if (cached && cached.until > now()) return cached.principal;
    cache.delete(key);
    const principal = await keys.check(key);
    if (!principal) return undefined;
    // The oldest leaves: a Map keeps the order of insertion.
    if (cache.size >= cachedKeys) cache.delete(cache.keys().next().value!);
    cache.set(key, { principal, until: now() + settings.keyCacheMs });
    return principal;
  }

  async function byToken(token: string): Promise<Principal | undefined> {
    if (!jwt) return undefined;
    verify ??= jwtVerifier(jwt);
    return (await verify)(token);
  }

  return async (authorization, session) => {
    if (authorization === undefined && session !== undefined) {
      // Not remembered, so that signing out holds everywhere at once.
      const principal = await keys.checkSession(session);
      if (!principal) throw new Unauthorized("This session is over; sign in again");
      return principal;
    }
    const token = /^Bearer ([\x21-\x7e]{1,8192})$/i.exec(authorization ?? "")?.[1];
    if (!token) throw new Unauthorized("An API key is needed: Authorization: Bearer <key>");
    const principal = await (token.startsWith("ck_") ? byKey(token) : byToken(token));
    if (!principal || (principal.expiresAt !== undefined && principal.expiresAt <= now()))
      throw new Unauthorized("This key or token is unknown, revoked or expired");
    return principal;
  };
}

async function jwtVerifier({ issuer, audience, tenantClaim, fetchKeys }: JwtSettings) {
  // Loaded by deployments that use it, when the first token comes.
  const { JwtVerifier } = await import("aws-jwt-verify");
  const { SimpleJwksCache } = await import("aws-jwt-verify/jwk");
  const { FetchError } = await import("aws-jwt-verify/error");
  const verifier = JwtVerifier.create(
    { issuer, audience, graceSeconds: clockLeewaySeconds },
    { jwksCache: new SimpleJwksCache(fetchKeys ? { fetcher: { fetch: fetchKeys } } : {}) },
  );
  return async (token: string): Promise<Principal | undefined> => {
    const claims = await verifier.verify(token).catch((error: unknown) => {
      // Not the token's fault: with the issuer's keys it may well be good.
      if (error instanceof FetchError)
        throw new Unavailable("The keys of the token's issuer could not be fetched", { cause: error });
      return undefined;
    });
    const tenant = claims?.[tenantClaim];
    if (!claims?.sub || !claims.exp || typeof tenant !== "string" || !idPattern.test(tenant))
      return undefined;
    return {
      tenant,
      id: claims.sub.slice(0, 128),
      scopes: grantedScopes(claims.scope),
      expiresAt: (claims.exp + clockLeewaySeconds) * 1000,
    };
  };
}

function grantedScopes(claim: unknown): Scope[] {
  const granted = typeof claim === "string" ? claim.split(" ") : [];
  return scopes.filter((scope) => granted.includes(scope));
}
