import { marshall } from "@aws-sdk/util-dynamodb";
import type { DynamoDBRecord } from "aws-lambda";
import { expect, test } from "vitest";
import { settings } from "../../../core/config.ts";
import { deltasItem, entryItem } from "../../../core/journal/items.ts";
import { memoryServices } from "../../../core/memory.ts";
import type { Item } from "../../../core/pack.ts";
import { Unavailable } from "../../../core/protocol/error.ts";
import type { Entry, JobEvent } from "../../../core/protocol/event.ts";
import type { JobKey } from "../../../core/protocol/job.ts";
import type { ServerMessage } from "../../../core/protocol/message.ts";
import type { Watch } from "../../../core/sockets/sockets.ts";
import { progress } from "../../../functions/progress/progress.ts";
import { virtualTime } from "../../../testing/virtual-time.ts";
import { anEntry, submitted } from "../../support/entries.ts";

const tenant = "acme";

function pusher() {
  const time = virtualTime();
  const model = { generate: () => Promise.reject(new Error("no model")) };
  const services = memoryServices({ model, now: time.now, sleep: time.sleep });
  const logged: string[] = [];
  const log = (message: string) => logged.push(message);
  const handle = progress(services, { warn: log, error: log });
  const watch = (connectionId: string, what: string | "mine", more: Partial<Watch> = {}) => {
    if (!services.sockets.sent.has(connectionId)) services.sockets.open(connectionId);
    return services.watches.add(tenant, what === "mine" ? "mine" : { jobId: what }, {
      connectionId,
      at: time.now(),
      deltas: false,
      batch: false,
      authorisedUntil: Number.MAX_SAFE_INTEGER,
      ...more,
    });
  };
  const sent = (connectionId: string): ServerMessage[] =>
    (services.sockets.sent.get(connectionId) ?? []).map((frame) => JSON.parse(frame));
  const deliver = (...records: DynamoDBRecord[]) => time.until(handle({ Records: records }));
  return { services, time, watch, sent, deliver, logged };
}

