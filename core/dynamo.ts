import {
  ConditionalCheckFailedException,
  TransactionCanceledException,
  TransactionConflictException,
} from "@aws-sdk/client-dynamodb";
import {
  BatchGetCommand,
  type DynamoDBDocumentClient,
  PutCommand,
  QueryCommand,
  type QueryCommandInput,
  TransactWriteCommand,
  type TransactWriteCommandInput,
} from "@aws-sdk/lib-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import { calling } from "./aws.ts";
import { decodeCursor, encodeCursor, idAt } from "./cursor.ts";
import { Unavailable } from "./protocol/error.ts";
import type { Services } from "./services.ts";
import { table as names } from "./table.ts";

export type DynamoTable = {
  client: DynamoDBDocumentClient;
  name: string;
  /** Sends one command, again when another writer's transaction was in the way. */
  call<T>(send: () => Promise<T>): Promise<T>;
};

const conflictTries = 6;

/** @throws Unavailable from `call` when the table refuses or is silent, or transactions never get out of the way. */
export function dynamoTable(
  client: DynamoDBDocumentClient,
  name: string,
  { random, sleep }: Pick<Services, "random" | "sleep">,
): DynamoTable {
  return {
    client,
    name,
    async call(send) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await calling("The table", send);
        } catch (error) {
          if (!isConflict(error)) throw error;
          if (attempt === conflictTries) throw new Unavailable("The table is contended", { cause: error });
          await sleep(random() * 10 * 2 ** attempt);
        }
      }
    },
  };
}

/** Nothing was written, and nothing is known about the conditions: the same may be sent again. */
function isConflict(error: unknown): boolean {
  if (error instanceof TransactionConflictException) return true;
  if (!(error instanceof TransactionCanceledException)) return false;
  const codes = (error.CancellationReasons ?? []).map(({ Code }) => Code);
  return !codes.includes("ConditionalCheckFailed") && codes.some((code) => transient.has(code));
}

const transient = new Set<string | undefined>([
  "TransactionConflict",
  "ThrottlingError",
  "ProvisionedThroughputExceeded",
]);

/**
 * What stood in the way of a conditional put, when it asked for ALL_OLD. The document client leaves the items of
 * errors as they came.
 * @returns undefined for every other error.
 */
export function standingItem<T>(error: unknown): T | undefined {
  if (!(error instanceof ConditionalCheckFailedException) || !error.Item) return undefined;
  return unmarshall(error.Item) as T;
}

export function isConditionFailure(error: unknown): boolean {
  return error instanceof ConditionalCheckFailedException;
}

/** Whether a write was made, or its condition stood against it. */
export async function happened(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (isConditionFailure(error)) return false;
    throw error;
  }
}

/** Puts an item in the place of the version before. @returns false when another version stands there. */
export function replaceVersion(
  { client, name, call }: DynamoTable,
  item: Record<string, unknown>,
  version: number,
): Promise<boolean> {
  const put = new PutCommand({
    TableName: name,
    Item: item,
    ConditionExpression: "version = :before",
    ExpressionAttributeValues: { ":before": version - 1 },
  });
  return happened(call(() => client.send(put)));
}

/** For each write of a transaction whether its condition failed, and on which item. */
export function failedConditions(error: unknown): ({ item: unknown } | undefined)[] {
  if (!(error instanceof TransactionCanceledException)) return [];
  return (error.CancellationReasons ?? []).map(({ Code, Item }) =>
    Code === "ConditionalCheckFailed" ? { item: Item && unmarshall(Item) } : undefined,
  );
}

type TransactItem = NonNullable<TransactWriteCommandInput["TransactItems"]>[number];

/** Puts an item that is not there yet, together with the count of its kind, whose condition is a limit. */
export async function createCounted(
  { client, name, call }: DynamoTable,
  item: Record<string, unknown>,
  count: TransactItem,
): Promise<"created" | "exists" | "too many"> {
  const put = { TableName: name, Item: item, ConditionExpression: "attribute_not_exists(pk)" };
  try {
    await call(() => client.send(new TransactWriteCommand({ TransactItems: [{ Put: put }, count] })));
    return "created";
  } catch (error) {
    const [exists, tooMany] = failedConditions(error);
    if (exists) return "exists";
    if (tooMany) return "too many";
    throw error;
  }
}

