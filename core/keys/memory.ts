import type { Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import type { Keys, Principal } from "./keys.ts";
import { endOfSession, hasHash, hashOf, newKey, newSecret, parseKey } from "./secrets.ts";

export function memoryKeys({ now }: Pick<Services, "now">): Keys {
  const keys = new Map<string, { hash: string; principal: Principal }>();
  const sessions = new Map<string, { principal: Principal & { expiresAt: Millis }; ofKey: boolean }>();
  const tickets = new Map<string, { principal: Principal; ticketExpiresAt: Millis }>();

  const isLive = (principal: Principal) => (principal.expiresAt ?? Number.POSITIVE_INFINITY) > now();

  return {
    async create(principal) {
      const { id, secret, key } = newKey();
      keys.set(id, { hash: hashOf(secret), principal: structuredClone({ ...principal, id }) });
      return { id, key };
    },
    async revoke(id) {
      return keys.delete(id);
    },
    async check(key) {
      const parsed = parseKey(key);
      const stored = parsed && keys.get(parsed.id);
      if (!stored || !hasHash(parsed.secret, stored.hash)) return undefined;
      const { principal } = stored;
      return isLive(principal) ? structuredClone(principal) : undefined;
    },
    async issueTicket(principal, lifeSeconds) {
      const ticket = newSecret();
      const expiresAt = now() + lifeSeconds * 1000;
      tickets.set(hashOf(ticket), { principal: structuredClone(principal), ticketExpiresAt: expiresAt });
      return { ticket, expiresAt };
    },
    async redeemTicket(ticket) {
      const hash = hashOf(ticket);
      const stored = tickets.get(hash);
      tickets.delete(hash);
      return stored && stored.ticketExpiresAt > now() ? stored.principal : undefined;
    },
    async openSession(principal, lifeSeconds) {
      const session = newSecret();
      const expiresAt = endOfSession(principal, lifeSeconds, now());
      const ofKey = keys.get(principal.id)?.principal.tenant === principal.tenant;
      sessions.set(hashOf(session), { principal: { ...structuredClone(principal), expiresAt }, ofKey });
      return { session, expiresAt };
    },
    async checkSession(session) {
      const stored = sessions.get(hashOf(session));
      if (!stored || !isLive(stored.principal)) return undefined;
      const key = keys.get(stored.principal.id)?.principal;
      if (stored.ofKey && !(key && isLive(key))) return undefined;
      return structuredClone(stored.principal);
    },
    async closeSession(session) {
      sessions.delete(hashOf(session));
    },
  };
}
