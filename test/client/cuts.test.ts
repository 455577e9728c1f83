import { expect, test } from "vitest";
import { convoke, type Times } from "../../client/index.ts";
import { usualTimes } from "../../client/times.ts";
import { seededRandom } from "../../core/memory.ts";
import type { JobEvent } from "../../core/protocol/event.ts";
import { cuttableSockets } from "../support/cuttable-socket.ts";
import { submitted } from "../support/entries.ts";
import { flakyService } from "./flaky-service.ts";

const quick: Partial<Times> = { gapMs: 25, probeMs: 60, pollAfterMs: 20, retryMs: 2, longestRetryMs: 10 };
const step: JobEvent = { kind: "step.started", steps: [{ step: "a", attempt: 1 }] };
const completed: JobEvent = { kind: "job.completed", result: { json: { answer: 42 } } };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

const wanted = 1_000;
const networks = 10;

test(`[A0-28] in ${wanted} cuts of real connections, at any moment, every event is given once and in order`, async () => {
  const outcomes = await Promise.all(
    upTo(networks).map((seed) => network(seed, Math.ceil(wanted / networks))),
  );

  expect(outcomes.flatMap(({ wrong }) => wrong)).toEqual([]);
  expect(outcomes.reduce((sum, { cuts }) => sum + cuts, 0)).toBeGreaterThanOrEqual(wanted);
}, 240_000);

/** One client on a bad network, which watches one job after the other until it has been cut off so often. */
async function network(seed: number, mostCuts: number): Promise<{ cuts: number; wrong: string[] }> {
  const service = await flakyService(seed);
  const random = seededRandom(seed * 7_919);
  const sockets = cuttableSockets();
  const client = convoke({ url: service.url, key: "key", WebSocket: sockets.WebSocket, times: quick });
  const wrong: string[] = [];
  let cuts = 0;
  const cut = () => {
    cuts += sockets.cut();
  };
  try {
    for (let number = 1; cuts < mostCuts; number++) {
      const jobId = `j${number}`;
      service.create(jobId);
      const n = 5 + Math.floor(random() * 40);
      const given: number[] = [];
      let ended = false;
      const watching = (async () => {
        for await (const { seq } of client.watch(jobId, { signal: AbortSignal.timeout(60_000) })) {
          given.push(seq);
          if (random() < 0.1) cut();
        }
        ended = true;
      })();
      const cutting = (async () => {
        while (!ended) {
          await pause(random() * 12);
          cut();
        }
      })();
      service.append(jobId, submitted);
      for (let seq = 2; seq < n; seq++) {
        service.append(jobId, step);
        if (random() < 0.7) await pause(random() * 6);
      }
      service.append(jobId, completed);
      await watching.catch((error: unknown) =>
        wrong.push(`seed ${seed}, ${jobId}: ${error} after ${given.at(-1)} of ${n}`),
      );
      ended = true;
      await cutting;
      if (String(given) !== String(upTo(n))) wrong.push(`seed ${seed}, ${jobId}: given ${given} of ${n}`);
    }
  } finally {
    client.close();
    await service.close();
  }
  return { cuts, wrong };
}

test("a connection is given up by plan, long before the gateway does, and nothing is missed meanwhile", async () => {
  const twoHours = 2 * 3_600_000;
  // With what is added by chance, so that not all clients come at once.
  expect(usualTimes.renewMs * (1 + 1 / 12)).toBeLessThan(twoHours - 5 * 60_000);

  const service = await flakyService(1);
  service.create("j1");
  const client = convoke({
    url: service.url,
    key: "key",
    times: { ...quick, pollAfterMs: 60_000, renewMs: 30 },
  });
  service.append("j1", submitted);
  const seen: number[] = [];
  for await (const { seq } of client.watch("j1")) {
    seen.push(seq);
    const tickets = service.requests.filter((request) => request === "POST /api/ws-ticket").length;
    service.append("j1", tickets < 6 ? step : completed);
    await pause(5);
    if (tickets >= 6) break;
  }
  expect(seen).toEqual(upTo(seen.length));
  expect(service.requests.filter((request) => request.endsWith("/events"))).toEqual([]);
  client.close();
  await service.close();
});
