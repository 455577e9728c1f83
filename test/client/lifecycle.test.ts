import { afterEach, beforeEach, expect, test } from "vitest";
import { type Convoke, convoke } from "../../client/index.ts";
import { servedDoor } from "../support/served-door.ts";

let here: Awaited<ReturnType<typeof servedDoor>>;
let client: Convoke;
beforeEach(async () => {
  here = await servedDoor();
  client = convoke({ url: here.url, key: "key" });
});
afterEach(async () => {
  client.close();
  await here.close();
});

const why = { question: "Why?" };

test("a submit may say when, after what and how fresh, and says which job it was given", async () => {
  const { job_id: first } = await client.submit("oracle", why, { tags: ["x"], budget: { max_steps: 9 } });
  const later = await client.submit("oracle", why, {
    run_at: new Date(Date.now() + 60_000),
    start_within_seconds: 600,
    depends_on: [first],
    on_dependency_failure: "continue",
  });
  expect(await client.get(later.job_id)).toMatchObject({ status: "scheduled", depends_on: [first] });
  const one = await client.submit("oracle", why, { cache: { ttl_seconds: 60 } });
  expect(await client.submit("oracle", why, { single_flight: true })).toMatchObject({
    job_id: one.job_id,
    deduplicated: true,
  });
  await here.api.work();
  const cached = await client.submit("oracle", why, { cache: { ttl_seconds: 60 } });
  expect(cached).toMatchObject({ job_id: one.job_id, cached: true });
  const created_before = new Date(Date.now() + 1_000);
  expect((await client.list({ tag: "x", created_before })).jobs.map(({ id }) => id)).toEqual([first]);
});

test("jobs are paused, resumed, retried, forked, batched, and dealt with by the dozen", async () => {
  const { job_id: nap } = await client.submit("sleeper", null, { tags: ["x"] });
  expect(await client.pause(nap, { reason: "lunch" })).toMatchObject({ job_id: nap, paused: true });
  expect(await client.resume(nap)).toMatchObject({ paused: false });
  const { job_id: failed } = await client.submit("failing", why);
  await here.api.work();
  const { job_id: again } = await client.retry(failed);
  expect((await client.get(again)).fork_of?.job_id).toBe(failed);
  const fork = await client.fork(failed, { after_seq: 1, input: { question: "!" }, title: "Other" });
  expect(await client.get(fork.job_id)).toMatchObject({ input_data: { question: "!" }, title: "Other" });
  const batch = await client.batch([{ type: "oracle", input: why, title: "One" }], { priority: "low" });
  expect(await client.get(batch.job_id)).toMatchObject({ type: "batch", priority: "low" });
  expect(await client.cancelMany({ tag: "x" }, { reason: "enough" })).toMatchObject({ job_ids: [nap] });
  expect(await client.retryMany({ ids: [failed] })).toMatchObject({ count: 1 });
  await expect(client.retry(nap)).rejects.toMatchObject({ code: "conflict" });
});

test("the command line pauses and resumes", async () => {
  const { job_id: nap } = await client.submit("sleeper", null);
  expect(await here.command("pause", nap)).toMatchObject({
    code: 0,
    out: expect.stringContaining("is paused"),
  });
  expect((await client.get(nap)).paused).toBe(true);
  expect((await here.command("resume", nap, "--json")).out).toContain('"paused":false');
  expect(await here.command("pause", "nobody")).toMatchObject({
    code: 3,
    err: expect.stringContaining("not_found"),
  });
});

test("the command line retries and forks, and follows the new job to its end", async () => {
  const { job_id: failed } = await client.submit("failing", why);
  await here.api.work();
  const working = setInterval(() => void here.api.work(), 50);
  try {
    const retried = await here.command("retry", failed);
    expect(retried).toMatchObject({ code: 1, out: expect.stringContaining("quorum_not_reached") });
    const { job_id: done } = await client.submit("oracle", why);
    await here.api.work();
    const forked = await here.command("fork", done, "--after", "1", "--input", '{"question":"How?"}');
    expect(forked).toMatchObject({ code: 0, out: expect.stringContaining("How? 42.") });
    expect((await here.command("fork", done, "--after", "99")).code).toBe(2);
    expect((await here.command("fork", done, "--input", "{")).code).toBe(2);
  } finally {
    clearInterval(working);
  }
});
