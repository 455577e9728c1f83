import { ScanCommand } from "@aws-sdk/lib-dynamodb";
import type { DynamoTable } from "../dynamo.ts";
import type { Millis } from "../protocol/json.ts";
import type { Principal, Scope } from "./keys.ts";

type Found = { pk: string; tenant: string; scopes: Scope[]; expires_at?: Millis };

/** All keys of a table that have not ended, without their secrets. It reads the whole table: nothing leads from a tenant to its keys. */
export async function liveKeys({ client, name, call }: DynamoTable, now: Millis): Promise<Principal[]> {
  const keys: Principal[] = [];
  let after: Record<string, unknown> | undefined;
  do {
    const page = await call(() =>
      client.send(
        new ScanCommand({
          TableName: name,
          FilterExpression: "begins_with(pk, :key) AND attribute_exists(#hash)",
          ExpressionAttributeNames: { "#hash": "hash" },
          ExpressionAttributeValues: { ":key": "K#" },
          ExclusiveStartKey: after,
        }),
      ),
    );
    for (const { pk, tenant, scopes, expires_at: expiresAt } of (page.Items ?? []) as Found[]) {
      if (expiresAt !== undefined && expiresAt <= now) continue;
      keys.push({
        tenant,
        id: pk.slice("K#".length),
        scopes,
        ...(expiresAt === undefined ? {} : { expiresAt }),
      });
    }
    after = page.LastEvaluatedKey;
  } while (after);
  return keys;
}
