import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { councilCloud } from "../support/council-cloud.ts";
import { eventually } from "../support/eventually.ts";
import { ended, journalOf } from "../support/journals.ts";
import { plainSocket } from "../support/plain-socket.ts";

const { provider, cloud } = await councilCloud(10);
const question = {
  question: "Why is the sky blue, and why does it turn red in the evening, at least on most days?",
};
const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

beforeEach(() => {
  provider.asked.length = 0;
});

test("a job is pending when it is accepted, running when a worker has it, and completed with its result [A2-14] [A2-44] [A2-46] [A2-47] [A2-34] [A2-48]", async () => {
  const release = provider.hold(() => true);

  const accepted = await cloud.client.submit("council", question);
  const running = await eventually(async () => {
    const job = await cloud.client.get(accepted.job_id);
    return job.status !== "pending" && job;
  });
  release();
  const completed = await cloud.client.wait(accepted.job_id);

  expect([accepted.status, running.status, completed.status]).toEqual(["pending", "running", "completed"]);
  expect(running).toMatchObject({
    started_at: expect.stringMatching(moment),
    completed_at: null,
    result_data: null,
  });
  expect(completed.result_data).toMatchObject({ stage3: { response: "The synthesis of alpha." } });
  await expect(cloud.client.get("00000000-0000-7000-8000-000000000000")).rejects.toMatchObject({
    status: 404,
  });
});

test("a job has all the fields that its users read [A2-32] [A2-33] [A2-35..A2-43]", async () => {
  const { job_id } = await cloud.client.submit("council", question);
  const job = await cloud.client.wait(job_id);
  const { job_id: failing } = await cloud.client.submit("council", {
    ...question,
    members: ["mock:rejected", "mock:rejected"],
  });
  const failed = await cloud.client.wait(failing);

  expect(job).toMatchObject({
    id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    type: "council",
    title: "Why is the sky blue, and why does it turn red i...",
    description: question.question,
    input_data: { ...question, members: ["openai:alpha", "openai:beta", "openai:gamma"] },
    result_data: { title: "The title of titler.", stage1: [{}, {}, {}] },
    error_message: null,
    progress: {
      current_step: "Completed",
      total_steps: 7,
      completed_steps: 7,
      percentage: 100,
      details: "openai:alpha has written the council's answer",
      timestamp: job.completed_at,
    },
    created_at: expect.stringMatching(moment),
    started_at: expect.stringMatching(moment),
    completed_at: expect.stringMatching(moment),
    usage: { model_calls: 8 },
  });
  expect(job.created_at <= job.started_at! && job.started_at! < job.completed_at!).toBe(true);
  expect(failed).toMatchObject({
    status: "failed",
    result_data: null,
    error_message: expect.stringContaining("mock:rejected"),
    completed_at: expect.stringMatching(moment),
  });
});

test("jobs are listed newest first, fifty at a time, and by status [A2-49]", async () => {
  const ids: string[] = [];
  for (let n = 0; n < 55; n += 1) {
    ids.unshift((await cloud.client.submit("council", { question: `Question ${n}?` })).job_id);
  }
  await eventually(async () => {
    const { jobs } = await cloud.client.list({ status: "completed", limit: 100 });
    return ids.every((id) => jobs.some((job) => job.id === id));
  }, 40_000);

  const page = await cloud.client.list();
  const rest = await cloud.client.list({ cursor: page.next_cursor! });
  const completed = await cloud.client.list({ status: "completed", limit: 10 });
  const failed = await cloud.client.list({ status: "failed" });

  expect(page.jobs).toHaveLength(50);
  expect([...page.jobs, ...rest.jobs].map(({ id }) => id).slice(0, 55)).toEqual(ids);
  expect(completed.jobs.map(({ id }) => id)).toEqual(ids.slice(0, 10));
  expect(failed.jobs.map(({ status }) => status)).toEqual(failed.jobs.map(() => "failed"));
});

