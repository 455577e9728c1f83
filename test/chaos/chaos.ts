import { type Convoke, ConvokeError, convoke, type EventView } from "../../client/index.ts";
import { isTerminalEvent } from "../../core/protocol/event.ts";
import { fromWire } from "../../core/protocol/wire.ts";
import { seededRandom } from "../../local/faults.ts";
import { cuttableSockets } from "../support/cuttable-socket.ts";
import { type Account, account, type Blow, type Known } from "./account.ts";
import { ChaosCloud, signal } from "./cloud.ts";
import { total } from "./jobs.ts";

export type ChaosOptions = {
  seconds: number;
  /** At least so many are submitted, evenly over the time. */
  jobs: number;
  seed: number;
  print?: (line: string) => void;
};

export type ChaosReport = Account & {
  blows: Record<string, number>;
  /** From the last blow until every job had ended. */
  drainSeconds: number;
  watchers: number;
  cutSockets: number;
  /** Processes that were there at the end. */
  left: number[];
};

type Card = { kind: "kill" | "stop" | "cut"; target: string; leastMs: number; mostMs: number };

const kill = (target: string): Card => ({ kind: "kill", target, leastMs: 0, mostMs: 0 });
const stop = (target: string, leastMs: number, mostMs: number): Card => ({
  kind: "stop",
  target,
  leastMs,
  mostMs,
});
const cut: Card = { kind: "cut", target: "sockets", leastMs: 0, mostMs: 0 };

/** Shuffled, and dealt to the last card, so that a short run too has some of everything. */
const deck: Card[] = [
  ...Array.from({ length: 6 }, () => kill("worker")),
  ...["api", "progress", "sockets", "sweeper"].map(kill),
  ...Array.from({ length: 2 }, () => stop("worker", 500, 8_000)),
  ...["api", "progress", "sockets"].map((target) => stop(target, 300, 3_000)),
  kill("dynoxide"),
  stop("dynoxide", 300, 2_000),
  kill("runner"),
  stop("runner", 300, 3_000),
  cut,
  cut,
];

const pausesMs = [1_500, 3_500] as const;
/** A connection may watch fifty jobs. */
const watchesPerClient = 25;
/** A job that has not ended by then, with nothing in its way, never will. */
const patienceMs = 180_000;