/** The pages of a query, each read when it is asked for. A page ends at 1 MB, whatever its items are. */
export async function* queryPages(
  { client, name, call }: DynamoTable,
  input: Omit<QueryCommandInput, "TableName" | "ExclusiveStartKey">,
): AsyncGenerator<Record<string, unknown>[]> {
  let start: Record<string, unknown> | undefined;
  do {
    const query = new QueryCommand({ ...input, TableName: name, ExclusiveStartKey: start });
    const page = await call(() => client.send(query));
    yield page.Items ?? [];
    start = page.LastEvaluatedKey;
  } while (start);
}

type Key = { pk: string; sk: string };

/** What BatchGetItem takes at once. */
const batchKeys = 100;
/** A filter that matches almost nothing ends here with a cursor, instead of reading a whole list in one request. */
const examinedMost = 1_000;

/**
 * One page of a list, newest first. The index holds keys only, so that rewriting an item costs nothing there; the
 * items themselves are read consistently.
 * @param found - makes of an item what the list shows, or undefined to leave it out.
 */
export async function listPage<T>(
  { client, name, call }: DynamoTable,
  list: string,
  keyOf: (id: string) => Key,
  { limit, cursor }: { limit: number; cursor?: string },
  found: (item: Record<string, unknown>) => T | undefined,
): Promise<{ found: T[]; cursor?: string }> {
  const { name: index, partitionKey, sortKey } = names.indexes.list;
  const results: T[] = [];
  let position = cursor === undefined ? undefined : decodeCursor(list, cursor);
  for (let examined = 0; ; ) {
    const start =
      position === undefined
        ? undefined
        : { ...keyOf(idAt(position)), [partitionKey]: list, [sortKey]: position };
    const page = await call(() =>
      client.send(
        new QueryCommand({
          TableName: name,
          IndexName: index,
          KeyConditionExpression: "#list = :list",
          ExpressionAttributeNames: { "#list": partitionKey },
          ExpressionAttributeValues: { ":list": list },
          ScanIndexForward: false,
          Limit: batchKeys,
          ExclusiveStartKey: start,
        }),
      ),
    );
    const keys = (page.Items ?? []) as (Key & Record<string, string>)[];
    const items = await getAll({ client, name, call }, keys);
    for (const [place, key] of keys.entries()) {
      position = key[sortKey]!;
      const item = items.get(key.pk);
      const result = item && found(item);
      if (result === undefined) continue;
      results.push(result);
      if (results.length < limit) continue;
      const isLast = place === keys.length - 1 && !page.LastEvaluatedKey;
      return isLast ? { found: results } : { found: results, cursor: encodeCursor(list, position) };
    }
    examined += keys.length;
    if (!page.LastEvaluatedKey || position === undefined) return { found: results };
    if (examined >= examinedMost) return { found: results, cursor: encodeCursor(list, position) };
  }
}

/** By partition key: no list has two items of one partition. */
async function getAll(
  { client, name, call }: Pick<DynamoTable, "client" | "name" | "call">,
  keys: Key[],
): Promise<Map<string, Record<string, unknown>>> {
  const items = new Map<string, Record<string, unknown>>();
  let wanted = keys.map(({ pk, sk }) => ({ pk, sk }));
  while (wanted.length > 0) {
    const batch = await call(() =>
      client.send(new BatchGetCommand({ RequestItems: { [name]: { Keys: wanted, ConsistentRead: true } } })),
    );
    for (const item of batch.Responses?.[name] ?? []) items.set(item.pk, item);
    // An answer holds at most 16 MB.
    wanted = (batch.UnprocessedKeys?.[name]?.Keys ?? []) as Key[];
  }
  return items;
}

/** Reports what every command consumes, in read or write request units, e.g. to a benchmark. */
export function measureCapacity(
  client: DynamoDBDocumentClient,
  onCapacity: (kind: "read" | "write", units: number) => void,
): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const kind = /^(Put|Update|Delete|TransactWrite|BatchWrite)/.test(context.commandName ?? "")
        ? "write"
        : "read";
      const result = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: "TOTAL" } });
      const { ConsumedCapacity: consumed } = result.output as { ConsumedCapacity?: Consumed | Consumed[] };
      for (const { CapacityUnits = 0 } of [consumed ?? []].flat()) onCapacity(kind, CapacityUnits);
      return result;
    },
    { step: "initialize", name: "measureCapacity" },
  );
}

type Consumed = { CapacityUnits?: number };
