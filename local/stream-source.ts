import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Json, JsonObject } from "../core/protocol/json.ts";
import type { DynamoEngine, StreamRow } from "./dynamo-engine.ts";
import type { EventFilter } from "./event-filter.ts";
import type { Invoked } from "./lambdas.ts";
import type { Log } from "./log.ts";
import type { SandboxPools } from "./pool.ts";
import type { EventSource } from "./queue-source.ts";
import { region } from "./resource-types.ts";
import type { State } from "./state.ts";

export type StreamMapping = {
  /** The logical id, under which the position is kept. */
  id: string;
  table: string;
  streamArn: string;
  streamViewType: string;
  functionId: string;
  functionArn: string;
  batchSize: number;
  batchingWindowMs: number;
  /** Batches at the same time; records of one item are always in the same lane, in order. */
  lanes: number;
  filter: EventFilter;
  startAtEnd: boolean;
  partialFailures: boolean;
  bisect: boolean;
  /** -1: without end. */
  maxRetries: number;
  /** -1: any age. */
  maxAgeSeconds: number;
  sendFailure: ((body: string) => void) | undefined;
  firstRetryMs: number;
  /** Least time between two looks at the stream, as AWS polls a shard four times a second. */
  pollMs: number;
};

type StreamRecord = {
  id: number;
  lane: number;
  at: number;
  sequenceNumber: string;
  event: JsonObject;
};

/** What the last TTL sweep deleted, so that the records of it can say who did it. */
export class ExpiredItems {
  readonly #keys = new Set<string>();
  add(table: string, keys: JsonObject): void {
    this.#keys.add(canonical(table, keys));
  }
  has(table: string, keys: JsonObject): boolean {
    return this.#keys.has(canonical(table, keys));
  }
  clear(): void {
    this.#keys.clear();
  }
}

/**
 * The event source mapping between a table's stream and a function. Its position is kept on disk: after a restart it
 * goes on where it was, with what had not been finished once more.
 *
 * The engine has one shard in which everything is in order. AWS promises that for one item only, so lanes are chosen by
 * the item's key, and nothing keeps them in step.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
 */
