import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ConvokeError, convoke, type EventView, type Times } from "../../client/index.ts";
import type { JobEvent } from "../../core/protocol/event.ts";
import { submitted } from "../support/entries.ts";
import { type Faults, flakyService, noFaults } from "./flaky-service.ts";

const quick: Partial<Times> = {
  gapMs: 25,
  probeMs: 60,
  pollAfterMs: 60_000,
  pollWaitMs: 1_000,
  retryMs: 4,
  longestRetryMs: 20,
  connectMs: 500,
};

const step = (number: number): JobEvent => ({
  kind: "step.started",
  steps: [{ step: `s${number}`, attempt: 1 }],
});
const progress: JobEvent = {
  kind: "progress",
  progress: { current_step: "One", total_steps: 2, completed_steps: 1, percentage: 50, details: "half" },
};
const completed: JobEvent = { kind: "job.completed", result: { json: { answer: 42 } } };

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let service: Awaited<ReturnType<typeof flakyService>>;
beforeEach(async () => {
  service = await flakyService(1);
});
afterEach(() => service.close());

function client(times: Partial<Times> = quick) {
  return convoke({ url: service.url, key: "key", times });
}

async function toEnd(watch: AsyncIterable<EventView>): Promise<EventView[]> {
  const events: EventView[] = [];
  for await (const event of watch) events.push(event);
  return events;
}

const numbers = (events: EventView[]) => events.map((event) => event.seq);
const upTo = (n: number, after = 0) => Array.from({ length: n - after }, (_, index) => after + index + 1);

test("a watcher is given what has happened, then what happens, with values as HTTP gives them", async () => {
  const { watch, events, close } = client();
  service.create("j1");
  service.append("j1", submitted, step(1));

  const watching = toEnd(watch("j1"));
  await pause(50);
  service.append("j1", progress, step(2));
  service.append("j1", completed);

  const seen = await watching;
  expect(numbers(seen)).toEqual(upTo(5));
  expect(seen).toEqual((await events("j1")).events);
  expect(seen.at(-1)?.result).toEqual({ answer: 42 });
  close();
});

test("all watches of a client share one socket, which stays open for the next", async () => {
  const { watch, close } = client({ ...quick, probeMs: 60_000, gapMs: 60_000 });
  for (const id of ["j1", "j2", "j3"]) {
    service.create(id);
    service.append(id, submitted, completed);
  }

  await Promise.all([toEnd(watch("j1")), toEnd(watch("j2"))]);
  await toEnd(watch("j3"));

  expect(service.requests).toEqual(["POST /api/ws-ticket"]);
  expect(service.connections()).toBe(1);
  close();
});

test("deltas come to those who ask for them, between the events", async () => {
  const { watch, close } = client();
  service.create("j1");
  service.append("j1", submitted);
  const seen: string[] = [];
  for await (const news of watch("j1", { deltas: true })) {
    seen.push(news.kind === "delta" ? `delta ${news.text}` : news.kind);
    if (news.kind === "job.submitted") service.delta("j1", "Once");
    if (news.kind === "delta") service.append("j1", completed);
  }
  expect(seen).toEqual(["job.submitted", "delta Once", "job.completed"]);
  close();
});

test("a piece of text that comes twice is given once, and none of an attempt that another has followed", async () => {
  const { watch, close } = client();
  service.create("j1");
  service.append("j1", submitted);
  const seen: string[] = [];
  for await (const news of watch("j1", { deltas: true })) {
    if (news.kind === "delta") seen.push(String(news.text));
    if (news.kind !== "job.submitted") continue;
    service.delta("j1", "Once", { index: 0 });
    service.delta("j1", "Once", { index: 0 });
    service.delta("j1", " upon", { index: 1 });
    service.delta("j1", "Once", { index: 0 });
    service.delta("j1", "Again", { attempt: 2, index: 0 });
    service.delta("j1", " a time", { index: 2 });
    service.delta("j1", " and again", { attempt: 2, index: 1 });
    service.append("j1", completed);
  }
  expect(seen).toEqual(["Once", " upon", "Again", " and again"]);
  close();
});

