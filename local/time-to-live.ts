import type { JsonObject } from "../core/protocol/json.ts";
import type { DynamoEngine } from "./dynamo-engine.ts";
import type { Log } from "./log.ts";
import type { ExpiredItems } from "./stream-source.ts";
import type { Template } from "./template.ts";

/**
 * Deletes items whose time is over, which the engine itself never does. On AWS this takes up to a few days, so nothing
 * may rely on when it happens.
 * @returns how many were deleted.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
 */
export async function sweepExpired(
  template: Template,
  dynamo: DynamoEngine,
  expired: ExpiredItems,
): Promise<number> {
  let deleted = 0;
  expired.clear();
  for (const { name, properties } of template.of("AWS::DynamoDB::Table")) {
    const { AttributeName: attribute, Enabled } = properties.TimeToLiveSpecification ?? {};
    if (!Enabled || !attribute) continue;
    const now = Math.floor(Date.now() / 1000);
    for await (const item of dynamo.items(name)) {
      const seconds = Number((item[attribute] as { N?: string } | undefined)?.N);
      if (!(seconds < now)) continue;
      const key: JsonObject = Object.fromEntries(
        properties.KeySchema.map(({ AttributeName }) => [AttributeName, item[AttributeName]!]),
      );
      expired.add(name, key);
      try {
        await dynamo.call("DeleteItem", {
          TableName: name,
          Key: key,
          ConditionExpression: "#ttl = :seen",
          ExpressionAttributeNames: { "#ttl": attribute },
          ExpressionAttributeValues: { ":seen": { N: String(seconds) } },
        });
        deleted++;
      } catch (error) {
        // Somebody gave the item more time in between.
        if ((error as Error).name !== "ConditionalCheckFailedException") throw error;
      }
    }
  }
  return deleted;
}

/** Does what DynamoDB does in the background, and trims the stream to the 24 hours that AWS keeps. */
export function startHousekeeping(
  template: Template,
  dynamo: DynamoEngine,
  expired: ExpiredItems,
  log: Log,
  everyMs: number,
): () => void {
  let running = false;
  const timer = setInterval(async () => {
    if (running) return;
    running = true;
    try {
      dynamo.trimStream(24 * 60 * 60);
      await sweepExpired(template, dynamo, expired);
    } catch (error) {
      log.line(`housekeeping: ${error}`);
    } finally {
      running = false;
    }
  }, everyMs);
  return () => clearInterval(timer);
}
