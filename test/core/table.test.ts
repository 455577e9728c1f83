import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  DynamoDBClient,
  TransactionCanceledException,
  TransactionConflictException,
} from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { settings } from "../../core/config.ts";
import { dynamoTable, measureCapacity } from "../../core/dynamo.ts";
import { dynamoJournal } from "../../core/journal/dynamo.ts";
import { Unavailable } from "../../core/protocol/error.ts";
import type { Entry, JobEvent } from "../../core/protocol/event.ts";
import { sleep } from "../../core/sleep.ts";
import { type Engines, startEngines, tableName } from "../support/engines.ts";
import { anEntry, headAfter, submitted } from "../support/entries.ts";

let engines: Engines;
beforeAll(async () => {
  engines = await startEngines();
});
afterAll(() => engines.stop());

/** A journal with a client of its own, so that a test may disturb or measure it. */
function aJournal(configuration: { endpoint?: string; maxAttempts?: number } = {}) {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({ maxAttempts: 2, ...configuration }));
  const table = dynamoTable(client, tableName, { random: Math.random, sleep });
  return { client, journal: dynamoJournal(table, { settings: settings.local, now: Date.now }) };
}

/** Disturbs each try as the network would: below the client's own retries. */
function disturb(
  client: DynamoDBDocumentClient,
  fault: (call: number, send: () => Promise<void>) => unknown,
): void {
  let calls = 0;
  client.middlewareStack.add(
    (next) => async (args) => {
      calls += 1;
      let answer: Awaited<ReturnType<typeof next>> | undefined;
      await fault(calls, async () => {
        answer = await next(args);
      });
      if (!answer) throw Object.assign(new Error("no answer came"), { name: "TimeoutError" });
      return answer;
    },
    { step: "finalizeRequest", priority: "low", name: "disturb" },
  );
}

let count = 0;
async function aJob(): Promise<Entry[]> {
  count += 1;
  const entry = anEntry({ tenant: "acme", jobId: `job-${count}` }, [], [submitted]);
  await aJournal().journal.create({ entry, head: headAfter([entry]) });
  return [entry];
}

const next = (entries: Entry[], ...events: JobEvent[]) =>
  anEntry(entries[0]!, entries, events.length > 0 ? events : [{ kind: "job.claimed", by: "w" }]);