test("[A0-28] after a lost connection the watch goes on where it was", async () => {
  const { watch, close } = client();
  service.create("j1");
  service.append("j1", submitted);
  const seen: number[] = [];
  for await (const event of watch("j1")) {
    seen.push(event.seq);
    if (event.seq === 1 || event.seq === 3) service.cutAll();
    if (event.seq < 5) service.append("j1", step(event.seq));
    else if (event.seq === 5) service.append("j1", completed);
  }
  expect(seen).toEqual(upTo(6));
  const asked = service.messages.flatMap((message) =>
    message.type === "watch" && "job_id" in message ? [message.after] : [],
  );
  expect(asked[0]).toBe(0);
  expect(Math.max(...asked.map(Number))).toBeGreaterThanOrEqual(2);
  close();
});

test("[A0-05] while no socket can be had the journal is polled, and the socket is taken again when it is back", async () => {
  const { watch, close } = client({ ...quick, pollAfterMs: 5 });
  service.create("j1");
  service.append("j1", submitted);
  service.sockets = false;
  const seen: number[] = [];
  for await (const event of watch("j1")) {
    seen.push(event.seq);
    if (event.seq === 3) {
      service.sockets = true;
      while (service.connections() === 0) await pause(5);
    }
    if (event.seq < 6) service.append("j1", step(event.seq));
    else if (event.seq === 6) service.append("j1", completed);
  }
  expect(seen).toEqual(upTo(7));
  expect(service.requests).toContain("GET /api/jobs/j1/events");
  expect(service.messages.some((message) => message.type === "watch" && "after" in message)).toBe(true);
  close();
});

test("the loss of the last event is noticed by the probe", async () => {
  const { watch, close } = client();
  service.create("j1", { ...noFaults });
  service.append("j1", submitted);
  const watching = toEnd(watch("j1"));
  await pause(50);
  const faults: Faults = { ...noFaults, drop: 1 };
  service.setFaults("j1", faults);
  service.append("j1", completed);
  service.setFaults("j1", noFaults);

  expect(numbers(await watching)).toEqual([1, 2]);
  expect(service.messages.some((message) => message.type === "ping")).toBe(true);
  close();
});

test("a socket that has gone silent without closing is given up", async () => {
  const { watch, close } = client();
  service.create("j1");
  service.append("j1", submitted);
  const watching = toEnd(watch("j1"));
  await pause(40);
  service.mute = true;
  service.append("j1", completed);
  await pause(150);
  service.mute = false;

  expect(numbers(await watching)).toEqual([1, 2]);
  close();
});

test("a watch from behind the last event of an ended job ends at once", async () => {
  const { watch, close } = client();
  service.create("j1");
  service.append("j1", submitted, completed);

  expect(await toEnd(watch("j1", { after: 2 }))).toEqual([]);
  close();
});

test("what is too large for a frame is fetched over HTTP, once", async () => {
  const { watch, close } = client({ ...quick, gapMs: 60_000 });
  service.create("j1", { ...noFaults, ref: 1, double: 1 });
  service.append("j1", submitted);
  service.append("j1", completed);

  const seen = await toEnd(watch("j1"));

  expect(seen.map((event) => event.input ?? event.result)).toEqual([{ question: "Why?" }, { answer: 42 }]);
  expect(service.requests.filter((request) => request.endsWith("/events"))).toHaveLength(2);
  close();
});

test("a slow reader loses nothing of a journal larger than what is kept for it", async () => {
  const { watch, close } = client();
  service.create("j1");
  service.append("j1", submitted, ...upTo(2_500).map(step), completed);
  const seen: number[] = [];
  for await (const event of watch("j1")) {
    if (event.seq === 1) await pause(100);
    seen.push(event.seq);
  }
  expect(seen).toEqual(upTo(2_502));
  close();
});

describe("errors", () => {
  test("an unknown job is not found", async () => {
    const { watch, close } = client();
    await expect(toEnd(watch("nothing"))).rejects.toMatchObject({ code: "not_found" });
    close();
  });

  test("a key that is not accepted ends the watch with the reason", async () => {
    const { watch, close } = convoke({ url: service.url, key: "wrong", times: quick });
    service.create("j1");
    const error: ConvokeError = await toEnd(watch("j1")).catch((reason) => reason);
    expect(error).toMatchObject({ code: "unauthorized", status: 401, requestId: "r1" });
    close();
  });

  test("an aborted signal ends the watch with its reason", async () => {
    const { watch, close } = client();
    service.create("j1");
    service.append("j1", submitted);
    const stop = new AbortController();
    const watching = toEnd(watch("j1", { signal: stop.signal }));
    await pause(20);
    stop.abort(new Error("enough"));
    await expect(watching).rejects.toThrow("enough");
    close();
  });

  test("a request is sent again when the service asks for patience, and not when it says no", async () => {
    const { get, close } = client();
    await expect(get("nothing")).rejects.toMatchObject({ code: "not_found" });
    expect(service.requests).toHaveLength(1);

    service.faults = { ...noFaults, refuse: 1 };
    await expect(get("nothing")).rejects.toMatchObject({ code: "unavailable", status: 503 });
    expect(service.requests).toHaveLength(5);
    close();
  });
});