test("a watch is answered with status and progress, then come progress and status messages to the end [A2-20] [A2-21] [A2-22] [A2-54] [A2-05] [A2-06] [A2-07]", async () => {
  const release = provider.hold(({ part }) => part === "ranking");
  const { job_id } = await cloud.client.submit("council", question);
  await eventually(() => provider.asked.filter(({ part }) => part === "ranking").length === 3);
  const { messages, ofType, send, close } = await plainSocket(cloud);

  send({ type: "watch", job_id });
  await eventually(() => ofType("progress").length > 0);
  release();
  await eventually(() => ofType("status").some(({ status }) => status === "completed"));
  close();

  const before = {
    current_step: "Ranking the answers",
    percentage: expect.any(Number),
    timestamp: expect.stringMatching(moment),
  };
  expect(messages[0]).toMatchObject({
    type: "watching",
    job_id,
    status: "running",
    head: expect.any(Number),
    progress: before,
  });
  expect(ofType("status").map(({ status }) => status)).toEqual(["pending", "running", "completed"]);
  const job = await cloud.client.get(job_id);
  expect(ofType("status").at(-1)).toMatchObject({
    job_id,
    status: "completed",
    result_data: job.result_data,
  });
  for (const { data } of ofType("progress")) {
    expect(data).toEqual({
      current_step: expect.any(String),
      total_steps: 7,
      completed_steps: expect.any(Number),
      percentage: expect.any(Number),
      details: expect.stringMatching(/\d of \d have|has written/),
      timestamp: expect.stringMatching(moment),
    });
  }
  // Pushes may come in another order; by their numbers they are the journal.
  const told = messages.flatMap((message) => ("seq" in message ? [message.seq] : [])).sort((a, b) => a - b);
  expect([...new Set(told)]).toEqual((await journalOf(cloud.client, job_id)).map(({ seq }) => seq));
  const percentages = (await journalOf(cloud.client, job_id)).flatMap(({ progress }) =>
    progress ? [(progress as { percentage: number }).percentage] : [],
  );
  expect(percentages).toEqual(percentages.toSorted((a, b) => a - b));
  expect(percentages.filter((percentage) => percentage >= 100)).toEqual([100]);
});

test("a failed job's status message says why; a ping is answered; an unwatched job is silent [A2-20] [A2-22]", async () => {
  const release = provider.hold(() => true);
  const { ofType, send, close } = await plainSocket(cloud);
  const { job_id: quiet } = await cloud.client.submit("council", question);
  send({ type: "watch", job_id: quiet });
  await eventually(() => ofType("watching").length === 1);
  send({ type: "unwatch", job_id: quiet });
  send({ type: "ping", job_id: quiet });
  await eventually(() => ofType("pong").length === 1);
  release();
  await ended(cloud.client, quiet);
  const { job_id: failing } = await cloud.client.submit("council", {
    ...question,
    members: ["mock:rejected", "mock:rejected"],
  });
  send({ type: "watch", job_id: failing });
  await eventually(() => ofType("status").some(({ status }) => status === "failed"));
  await sleep(200);
  close();

  expect(ofType("status").find(({ status }) => status === "failed")).toMatchObject({
    job_id: failing,
    error_message: (await cloud.client.get(failing)).error_message,
  });
  expect(
    ofType("status")
      .filter(({ job_id }) => job_id === quiet)
      .map(({ status }) => status),
  ).not.toContain("completed");
});

test("who watches all of their jobs is told of the status and progress of each, without its values [A2-05]", async () => {
  const { ofType, send, close } = await plainSocket(cloud);
  send({ type: "watch", scope: "mine" });
  await eventually(() => ofType("watching").length === 1);
  // Who pushes looks once a second for new watches of this kind.
  await sleep(1_000);

  const jobs = await Promise.all([1, 2, 3].map(() => cloud.client.submit("council", question)));
  await eventually(() => ofType("status").filter(({ status }) => status === "completed").length === 3);
  close();

  const of = (id: string) => ofType("status").filter(({ job_id }) => job_id === id);
  for (const { job_id } of jobs) {
    expect(
      of(job_id)
        .map(({ status }) => status)
        .sort(),
    ).toEqual(["completed", "pending", "running"]);
    expect(ofType("progress").some((message) => message.job_id === job_id)).toBe(true);
  }
  expect(JSON.stringify([...ofType("status"), ...ofType("progress")])).not.toContain("The synthesis");
});
