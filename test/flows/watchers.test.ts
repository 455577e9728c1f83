import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { convoke } from "../../client/index.ts";
import { seededRandom } from "../../local/faults.ts";
import { startTestCloud } from "../support/cloud.ts";
import { councilProvider } from "../support/council-provider.ts";
import { cuttableSockets } from "../support/cuttable-socket.ts";
import { eventually } from "../support/eventually.ts";
import { collect, expectWellFormed, journalOf } from "../support/journals.ts";

test("fifty watchers of one job, whose sockets are cut at random, are each given exactly 1 to n [A0-07] [A0-28] [A2-16]", async () => {
  const seed = Number(process.env.SEED ?? 20);
  const random = seededRandom(seed);
  const provider = await councilProvider(100);
  onTestFinished(() => provider.close());
  const cloud = await startTestCloud({ environment: provider.environment });
  onTestFinished(() => cloud.stop());
  const release = provider.hold(({ part }) => part === "ranking");
  const { job_id } = await cloud.client.submit("council", { question: "Why is the sea salty?" });

  const watchers = Array.from({ length: 50 }, (_, index) => {
    const { WebSocket, cut } = cuttableSockets();
    const client = convoke({
      url: cloud.http,
      key: cloud.key,
      WebSocket,
      times: { retryMs: 100, longestRetryMs: 500 },
    });
    const watcher = { cuts: 0, given: sleep(40 * index).then(() => collect(client.watch(job_id))) };
    const pauses = Array.from({ length: 100 }, () => 100 + 900 * random());
    const gone = watcher.given.finally(() => client.close()).then(() => true);
    void (async () => {
      for (const pause of pauses) {
        if (await Promise.race([gone, sleep(pause, false)])) return;
        watcher.cuts += cut();
      }
    })();
    return watcher;
  });
  await eventually(() => watchers.every(({ cuts }) => cuts > 0), 30_000);
  release();
  const given = await Promise.all(watchers.map((watcher) => watcher.given));

  const journal = await journalOf(cloud.client, job_id);
  expectWellFormed(journal);
  for (const events of given) expect(events, `seed ${seed}`).toEqual(journal);
}, 60_000);