let sequence = 0;
/** As Lambda is given it: binary attributes as base64. */
function inserted(item: Item): DynamoDBRecord {
  const image = marshall(item, { removeUndefinedValues: true });
  const encoded = JSON.parse(
    JSON.stringify(image, (_key, value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value,
    ),
  );
  sequence += 1;
  return {
    eventName: "INSERT",
    dynamodb: {
      SequenceNumber: String(sequence),
      Keys: marshall({ pk: item.pk, sk: item.sk }) as never,
      NewImage: encoded,
    },
  };
}

/** The stream records of a journal with these entries. */
function journal(jobId: string, ...entries: JobEvent[][]): DynamoDBRecord[] {
  const job: JobKey = { tenant, jobId };
  const written: Entry[] = [];
  for (const events of entries) written.push(anEntry(job, written, events));
  return written.map((entry) => inserted(entryItem(entry, settings.local)));
}

const step = (name: string): JobEvent => ({ kind: "step.started", steps: [{ step: name, attempt: 1 }] });
const halfway: JobEvent = {
  kind: "progress",
  progress: { current_step: "One", total_steps: 2, completed_steps: 1, percentage: 50, details: "half" },
};
const seqs = (messages: ServerMessage[]) =>
  messages.map((message) => ("seq" in message ? message.seq : undefined));

test("every watcher of a job is sent its events in order, whatever the order of the records", async () => {
  const { watch, sent, deliver } = pusher();
  await watch("c1", "j1");
  await watch("c2", "j1");
  await watch("c3", "another");
  const [first, second, third] = journal("j1", [submitted], [step("a"), step("b")], [halfway]);

  expect(await deliver(third!, first!, second!)).toEqual({ batchItemFailures: [] });

  expect(seqs(sent("c1"))).toEqual([1, 2, 3, 4]);
  expect(sent("c1").map((message) => message.type)).toEqual(["status", "event", "event", "progress"]);
  expect(sent("c2")).toEqual(sent("c1"));
  expect(sent("c3")).toEqual([]);
});

test("a watcher that understands batches is sent one frame, and the table is asked once", async () => {
  const { services, watch, deliver } = pusher();
  await watch("c1", "j1", { batch: true });
  let asked = 0;
  const { ofJob } = services.watches;
  services.watches.ofJob = (job) => {
    asked += 1;
    return ofJob(job);
  };

  await deliver(...journal("j1", [submitted], [step("a")], [{ kind: "job.completed", result: { json: 1 } }]));

  const [frame, ...more] = services.sockets.sent.get("c1") ?? [];
  expect(more).toEqual([]);
  expect(JSON.parse(frame!)).toMatchObject({ type: "batch", messages: [{ seq: 1 }, { seq: 2 }, { seq: 3 }] });
  expect(asked).toBe(1);
});

test("compressed entries are read", async () => {
  const { watch, sent, deliver } = pusher();
  await watch("c1", "j1");
  const long = "word ".repeat(1_000);
  await deliver(...journal("j1", [{ ...submitted, input: { json: long } } as JobEvent]));
  expect(sent("c1")).toMatchObject([{ event: { input: long } }]);
});

test("deltas come only to those who ask for them", async () => {
  const { watch, sent, deliver } = pusher();
  await watch("c1", "j1", { deltas: true });
  await watch("c2", "j1");
  const delta = { step: "stage1/a", attempt: 1, index: 0, text: "Once" };
  await deliver(inserted(deltasItem({ tenant, jobId: "j1" }, [delta], 1, settings.local)));
  expect(sent("c1")).toEqual([{ type: "delta", job_id: "j1", ...delta }]);
  expect(sent("c2")).toEqual([]);
});

test("who watches all of their jobs is sent status and progress of each, without values, and nobody else's", async () => {
  const { services, watch, sent, deliver } = pusher();
  await watch("c1", "mine");
  services.sockets.open("c2");
  await services.watches.add("other", "mine", {
    connectionId: "c2",
    at: 0,
    deltas: false,
    batch: false,
    authorisedUntil: Number.MAX_SAFE_INTEGER,
  });
  const completed: JobEvent = { kind: "job.completed", result: { json: "the answer" } };

  await deliver(
    ...journal("j1", [submitted], [step("a")], [halfway], [completed]),
    ...journal("j2", [submitted]),
  );

  expect(sent("c1").map((message) => "job_id" in message && message.job_id)).toEqual([
    "j1",
    "j1",
    "j1",
    "j2",
  ]);
  expect(sent("c1").map((message) => message.type)).toEqual(["status", "progress", "status", "status"]);
  expect(JSON.stringify(sent("c1"))).not.toContain("the answer");
  expect(JSON.stringify(sent("c1"))).not.toContain("Why?");
  expect(sent("c2")).toEqual([]);
});

test("who watches a job and all jobs is sent each event once", async () => {
  const { watch, sent, deliver } = pusher();
  await watch("c1", "mine");
  await watch("c1", "j1");
  await deliver(...journal("j1", [submitted], [halfway]));
  expect(seqs(sent("c1"))).toEqual([1, 2]);
});

test("[A0-25] a connection that is gone loses its watch, unless it may not be established yet", async () => {
  const { services, time, watch, deliver } = pusher();
  await watch("young", "j1");
  await watch("old", "j1", { at: time.now() - 11_000 });
  await services.sockets.close("young");
  await services.sockets.close("old");

  expect(await deliver(...journal("j1", [submitted]))).toEqual({ batchItemFailures: [] });

  const left = await services.watches.ofJob({ tenant, jobId: "j1" });
  expect(left.map(({ connectionId }) => connectionId)).toEqual(["young"]);
});

test("a busy connection is tried once more, then left to ask for what it misses", async () => {
  const { services, watch, sent, deliver } = pusher();
  await watch("c1", "j1");
  const { post } = services.sockets;
  let tries = 0;
  services.sockets.post = async (connectionId, frame) => {
    tries += 1;
    return tries === 1 ? "busy" : post(connectionId, frame);
  };
  await deliver(...journal("j1", [submitted]));
  expect(sent("c1")).toHaveLength(1);

  services.sockets.busy.add("c1");
  tries = 0;
  expect(await deliver(...journal("j1", [submitted], [halfway]))).toEqual({ batchItemFailures: [] });
  expect(sent("c1")).toHaveLength(1);
});

test("whose right to watch has ended is sent nothing more and disconnected", async () => {
  const { services, time, watch, deliver } = pusher();
  await watch("c1", "j1", { authorisedUntil: time.now() });
  await deliver(...journal("j1", [submitted]));
  expect(services.sockets.sent.has("c1")).toBe(false);
  expect(await services.watches.ofJob({ tenant, jobId: "j1" })).toEqual([]);
});

test("an unreadable record is named in the log and passed over", async () => {
  const { watch, sent, deliver, logged } = pusher();
  await watch("c1", "j1");
  const [first, second] = journal("j1", [submitted], [halfway]);
  first!.dynamodb!.NewImage!.body = { B: Buffer.from("no brotli").toString("base64") } as never;

  expect(await deliver(first!, second!)).toEqual({ batchItemFailures: [] });

  expect(seqs(sent("c1"))).toEqual([2]);
  expect(logged).toEqual(["A record of the stream is unreadable"]);
});

test("a connection that fails in an unforeseen way harms no other", async () => {
  const { services, watch, sent, deliver } = pusher();
  await watch("c1", "j1");
  await watch("c2", "j1");
  const { post } = services.sockets;
  services.sockets.post = (connectionId, frame) =>
    connectionId === "c1" ? Promise.reject(new Error("broken")) : post(connectionId, frame);
  expect(await deliver(...journal("j1", [submitted]))).toEqual({ batchItemFailures: [] });
  expect(seqs(sent("c2"))).toEqual([1]);
});

test("when the table cannot tell who watches, the batch comes back from the first record of that job", async () => {
  const { services, watch, sent, deliver } = pusher();
  await watch("c1", "j1");
  await watch("c1", "j2");
  const { ofJob } = services.watches;
  services.watches.ofJob = (job) =>
    job.jobId === "j2" ? Promise.reject(new Unavailable("not now")) : ofJob(job);
  const good = journal("j1", [submitted]);
  const bad = journal("j2", [submitted], [halfway]);

  const { batchItemFailures } = await deliver(...good, ...bad);

  expect(batchItemFailures).toEqual([{ itemIdentifier: bad[0]!.dynamodb!.SequenceNumber }]);
  expect(seqs(sent("c1"))).toEqual([1]);
});

test("a connection is sent one frame at a time, and fifty connections at once", async () => {
  const { services, watch, deliver } = pusher();
  for (let count = 0; count < 120; count++) await watch(`c${count}`, "j1");
  const inFlight = new Map<string, number>();
  let most = 0;
  let mostToOne = 0;
  services.sockets.post = async (connectionId) => {
    inFlight.set(connectionId, (inFlight.get(connectionId) ?? 0) + 1);
    const counts = [...inFlight.values()];
    most = Math.max(
      most,
      counts.reduce((sum, count) => sum + count, 0),
    );
    mostToOne = Math.max(mostToOne, ...counts);
    await new Promise((resolve) => setImmediate(resolve));
    inFlight.set(connectionId, inFlight.get(connectionId)! - 1);
    return "sent";
  };
  await deliver(...journal("j1", [submitted], [step("a")], [step("b")]));
  expect(most).toBe(50);
  expect(mostToOne).toBe(1);
});

test("slow connections hold up a batch for eight seconds at most, then what is left is dropped", async () => {
  const { services, time, watch, deliver, logged } = pusher();
  for (let count = 0; count < 3; count++) await watch(`c${count}`, "j1");
  services.sockets.post = async () => {
    await time.sleep(2_000);
    return "sent";
  };
  const begun = time.now();
  await deliver(...journal("j1", [submitted], ...Array.from({ length: 20 }, () => [halfway])));
  expect(time.now() - begun).toBeLessThanOrEqual(8_000);
  expect(logged).toHaveLength(3);
});
