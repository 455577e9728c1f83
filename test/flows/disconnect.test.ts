import { expect, test } from "vitest";
import { type Convoke, convoke, type EventView } from "../../client/index.ts";
import { councilCloud } from "../support/council-cloud.ts";
import { cuttableSockets } from "../support/cuttable-socket.ts";
import { eventually } from "../support/eventually.ts";
import { comparable, ended, expectWellFormed, journalOf } from "../support/journals.ts";

const { provider, cloud } = await councilCloud(50);
const question = { question: "Why is the sky blue?" };

const order = [
  "title",
  ...["alpha", "beta", "gamma"].map((member) => `stage1/openai:${member}`),
  ...["gamma", "alpha", "beta"].map((member) => `stage2/openai:${member}`),
  "stage3",
];

/** A council whose models answer one after the other: each when the outcome before its own stands in the journal. */
async function orderlyCouncil(client: Convoke): Promise<string> {
  const submitted = Promise.withResolvers<string>();
  provider.delay(async ({ step }) => {
    const before = order[order.indexOf(step) - 1];
    const jobId = await submitted.promise;
    await eventually(async () => {
      const completed = (await journalOf(cloud.client, jobId)).filter(
        ({ kind }) => kind === "step.completed",
      );
      return before === undefined || completed.some((event) => event.step === before);
    }, 30_000);
  });
  const { job_id } = await client.submit("council", question);
  submitted.resolve(job_id);
  return job_id;
}

test("a job whose every client goes away after stage 1 has the journal of an undisturbed one [A0-01] [A0-02] [A0-18] [A0-25] [A0-16] [A0-19] [A0-20]", async () => {
  const undisturbed = await orderlyCouncil(cloud.client);
  await cloud.client.wait(undisturbed);
  cloud.client.close();
  const leaving = Array.from({ length: 3 }, () => {
    const { WebSocket, cut } = cuttableSockets();
    return { client: convoke({ url: cloud.http, key: cloud.key, WebSocket }), cut };
  });

  const jobId = await orderlyCouncil(leaving[0]!.client);
  await Promise.all(
    leaving.map(async ({ client, cut }) => {
      for await (const { step } of client.watch(jobId)) if (step === "stage1/openai:gamma") break;
      cut();
      client.close();
    }),
  );
  await eventually(() => cloud.gateway.connections.list().length === 0);

  await ended(cloud.client, jobId);
  const journal = await journalOf(cloud.client, jobId);
  expectWellFormed(journal);
  expect(comparable(journal)).toEqual(comparable(await journalOf(cloud.client, undisturbed)));
});

test("the first events arrive before any model has answered, and a submit waits for none [A2-75] [A0-04] [A0-01] [A0-17] [A0-24] [A2-08]", async () => {
  const release = provider.hold(() => true);
  const { job_id } = await cloud.client.submit("council", question);

  const kinds: string[] = [];
  for await (const { kind } of cloud.client.watch(job_id)) {
    kinds.push(kind);
    if (kind === "step.started") break;
  }

  expect(kinds).toEqual(["job.submitted", "job.claimed", "step.started"]);
  await cloud.client.cancel(job_id);
  release();
  expect((await ended(cloud.client, job_id)).status).toBe("cancelled");
});

test("a client whose sockets are refused polls, and goes back to its socket, without a gap or a double [A0-05]", async () => {
  provider.delay(async () => {});
  const { WebSocket, frames, refuse } = cuttableSockets();
  let polls = 0;
  const client = convoke({
    url: cloud.http,
    key: cloud.key,
    WebSocket,
    fetch: (input, init) => {
      if (String(input).includes("/events")) polls += 1;
      return fetch(input, init);
    },
    times: { pollAfterMs: 50, retryMs: 100, longestRetryMs: 200 },
  });
  refuse(true);

  const { job_id } = await client.submit("council", question);
  const seen: EventView[] = [];
  for await (const event of client.watch(job_id)) {
    seen.push(event);
    if (event.step === "stage1/openai:alpha") {
      expect(frames).toEqual([]);
      expect(polls).toBeGreaterThan(0);
      refuse(false);
    }
  }

  expect(frames.some((frame) => frame.includes("job.completed"))).toBe(true);
  expect(seen).toEqual(await journalOf(cloud.client, job_id));
  expectWellFormed(seen);
  client.close();
});
