import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { type WebSocket, WebSocketServer } from "ws";
import { seededRandom } from "../../core/memory.ts";
import { apply, isTerminalEvent, type JobEvent, type Recorded } from "../../core/protocol/event.ts";
import type { JobRecord } from "../../core/protocol/job.ts";
import type { Json } from "../../core/protocol/json.ts";
import type { ClientMessage, JobMessage, ServerMessage } from "../../core/protocol/message.ts";
import { toMessage } from "../../core/protocol/message.ts";
import { jobView, toWire } from "../../core/protocol/wire.ts";

/** How often, from 0 to 1, something goes wrong that may go wrong. */
export type Faults = {
  /** A push is lost, comes twice, comes late and so behind its successors. */
  drop: number;
  double: number;
  delay: number;
  /** The connection is cut after a push. */
  cut: number;
  /** `watching` and `pong` name another head than the true one. */
  lie: number;
  /** A ticket, a request or a `watch` is refused for now. */
  refuse: number;
  /** An event is sent by reference. */
  ref: number;
};

export const noFaults: Faults = { drop: 0, double: 0, delay: 0, cut: 0, lie: 0, refuse: 0, ref: 0 };

type Job = {
  events: Recorded[];
  watchers: Map<WebSocket, { batch: boolean; deltas: boolean }>;
  faults: Faults;
};

function valuesOf(events: Recorded[]): { input: Json; result: Json } {
  const end = events.at(-1);
  const result = end?.kind === "job.completed" && "json" in end.result ? end.result.json : null;
  return { input: null, result };
}
const folded = (job: JobRecord | undefined, event: Recorded) =>
  apply(job, { tenant: "t", jobId: "j1" }, event);