export function startStreamSource(
  mapping: StreamMapping,
  {
    dynamo,
    lambdas,
    state,
    log,
    expired,
  }: { dynamo: DynamoEngine; lambdas: SandboxPools; state: State; log: Log; expired: ExpiredItems },
): EventSource {
  const stopping = new AbortController();
  const { signal } = stopping;
  const setting = `stream:${mapping.id}`;
  const saved = state.get(setting);
  let position = saved === undefined ? (mapping.startAtEnd ? dynamo.streamEnd() : 0) : Number(saved);
  let savedPosition = position;
  if (saved === undefined) state.set(setting, String(position));

  const lanes = Array.from({ length: mapping.lanes }, () => ({
    queue: [] as StreamRecord[],
    /** What is with the function now, oldest first. */
    inHand: [] as StreamRecord[],
    running: Promise.resolve(),
    active: false,
  }));

  /** Everything up to here is done in every lane. */
  const savePosition = () => {
    const unfinished = lanes.flatMap(({ inHand, queue }) => [inHand[0], queue[0]]);
    const done = Math.min(position, ...unfinished.flatMap((record) => (record ? [record.id - 1] : [])));
    if (done === savedPosition || signal.aborted) return;
    savedPosition = done;
    state.set(setting, String(done));
  };

  const read = (): number => {
    const waiting = lanes.reduce((sum, { queue }) => sum + queue.length, 0);
    if (waiting > 10 * mapping.batchSize * mapping.lanes) return 0;
    const rows = dynamo.streamAfter(mapping.table, position, 1_000);
    for (const row of rows) {
      position = row.id;
      const record = streamRecord(row, mapping, expired);
      if (!record || !mapping.filter(record.event)) continue;
      const lane = lanes[record.lane]!;
      lane.queue.push(record);
      if (!lane.active) {
        lane.active = true;
        lane.running = work(lane);
      }
    }
    if (rows.length > 0) savePosition();
    return rows.length;
  };

  const work = async (lane: (typeof lanes)[number]) => {
    while (lane.queue.length > 0 && !signal.aborted) {
      if (mapping.batchingWindowMs > 0 && lane.queue.length < mapping.batchSize) {
        await sleep(mapping.batchingWindowMs, undefined, { signal }).catch(() => {});
      }
      lane.inHand = lane.queue.splice(0, mapping.batchSize);
      await deliver(lane.inHand, 0).catch((error: unknown) =>
        log.line(`stream of ${mapping.table}: ${error}`),
      );
      if (signal.aborted) return;
      lane.inHand = [];
      savePosition();
      wake();
    }
    lane.active = false;
  };

  /** Ends when every record was processed or given up, or when the runner stops. */
  const deliver = async (records: StreamRecord[], retries: number): Promise<void> => {
    let rest = records;
    for (let throttles = 0; rest.length > 0 && !signal.aborted; ) {
      const tooOld = (record: StreamRecord) =>
        mapping.maxAgeSeconds >= 0 && Date.now() - record.at > mapping.maxAgeSeconds * 1000;
      const old = rest.filter(tooOld);
      if (old.length > 0) {
        giveUp(old, "RecordAgeExceeded", retries);
        rest = rest.filter((record) => !tooOld(record));
        continue;
      }
      const outcome = await lambdas.invoke(
        mapping.functionId,
        { Records: rest.map(({ event }) => event) },
        { about: `${rest.length} record${rest.length === 1 ? "" : "s"}` },
      );
      if (signal.aborted) return;
      if (!outcome.ok && outcome.kind === "throttled") {
        await sleep(backoff(throttles++), undefined, { signal }).catch(() => {});
        continue;
      }
      const failedFrom = firstFailure(outcome, rest, mapping.partialFailures);
      if (failedFrom === undefined) return;
      const failed = rest.slice(failedFrom);
      // Halving a batch is not a retry: it goes on until the record that spoils it is alone.
      if (mapping.bisect && failed.length > 1) {
        await sleep(backoff(retries), undefined, { signal }).catch(() => {});
        const half = Math.ceil(failed.length / 2);
        await deliver(failed.slice(0, half), retries);
        await deliver(failed.slice(half), retries);
        return;
      }
      if (mapping.maxRetries >= 0 && retries >= mapping.maxRetries) {
        giveUp(failed, "RetryAttemptsExhausted", retries + 1);
        return;
      }
      await sleep(backoff(retries++), undefined, { signal }).catch(() => {});
      rest = failed;
    }
  };

  const backoff = (retries: number) => Math.min(mapping.firstRetryMs * 2 ** retries, 60_000);

  const giveUp = (records: StreamRecord[], condition: string, attempts: number) => {
    log.line(`stream of ${mapping.table}: gave up ${records.length} records (${condition})`);
    mapping.sendFailure?.(JSON.stringify(failureMessage(mapping, records, condition, attempts)));
  };

  let wake = () => {};
  let woken = false;
  dynamo.onWrite(() => {
    woken = true;
    wake();
  });
  signal.addEventListener("abort", () => wake());

  const poll = async () => {
    // An alarm comes when the engine begins to write; the record can be read once it has reached the disk.
    let looks = 0;
    while (!signal.aborted) {
      const found = readSafely();
      if (mapping.pollMs > 0) await pause(mapping.pollMs);
      else if (found > 0) await pause(1);
      else if (woken || looks > 0) {
        if (woken) looks = 6;
        woken = false;
        // 4, 8, 16, ... 128 ms after the alarm; a new alarm starts again.
        await pause(2 ** (8 - looks--));
      } else await pause(1_000);
    }
    await Promise.all(lanes.map(({ running }) => running));
  };
  const readSafely = (): number => {
    try {
      return read();
    } catch (error) {
      log.line(`stream of ${mapping.table}: ${error}`);
      return 0;
    }
  };
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        if (mapping.pollMs > 0 && !signal.aborted) return;
        clearTimeout(timer);
        // One commit is several alarms, and every look costs the runner a query. Whoever wrote has something to finish
        // on the same few cores, such as the answer to a submit, and a push can wait that long.
        setTimeout(resolve, 5);
        wake = () => {};
      };
    });

  return { stop: () => stopping.abort(), stopped: poll() };
}

