import { afterEach, beforeEach, expect, test } from "vitest";
import { type Convoke, convoke, type MineItem, type Times } from "../../client/index.ts";
import type { JobEvent } from "../../core/protocol/event.ts";
import { submitted } from "../support/entries.ts";
import { soon } from "../support/soon.ts";
import { flakyService, noFaults } from "./flaky-service.ts";

const quick: Partial<Times> = {
  gapMs: 20,
  probeMs: 60,
  pollAfterMs: 60_000,
  pollWaitMs: 15,
  listMs: 60_000,
  settleMs: 60_000,
  retryMs: 4,
  longestRetryMs: 20,
};
const claimed: JobEvent = { kind: "job.claimed", by: "w" };
const step: JobEvent = { kind: "step.started", steps: [{ step: "a", attempt: 1 }] };
const completed: JobEvent = { kind: "job.completed", result: { json: null } };

let service: Awaited<ReturnType<typeof flakyService>>;
let opened: Convoke[] = [];
beforeEach(async () => {
  service = await flakyService(1);
  service.create("j1");
  service.create("j2");
});
afterEach(async () => {
  for (const client of opened) client.close();
  opened = [];
  await service.close();
});

function client(times: Partial<Times> = quick, key = "key"): Convoke {
  const made = convoke({ url: service.url, key, times });
  opened.push(made);
  return made;
}

const told = (item: MineItem | undefined) =>
  !item || item.type === "resync"
    ? item?.type
    : `${item.job_id} ${item.seq} ${item.type === "status" ? item.status : item.type}`;

/** What comes, and how many more to wait for. */
function listening(client: Convoke, signal?: AbortSignal) {
  const items = client.watchMine({ signal });
  const take = async (count: number) => {
    const taken: (string | undefined)[] = [];
    while (taken.length < count) taken.push(told((await items.next()).value ?? undefined));
    return taken;
  };
  return { items, take };
}

test("a live list begins with the word to read it, and is told of status and progress of all jobs", async () => {
  const { take } = listening(client());
  expect(await take(1)).toEqual(["resync"]);
  service.append("j1", submitted, claimed);
  service.append("j2", submitted, step);
  service.append("j1", step, completed);
  expect(await take(4)).toEqual(["j1 1 pending", "j1 2 running", "j2 1 pending", "j1 4 completed"]);
});

test("after a lost connection the list is to be read again, and then goes on", async () => {
  const { take } = listening(client());
  await take(1);
  service.append("j1", submitted);
  expect(await take(1)).toEqual(["j1 1 pending"]);
  service.cutAll();
  service.append("j1", claimed);
  expect(await take(1)).toEqual(["resync"]);
  service.append("j1", completed);
  expect(await take(1)).toEqual(["j1 3 completed"]);
});

test("while no socket can be had the list is to be read now and then, until there is one", async () => {
  service.sockets = false;
  const { take } = listening(client({ ...quick, pollAfterMs: 5 }));
  expect(await take(3)).toEqual(["resync", "resync", "resync"]);
  service.sockets = true;
  await soon(() => service.connections()).toBe(1);
  await soon(() => service.messages).toContainEqual({ type: "watch", scope: "mine", batch: true });
  await take(1);
  service.append("j1", submitted);
  await soon(async () => (await take(1))[0]).toBe("j1 1 pending");
});

test("a question that gets no answer is asked again", async () => {
  service.faults = { ...noFaults, refuse: 0.7 };
  const { take } = listening(client());
  expect(await take(1)).toEqual(["resync"]);
});

test("the list is to be read again when all who push know of the watch", async () => {
  const { take } = listening(client({ ...quick, settleMs: 20 }));
  expect(await take(2)).toEqual(["resync", "resync"]);
});

test("the list is to be read again after a while, because the loss of a push leaves no trace", async () => {
  const { take } = listening(client({ ...quick, settleMs: 20, listMs: 20 }));
  expect(await take(3)).toEqual(["resync", "resync", "resync"]);
});

test("what is older than what was told is not told, nor what one watch of a job has brought again", async () => {
  const own = client();
  const { take } = listening(own);
  await take(1);
  service.append("j1", submitted, claimed);
  await take(2);
  // The whole journal comes by once more.
  const watching = own.watch("j1");
  await watching.next();
  service.append("j1", completed);
  expect(await take(1)).toEqual(["j1 3 completed"]);
  await watching.return();
});

test("a key that is not accepted, or an aborted signal, ends it with the reason", async () => {
  await expect(client(quick, "wrong").watchMine().next()).rejects.toMatchObject({ code: "unauthorized" });
  const stop = new AbortController();
  const { items, take } = listening(client(), stop.signal);
  await take(1);
  const next = items.next();
  stop.abort(new Error("enough"));
  await expect(next).rejects.toThrow("enough");
  await soon(() => service.messages).toContainEqual({ type: "unwatch", scope: "mine" });
});

test("a reader who does not read is told to read the list, instead of everything that it missed", async () => {
  const { take } = listening(client());
  await take(1);
  service.append("j1", submitted);
  for (let round = 0; round < 30; round++) {
    service.append("j1", ...Array.from({ length: 50 }, () => claimed));
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  const first = await take(1);
  expect(first).toEqual(["resync"]);
});
