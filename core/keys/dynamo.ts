import { DeleteCommand, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import type { DynamoTable } from "../dynamo.ts";
import type { Millis } from "../protocol/json.ts";
import type { Services } from "../services.ts";
import type { Keys, Principal, Scope } from "./keys.ts";
import { hasHash, hashOf, newKey, newSecret, parseKey } from "./secrets.ts";

type KeyItem = { hash: string; tenant: string; scopes: Scope[]; expires_at?: Millis };
type TicketItem = { principal: Principal; expires_at: Millis };

/** Keys and tickets in the table. These are its only items outside a tenant: they are what tells the tenant. */
export function dynamoKeys({ client, name, call }: DynamoTable, { now }: Pick<Services, "now">): Keys {
  const keyAt = (id: string) => ({ pk: `K#${id}`, sk: "K" });
  const ticketAt = (ticket: string) => ({ pk: `K#ticket#${hashOf(ticket)}`, sk: "K" });
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
      await call(() => client.send(new DeleteCommand({ TableName: name, Key: keyAt(id) })));
    },

    async check(key) {
      const parsed = parseKey(key);
      if (!parsed) return undefined;
      const { Item } = await call(() =>
        client.send(new GetCommand({ TableName: name, Key: keyAt(parsed.id), ConsistentRead: true })),
      );
      const stored = Item as KeyItem | undefined;
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
  };
}
