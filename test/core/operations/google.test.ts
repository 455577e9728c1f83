import { afterAll, beforeEach, expect, test } from "vitest";
import type { OperationCall, Ticket } from "../../../core/operations/operation.ts";
import { operations } from "../../../core/operations/operations.ts";
import { hangsUp, refuses, scriptedServer } from "../../support/scripted-server.ts";

const google = await scriptedServer();
afterAll(() => google.close());
beforeEach(() => google.script());

const key = "AIza-a-key-that-nobody-may-see";
const videos = operations({ GOOGLE_API_KEY: key, GOOGLE_BASE_URL: `${google.url}/v1beta` });
const call: OperationCall = {
  job: { tenant: "acme", jobId: "job-1" },
  signal: new AbortController().signal,
  idempotencyKey: "step-key",
};
const model = "google:veo-3.1-generate-preview";
const name = "models/veo-3.1-generate-preview/operations/abc123";
const ticket: Ticket = { operation: model, operation_id: name, started: { operationName: name } };

/** What Google says of an operation that has made something. */
const made = (uri: string) => ({
  name,
  done: true,
  response: { generateVideoResponse: { generatedSamples: [{ video: { uri } }] } },
});

test("a video is begun with what was asked for, and known by the name that Google gives it", async () => {
  google.script(refuses(200, { name }));

  const begun = await videos.start(
    model,
    { prompt: "A lighthouse", aspect_ratio: "9:16", duration_seconds: 8, resolution: "1080p", seed: 7 },
    call,
  );

  expect(begun).toEqual(ticket);
  expect(JSON.parse(JSON.stringify(begun))).toEqual(begun);
  const [request] = google.requests;
  expect(request).toMatchObject({
    path: "/v1beta/models/veo-3.1-generate-preview:predictLongRunning",
    headers: { "x-goog-api-key": key },
    body: {
      instances: [{ prompt: "A lighthouse" }],
      parameters: { aspectRatio: "9:16", durationSeconds: 8, resolution: "1080p", seed: 7, sampleCount: 1 },
    },
  });
});

test("it is pending, then done, and its address holds no key", async () => {
  google.script(
    refuses(200, { name }),
    refuses(200, made(`${google.url}/v1beta/files/f1:download?alt=media`)),
  );

  expect(await videos.poll(ticket, call)).toEqual({ state: "pending" });
  const done = await videos.poll(ticket, call);

  expect(google.requests[0]!.path).toBe(`/v1beta/${name}`);
  expect(done).toEqual({
    state: "done",
    result: {
      files: [{ uri: `${google.url}/v1beta/files/f1:download?alt=media`, media_type: "video/mp4" }],
    },
  });
  expect(JSON.stringify(done)).not.toContain(key);
});

test("what Google calls an error, or gives no video for, has failed", async () => {
  google.script(
    refuses(200, { name, done: true, error: { code: 3, message: "the prompt was about a lighthouse" } }),
    refuses(200, { name, done: true, response: { generateVideoResponse: { raiMediaFilteredCount: 1 } } }),
  );
  const failed = await videos.poll(ticket, call);
  expect(failed).toMatchObject({ state: "failed", failure: { code: "operation_failed" } });
  expect(JSON.stringify(failed)).not.toContain("lighthouse");
  expect(await videos.poll(ticket, call)).toMatchObject({
    state: "failed",
    failure: { code: "video_withheld" },
  });
});

test.each([
  [
    "too many requests",
    refuses(429, {}),
    { code: "operation_rate_limited", retryable: true, notBegun: true },
  ],
  [
    "a refusal",
    refuses(400, { error: { code: 400, message: key, status: "INVALID_ARGUMENT" } }),
    { code: "operation_rejected", retryable: false },
  ],
  [
    "a failure of its own",
    refuses(503, {}),
    { code: "operation_unavailable", retryable: true, notBegun: false },
  ],
  ["a connection that breaks", hangsUp, { code: "operation_unavailable", retryable: true, notBegun: false }],
  ["something else", refuses(200, { hello: "world" }), { code: "operation_garbled", retryable: false }],
])("a start that is answered with %s says what may be done", async (_, act, wanted) => {
  google.script(act);
  const error = await videos
    .start(model, { prompt: "A lighthouse" }, call)
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject(wanted);
  expect(String(error) + JSON.stringify(error)).not.toContain(key);
  expect(google.requests).toHaveLength(1);
});

test("a connection that was never made has begun nothing", async () => {
  const gone = await scriptedServer();
  await gone.close();
  const nobody = operations({ GOOGLE_API_KEY: key, GOOGLE_BASE_URL: `${gone.url}/v1beta` });
  await expect(nobody.start(model, { prompt: "A" }, call)).rejects.toMatchObject({ notBegun: true });
});

test("without a key nothing is asked", async () => {
  await expect(operations({}).start(model, { prompt: "A" }, call)).rejects.toMatchObject({
    code: "operation_unknown",
  });
});

test("the file is fetched with the key in a header, over Google's redirects, and never from elsewhere", async () => {
  const uri = `${google.url}/v1beta/files/f1:download?alt=media`;
  google.script(
    (response) => void response.writeHead(302, { location: "/v1beta/elsewhere" }).end(),
    (response) => void response.writeHead(200, { "content-type": "video/mp4" }).end(Buffer.from([1, 2, 3])),
  );
  expect([...(await videos.download(ticket, uri, 100, call))]).toEqual([1, 2, 3]);
  expect(google.requests.map(({ headers }) => headers["x-goog-api-key"])).toEqual([key, key]);

  google.script((response) => void response.writeHead(302, { location: "http://127.0.0.1:1/steal" }).end());
  await expect(videos.download(ticket, uri, 100, call)).rejects.toMatchObject({ code: "operation_garbled" });

  google.script((response) => void response.writeHead(200).end(Buffer.alloc(101)));
  await expect(videos.download(ticket, uri, 100, call)).rejects.toMatchObject({ code: "operation_rejected" });
});