/** @returns undefined for a write that changed nothing: the engine records it, AWS does not. */
function streamRecord(
  row: StreamRow,
  mapping: StreamMapping,
  expired: ExpiredItems,
): StreamRecord | undefined {
  const keys = JSON.parse(row.keys_json) as JsonObject;
  const newImage = row.new_image === null ? undefined : (JSON.parse(row.new_image) as JsonObject);
  const oldImage = row.old_image === null ? undefined : (JSON.parse(row.old_image) as JsonObject);
  if (row.event_name === "MODIFY" && newImage && oldImage && isDeepStrictEqual(newImage, oldImage))
    return undefined;
  const sequenceNumber = row.sequence_number.padStart(21, "0");
  const byTimeToLive = row.event_name === "REMOVE" && expired.has(mapping.table, keys);
  return {
    id: row.id,
    lane: laneOf(keys, mapping),
    at: row.created_at * 1000,
    sequenceNumber,
    event: {
      eventID: createHash("md5").update(`${mapping.table}/${row.id}`).digest("hex"),
      eventName: row.event_name,
      eventVersion: "1.1",
      eventSource: "aws:dynamodb",
      awsRegion: region,
      dynamodb: {
        ApproximateCreationDateTime: row.created_at,
        Keys: keys,
        ...(newImage ? { NewImage: newImage } : {}),
        ...(oldImage ? { OldImage: oldImage } : {}),
        SequenceNumber: sequenceNumber,
        SizeBytes: row.keys_json.length + (row.new_image?.length ?? 0) + (row.old_image?.length ?? 0),
        StreamViewType: mapping.streamViewType,
      },
      eventSourceARN: mapping.streamArn,
      ...(byTimeToLive ? { userIdentity: { type: "Service", principalId: "dynamodb.amazonaws.com" } } : {}),
    },
  };
}

function laneOf(keys: JsonObject, { table, lanes }: StreamMapping): number {
  if (lanes === 1) return 0;
  return createHash("md5").update(canonical(table, keys)).digest().readUInt32BE() % lanes;
}

/** The engine gives attributes in no certain order. */
function canonical(table: string, keys: JsonObject): string {
  return JSON.stringify([table, ...Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/** @returns where the batch has to be taken up again, undefined when it is done. */
function firstFailure(
  outcome: Invoked,
  records: StreamRecord[],
  partialFailures: boolean,
): number | undefined {
  if (!outcome.ok) return 0;
  const failures =
    partialFailures && outcome.payload !== null && typeof outcome.payload === "object"
      ? ((outcome.payload as { batchItemFailures?: { itemIdentifier: Json }[] }).batchItemFailures ?? [])
      : [];
  if (failures.length === 0) return undefined;
  const positions = failures.map(({ itemIdentifier }) =>
    records.findIndex(({ sequenceNumber }) => sequenceNumber === itemIdentifier),
  );
  // A number that is not of this batch fails all of it.
  return Math.max(0, Math.min(...positions));
}

/** @see https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html */
function failureMessage(
  mapping: StreamMapping,
  records: StreamRecord[],
  condition: string,
  attempts: number,
): JsonObject {
  const [first, last] = [records[0]!, records.at(-1)!];
  return {
    requestContext: { functionArn: mapping.functionArn, condition, approximateInvokeCount: attempts },
    responseContext: { statusCode: 200, executedVersion: "$LATEST", functionError: "Unhandled" },
    version: "1.0",
    timestamp: new Date().toISOString(),
    DDBStreamBatchInfo: {
      shardId: "shardId-00000000000000000000-00000000",
      startSequenceNumber: first.sequenceNumber,
      endSequenceNumber: last.sequenceNumber,
      approximateArrivalOfFirstRecord: new Date(first.at).toISOString(),
      approximateArrivalOfLastRecord: new Date(last.at).toISOString(),
      batchSize: records.length,
      streamArn: mapping.streamArn,
    },
  };
}
