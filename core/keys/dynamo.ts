import { DeleteCommand, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import type { DynamoTable } from "../dynamo.ts";
import type { Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import type { Keys, Principal, Scope } from "./keys.ts";
import { endOfSession, hasHash, hashOf, newKey, newSecret, parseKey } from "./secrets.ts";

type KeyItem = { hash: string; tenant: string; scopes: Scope[]; expires_at?: Millis };
type TicketItem = { principal: Principal; expires_at: Millis };
/** `of_key`: its principal is a key, and not the subject of a token. */
type SessionItem = TicketItem & { of_key: boolean };

/** Keys, tickets and sessions in the table. These are its only items outside a tenant: they are what tells the tenant. */
export function dynamoKeys({ client, name, call }: DynamoTable, { now }: Pick<Services, "now">): Keys {
  const keyAt = (id: string) => ({ pk: `K#${id}`, sk: "K" });
  const ticketAt = (ticket: string) => ({ pk: `K#ticket#${hashOf(ticket)}`, sk: "K" });
  const sessionAt = (session: string) => ({ pk: `K#session#${hashOf(session)}`, sk: "K" });
  const get = async <T>(Key: { pk: string; sk: string }): Promise<T | undefined> => {
    const { Item } = await call(() =>
      client.send(new GetCommand({ TableName: name, Key, ConsistentRead: true })),
    );
    return Item as T | undefined;
  };
  const put = (item: Record<string, unknown>) =>
    call(() => client.send(new PutCommand({ TableName: name, Item: item })));

  return {
    async create({ tenant, scopes, expiresAt }) {
      const { id, secret, key } = newKey();
      const item: KeyItem = { hash: hashOf(secret), tenant, scopes, expires_at: expiresAt };
      await put({
        ...keyAt(id),
        ...item,
        ...(expiresAt === undefined ? {} : { ttl: Math.ceil(expiresAt / 1000) }),
      });
      return { id, key };
    },

    async revoke(id) {
      const { Attributes } = await call(() =>
        client.send(new DeleteCommand({ TableName: name, Key: keyAt(id), ReturnValues: "ALL_OLD" })),
      );
      return Attributes !== undefined;
    },

    async check(key) {
      const parsed = parseKey(key);
      if (!parsed) return undefined;
      const stored = await get<KeyItem>(keyAt(parsed.id));
      if (!stored || !hasHash(parsed.secret, stored.hash)) return undefined;
      const { tenant, scopes, expires_at: expiresAt } = stored;
      if (expiresAt !== undefined && expiresAt <= now()) return undefined;
      return { tenant, id: parsed.id, scopes, ...(expiresAt === undefined ? {} : { expiresAt }) };
    },

    async issueTicket(principal, lifeSeconds) {
      const ticket = newSecret();
      const expiresAt = now() + lifeSeconds * 1000;
      const item: TicketItem = { principal, expires_at: expiresAt };
      await put({ ...ticketAt(ticket), ...item, ttl: Math.ceil(expiresAt / 1000) });
      return { ticket, expiresAt };
    },

    async redeemTicket(ticket) {
      // Of any number of deletes one is given the item.
      const { Attributes } = await call(() =>
        client.send(new DeleteCommand({ TableName: name, Key: ticketAt(ticket), ReturnValues: "ALL_OLD" })),
      );
      const stored = Attributes as TicketItem | undefined;
      return stored && stored.expires_at > now() ? stored.principal : undefined;
    },

    async openSession(principal, lifeSeconds) {
      const session = newSecret();
      const expiresAt = endOfSession(principal, lifeSeconds, now());
      const key = await get<KeyItem>(keyAt(principal.id));
      const item: SessionItem = {
        principal: { ...principal, expiresAt },
        of_key: key?.tenant === principal.tenant,
        expires_at: expiresAt,
      };
      await put({ ...sessionAt(session), ...item, ttl: Math.ceil(expiresAt / 1000) });
      return { session, expiresAt };
    },

    async checkSession(session) {
      const stored = await get<SessionItem>(sessionAt(session));
      if (!stored || stored.expires_at <= now()) return undefined;
      if (!stored.of_key) return stored.principal;
      const key = await get<KeyItem>(keyAt(stored.principal.id));
      return key && (key.expires_at ?? Number.POSITIVE_INFINITY) > now() ? stored.principal : undefined;
    },

    async closeSession(session) {
      await call(() => client.send(new DeleteCommand({ TableName: name, Key: sessionAt(session) })));
    },
  };
}