test("a submit whose answer got lost is sent again with the same idempotency key", async () => {
  const { submit, close } = convoke({ url: service.url, key: "key", times: quick, attempts: 50 });
  service.faults = { ...noFaults, drop: 0.7 };

  expect(await submit("council", { question: "Why?" })).toMatchObject({ job_id: "j1" });

  expect(service.idempotencyKeys.length).toBeGreaterThan(1);
  expect(new Set(service.idempotencyKeys).size).toBe(1);
  service.faults = noFaults;
  await submit("council", { question: "Why?" });
  expect(new Set(service.idempotencyKeys).size).toBe(2);
  close();
});

test("waiting for a job resolves to the job as it has ended", async () => {
  const { wait, close } = client();
  service.create("j1");
  service.append("j1", submitted);
  const waiting = wait("j1");
  await pause(30);
  service.append("j1", completed);
  expect(await waiting).toMatchObject({ id: "j1", status: "completed", seq: 2 });
  expect(await wait("j1")).toMatchObject({ status: "completed" });
  close();
});

test("whoever leaves a watch before the end is sent nothing more", async () => {
  const { watch, close } = client();
  service.create("j1");
  service.append("j1", submitted);
  for await (const _event of watch("j1")) break;
  await pause(20);
  expect(service.messages.at(-1)).toEqual({ type: "unwatch", job_ids: ["j1"] });
  close();
});

test("[A0-05] [A0-28] in 300 runs of cuts, losses, doubles, swaps, lies and refusals every watcher is given 1..n", async () => {
  const seeds = upTo(300);
  const wrong: string[] = [];
  const work = async () => {
    for (let seed = seeds.shift(); seed; seed = seeds.shift()) {
      const outcome = await storm(seed);
      if (outcome) wrong.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: 20 }, work));
  expect(wrong).toEqual([]);
}, 120_000);

/** @returns what went wrong, with the seed that shows it. */
async function storm(seed: number): Promise<string | undefined> {
  const own = await flakyService(seed);
  const { random } = own;
  const some = (most: number) => (random() < 0.3 ? 0 : random() * most);
  const faults: Faults = {
    drop: some(0.4),
    double: some(0.5),
    delay: some(0.6),
    cut: some(0.15),
    lie: some(0.5),
    refuse: some(0.3),
    ref: some(0.3),
  };
  own.create("j1", faults);
  own.faults = faults;
  const n = 2 + Math.floor(random() * 40);
  const after = random() < 0.3 ? Math.floor(random() * n) : 0;
  const pollAfterMs = random() < 0.3 ? 5 : 100;
  const watcher = convoke({ url: own.url, key: "key", times: { ...quick, pollAfterMs } });
  const given: number[] = [];
  const deadline = AbortSignal.timeout(20_000);
  const watching = (async () => {
    for await (const event of watcher.watch("j1", { after, signal: deadline })) {
      given.push(event.seq);
      if (random() < 0.05) await pause(random() * 10);
    }
  })();
  const writing = (async () => {
    own.append("j1", submitted);
    for (let seq = 2; seq < n; ) {
      const together = Math.min(n - seq, 1 + Math.floor(random() * 4));
      own.append("j1", ...upTo(together).map(step));
      seq += together;
      if (random() < 0.5) await pause(random() * 8);
      if (random() < 0.03) own.sockets = !own.sockets;
      if (random() < 0.03) own.cutAll();
    }
    own.append("j1", completed);
    own.sockets = true;
  })();
  try {
    await Promise.all([watching, writing]);
    const expected = upTo(n, after);
    return JSON.stringify(given) === JSON.stringify(expected)
      ? undefined
      : `seed ${seed}: given ${given}, expected ${after + 1}..${n}`;
  } catch (error) {
    return `seed ${seed}: ${error} after ${given.at(-1)} of ${n}`;
  } finally {
    watcher.close();
    await own.close();
  }
}