/** A service with real HTTP and WebSockets that keeps its journal well and does everything else badly. */
export async function flakyService(seed: number) {
  const random = seededRandom(seed);
  const happens = (chance: number) => random() < chance;
  const jobs = new Map<string, Job>();
  const tickets = new Set<string>();
  /** Connections that watch all of their jobs. */
  const mine = new Set<WebSocket>();
  const requests: string[] = [];
  const messages: ClientMessage[] = [];
  const service = {
    url: "",
    requests,
    idempotencyKeys: [] as string[],
    messages,
    /** While false every WebSocket is turned away. */
    sockets: true,
    key: "key",
    /** Nothing is pushed or answered, and nothing closed. */
    mute: false,
    faults: noFaults,
    random,
    /** Answers a request in the service's place, if it returns true. */
    answerFor: (_path: string, _response: ServerResponse): boolean => false,
    /** What goes out instead of a frame. */
    garble: (frame: string): string[] => [frame],

    create(jobId: string, faults: Faults = noFaults) {
      jobs.set(jobId, { events: [], watchers: new Map(), faults });
    },
    setFaults(jobId: string, faults: Faults) {
      jobs.get(jobId)!.faults = faults;
    },
    /** Commits events together and pushes them. */
    append(jobId: string, ...events: JobEvent[]) {
      const job = jobs.get(jobId)!;
      const first = job.events.length + 1;
      const committed = events.map((event, index) => ({ ...event, seq: first + index, at: 1_000 + first }));
      job.events.push(...committed);
      const pushed = committed.map((event) => toMessage(jobId, event));
      for (const [socket, { batch }] of job.watchers) push(job, socket, pushed, batch);
      for (const socket of mine) for (const message of pushed) say(socket, message);
    },
    delta(jobId: string, text: string, { attempt = 1, index = 0 } = {}) {
      for (const [socket, { deltas }] of jobs.get(jobId)!.watchers) {
        if (deltas) say(socket, { type: "delta", job_id: jobId, step: "stage1/a", attempt, index, text });
      }
    },
    connections: () => server.clients.size,
    cutAll() {
      for (const socket of server.clients) socket.terminate();
    },
    async close() {
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };

  const silent = new WeakSet<WebSocket>();
  const say = (socket: WebSocket, message: ServerMessage) => {
    // A connection that was muted stays so: it is dead, and nobody has noticed.
    if (service.mute) silent.add(socket);
    if (silent.has(socket)) return;
    for (const frame of service.garble(JSON.stringify(message))) socket.send(frame);
  };

  function push(job: Job, socket: WebSocket, messages: JobMessage[], batch: boolean) {
    const { drop, double, delay, cut, ref } = job.faults;
    const sent = messages.map((message): JobMessage => {
      if (!happens(ref)) return message;
      const { seq, at, kind } = message.event;
      const path = `/api/jobs/${message.job_id}/events?after=${seq - 1}&limit=1`;
      return { type: "event", job_id: message.job_id, seq, at, event: { seq, at, kind }, ref: path };
    });
    const frames: ServerMessage[] = batch && sent.length > 1 ? [{ type: "batch", messages: sent }] : sent;
    for (const frame of frames) {
      const once = () => {
        if (happens(drop)) return;
        if (happens(delay)) setTimeout(() => say(socket, frame), random() * 12);
        else say(socket, frame);
      };
      once();
      if (happens(double)) once();
      if (happens(cut)) socket.terminate();
    }
  }

  function answer(socket: WebSocket, message: ClientMessage) {
    messages.push(message);
    if ("job_ids" in message) {
      for (const jobId of message.job_ids) jobs.get(jobId)?.watchers.delete(socket);
      return;
    }
    if ("scope" in message) {
      if (message.type === "unwatch") return void mine.delete(socket);
      if (happens(service.faults.refuse)) return;
      mine.add(socket);
      return say(socket, { type: "watching", scope: "mine" });
    }
    if (!("job_id" in message) || message.job_id === undefined) return say(socket, { type: "pong" });
    const { job_id } = message;
    const job = jobs.get(job_id);
    if (!job) return say(socket, { type: "error", code: "not_found", message: `No job ${job_id}`, job_id });
    const { faults, events } = job;
    if (happens(faults.refuse)) {
      return say(socket, { type: "error", code: "unavailable", message: "Not now", job_id });
    }
    const lie = happens(faults.lie) ? Math.round(random() * 10 - 5) : 0;
    const head = Math.max(0, events.length + lie);
    if (message.type === "unwatch") job.watchers.delete(socket);
    else if (message.type === "ping") say(socket, { type: "pong", job_id, head });
    else {
      const { after = 0, batch = false, deltas = false } = message;
      job.watchers.set(socket, { batch, deltas });
      const ended = events.some(isTerminalEvent);
      say(socket, {
        type: "watching",
        job_id,
        head,
        status: ended ? "completed" : "running",
        progress: null,
      });
      const replayed = events.slice(after).map((event) => toMessage(job_id, event));
      for (let at = 0; at < replayed.length; at += 5) push(job, socket, replayed.slice(at, at + 5), batch);
    }
  }

  function reply(response: ServerResponse, status: number, body: object) {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  }

  function request(incoming: IncomingMessage, response: ServerResponse) {
    const url = new URL(incoming.url ?? "", "http://localhost");
    requests.push(`${incoming.method} ${url.pathname}`);
    if (service.answerFor(url.pathname, response)) return;
    if (incoming.headers.authorization !== `Bearer ${service.key}`) {
      return reply(response, 401, { code: "unauthorized", detail: "Unknown key", request_id: "r1" });
    }
    if (happens(service.faults.refuse))
      return reply(response, 503, { code: "unavailable", detail: "Not now" });
    if (url.pathname === "/api/ws-ticket") {
      const ticket = `t${random()}`.replace(".", "");
      tickets.add(ticket);
      return reply(response, 201, { ticket, url: service.url.replace("http", "ws") });
    }
    if (incoming.method === "POST" && url.pathname === "/api/jobs") {
      service.idempotencyKeys.push(String(incoming.headers["idempotency-key"]));
      if (happens(service.faults.drop)) return response.destroy();
      void json(incoming).then((body) => {
        const unknown = Object.keys(body as object).filter((field) => !["type", "input"].includes(field));
        if (unknown.length === 0) return reply(response, 202, { job_id: "j1", status: "pending" });
        return reply(response, 400, { code: "invalid_request", detail: `Unrecognized keys: ${unknown}` });
      });
      return;
    }
    const job = jobs.get(url.pathname.split("/")[3] ?? "");
    if (!job) return reply(response, 404, { code: "not_found", detail: "No such job" });
    if (!url.pathname.endsWith("/events")) {
      return reply(
        response,
        200,
        jobView(job.events.reduce<JobRecord | undefined>(folded, undefined)!, valuesOf(job.events)),
      );
    }
    const after = Number(url.searchParams.get("after") ?? 0);
    const limit = Number(url.searchParams.get("limit") ?? 100);
    const until = Date.now() + Number(url.searchParams.get("wait") ?? 0) * 10;
    const look = () => {
      const page = job.events.slice(after, after + limit);
      if (page.length === 0 && Date.now() < until) return setTimeout(look, 2);
      const head = job.events.length;
      const done = job.events.some(isTerminalEvent) && after + page.length >= head;
      return reply(response, 200, { events: page.map(toWire), head, done });
    };
    look();
  }

  const http = createServer(request);
  const server = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has("convoke.v1") ? "convoke.v1" : false),
  });
  http.on("upgrade", (incoming, socket, head) => {
    // A client that is cut off in the middle of the handshake.
    socket.on("error", () => undefined);
    const offered = incoming.headers["sec-websocket-protocol"] ?? "";
    const ticket = /ticket\.(\w+)/.exec(offered)?.[1] ?? "";
    if (!service.sockets || !tickets.delete(ticket)) {
      socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    server.handleUpgrade(incoming, socket, head, (opened) => {
      opened.on("message", (data) => answer(opened, JSON.parse(String(data))));
      opened.on("close", () => {
        for (const job of jobs.values()) job.watchers.delete(opened);
        mine.delete(opened);
      });
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  service.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return service;
}
