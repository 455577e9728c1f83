import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Convoke, convoke } from "../../client/index.ts";
import { type JobSnapshot, jobStore, useJobWith } from "../../client/react.ts";
import type { JobEvent } from "../../core/protocol/event.ts";
import { submitted } from "../support/entries.ts";
import { soon } from "../support/soon.ts";
import { flakyService } from "./flaky-service.ts";

const claimed: JobEvent = { kind: "job.claimed", by: "w" };
const started: JobEvent = { kind: "step.started", steps: [{ step: "stage1/a", attempt: 1 }] };
const stepDone: JobEvent = {
  kind: "step.completed",
  step: "stage1/a",
  attempt: 1,
  result: { json: "Once upon" },
};
const completed: JobEvent = { kind: "job.completed", result: { json: { answer: 42 } } };

let service: Awaited<ReturnType<typeof flakyService>>;
let client: Convoke;
beforeEach(async () => {
  service = await flakyService(1);
  client = convoke({ url: service.url, key: "key" });
  service.create("j1");
});
afterEach(async () => {
  client.close();
  await service.close();
});

describe("the store of a job", () => {
  test("has the service's own fold of its events, texts as they are written, and the result", async () => {
    const store = jobStore(client, "j1");
    expect(store.getSnapshot()).toMatchObject({ phase: "loading", job: undefined, events: [] });
    const leave = store.subscribe(() => {});
    service.append("j1", submitted, claimed, started);
    await soon(() => store.getSnapshot().job?.status).toBe("running");
    service.delta("j1", "Once");
    await soon(() => store.getSnapshot().texts).toEqual({ "stage1/a": "Once" });
    service.append("j1", stepDone, completed);
    await soon(() => store.getSnapshot().phase).toBe("ended");

    expect(store.getSnapshot()).toMatchObject({
      job: { jobId: "j1", status: "completed", seq: 5 },
      result: { answer: 42 },
      texts: {},
      error: undefined,
    });
    expect(store.getSnapshot().events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    leave();
  });

  test("is one for all who ask, gives the same snapshot until something changes, and tells once per frame", async () => {
    const store = jobStore(client, "j1");
    let told = 0;
    const leave = store.subscribe(() => {
      told += 1;
    });
    service.append("j1", submitted, ...Array.from({ length: 500 }, () => started), completed);
    await soon(() => store.getSnapshot().phase).toBe("ended");

    expect(jobStore(client, "j1")).toBe(store);
    expect(store.getSnapshot()).toBe(store.getSnapshot());
    expect(told).toBeLessThan(100);
    leave();
  });

  test("goes on where it was when somebody listens again, and asks for nothing while nobody does", async () => {
    const store = jobStore(client, "j1");
    service.append("j1", submitted, claimed);
    const leave = store.subscribe(() => {});
    await soon(() => store.getSnapshot().events.length).toBe(2);
    leave();
    await soon(() => service.messages).toContainEqual({ type: "unwatch", job_ids: ["j1"] });
    service.append("j1", completed);
    const again = store.subscribe(() => {});
    await soon(() => store.getSnapshot().phase).toBe("ended");

    expect(store.getSnapshot().events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(service.messages.at(-1)).toMatchObject({ type: "watch", after: 2 });
    again();
  });

  test("says why a job cannot be seen", async () => {
    const store = jobStore(client, "nothing");
    const leave = store.subscribe(() => {});
    await soon(() => store.getSnapshot().phase).toBe("failed");
    expect(store.getSnapshot().error).toMatchObject({ code: "not_found" });
    leave();
  });
});

test("the hook takes the store of the job through whatever `useSyncExternalStore` it was made with", () => {
  const used: unknown[] = [];
  const useJob = useJobWith((subscribe, getSnapshot, getServerSnapshot): JobSnapshot => {
    used.push(subscribe);
    expect(getServerSnapshot()).toBe(getSnapshot());
    return getSnapshot();
  });
  expect(useJob(client, "j1").phase).toBe("loading");
  useJob(client, "j1");
  expect(used[1]).toBe(used[0]);
});
