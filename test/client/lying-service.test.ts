import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Convoke, ConvokeError, convoke, type EventView, type Times } from "../../client/index.ts";
import type { JobEvent } from "../../core/protocol/event.ts";
import { submitted } from "../support/entries.ts";
import { soon } from "../support/soon.ts";
import { flakyService } from "./flaky-service.ts";

const quick: Partial<Times> = {
  gapMs: 20,
  probeMs: 40,
  pollAfterMs: 60_000,
  pollWaitMs: 1_000,
  retryMs: 4,
  longestRetryMs: 20,
  longestPatienceMs: 5,
  answerMs: 150,
  connectMs: 500,
};
/** There are no sockets: everything has to come over HTTP. */
const polling = { ...quick, pollAfterMs: 1 };

const claimed: JobEvent = { kind: "job.claimed", by: "w" };
const step: JobEvent = { kind: "step.started", steps: [{ step: "a", attempt: 1 }] };
const completed: JobEvent = { kind: "job.completed", result: { json: { answer: 42 } } };

let service: Awaited<ReturnType<typeof flakyService>>;
let opened: Convoke[] = [];
beforeEach(async () => {
  service = await flakyService(1);
  service.create("j1");
});
afterEach(async () => {
  for (const client of opened) client.close();
  opened = [];
  await service.close();
});

function client(times: Partial<Times> = quick, attempts = 4): Convoke {
  const made = convoke({ url: service.url, key: "key", times, attempts });
  opened.push(made);
  return made;
}

async function toEnd(watch: AsyncIterable<EventView>): Promise<number[]> {
  const seen: number[] = [];
  for await (const event of watch) seen.push(event.seq);
  return seen;
}

/** What each answer to a request for events is, until there is nothing left and the service answers by itself. */
function instead(...answers: ((response: ServerResponse) => void)[]): void {
  service.answerFor = (path, response) => {
    const answer = path.endsWith("/events") ? answers.shift() : undefined;
    answer?.(response);
    return answer !== undefined;
  };
}
const say =
  (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  (response: ServerResponse) => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  };
const html = (response: ServerResponse) => {
  response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Welcome</title>");
};
const trickle = (response: ServerResponse) => {
  response.writeHead(200, { "content-type": "application/json" });
  const drops = setInterval(() => response.write(" "), 10);
  response.on("close", () => clearInterval(drops));
};
const view = (seq: number, kind = "step.started") => ({ seq, at: "1970-01-01T00:00:00.000Z", kind });

describe("a request to a service that is slow, or says what cannot be", () => {
  const always = (answer: (response: ServerResponse) => void) => {
    service.answerFor = (_path, response) => {
      answer(response);
      return true;
    };
  };

  test.each<[string, (response: ServerResponse) => void, object]>([
    ["a page of HTML with the status 200", html, { code: "unreadable", status: 200, retryable: true }],
    [
      "half of an answer",
      (response) => response.writeHead(200, { "content-length": "50" }).write('{"id":'),
      { code: "unreadable" },
    ],
    ["an answer that trickles in for ever", trickle, { code: "unreadable" }],
    ["no answer at all", () => {}, { code: "unreachable" }],
    ["a connection that is closed", (response) => response.destroy(), { code: "unreachable" }],
    ["a problem that is not one", say([null], 400), { code: "internal_error", status: 400 }],
    ["a problem without a code", say("no", 403), { code: "forbidden", status: 403 }],
    [
      "a redirect to itself",
      (response) => response.writeHead(303, { location: "/api/jobs/j1" }).end(),
      { code: "unreachable" },
    ],
    [
      "503 for ever, with the wish for a day's patience",
      say({}, 503, { "retry-after": "86400" }),
      { code: "unavailable", status: 503 },
    ],
    [
      "503 for ever, until a day of another century",
      say({}, 503, { "retry-after": "Sat, 01 Jan 2180 00:00:00 GMT" }),
      { code: "unavailable" },
    ],
  ])("%s: ends with a code", async (_what, answer, expected) => {
    always(answer);
    const error = await client()
      .get("j1")
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConvokeError);
    expect(error).toMatchObject(expected);
    expect(service.requests.length).toBeLessThanOrEqual(84);
  });

  test("one good answer after some of those is enough", async () => {
    service.append("j1", submitted, completed);
    const answers = [html, trickle, say({}, 503)];
    service.answerFor = (_path, response) => {
      const answer = answers.shift();
      answer?.(response);
      return answer !== undefined;
    };
    expect(await client(quick, 40).get("j1")).toMatchObject({ id: "j1", status: "completed" });
  });
});