describe("a call to the table that is disturbed", () => {
  test("a put whose answer got lost meets itself at the retry, and is reported as what stands there", async () => {
    const { client, journal } = aJournal();
    disturb(client, async (call, send) => {
      if (call === 1) await send().then(() => Promise.reject(lost()));
      else await send();
    });
    const entry = next(await aJob());
    expect(await journal.append(entry)).toEqual({ end: "taken", entry });
  });

  test("a transaction whose answer got lost is the same transaction at the retry", async () => {
    const { client, journal } = aJournal();
    disturb(client, async (call, send) => {
      await send();
      if (call === 1) throw lost();
    });
    const entries = await aJob();
    const entry = next(entries);
    const appended = await journal.append(entry, { head: headAfter([...entries, entry]) });
    expect(["stored", "taken"]).toContain(appended.end);
    expect((await journal.read(entry, 0)).entries).toEqual([...entries, entry]);
  });

  test.each([
    new TransactionConflictException({ message: "conflict", $metadata: {} }),
    new TransactionCanceledException({
      message: "cancelled",
      $metadata: {},
      CancellationReasons: [{ Code: "None" }, { Code: "TransactionConflict" }],
    }),
  ])("$name: another's transaction in the way is waited for", async (conflict) => {
    const { client, journal } = aJournal();
    disturb(client, async (call, send) => {
      if (call <= 3) throw conflict;
      await send();
    });
    expect(await journal.append(next(await aJob()))).toEqual({ end: "stored" });
  });

  test("a table that never gets out of transactions is unavailable", async () => {
    const { client, journal } = aJournal();
    disturb(client, () => {
      throw new TransactionConflictException({ message: "conflict", $metadata: {} });
    });
    await expect(journal.append(next(await aJob()))).rejects.toThrow(Unavailable);
  });

  test("silence is unavailable, and the write may have happened all the same", async () => {
    const { client, journal } = aJournal({ maxAttempts: 1 });
    disturb(client, async (_, send) => {
      await send();
      throw lost();
    });
    const entry = next(await aJob());
    await expect(journal.append(entry)).rejects.toThrow(Unavailable);
    expect((await aJournal().journal.read(entry, 1)).entries).toEqual([entry]);
  });

  test.each([
    [400, "ThrottlingException"],
    [400, "ProvisionedThroughputExceededException"],
    [400, "RequestLimitExceeded"],
    [500, "InternalServerError"],
    [503, "ServiceUnavailable"],
  ])("%i %s is unavailable", async (status, name) => {
    const server = createServer((_, response) => {
      response.writeHead(status, { "content-type": "application/x-amz-json-1.0" });
      response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: "no" }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { journal } = aJournal({ endpoint, maxAttempts: 1 });
    await expect(journal.head({ tenant: "acme", jobId: "j" })).rejects.toThrow(Unavailable);
  });

  test("a refused connection is unavailable", async () => {
    const { journal } = aJournal({ endpoint: "http://127.0.0.1:1", maxAttempts: 1 });
    await expect(journal.head({ tenant: "acme", jobId: "j" })).rejects.toThrow(Unavailable);
  });

  test("a mistake of ours is not called unavailable", async () => {
    const client = DynamoDBDocumentClient.from(new DynamoDBClient());
    const table = dynamoTable(client, "no-such-table", { random: Math.random, sleep });
    const journal = dynamoJournal(table, { settings: settings.local, now: Date.now });
    await expect(journal.head({ tenant: "acme", jobId: "j" })).rejects.toThrow(
      expect.objectContaining({ name: "ResourceNotFoundException" }),
    );
  });
});

function lost(): Error {
  return Object.assign(new Error("the answer got lost"), { name: "TimeoutError" });
}

/** An answer as models write them: 2 KB, prose, some structure. */
const answer = [
  "The sky looks blue because air scatters short wavelengths of sunlight far more strongly than long ones. ",
  "Sunlight contains every colour of the rainbow, and as it crosses the atmosphere it meets molecules of nitrogen ",
  "and oxygen that are much smaller than its wavelength. In this regime, called Rayleigh scattering, the intensity ",
  "grows with the inverse fourth power of the wavelength, so that blue light is scattered roughly four times as much ",
  "as red light of the same brightness. Whatever direction you look, some of that redirected blue light reaches you.\n\n",
  "Two details are worth adding. First, violet light is scattered even more, yet the sky does not look violet: the sun ",
  "emits less of it, the upper atmosphere absorbs part of it, and our eyes are less sensitive to it. The cones of the ",
  "retina respond to the whole mixture, and the brain reads it as a pale blue. Second, at sunrise and sunset the light ",
  "travels a much longer way through the air. Most of the blue has been scattered out of the beam by then, and what is ",
  "left is yellow, orange and red. Dust and droplets, which are larger than the wavelength, scatter all colours about ",
  "equally, which explains why hazy skies and clouds appear white or grey.\n\n",
  "So the short answer is: the gas molecules of the atmosphere scatter blue light in all directions, while most of the ",
  "red, orange and yellow light passes through without being scattered. On the Moon, where there is no atmosphere, ",
  "the sky is black even at noon, and on Mars, where fine dust dominates, it is butterscotch by day and blue near the ",
  "setting sun. A simple test at home is a glass of water with a few drops of milk: seen from the side in the beam of a ",
  "torch it has a bluish tint, and seen against the light it is orange. The same physics is at work in both cases, and ",
  "it needs no pigment, no reflection of the oceans, and nothing else that people commonly suspect. Leonardo da Vinci ",
  "noticed as much when he looked at smoke in front of a dark background, long before Tyndall and Rayleigh measured and ",
  "explained it.",
].join("");

describe("what an operation costs in request units", () => {
  async function unitsOf(work: (journal: ReturnType<typeof aJournal>["journal"]) => Promise<unknown>) {
    const units = { read: 0, write: 0 };
    const { client, journal } = aJournal();
    measureCapacity(client, (kind, consumed) => {
      units[kind] += consumed;
    });
    await work(journal);
    return units;
  }

  // Uncompressed, 2 KB would be three units and 1.5 KB two.
  test.each([
    [1_500, 1],
    [2_000, 2],
  ])("a step with an answer of %i bytes of prose is %i write units", async (bytes, write) => {
    const result = { text: answer.slice(0, bytes), model: "openai:gpt-5.6-terra", finish: "stop" };
    const usage = { model_calls: 1, input_tokens: 312, output_tokens: 417, cost_usd: 0.00431 };
    const job = { tenant: "acme", jobId: `01a20601-621d-7743-8529-c8a49${bytes}efb3e`.slice(0, 36) };
    const first = anEntry(job, [], [submitted]);
    await aJournal().journal.create({ entry: first, head: headAfter([first]) });
    const completed = { kind: "step.completed", step: "stage1/model-b", attempt: 1, usage } as const;
    const entry: Entry = {
      ...next([first], { ...completed, result: { json: result } }),
      at: 1_790_000_000_000,
      by: "01a20601-621c-77e0-aa92-6258cf076b51",
      token: "01a20601-6d1f-7000-8529-0242ac120002",
    };
    expect(await unitsOf((journal) => journal.append(entry))).toEqual({ read: 0, write });
    expect((await aJournal().journal.read(job, 1)).entries).toEqual([entry]);
  });

  test("a heartbeat is one unit: it costs nothing in the indexes, whatever due it was told", async () => {
    const entries = await aJob();
    const head = { ...headAfter(entries), lease: { by: "w", until: 1 }, due: 9e15 };
    await aJournal().journal.append(next(entries), { head });
    expect(await unitsOf((journal) => journal.renew({ ...head, title: "Another", due: 7 }))).toEqual({
      read: 0,
      write: 1,
    });
  });

  test("looking for what is new in a quiet job is one read unit, or half of one for a stale answer", async () => {
    const entries = await aJob();
    expect(await unitsOf((journal) => journal.read(entries[0]!, 1))).toEqual({ read: 1, write: 0 });
    const looked = await unitsOf((journal) => journal.news(entries[0]!, 1, { stale: true }));
    expect(looked).toEqual({ read: 0.5, write: 0 });
  });
});
