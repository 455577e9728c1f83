import type { Millis } from "../protocol/json.ts";

export const scopes = ["jobs:read", "jobs:write", "jobs:approve", "admin"] as const;
export type Scope = (typeof scopes)[number];

/** Who asks. The tenant comes from here and from nowhere else. */
export type Principal = {
  tenant: string;
  /** The id of the key, or the subject of the token: what the audit trail names. */
  id: string;
  scopes: Scope[];
  /** The moment at which the right ends, where there is one. */
  expiresAt?: Millis;
};

/** API keys, WebSocket tickets and sessions. Only hashes are stored: secrets are 256 random bits, so a fast hash is enough. */
export interface Keys {
  /** @returns the key itself, `ck_<id>_<secret>`. It cannot be had again. */
  create(principal: Omit<Principal, "id">): Promise<{ id: string; key: string }>;
  /** @returns whether there was such a key. */
  revoke(id: string): Promise<boolean>;
  /** @returns undefined for a key that is unknown, revoked, expired or malformed. */
  check(key: string): Promise<Principal | undefined>;
  /** A ticket opens one WebSocket within its life. */
  issueTicket(principal: Principal, lifeSeconds: number): Promise<{ ticket: string; expiresAt: Millis }>;
  /** Of any number of callers with the same ticket one is given its principal. */
  redeemTicket(ticket: string): Promise<Principal | undefined>;
  /** A session stands for its principal in a browser, which is given no key. It ends with the principal's own right. */
  openSession(principal: Principal, lifeSeconds: number): Promise<{ session: string; expiresAt: Millis }>;
  /** @returns undefined for a session that is unknown, over or closed, or whose key is revoked or expired. */
  checkSession(session: string): Promise<Principal | undefined>;
  closeSession(session: string): Promise<void>;
}
