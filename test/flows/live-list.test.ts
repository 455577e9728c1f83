import { expect } from "vitest";
import { convoke } from "../../client/index.ts";
import { test } from "../support/cloud.ts";
import { cuttableSockets } from "../support/cuttable-socket.ts";

const story = { narrative: "A clerk finds that the form she is to fill in asks for itself." };

test("a list that is kept as the client says shows each job as it ends, also after a cut", async ({
  cloud,
}) => {
  const sockets = cuttableSockets();
  const client = convoke({ url: cloud.http, key: cloud.key, WebSocket: sockets.WebSocket });
  const list = new Map<string, { status: string; seq: number }>();
  const pushed: string[] = [];
  const begun: string[] = [];
  for await (const item of client.watchMine({ signal: AbortSignal.timeout(50_000) })) {
    if (item.type === "resync") {
      for (const { id, status, seq } of (await client.list()).jobs) list.set(id, { status, seq });
      if (begun.length === 0) begun.push((await client.projections.create(story)).job_id);
    } else if (item.type === "status" && item.seq > (list.get(item.job_id)?.seq ?? 0)) {
      pushed.push(item.status);
      list.set(item.job_id, item);
    }
    if (list.get(begun.at(-1)!)?.status !== "completed") continue;
    // What is pushed while the watch is young is in the list that is read; later it is pushes that tell.
    if (begun.length > 2 && pushed.includes("completed")) break;
    // The second goes through a cut, the others after it.
    begun.push((await client.projections.create(story)).job_id);
    if (begun.length === 2) expect(sockets.cut()).toBe(1);
  }

  expect(new Set(begun.map((id) => list.get(id)?.status))).toEqual(new Set(["completed"]));
  client.close();
});

test("a job that ends in time comes along with the answer to its submit, and files come as they are", async ({
  cloud: { client },
}) => {
  const { job_id, job } = await client.projections.create(story, { wait: 25 });
  expect(job).toMatchObject({ id: job_id, status: "completed" });
  expect((await client.projections.get(job_id)).projection?.final_projection).toEqual(expect.any(String));

  const video = await client.videos.create({ prompt: "Rain on a window", model: "mock:video" });
  await client.wait(video.job_id);
  const { video: file } = await client.videos.get(video.job_id);
  const content = await client.videos.content(video.job_id);
  expect(content.size).toBe(file!.bytes);
});
