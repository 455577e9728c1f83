import type { Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import type { Keys, Principal } from "./keys.ts";
import { hasHash, hashOf, newKey, newSecret, parseKey } from "./secrets.ts";

export function memoryKeys({ now }: Pick<Services, "now">): Keys {
  const keys = new Map<string, { hash: string; principal: Principal }>();
  const tickets = new Map<string, { principal: Principal; ticketExpiresAt: Millis }>();

  return {
    async create(principal) {
      const { id, secret, key } = newKey();
      keys.set(id, { hash: hashOf(secret), principal: structuredClone({ ...principal, id }) });
      return { id, key };
    },
    async revoke(id) {
      keys.delete(id);
    },
    async check(key) {
      const parsed = parseKey(key);
      const stored = parsed && keys.get(parsed.id);
      if (!stored || !hasHash(parsed.secret, stored.hash)) return undefined;
      const { principal } = stored;
      return (principal.expiresAt ?? Number.POSITIVE_INFINITY) > now()
        ? structuredClone(principal)
        : undefined;
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
  };
}
