import { describe, expect, test } from "vitest";
import { secondsToWait } from "../../../functions/api/accept.ts";
import { virtualTime } from "../../../testing/virtual-time.ts";
import { door } from "./door.ts";

const question = { type: "oracle", input: { question: "Why?" } };

/** An API in whose time something can happen while a request waits. */
async function waitingDoor() {
  const time = virtualTime();
  const api = await door({ services: { now: time.now, sleep: time.sleep } });
  const post = (prefer: string, body: object = question, headers = {}) =>
    time.until(api.post("/api/jobs", body, { headers: { prefer, ...headers } }));
  return { ...api, time, post };
}

describe("Prefer: wait", () => {
  test("answers with the job itself when it ends in time [A2-80]", async () => {
    const { time, post, work } = await waitingDoor();
    void time.sleep(3_000).then(work);

    const { status, headers, body } = await post("wait=10");

    expect(status).toBe(200);
    expect(headers["preference-applied"]).toBe("wait=10");
    expect(body).toMatchObject({ status: "completed", result_data: { answer: "Why? 42." } });
  });

  test("answers with what was accepted when it does not, not later than promised, and the job goes on", async () => {
    const { time, post, work, get } = await waitingDoor();
    const began = time.now();

    const { status, headers, body } = await post("wait=7");

    expect(status).toBe(202);
    expect(headers).not.toHaveProperty("preference-applied");
    expect(time.now() - began).toBe(7_000);
    await work();
    expect((await get(`/api/jobs/${body.job_id}`)).body.status).toBe("completed");
  });

  test("tells of a failure as of any other end", async () => {
    const { time, post, work } = await waitingDoor();
    void time.sleep(1_000).then(work);
    const { status, body } = await post("wait=10", { type: "failing", input: { question: "?" } });
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: "failed", error: { code: "quorum_not_reached" } });
  });

  test("is at once satisfied by the job of an earlier request that has ended", async () => {
    const { time, post, work } = await waitingDoor();
    const again = { "Idempotency-Key": "once" };
    await post("wait=0", question, again);
    await work();
    const began = time.now();

    const { status, headers, body } = await post("wait=20", question, again);

    expect(status).toBe(200);
    expect(headers).toMatchObject({ "idempotent-replayed": "true", "preference-applied": "wait=20" });
    expect(body.status).toBe("completed");
    expect(time.now()).toBe(began);
  });
});

test.each([
  ["wait=10", 10],
  ["respond-async, wait=10", 10],
  ['WAIT = "5"; foo', 5],
  ["wait=3600", 25],
  ["wait=0", 0],
  ["wait=-1", 0],
  ["wait=soon", 0],
  ["await=10", 0],
  ["respond-async", 0],
  [undefined, 0],
])("Prefer: %s is a wish for %i seconds", (header, seconds) => {
  expect(secondsToWait(header)).toBe(seconds);
});
