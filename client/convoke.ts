import type { Entry } from "../core/protocol/event.ts";
import { isTerminal } from "../core/protocol/job.ts";
import type { Json } from "../core/protocol/json.ts";
import type { EventView, JobView } from "../core/protocol/wire.ts";
import { asking } from "./ask.ts";
import { type DeltaView, Feed } from "./feed.ts";
import { http } from "./http.ts";
import { LiveSocket } from "./live-socket.ts";
import { Mine, type MineItem } from "./mine.ts";
import { routes } from "./routes.ts";
import { type Times, usualTimes } from "./times.ts";
import { values } from "./values.ts";
import type { Patient } from "./views.ts";

export type ConvokeOptions = {
  /** Where the service is, e.g. `http://127.0.0.1:4000`. */
  url: string;
  /** An API key or a token. A page of the service itself leaves it out: its cookie says who asks. */
  key?: string;
  fetch?: typeof fetch;
  WebSocket?: typeof WebSocket;
  times?: Partial<Times>;
  /** How often a request is sent in all when the service does not answer. */
  attempts?: number;
};

export type WatchOptions = {
  /** The number of the last event that is known already. */
  after?: number;
  signal?: AbortSignal;
  /**
   * After so long a silence of the service the watch ends with the code `unreachable`; without it, it goes on until
   * there is an answer, or the signal is aborted. More than 30 seconds: so long may a healthy service say nothing.
   */
  giveUpMs?: number;
};

export type Convoke = ReturnType<typeof routes> & {
  /** What an event holds, in place or by reference: an input, what a step gave, a result. */
  value(jobId: string, event: EventView, options?: Patient): Promise<Json | undefined>;
  /** A job's journal as it is stored, with every value in place: enough to replay it elsewhere. */
  journal(jobId: string, options?: Patient): AsyncGenerator<Entry, void, void>;

  /**
   * The events of a job, each exactly once and in order, from `after + 1` to the one that ends it, over any number of
   * lost connections.
   * @throws ConvokeError when there is no such job or the key is not accepted; the reason of an aborted signal.
   */
  watch(jobId: string, options?: WatchOptions & { deltas?: false }): AsyncGenerator<EventView, void, void>;
  /** With `deltas` also the text of models as it arrives. */
  watch(
    jobId: string,
    options: WatchOptions & { deltas: boolean },
  ): AsyncGenerator<EventView | DeltaView, void, void>;
  /**
   * What happens to all of one's own jobs, from now on and without an end, for a list that is kept up to date: read
   * it at each `resync`, of which the first item is one.
   * @throws ConvokeError when the key is not accepted; the reason of an aborted signal.
   */
  watchMine(options?: Patient): AsyncGenerator<MineItem, void, void>;
  /** Resolves to the job when it has ended, however it has ended. */
  wait(jobId: string, options?: Patient): Promise<JobView>;

  /** Opens the WebSocket ahead of the first watch, so that this need not wait for it. */
  connect(): void;
  /** Closes the WebSocket. It would otherwise stay open for a while, for the next watch. */
  close(): void;
};

/** A client of one Convoke service. All its watches share one WebSocket. */
export function convoke(options: ConvokeOptions): Convoke {
  const times = { ...usualTimes, ...options.times };
  const { send, put } = http({
    url: options.url,
    ...(options.key === undefined ? {} : { key: options.key }),
    // A browser's fetch must be called on its window.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    attempts: options.attempts ?? 4,
    ...times,
  });
  const ask = asking(send);
  const socket = new LiveSocket(() => ask("POST /api/ws-ticket", { once: true }), times, options.WebSocket);
  const large = values(ask, put);
  const requests = routes(ask, large);

  async function* watch(
    jobId: string,
    { after = 0, deltas = false, signal, giveUpMs }: WatchOptions & { deltas?: boolean } = {},
  ): AsyncGenerator<EventView | DeltaView, void, void> {
    signal?.throwIfAborted();
    const feed = new Feed({ id: jobId, after, deltas, giveUpMs }, { socket, send, times });
    const abort = () => feed.failed(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      for (let next = await feed.next(); next; next = await feed.next()) yield next;
    } finally {
      signal?.removeEventListener("abort", abort);
      feed.close();
    }
  }

  async function* watchMine({ signal }: Patient = {}): AsyncGenerator<MineItem, void, void> {
    signal?.throwIfAborted();
    const mine = new Mine(socket, times);
    const abort = () => mine.failed(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      for (;;) yield await mine.next();
    } finally {
      signal?.removeEventListener("abort", abort);
      mine.close();
    }
  }

  return {
    ...requests,
    value: (jobId, event, patient = {}) => large.ofEvent(jobId, event, patient),
    journal: (jobId, patient = {}) => large.journal(jobId, patient),
    watch: watch as Convoke["watch"],
    watchMine,
    async wait(jobId, patient = {}) {
      const job = await requests.get(jobId, patient);
      if (isTerminal(job.status)) return job;
      for await (const _event of watch(jobId, { after: job.seq, ...patient }));
      return requests.get(jobId, patient);
    },
    connect: () => socket.connect(),
    close: () => socket.close(),
  };
}