describe("a watch of a service that says what cannot be", () => {
  test("frames that are none are as good as lost", async () => {
    const nonsense = [
      "",
      "{",
      "null",
      "[]",
      "7",
      '"event"',
      "{}",
      '{"type":"nothing"}',
      '{"type":"batch","messages":7}',
      '{"type":"batch","messages":[null,{"type":"event"}]}',
      '{"type":"event","job_id":"j1","seq":"1","event":{"seq":"1","kind":"job.completed","at":""}}',
      '{"type":"event","job_id":"j1","seq":2,"event":{"seq":3,"kind":"step.started","at":""}}',
      '{"type":"event","job_id":"j1","seq":-1,"event":{"seq":-1,"kind":"job.completed","at":""}}',
      '{"type":"event","job_id":"j1","seq":1.5,"event":{"seq":1.5,"kind":"job.completed","at":""}}',
      '{"type":"status","job_id":"j1","seq":2,"event":null}',
      '{"type":"status","job_id":["j1"],"seq":2,"event":{"seq":2,"kind":"job.completed","at":""}}',
      '{"type":"event","job_id":"j1","seq":2,"event":{"seq":2,"kind":"x","at":""},"ref":"//elsewhere.example"}',
      '{"type":"event","job_id":"j1","seq":2,"event":{"seq":2}}',
      '{"type":"event","job_id":"j1","seq":3,"event":{"seq":3,"kind":7,"at":""}}',
      '{"type":"event","job_id":"j2","seq":2,"event":{"seq":2,"kind":"job.completed","at":""}}',
      '{"type":"watching","job_id":"j1","head":"many"}',
      '{"type":"watching","job_id":"j1","head":-3,"status":"completed"}',
      '{"type":"pong","job_id":"j1","head":1e400}',
      '{"type":"pong","head":3}',
      '{"type":"error"}',
      '{"__proto__":{"type":"event"}}',
    ];
    service.garble = (frame) => [...nonsense, frame, ...nonsense];
    service.append("j1", submitted, claimed);
    const { watch, events } = client();
    const given: EventView[] = [];
    for await (const event of watch("j1")) {
      given.push(event);
      if (event.seq === 2) service.append("j1", step, step);
      if (event.seq === 4) service.append("j1", completed);
    }
    expect(given).toEqual((await events("j1")).events);
  });

  test("what comes in frames that are too large comes over HTTP", async () => {
    service.garble = (frame) => [
      frame.includes('"seq"') ? frame.replace("{", `{"x":"${"x".repeat(2_000_000)}",`) : frame,
    ];
    service.append("j1", submitted, claimed, step, completed);
    expect(await toEnd(client().watch("j1"))).toEqual([1, 2, 3, 4]);
  });

  test("a socket that only ever says that it is there does not hold up the events", async () => {
    service.garble = (frame) => (frame.includes('"pong"') ? ['{"type":"pong"}'] : []);
    service.append("j1", submitted, claimed);
    const watching = toEnd(client().watch("j1"));
    await soon(() => service.requests.filter((each) => each.endsWith("/events")).length).toBeGreaterThan(0);
    service.append("j1", step, completed);
    expect(await watching).toEqual([1, 2, 3, 4]);
  });

  test("a head that does not exist is looked for with more and more patience, and nothing else suffers", async () => {
    service.garble = (frame) => [frame.replace(/"head":\d+/, '"head":1000000')];
    service.append("j1", submitted);
    const watching = toEnd(client({ ...quick, probeMs: 10_000, gapMs: 2 }).watch("j1"));
    await soon(() => service.requests.filter((each) => each.endsWith("/events")).length).toBeGreaterThan(0);
    const asked = () => service.messages.length + service.requests.length;
    const before = asked();
    // The journal has said how much there is.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(asked() - before).toBeLessThan(3);
    service.append("j1", completed);
    expect(await watching).toEqual([1, 2]);
  });

  test("a head that is too low, and an end that is none, end nothing", async () => {
    service.garble = (frame) => [
      frame
        .replace(/"head":\d+/, '"head":0')
        .replace('"status":"running","progress"', '"status":"failed","progress"'),
    ];
    service.append("j1", submitted, claimed);
    const watching = toEnd(client().watch("j1"));
    await soon(() => service.requests.filter((each) => each.endsWith("/events")).length).toBeGreaterThan(0);
    service.append("j1", step, completed);
    expect(await watching).toEqual([1, 2, 3, 4]);
  });

  test("frames in the wrong order and in copies are put in order", async () => {
    const held: string[] = [];
    service.garble = (frame) => {
      if (!frame.includes('"seq"')) return [frame];
      held.unshift(frame, frame);
      // A batch of five and a single one.
      return held.length < 4 ? [] : held.splice(0);
    };
    service.append("j1", submitted, claimed, step, step, step, completed);
    expect(await toEnd(client({ ...quick, gapMs: 60_000 }).watch("j1"))).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe("a poll of a service that says what cannot be", () => {
  beforeEach(() => {
    service.sockets = false;
  });

  test("pages that are none are asked for again", async () => {
    service.append("j1", submitted, claimed, completed);
    instead(
      html,
      trickle,
      say(null),
      say([]),
      say({}),
      say({ events: 3, head: 3, done: false }),
      say({ events: [null], head: 3, done: false }),
      say({ events: [{ seq: "1", kind: "job.submitted", at: "" }], head: 3, done: false }),
      say({ events: [view(1)], head: null, done: true }),
      say({}, 500),
      say({ code: "internal_error" }, 500),
      say({}, 429, { "retry-after": "3600" }),
    );
    expect(await toEnd(client(polling).watch("j1"))).toEqual([1, 2, 3]);
  });

  test("pages out of order, with gaps and with copies are put in order", async () => {
    service.append("j1", submitted, claimed, step, step, completed);
    instead(
      say({ events: [view(4), view(2), view(2)], head: 5, done: false }),
      say({ events: [view(3), view(1)], head: 5, done: false }),
      say({ events: [view(1)], head: 1, done: false }),
      say({ events: [], head: 2, done: false }),
    );
    expect(await toEnd(client(polling).watch("j1"))).toEqual([1, 2, 3, 4, 5]);
  });

  test("an end that comes before what was there already is not believed", async () => {
    service.append("j1", submitted, claimed, step, completed);
    instead(
      say({ events: [view(1), view(2)], head: 4, done: false }),
      say({ events: [], head: 1, done: true }),
      say({ events: [], head: 0, done: true }),
    );
    expect(await toEnd(client(polling).watch("j1"))).toEqual([1, 2, 3, 4]);
  });

  test("a service that holds nothing back is not asked without a break", async () => {
    service.append("j1", submitted);
    const nothing = say({ events: [], head: 900, done: false });
    service.answerFor = (path, response) => {
      if (path.endsWith("/events")) nothing(response);
      return path.endsWith("/events");
    };
    const stop = new AbortController();
    const watching = toEnd(
      client({ ...polling, retryMs: 150, longestRetryMs: 150 }).watch("j1", { signal: stop.signal }),
    );
    await new Promise((resolve) => setTimeout(resolve, 400));
    stop.abort(new Error("enough"));
    await expect(watching).rejects.toThrow("enough");
    expect(service.requests.filter((each) => each.endsWith("/events")).length).toBeLessThan(5);
  });

  test("a request that will never be right ends the watch with its code", async () => {
    instead(say({ code: "invalid_request", detail: "No such parameter" }, 400));
    await expect(toEnd(client(polling).watch("j1"))).rejects.toMatchObject({
      code: "invalid_request",
      status: 400,
    });
  });
});

describe("a service that is gone", () => {
  test("ends a watch that bears only so long a silence, with the reason", async () => {
    service.answerFor = (_path, response) => {
      response.writeHead(503).end();
      return true;
    };
    const error: ConvokeError = await toEnd(client(polling).watch("j1", { giveUpMs: 200 })).then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    expect(error).toMatchObject({ code: "unreachable", retryable: true });
    expect(error.cause).toMatchObject({ code: "unavailable", status: 503 });
  });

  test("does not end one that hears of it now and then", async () => {
    service.append("j1", submitted);
    const watching = toEnd(client({ ...quick, probeMs: 20 }).watch("j1", { giveUpMs: 1_000 }));
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    service.append("j1", completed);
    expect(await watching).toEqual([1, 2]);
  });
});
