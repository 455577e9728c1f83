import { DeleteCommand, PutCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { type DynamoTable, happened, isConditionFailure, queryPages, standingItem } from "../dynamo.ts";
import type { Item } from "../pack.ts";
import type { Services } from "../services.ts";
import type { Pool, Slots, Waiting } from "./slots.ts";

/** Pools come and go with what they are named after. */
const keptSeconds = 86_400;
/** So many holders that have died are removed for one who asks. */
const mournedMost = 10;

const slotsKey = "SLOTS";
/** The end of a lease, under its holder's name. */
const prefix = "by_";

/**
 * A pool is one item with an attribute for each holder and their number, so that taking and giving back is one write
 * that nobody else's can fail. The line's jobs are items of their own beside it.
 */
export function dynamoSlots(
  { client, name, call }: DynamoTable,
  { now, settings }: Pick<Services, "now" | "settings">,
): Slots {
  const partition = (pool: Pool) => `L#${pool.name}`;
  const keyOf = (pool: Pool) => ({ pk: partition(pool), sk: slotsKey });
  const ttl = () => Math.ceil(now() / 1000) + keptSeconds;
  const placeOf = (pool: Pool, { createdAt, tenant, jobId }: Waiting) => ({
    pk: partition(pool),
    sk: `W#${String(createdAt).padStart(15, "0")}#${jobId}#${tenant}`,
  });

  /** @returns undefined when it was done, and what stood in the way when it was not. */
  async function change(
    pool: Pool,
    update: string,
    condition: string,
    names: Record<string, string>,
    values: Record<string, number>,
  ): Promise<{ standing: Partial<Item> } | undefined> {
    const command = new UpdateCommand({
      TableName: name,
      Key: keyOf(pool),
      UpdateExpression: update,
      ConditionExpression: condition,
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    });
    try {
      await call(() => client.send(command));
      return undefined;
    } catch (error) {
      if (!isConditionFailure(error)) throw error;
      return { standing: standingItem<Item>(error) ?? {} };
    }
  }

  const remove = (pool: Pool, holder: string, condition: string, values: Record<string, number> = {}) =>
    change(pool, "REMOVE #by SET held = held - :one", condition, { "#by": holder }, { ":one": 1, ...values });

  return {
    async take(pool, by, until) {
      for (let mourned = 0; mourned <= mournedMost; mourned += 1) {
        const refused = await change(
          pool,
          "SET #by = :until, held = if_not_exists(held, :none) + :one, #ttl = :ttl",
          "attribute_not_exists(#by) AND (attribute_not_exists(held) OR held < :limit)",
          { "#by": prefix + by, "#ttl": "ttl" },
          { ":until": until, ":none": 0, ":one": 1, ":limit": pool.limit, ":ttl": ttl() },
        );
        // A write whose answer got lost meets itself.
        if (!refused || refused.standing[prefix + by] !== undefined) return true;
        const dead = Object.entries(refused.standing).find(
          ([holder, end]) => holder.startsWith(prefix) && Number(end) <= now(),
        );
        if (!dead) return false;
        await remove(pool, dead[0], "#by = :seen", { ":seen": Number(dead[1]) });
      }
      return false;
    },

    async extend(pool, by, until) {
      await change(
        pool,
        "SET #by = :until, #ttl = :ttl",
        "attribute_exists(#by)",
        { "#by": prefix + by, "#ttl": "ttl" },
        { ":until": until, ":ttl": ttl() },
      );
    },

    async giveBack(pool, by) {
      await remove(pool, prefix + by, "attribute_exists(#by)");
    },

    async enter(pool, job) {
      const item = { ...placeOf(pool, job), ...job, ttl: ttl() + settings.maxAgeMs / 1000 };
      await call(() => client.send(new PutCommand({ TableName: name, Item: item })));
    },

    async leave(pool, job) {
      await call(() => client.send(new DeleteCommand({ TableName: name, Key: placeOf(pool, job) })));
    },

    async position(pool, job) {
      const own = placeOf(pool, job);
      const pages = queryPages(
        { client, name, call },
        {
          ConsistentRead: true,
          KeyConditionExpression: "pk = :pk AND sk BETWEEN :first AND :own",
          ExpressionAttributeValues: { ":pk": own.pk, ":first": "W#", ":own": own.sk },
          ProjectionExpression: "sk",
        },
      );
      let count = 0;
      let last: unknown;
      for await (const items of pages) {
        count += items.length;
        last = items.at(-1)?.sk ?? last;
      }
      return last === own.sk ? count : undefined;
    },

    async next(pool) {
      const pages = queryPages(
        { client, name, call },
        {
          ConsistentRead: true,
          KeyConditionExpression: "pk = :pk AND begins_with(sk, :places)",
          ExpressionAttributeValues: { ":pk": partition(pool), ":places": "W#" },
          Limit: 5,
        },
      );
      for await (const items of pages) {
        for (const item of items) {
          const { tenant, jobId, lane, createdAt, pk, sk } = item as Waiting & { pk: string; sk: string };
          const removal = new DeleteCommand({
            TableName: name,
            Key: { pk, sk },
            ConditionExpression: "attribute_exists(pk)",
          });
          // Otherwise somebody else wakes that one.
          if (await happened(call(() => client.send(removal)))) return { tenant, jobId, lane, createdAt };
        }
      }
      return undefined;
    },
  };
}
