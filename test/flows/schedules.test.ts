import { expect, onTestFinished, test } from "vitest";
import { startTestCloud } from "../support/cloud.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const everySeconds = 3;

test("a schedule fires again and again, survives a restart of everything, and gives no moment two jobs [A2-82]", async () => {
  const dataDirectory = temporaryDirectory();
  const first = await startTestCloud({ dataDirectory });
  const { id } = await first.client.schedules.create({
    name: "Every few seconds",
    type: "council",
    input: { question: "What is new?" },
    cron: `*/${everySeconds} * * * * *`,
    overlap: "parallel",
  });
  const ofSchedule = async ({ client }: Pick<typeof first, "client">) =>
    (await client.list({ limit: 100 })).jobs.filter(({ schedule_id }) => schedule_id === id);
  const before = await eventually(async () => {
    const jobs = await ofSchedule(first);
    return jobs.length >= 2 ? jobs : undefined;
  }, 30_000);
  await first.stop();

  const second = await startTestCloud({ dataDirectory });
  onTestFinished(() => second.stop());
  const after = await eventually(async () => {
    const jobs = await ofSchedule(second);
    return jobs.length >= before.length + 2 ? jobs : undefined;
  }, 30_000);
  await second.client.schedules.delete(id);

  const moments = after.map(({ created_at }) => Math.floor(Date.parse(created_at) / (everySeconds * 1000)));
  expect(new Set(moments).size).toBe(moments.length);
  expect(after.map((job) => job.id)).toEqual(expect.arrayContaining(before.map((job) => job.id)));
  for (const { id: jobId } of after) expect((await second.client.wait(jobId)).status).toBe("completed");
});
