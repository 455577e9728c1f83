import {
  GetCommand,
  PutCommand,
  QueryCommand,
  type QueryCommandInput,
  TransactWriteCommand,
  type TransactWriteCommandInput,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";
import { conversationWrites } from "../conversations/dynamo.ts";
import { type DynamoTable, failedConditions, happened, listPage, standingItem } from "../dynamo.ts";
import type { Item } from "../pack.ts";
import { Conflict } from "../protocol/error.ts";
import { type Entry, lastSeq } from "../protocol/event.ts";
import type { JobKey, JobRecord } from "../protocol/job.ts";
import type { Services } from "../services.ts";
import { jobOf, jobPartition, table as names, tenantPartition } from "../table.ts";
import {
  type ClaimItem,
  contentItem,
  type DependentItem,
  deltasItem,
  dependentItem,
  dependentOf,
  dependentSortKey,
  type EntryItem,
  entryItem,
  entryOf,
  entrySortKey,
  type HeadItem,
  headItem,
  headKey,
  headOf,
  idempotencyItem,
  idempotencyPartition,
} from "./items.ts";
import { type DueJob, type Journal, matches, type Reading } from "./journal.ts";
import { hasExpired } from "./retention.ts";

type Writes = NonNullable<TransactWriteCommandInput["TransactItems"]>;
type Stored = Record<string, unknown> & { pk: string; sk: string };

const isNew = {
  ConditionExpression: "attribute_not_exists(pk)",
  ReturnValuesOnConditionCheckFailure: "ALL_OLD",
} as const;

/** The journal in a DynamoDB table. */
export function dynamoJournal(
  table: DynamoTable,
  { settings, now }: Pick<Services, "settings" | "now">,
): Journal {
  const { client, name, call } = table;

  const put = (item: Item) => ({ Put: { TableName: name, Item: item } });
  const putNew = (item: Item) => ({ Put: { TableName: name, Item: item, ...isNew } });
  const transact = (writes: Writes) =>
    call(() => client.send(new TransactWriteCommand({ TransactItems: writes })));

  /** The table forgets expired items only after days, so a claim says itself when it is over. */
  const claim = (item: Item, replaces?: string) => ({
    Put: {
      TableName: name,
      Item: item,
      ConditionExpression: `attribute_not_exists(pk) OR expires_at <= :now${replaces ? " OR job_id = :replaces" : ""}`,
      ExpressionAttributeValues: { ":now": now(), ...(replaces ? { ":replaces": replaces } : {}) },
      ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const,
    },
  });

  async function query(input: Omit<QueryCommandInput, "TableName">) {
    const page = await call(() => client.send(new QueryCommand({ TableName: name, ...input })));
    return { items: (page.Items ?? []) as Stored[], next: page.LastEvaluatedKey };
  }

  /** Entries, HEAD and watches lie side by side in this order, so one request reads what is new and how it stands. */
  const fromEntry = (job: JobKey, seq: number) => ({
    KeyConditionExpression: "pk = :pk AND sk BETWEEN :first AND :last",
    ExpressionAttributeValues: {
      ":pk": jobPartition(job),
      ":first": entrySortKey(seq),
      ":last": `${names.prefixes.watch}~`,
    },
  });

  /** The entry that begins before event `seq` and reaches it, if there is one. */
  async function entryAround(job: JobKey, seq: number): Promise<Entry | undefined> {
    const { items } = await query({
      ConsistentRead: true,
      KeyConditionExpression: "pk = :pk AND sk BETWEEN :first AND :last",
      ExpressionAttributeValues: {
        ":pk": jobPartition(job),
        ":first": entrySortKey(1),
        ":last": entrySortKey(seq - 1),
      },
      ScanIndexForward: false,
      Limit: 1,
    });
    const entry = items[0] && entryOf(items[0] as EntryItem);
    return entry && lastSeq(entry) >= seq ? entry : undefined;
  }

  async function readOnce(
    job: JobKey,
    after: number,
    { limit, isEnd = after === 0, stale = false }: { limit?: number; isEnd?: boolean; stale?: boolean } = {},
  ): Promise<Reading> {
    const range = { ...fromEntry(job, after + 1), ConsistentRead: !stale };
    // One more than asked for: whether there is another entry, or HEAD.
    let { items, next } = await query({ ...range, ...(limit === undefined ? {} : { Limit: limit + 1 }) });
    const entries = items.filter(isEntry).map((item) => entryOf(item as EntryItem));
    const headAt = items.find(({ sk }) => sk === headKey) as HeadItem | undefined;
    const head = headAt && present(headAt);

    // `after` is nearly always the end of an entry. It is not when a client chose it.
    const aligned = isEnd || entries[0]?.seq === after + 1 || (entries.length === 0 && head?.seq === after);
    const around = aligned ? undefined : await entryAround(job, after + 1);
    if (around) entries.unshift(around);
    if (limit !== undefined && entries.length > limit) {
      return { entries: entries.slice(0, limit), more: true, deltasWanted: false };
    }
    if (!head) return { entries, more: next !== undefined, deltasWanted: false };

    let deltasWanted = wantsDeltas(items);
    while (next && !deltasWanted) {
      ({ items, next } = await query({ ...range, ExclusiveStartKey: next }));
      deltasWanted = wantsDeltas(items);
    }
    return { entries, head, more: false, deltasWanted };
  }

  function present(item: HeadItem): JobRecord | undefined {
    return hasExpired(item, now()) ? undefined : headOf(item);
  }

  function wantsDeltas(items: Stored[]): boolean {
    return items.some(
      (item) => item.sk.startsWith(names.prefixes.watch) && item.deltas === true && !hasExpired(item, now()),
    );
  }

  return {
    async create({ entry, head, idempotency, content, conversation, wokenBy = [] }) {
      const claims: Writes = [
        ...(idempotency ? [claim(idempotencyItem(entry, idempotency))] : []),
        ...(content ? [claim(contentItem(entry, content), content.replaces)] : []),
      ];
      const writes: Writes = [
        putNew(entryItem(entry, settings)),
        ...claims,
        put(headItem(head, settings)),
        ...wokenBy.map((jobId) =>
          put(dependentItem({ tenant: entry.tenant, jobId }, head, entry.at, settings)),
        ),
        ...(conversation ? conversationWrites(name, conversation) : []),
      ];
      try {
        await transact(writes);
        return { end: "stored" };
      } catch (error) {
        const failed = failedConditions(error);
        if (!failed.some(Boolean)) throw error;
        // A try whose answer got lost: it was all written then, so every condition fails now.
        const standing = failed[0]?.item as EntryItem | undefined;
        if (standing?.token === entry.token) return { end: "stored" };
        if (failed[0]) throw new Conflict(`Job ${entry.jobId} exists already`);
        const claimed = failed.slice(1, 1 + claims.length).map((one) => one?.item as ClaimItem | undefined);
        const used = idempotency && claimed[0];
        if (used) return { end: "duplicate", jobId: used.job_id, fingerprint: used.fingerprint };
        const same = content && claimed.at(-1);
        if (same) return { end: "same content", jobId: same.job_id };
        return { end: "conversation changed" };
      }
    },

    async append(entry, along = {}) {
      const item = entryItem(entry, settings);
      try {
        if (along.head || along.conversation || along.create) {
          await transact([
            putNew(item),
            ...(along.head ? [put(headItem(along.head, settings))] : []),
            ...(along.conversation ? conversationWrites(name, along.conversation) : []),
            ...(along.create
              ? [putNew(entryItem(along.create.entry, settings)), put(headItem(along.create.head, settings))]
              : []),
          ]);
        } else {
          await call(() => client.send(new PutCommand({ TableName: name, Item: item, ...isNew })));
        }
        return { end: "stored" };
      } catch (error) {
        const failed = failedConditions(error);
        const standing = standingItem<EntryItem>(error) ?? (failed[0]?.item as EntryItem | undefined);
        if (standing) return { end: "taken", entry: entryOf(standing) };
        if (failed.some(Boolean)) return { end: "conversation changed" };
        throw error;
      }
    },

    news: (job, after, { stale } = {}) => readOnce(job, after, { isEnd: true, stale }),

    async read(job, after, limit) {
      const reading = await readOnce(job, after, { limit });
      const last = reading.entries.at(-1);
      // A query is no snapshot: an entry may have been written, and HEAD replaced, while it went by.
      if (!reading.head || reading.head.seq <= Math.max(after, last ? lastSeq(last) : 0)) return reading;
      if (last) return { entries: reading.entries, more: true, deltasWanted: false };
      return readOnce(job, after, { limit });
    },

    async head(job) {
      const { Item } = await call(() =>
        client.send(
          new GetCommand({
            TableName: name,
            Key: { pk: jobPartition(job), sk: headKey },
            ConsistentRead: true,
          }),
        ),
      );
      return Item && present(Item as HeadItem);
    },

    renew(head) {
      const { pk, sk, seq, lease_until: until, body } = headItem(head, settings);
      // `due` stays out of it: its index would make a heartbeat cost three times as much.
      const update = new UpdateCommand({
        TableName: name,
        Key: { pk, sk },
        UpdateExpression: "SET seq = :seq, lease_until = :until, body = :body",
        ConditionExpression: "lease_by = :by AND seq <= :seq",
        ExpressionAttributeValues: {
          ":by": head.lease?.by ?? "",
          ":seq": seq,
          ":until": until,
          ":body": body,
        },
      });
      return happened(call(() => client.send(update)));
    },

    async list(tenant, { limit, cursor, ...filter }) {
      const { found, ...rest } = await listPage(
        table,
        tenantPartition(tenant),
        (jobId) => ({ pk: jobPartition({ tenant, jobId }), sk: headKey }),
        { limit, ...(cursor === undefined ? {} : { cursor }) },
        (item): JobRecord | undefined => {
          const head = present(item as HeadItem);
          return head && matches(head, filter) ? head : undefined;
        },
      );
      return { jobs: found, ...rest };
    },

    async claimed(tenant, key) {
      const pk = idempotencyPartition(tenant, key);
      const { Item } = await call(() =>
        client.send(new GetCommand({ TableName: name, Key: { pk, sk: "I" }, ConsistentRead: true })),
      );
      if (!Item || (Item as ClaimItem).expires_at <= now()) return undefined;
      const { job_id: jobId, fingerprint, expires_at: expiresAt } = Item as ClaimItem;
      return { jobId, fingerprint, expiresAt };
    },

    async dependents(job, { limit, cursor }) {
      const { items, next } = await query({
        ConsistentRead: true,
        KeyConditionExpression: "pk = :pk AND sk BETWEEN :first AND :last",
        ExpressionAttributeValues: {
          ":pk": jobPartition(job),
          // The next key after the cursor: no id contains the first printable character.
          ":first": dependentSortKey(cursor === undefined ? "" : `${cursor} `),
          ":last": dependentSortKey("~"),
        },
        Limit: limit,
      });
      const dependents = items.map((item) => dependentOf(item as Stored & DependentItem));
      const last = dependents.at(-1);
      return { dependents, ...(next && last ? { cursor: last.jobId } : {}) };
    },

    async due(moment, limit) {
      const { name: index, partitionKey, sortKey } = names.indexes.due;
      const shards = Array.from({ length: settings.dueShards }, (_, shard) =>
        query({
          IndexName: index,
          KeyConditionExpression: "#shard = :shard AND #at <= :now",
          ExpressionAttributeNames: { "#shard": partitionKey, "#at": sortKey },
          ExpressionAttributeValues: { ":shard": String(shard), ":now": moment },
          Limit: limit,
        }),
      );
      return (await Promise.all(shards))
        .flatMap(({ items }) => items)
        .flatMap(({ pk, [sortKey]: due }): DueJob[] => {
          const job = jobOf(pk);
          return job ? [{ ...job, due: Number(due) }] : [];
        })
        .sort((a, b) => a.due - b.due)
        .slice(0, limit);
    },

    postpone(job, to) {
      const update = new UpdateCommand({
        TableName: name,
        Key: { pk: jobPartition(job), sk: headKey },
        UpdateExpression: "SET due_at = :to",
        ConditionExpression: "due_at = :seen",
        ExpressionAttributeValues: { ":to": to, ":seen": job.due },
      });
      return happened(call(() => client.send(update)));
    },

    async putDeltas(job, deltas) {
      const [first, ...others] = deltas;
      if (!first) return;
      const item = deltasItem(job, [first, ...others], now(), settings);
      await call(() => client.send(new PutCommand({ TableName: name, Item: item })));
    },
  };
}

function isEntry({ sk }: Stored): boolean {
  return sk.startsWith(names.prefixes.entry);
}