/** Runs jobs on an embedded cloud whose processes are killed and stopped, and holds the outcome against the promises. */
export async function chaos({ seconds, jobs, seed, print = () => {} }: ChaosOptions): Promise<ChaosReport> {
  const cloud = new ChaosCloud();
  const sockets = cuttableSockets();
  const clients: Convoke[] = [];
  const thawing = new Set<Promise<void>>();
  const frozen = new Set<number>();
  try {
    await cloud.start();
    print(`up at ${cloud.http}, seed ${seed}`);
    const random = seededRandom(seed);
    const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
    const client = () => {
      const made = convoke({ url: cloud.http, key: cloud.key, WebSocket: sockets.WebSocket });
      clients.push(made);
      return made;
    };

    const blows: Blow[] = [];
    const counts: Record<string, number> = {};
    let cutSockets = 0;

    async function play({ kind, target, leastMs, mostMs }: Card): Promise<void> {
      if (kind === "cut") {
        cutSockets += sockets.cut();
        return;
      }
      const hit = cloud.processes().filter(({ label, pid }) => label === target && !frozen.has(pid));
      const victim = hit[Math.floor(random() * hit.length)];
      if (!victim) return;
      const { pid } = victim;
      if (!signal(pid, kind === "kill" ? "SIGKILL" : "SIGSTOP")) return;
      blows.push({ at: Date.now(), kind, target, pid });
      counts[`${kind} ${target}`] = (counts[`${kind} ${target}`] ?? 0) + 1;
      if (kind === "stop") {
        frozen.add(pid);
        const thaw = pause(between(leastMs, mostMs)).then(() => {
          frozen.delete(pid);
          signal(pid, "SIGCONT");
        });
        thawing.add(thaw);
        void thaw.then(() => thawing.delete(thaw));
      }
      if (kind === "kill" && target === "runner") {
        await cloud.runnerEnded();
        frozen.clear();
        await cloud.restart();
      }
    }

    const known: Known[] = [];
    /** What clients wait for, and why a wait has failed. */
    const open = new Map<string, Promise<unknown>>();
    const broken: string[] = [];
    const follow = (name: string, work: Promise<unknown>) => {
      const followed = work.then(
        () => open.delete(name),
        (error: unknown) => {
          open.delete(name);
          broken.push(`${name}: ${error}`);
        },
      );
      open.set(name, followed);
    };
    const watchers: Convoke[] = [];
    const door = client();

    async function submitOne(number: number): Promise<void> {
      const input = {
        number,
        callMs: Array.from({ length: 6 }, () => between(20, 500)),
        waitSeconds: random() < 0.5 ? between(1, 3) : 0.2,
      };
      const watches = random() < 0.3;
      const cancels = random() < 0.04;
      const idempotencyKey = `chaos-${seed}-${number}`;
      const { job_id: jobId } = await insist(() => door.submit("chaos", input, { idempotencyKey }));
      const job: Known = { jobId, events: [], watched: [], wanted: { total: total(number) } };
      known.push(job);
      if (watches) {
        if (known.length % watchesPerClient === 1 || watchers.length === 0) watchers.push(client());
        const seqs: number[] = [];
        job.watched.push(seqs);
        follow(`A watcher of job ${jobId}`, take(watchers.at(-1)!.watch(jobId), seqs));
      }
      if (cancels) {
        await pause(between(0, 2_000));
        job.cancel = await cancelled(door, jobId);
      }
    }

    const begunAt = Date.now();
    const endsAt = begunAt + seconds * 1_000;
    const submitting = (async () => {
      for (let number = 1; number <= jobs || Date.now() < endsAt; number += 1) {
        const at = begunAt + (number * seconds * 1_000) / jobs;
        await pause(Math.max(0, at - Date.now()));
        follow(`Submit ${number}`, submitOne(number));
      }
    })();
    let submitted = false;
    void submitting.then(() => {
      submitted = true;
    });
    const hand = shuffled(deck, random);
    let dealtOnce = false;
    while (!dealtOnce || !submitted || Date.now() < endsAt) {
      dealtOnce ||= hand.length === 1;
      if (hand.length === 0) hand.push(...shuffled(deck, random));
      await play(hand.pop()!);
      await pause(between(...pausesMs));
    }
    await submitting;
    await Promise.all(thawing);
    const calmAt = Date.now();
    print(`${known.length} jobs submitted, ${blows.length} blows; what is left is to end by itself`);

    const giveUp = AbortSignal.timeout(patienceMs);
    while (open.size > 0 && !giveUp.aborted) await Promise.race([...open.values(), pause(500)]);
    for (const name of open.keys()) broken.push(`${name} has not ended`);
    await eachOf(known, 8, async (job) => {
      while (!(await readOn(door, job))) {
        if (giveUp.aborted) return;
        await pause(500);
      }
    });
    const drainSeconds = (Date.now() - calmAt) / 1_000;

    const result = account(known, cloud.effects, blows);
    result.violations.push(...broken);
    const ids = new Set(known.map(({ jobId }) => jobId));
    if (ids.size !== known.length) result.violations.push("I10 two keys have one job");
    for (const listed of await allJobs(door))
      if (!ids.has(listed)) result.violations.push(`I10 job ${listed} belongs to no key`);
    for (const made of clients) made.close();
    await cloud.stop();
    return {
      ...result,
      blows: counts,
      drainSeconds,
      watchers: known.reduce((sum, { watched }) => sum + watched.length, 0),
      cutSockets,
      left: cloud.left(),
    };
  } finally {
    for (const made of clients) made.close();
    await cloud.stop();
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Asks again for as long as the service says that this may help. */
async function insist<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ConvokeError && error.retryable)) throw error;
      await pause(200);
    }
  }
}

async function take(events: AsyncIterable<EventView>, seqs: number[]): Promise<void> {
  for await (const { seq } of events) seqs.push(seq);
}

async function cancelled(door: Convoke, jobId: string): Promise<"accepted" | "refused"> {
  try {
    await insist(() => door.cancel(jobId));
    return "accepted";
  } catch (error) {
    if (error instanceof ConvokeError && error.code === "conflict") return "refused";
    throw error;
  }
}

/** @returns whether the job has ended. */
async function readOn(door: Convoke, job: Known): Promise<boolean> {
  for (;;) {
    const page = await insist(() => door.events(job.jobId, { after: job.events.length, limit: 250 }));
    job.events.push(...page.events.map(fromWire));
    const last = job.events.at(-1);
    if (page.done || (last && isTerminalEvent(last))) return true;
    if (page.events.length === 0) return false;
  }
}

async function allJobs(door: Convoke): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await insist(() => door.list({ limit: 100, ...(cursor ? { cursor } : {}) }));
    ids.push(...page.jobs.map(({ id }) => id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  return ids;
}

async function eachOf<T>(items: T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of waiting) await work(item);
    }),
  );
}

function shuffled<T>(cards: T[], random: () => number): T[] {
  const left = [...cards];
  for (let index = left.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    [left[index], left[other]] = [left[other]!, left[index]!];
  }
  return left;
}
