import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { newConversation, type OnBusy } from "../../core/conversations/conversation.ts";
import { isSignal } from "../../core/engine/append.ts";
import { cancel } from "../../core/engine/cancel.ts";
import type { JobContext } from "../../core/engine/context.ts";
import { defineJob, registry } from "../../core/engine/job-type.ts";
import { pass } from "../../core/engine/pass.ts";
import { divergence, replay } from "../../core/engine/replay.ts";
import { Run } from "../../core/engine/run.ts";
import { submit } from "../../core/engine/submit.ts";
import type { Journal } from "../../core/journal/journal.ts";
import { type MemoryServices, memoryServices, seededRandom } from "../../core/memory.ts";
import type { Model } from "../../core/models/model.ts";
import { ServiceError, StepFailed, Unavailable } from "../../core/protocol/error.ts";
import { applyEntry, type Entry, isTerminalEvent, lastSeq, recorded } from "../../core/protocol/event.ts";
import { isTerminal, type JobKey, type JobRecord } from "../../core/protocol/job.ts";
import type { Json, JsonObject, Millis } from "../../core/protocol/json.ts";
import { sweeper } from "../../functions/sweeper/sweeper.ts";
import { silent } from "./engine.ts";
import { virtualTime } from "../../testing/virtual-time.ts";

/** What a job of a storm does. Every leaf has a number, which is its name and its result. */
const shape = z.discriminatedUnion("op", [
  z.object({ op: z.literal("step"), n: z.number(), ms: z.number(), fails: z.number(), large: z.boolean() }),
  z.object({ op: z.literal("call"), n: z.number(), ms: z.number() }),
  z.object({ op: z.literal("broken"), n: z.number() }),
  z.object({ op: z.literal("wait"), n: z.number(), seconds: z.number() }),
  z.object({
    op: z.enum(["sequence", "all", "parallel", "map", "race", "child"]),
    n: z.number(),
    get of() {
      return z.array(shape);
    },
  }),
]);
type Shape = z.infer<typeof shape>;

/** How long a request or an answer is on its way, at most. */
const journeyMs = 20;
const never = new Promise<never>(() => {});

/** An invocation of a function, which may die or be paused at any of its calls. */
class Invocation {
  dead = false;
  pausedUntil = 0;
  readonly ids = new Set<string>();
  readonly died = Promise.withResolvers<"died">();

  die(): Promise<never> {
    this.dead = true;
    this.died.resolve("died");
    return never;
  }
}

export type StormReport = {
  violations: string[];
  /** Equal for equal storms. */
  trace: string;
  entries: number;
  /** Attempts that began, and those of them that had to be repeated because their outcome was never recorded. */
  calls: number;
  repeated: number;
  statuses: Record<string, number>;
};

/**
 * One schedule: jobs, workers, faults, cancels, all from one seed.
 * @param gentle - messages are lost, doubled and late, but nobody dies, pauses or is silent.
 */
export async function storm(seed: number, { gentle = false } = {}): Promise<StormReport> {
  const random = seededRandom(seed);
  const chance = (p: number) => random() < p;
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
  const pick = <T>(of: readonly T[]): T => of[between(0, of.length - 1)]!;

  const time = virtualTime();
  const startedAt = time.now();
  const calmAt = startedAt + between(5_000, 90_000);
  const faulty = () => time.now() < calmAt;
  // Every storm has faults of its own kind.
  const some = (most: number) => (chance(0.4) ? 0 : random() * most);
  const harsh = (most: number) => (gentle ? 0 : some(most));
  const rates = {
    lostRequest: harsh(0.05),
    lostAnswer: harsh(0.05),
    throttle: harsh(0.05),
    death: harsh(0.015),
    pause: harsh(0.01),
    lostMessage: some(0.3),
    doubledMessage: some(0.4),
    lateMessage: some(0.4),
    sweepSkipped: some(0.5),
    sweepDoubled: some(0.4),
    cancel: some(0.6),
    cancelAtTheEnd: some(0.3),
  };

  const violations: string[] = [];
  const hash = createHash("sha256");
  const violated = (what: string) => {
    if (violations.length < 20) violations.push(`${what} (at ${time.now() - startedAt} ms)`);
  };

  // What the checkers know.
  const journals = new Map<string, Entry[]>();
  const started = new Map<string, number>();
  const cancelled = new Set<string>();
  let calls = 0;
  let repeated = 0;

  const here = new AsyncLocalStorage<Invocation>();
  const gate = async (invocation: Invocation) => {
    if (invocation.dead) await never;
    while (invocation.pausedUntil > time.now()) await time.sleep(invocation.pausedUntil - time.now());
    if (invocation.dead) await never;
  };

  const model: Model = {
    async generate({ model: name, messages }) {
      const ms = Number(messages[0]!.content);
      const invocation = here.getStore()!;
      await time.sleep(ms);
      await gate(invocation);
      const usage = { model_calls: 1, input_tokens: ms, output_tokens: 1, cost_usd: 0.1 };
      return { text: "answer", model: name, finish: "stop", usage };
    },
  };

  const world: MemoryServices = memoryServices({
    model,
    now: time.now,
    sleep: time.sleep,
    random: seededRandom(seed + 1_000_003),
    onRecord: (record) => {
      if ("entry" in record) check(record.entry);
    },
  });

  // ---- checkers at every commit

  function check(entry: Entry): void {
    hash.update(`${time.now()} ${JSON.stringify(entry)}\n`);
    const key = entry.jobId;
    const before = journals.get(key) ?? [];
    const last = before.at(-1);
    if (entry.seq !== (last ? lastSeq(last) + 1 : 1))
      violated(`I1 job ${key}: entry ${entry.seq} after a gap`);
    const events = before.flatMap((each) => each.events);
    if (events.some(isTerminalEvent)) violated(`I5 job ${key}: entry ${entry.seq} after its end`);
    if (entry.events.slice(0, -1).some(isTerminalEvent)) violated(`I5 job ${key}: an end in the middle`);
    const claims = [...events, ...entry.events].filter((event) => event.kind === "job.claimed");
    if (!isSignal(entry) && entry.seq > 1 && claims.at(-1)?.by !== entry.by) {
      violated(`I6 job ${key}: ${entry.by} writes ${entry.seq}, ${claims.at(-1)?.by} has claimed`);
    }
    for (const event of entry.events) {
      if (event.kind === "step.completed") {
        const again = events.some((one) => one.kind === "step.completed" && one.step === event.step);
        if (again) violated(`I2 job ${key}: ${event.step} completed twice`);
      }
    }
    journals.set(key, [...before, entry]);
  }

  const folded = (key: JobKey) =>
    journals.get(key.jobId)!.reduce<JobRecord | undefined>(applyEntry, undefined)!;

  async function checkHead(key: JobKey): Promise<void> {
    const head = await world.journal.head(key);
    if (!head) return;
    const ended = isTerminal(folded(key).status);
    if (!ended && head.due === undefined) violated(`I4 job ${key.jobId} is alive and has no due`);
    if (!ended && head.due! > time.now() + 30 * 60_000) violated(`I4 job ${key.jobId} is due too late`);
    const last = journals.get(key.jobId)!.at(-1)!.events.at(-1)!;
    if (ended || last.kind === "job.released") {
      const { due: _due, ...rest } = head;
      if (!isDeepStrictEqual(rest, folded(key))) violated(`I15 job ${key.jobId}: HEAD is not the fold`);
    }
  }

  function checkStart(jobId: string, path: string, attempt: number): void {
    calls += 1;
    const events = journals.get(jobId)!.flatMap((each) => each.events);
    const intended = events.some(
      (event) =>
        event.kind === "step.started" &&
        event.steps.some((one) => one.step === path && one.attempt === attempt),
    );
    if (!intended) violated(`I14 job ${jobId}: ${path}@${attempt} began without its intent`);
    if (events.some((event) => event.kind === "step.completed" && event.step === path)) {
      violated(`I2 job ${jobId}: ${path} began after it had completed`);
    }
    const times = (started.get(`${jobId} ${path}@${attempt}`) ?? 0) + 1;
    started.set(`${jobId} ${path}@${attempt}`, times);
    if (times > 1) violated(`I14 job ${jobId}: ${path}@${attempt} began twice`);
  }

  // ---- the job

  const jobType = defineJob<{ question: string; shape: Shape }, JsonObject>({
    type: "storm",
    version: 1,
    summary: "A job of a storm",
    input: z.object({ question: z.string(), shape }),
    result: z.record(z.string(), z.json()),
    example: { question: "?", shape: { op: "wait", n: 1, seconds: 1 } },
    title: () => "Storm",
    description: () => "Storm",
    async run(ctx, { shape: root }) {
      const result = await perform(ctx, "", root);
      return { result, usage: { ...ctx.usage() } as JsonObject };
    },
    reply: (result) => ({ content: "answer", data: result }),
  });
  const jobs = registry([jobType]);
  let replaying = false;

  async function perform(ctx: JobContext, scope: string, node: Shape): Promise<Json> {
    const name = `n${node.n}`;
    switch (node.op) {
      case "step":
        return ctx.step(name, async ({ attempt }) => {
          if (replaying) violated(`I12 a replay performs ${scope}${name}`);
          const invocation = here.getStore()!;
          checkStart(ctx.job.jobId, `${scope}${name}`, attempt);
          await time.sleep(node.ms);
          await gate(invocation);
          if (attempt <= node.fails) throw new Error("not yet");
          return node.large ? `${node.n}`.padEnd(20_000, ".") : node.n;
        });
      case "call": {
        const messages = [{ role: "user" as const, content: String(node.ms) }];
        const answer = await ctx.generate(name, { model: "mock:storm", messages });
        return answer.text === "answer" ? node.n : null;
      }
      case "broken":
        try {
          return await ctx.step(name, async () => {
            throw new StepFailed("broken", "always");
          });
        } catch (error) {
          return error instanceof ServiceError && error.code === "broken" ? -node.n : null;
        }
      case "wait":
        await ctx.wait(name, { seconds: node.seconds });
        return node.n;
      case "sequence": {
        const results: Json[] = [];
        for (const part of node.of) results.push(await perform(ctx, scope, part));
        return results;
      }
      case "all":
        return Promise.all(node.of.map((part) => perform(ctx, scope, part)));
      case "race":
        return Promise.race(node.of.map((part) => perform(ctx, scope, part)));
      case "child":
        return ctx.runInChildContext(name, async (inner) =>
          Promise.all(node.of.map((part) => perform(inner, `${scope}${name}/`, part))),
        );
      case "parallel": {
        const batch = await ctx.parallel(
          name,
          node.of.map((part, i) => (inner) => perform(inner, `${scope}${name}/${i}/`, part)),
        );
        return batch.getResults();
      }
      case "map": {
        const batch = await ctx.map(
          name,
          node.of,
          (inner, part, i) => perform(inner, `${scope}${name}/${i}/`, part),
          { maxConcurrency: 2 },
        );
        return batch.getResults();
      }
    }
  }

  let numbered = 0;
  function grow(depth: number): Shape {
    const n = ++numbered;
    const leaf = depth === 0 || chance(0.35);
    if (leaf) {
      const kind = random();
      if (kind < 0.55) {
        const fails = chance(0.25) ? between(1, 3) : 0;
        return { op: "step", n, ms: between(0, 2_500), fails, large: chance(0.05) };
      }
      if (kind < 0.75) return { op: "call", n, ms: between(1, 1_500) };
      if (kind < 0.82) return { op: "broken", n };
      return { op: "wait", n, seconds: chance(0.2) ? between(60, 600) : between(0, 12) };
    }
    const op = pick(["sequence", "sequence", "all", "parallel", "map", "race", "child"] as const);
    return { op, n, of: Array.from({ length: between(1, 3) }, () => grow(depth - 1)) };
  }

  /** The result if no race has a say in it. */
  function expected(node: Shape): Json | undefined {
    if (node.op === "broken") return -node.n;
    if (node.op === "step" && node.large) return `${node.n}`.padEnd(20_000, ".");
    if (!("of" in node)) return node.n;
    if (node.op === "race") return undefined;
    const parts = node.of.map(expected);
    return parts.includes(undefined) ? undefined : (parts as Json[]);
  }

  /** Longer than the job takes if nothing goes on beside anything else. */
  function workMs(node: Shape): Millis {
    switch (node.op) {
      case "step":
        return (node.ms + 2_200) * (node.fails + 1);
      case "call":
        return node.ms + 300;
      case "broken":
        return 300;
      case "wait":
        return node.seconds * 1_000 + 1_500;
      default:
        return node.of.reduce((sum, part) => sum + workMs(part), 300);
    }
  }

  // ---- faults

  async function through<T>(invocation: Invocation, work: () => Promise<T>): Promise<T> {
    await gate(invocation);
    if (faulty() && chance(rates.death)) return invocation.die();
    if (faulty() && chance(rates.pause)) invocation.pausedUntil = time.now() + between(500, 40_000);
    await time.sleep(between(1, journeyMs));
    await gate(invocation);
    if (faulty() && chance(rates.throttle)) throw new Unavailable("throttled");
    if (faulty() && chance(rates.lostRequest)) {
      await time.sleep(1_000);
      throw new Unavailable("the request got lost");
    }
    const answer = await work();
    if (faulty() && chance(rates.death)) return invocation.die();
    if (faulty() && chance(rates.pause)) invocation.pausedUntil = time.now() + between(500, 40_000);
    await time.sleep(between(1, journeyMs));
    await gate(invocation);
    if (faulty() && chance(rates.lostAnswer)) throw new Unavailable("the answer got lost");
    return answer;
  }

  function servicesOf(invocation: Invocation): MemoryServices {
    const call = <T>(work: () => Promise<T>) => through(invocation, work);
    const written = async <T>(key: JobKey, work: () => Promise<T>): Promise<T> =>
      call(async () => {
        const answer = await work();
        await checkHead(key);
        return answer;
      });
    const { journal, conversations, payloads } = world;
    const journalThrough: Journal = {
      create: (submission) => written(submission.entry, () => journal.create(submission)),
      append: (entry, along) =>
        written(entry, async () => {
          if (isTerminalEvent(entry.events.at(-1)!) && chance(rates.cancelAtTheEnd)) await hurry(entry);
          return journal.append(entry, along);
        }),
      read: (key, after, limit) => call(() => journal.read(key, after, limit)),
      news: (key, after) => call(() => journal.news(key, after)),
      head: (key) => call(() => journal.head(key)),
      renew: (head) => written(head, () => journal.renew(head)),
      list: (tenant, options) => call(() => journal.list(tenant, options)),
      claimed: (tenant, key) => call(() => journal.claimed(tenant, key)),
      dependents: (job, options) => call(() => journal.dependents(job, options)),
      due: (moment, limit) => call(() => journal.due(moment, limit)),
      postpone: (job, to) => written(job, () => journal.postpone(job, to)),
      putDeltas: (key, deltas) => call(() => journal.putDeltas(key, deltas)),
    };
    return {
      ...world,
      journal: journalThrough,
      conversations: {
        ...conversations,
        get: (tenant, id) => call(() => conversations.get(tenant, id)),
      },
      payloads: {
        ...payloads,
        put: (job, json) => call(() => payloads.put(job, json)),
        get: (ref) => call(() => payloads.get(ref)),
      },
      queue: {
        ...world.queue,
        send: (_lane, job, delaySeconds = 0) => call(async () => post(job, delaySeconds * 1_000)),
      },
      newId: () => {
        const id = world.newId();
        invocation.ids.add(id);
        return id;
      },
      sleep: async (ms, signal) => {
        await time.sleep(ms, signal);
        await gate(invocation);
      },
    };
  }

  /** A cancel in the moment before a job's end is written. */
  async function hurry({ tenant, jobId }: JobKey): Promise<void> {
    const key = { tenant, jobId };
    const queue = { ...world.queue, send: async () => post(key, 0) };
    acknowledged(key, await cancel({ ...world, queue }, key, "somebody in a hurry"));
  }

  function acknowledged(key: JobKey, asked: Awaited<ReturnType<typeof cancel>>): void {
    if (!asked) return;
    const now = folded(key);
    if (asked.end === "already ended" && !isTerminal(now.status)) {
      violated(`I8 job ${key.jobId}: the answer says that it has ended`);
    }
    if (asked.end === "requested") cancelled.add(key.jobId);
    if (asked.end === "requested" && !now.cancelRequested)
      violated(`I8 job ${key.jobId}: nothing was recorded`);
  }

  function post(job: JobKey, delayMs: Millis): void {
    if (faulty() && chance(rates.lostMessage)) return;
    const copies = faulty() && chance(rates.doubledMessage) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const late = faulty() && chance(rates.lateMessage) ? between(100, 30_000) : 0;
      // Some come a little early, as from a clock that is behind.
      const early = faulty() && chance(0.05) ? Math.min(delayMs, 1_000) : 0;
      void time.sleep(delayMs + late - early + between(1, journeyMs)).then(() => deliver(job));
    }
  }

  const invocationMs = 60_000;
  let living = 0;

  async function deliver(job: JobKey): Promise<void> {
    const invocation = new Invocation();
    const deadline = time.now() + invocationMs;
    const services = servicesOf(invocation);
    void time.sleep(invocationMs).then(() => invocation.die());
    living += 1;
    const end = await Promise.race([
      here.run(invocation, () => pass(services, jobs, job, { deadline, logger: silent })),
      invocation.died.promise,
    ]).catch((error: unknown) => {
      if (!(error instanceof Unavailable)) violated(`A pass over ${job.jobId} throws ${String(error)}`);
      return "failed" as const;
    });
    living -= 1;
    hash.update(`${time.now()} ${JSON.stringify(end)}\n`);
    if (typeof end === "string") {
      // SQS brings it back, but not soon.
      if (chance(0.5)) void time.sleep(between(30_000, 60_000)).then(() => deliver(job));
      return;
    }
    if (end.end === "blocked") violated(`I12 job ${job.jobId} is blocked: ${end.divergence.message}`);
    if (end.end === "overtaken") {
      const theirs = journals
        .get(job.jobId)!
        .some((entry) => entry.by === end.by && !isSignal(entry) && !invocation.ids.has(entry.by));
      if (!theirs) violated(`I7 job ${job.jobId}: overtaken by ${end.by}, which is nobody else`);
    }
  }

  async function sweep(): Promise<void> {
    const invocation = new Invocation();
    const context = { getRemainingTimeInMillis: () => 30_000 } as Parameters<ReturnType<typeof sweeper>>[1];
    const run = sweeper(servicesOf(invocation), jobs, silent);
    void time.sleep(30_000).then(() => invocation.die());
    await Promise.race([run({} as Parameters<typeof run>[0], context), invocation.died.promise]).catch(
      () => {},
    );
  }

  // ---- people

  /** A client tries again while the service says that it may. */
  async function insist<T>(work: () => Promise<T>): Promise<T | undefined> {
    for (let attempt = 0; attempt < 8; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ServiceError)) violated(`The front door throws ${String(error)}`);
        if (!(error instanceof Unavailable)) return undefined;
        await time.sleep(between(100, 2_000));
      }
    }
    return undefined;
  }

  async function person(number: number, conversationId: string | undefined): Promise<void> {
    await time.sleep(between(0, 30_000));
    const invocation = new Invocation();
    const calm = { ...servicesOf(invocation) };
    const plan = grow(3);
    const onBusy: OnBusy = pick(["enqueue", "enqueue", "interrupt", "reject"]);
    const who = { tenant: "acme", by: "person" };
    const answer = await Promise.race([
      insist(() =>
        submit(calm, jobs, who, {
          type: "storm",
          input: { question: "?", shape: plan },
          idempotencyKey: `request ${number}`,
          ...(conversationId ? { conversation: { id: conversationId, onBusy } } : {}),
        }),
      ),
      invocation.died.promise.then(() => undefined),
    ]);
    if (!answer) return;
    const key = { tenant: "acme", jobId: answer.job.jobId };
    if (!chance(rates.cancel)) return;
    await time.sleep(between(0, 40_000));
    const another = new Invocation();
    const asked = await Promise.race([
      insist(() => cancel(servicesOf(another), key, "person")),
      another.died.promise.then(() => undefined),
    ]);
    acknowledged(key, asked);
  }

  async function run(): Promise<void> {
    const conversationId = chance(0.35) ? "talk" : undefined;
    if (conversationId) await world.conversations.create(newConversation("acme", conversationId, time.now()));
    const people = Array.from({ length: conversationId ? between(2, 4) : between(1, 2) }, (_, number) =>
      person(number, conversationId),
    );
    let busy = people.length;
    for (const one of people) {
      void one.then(() => {
        busy -= 1;
      });
    }
    const stored = () => [...journals.values()].map((entries) => entries[0]!);
    const alive = () => stored().filter((key) => !isTerminal(folded(key).status));
    let dueAll: Millis | undefined;
    while (busy > 0 || time.now() < calmAt || alive().length > 0) {
      await time.sleep(5_000);
      if (!faulty() || !chance(rates.sweepSkipped)) void sweep();
      if (faulty() && chance(rates.sweepDoubled)) void sweep();
      if (busy > 0 || faulty()) continue;
      dueAll ??= Math.max(calmAt, time.now()) + stored().reduce((sum, key) => sum + workOf(key), 0) + 15_000;
      if (time.now() > dueAll) {
        for (const { jobId, tenant } of alive()) {
          const head = await world.journal.head({ tenant, jobId });
          violated(`L1 job ${jobId} has not ended: ${head?.status}, due ${head!.due! - startedAt}`);
        }
        break;
      }
    }
    for (let waited = 0; living > 0 && waited < 120; waited += 1) await time.sleep(1_000);
    await verify(conversationId);
  }

  function shapeOf(first: Entry): Shape {
    const [event] = first.events;
    if (event?.kind !== "job.submitted" || !("json" in event.input)) throw new Error("No input");
    return (event.input.json as { shape: Shape }).shape;
  }
  const workOf = (first: Entry) => workMs(shapeOf(first));

  // ---- checks at the end

  const statuses: Record<string, number> = {};

  async function verify(conversationId: string | undefined): Promise<void> {
    for (const entries of journals.values()) {
      const key = { tenant: "acme", jobId: entries[0]!.jobId };
      const job = folded(key);
      const status = job.failure ? `failed: ${job.failure.code}` : job.status;
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (job.failure && job.failure.code !== "worker_died") {
        violated(`Job ${key.jobId} failed: ${job.failure.message}`);
      }
      const read = await world.journal.read(key, 0);
      if (!isDeepStrictEqual(read.entries, entries)) violated(`I1 job ${key.jobId} has changed its past`);
      await checkHead(key);
      await verifyReplay(job, entries);
    }
    for (const jobId of cancelled) {
      const { status } = folded({ tenant: "acme", jobId });
      if (status !== "cancelled") violated(`I8 job ${jobId} was to be cancelled and ended as ${status}`);
    }
    if (conversationId) await verifyConversation(conversationId);
    repeated = [...started.keys()].filter((one) => wasted(one)).length;
  }

  /** An attempt that left no outcome behind, so that another one had to be paid for. */
  function wasted(begun: string): boolean {
    const [jobId, path, attempt] = begun.split(/[ @]/) as [string, string, string];
    const events = journals.get(jobId)!.flatMap((each) => each.events);
    const ended = events.some(
      (event) =>
        (event.kind === "step.completed" || event.kind === "step.failed") &&
        event.step === path &&
        event.attempt === Number(attempt),
    );
    return !ended && started.has(`${jobId} ${path}@${Number(attempt) + 1}`);
  }

  async function verifyReplay(job: JobRecord, entries: Entry[]): Promise<void> {
    const prefixes = [entries.length, between(1, entries.length)];
    const root = shapeOf(entries[0]!);
    for (const length of prefixes) {
      const world12 = { model, logger: silent, modelTotalMs: 1, modelIdleMs: 1, onDelta() {} };
      const program = new Run(job, world12, () => {});
      replaying = true;
      program.begin((ctx) => jobType.run(ctx, { question: "?", shape: root }, world));
      await replay(program, world.payloads, entries.slice(0, length));
      replaying = false;
      const diverged = divergence(program);
      if (diverged) violated(`I12 job ${job.jobId}, ${length} entries: ${diverged.message}`);
      if (length < entries.length || job.status !== "completed") continue;
      const end = entries.at(-1)!.events.at(-1)!;
      if (end.kind !== "job.completed") continue;
      const result =
        "json" in end.result ? end.result.json : JSON.parse(await world.payloads.get(end.result.ref));
      const again = program.finished?.ok ? program.finished.value : undefined;
      if (!isDeepStrictEqual(again, result)) violated(`I12 job ${job.jobId}: a replay has another result`);
      const want = expected(root);
      const { result: got, usage } = result as { result: Json; usage: Json };
      if (want !== undefined && !isDeepStrictEqual(got, want))
        violated(`Job ${job.jobId} has a wrong result`);
      if (!isDeepStrictEqual(usage, job.usage)) violated(`Job ${job.jobId}: usage is not what was recorded`);
    }
  }

  async function verifyConversation(id: string): Promise<void> {
    const conversation = (await world.conversations.get("acme", id))!;
    if (conversation.activeJobId !== undefined || conversation.waitingJobIds.length > 0) {
      violated("The conversation waits for somebody who has ended");
    }
    const messages = await world.conversations.messages("acme", id);
    if (messages.some(({ number }, index) => number !== index + 1)) violated("Messages are not 1..n");
    // One at a time: between a job's claim and its end no other job of the conversation is claimed.
    const moments = [...journals.values()].flatMap((entries) => {
      const all = entries.flatMap(recorded);
      const claim = all.find(({ kind }) => kind === "job.claimed");
      const works = claim && all.some(({ kind }) => kind === "step.started" || kind === "wait.started");
      return works ? [{ from: claim.at, to: all.at(-1)!.at }] : [];
    });
    moments.sort((a, b) => a.from - b.from);
    moments.forEach(({ from }, index) => {
      if (index > 0 && from < moments[index - 1]!.to) violated("Two jobs of a conversation at the same time");
    });
    for (const entries of journals.values()) {
      const { jobId } = entries[0]!;
      const answers = messages.filter((message) => message.jobId === jobId && message.role === "assistant");
      const wanted = folded(entries[0]!).status === "completed" ? 1 : 0;
      if (answers.length !== wanted)
        violated(`Job ${jobId} has ${answers.length} answers in its conversation`);
    }
  }

  await time.until(run());
  const entries = [...journals.values()].reduce((sum, each) => sum + each.length, 0);
  return { violations, trace: hash.digest("hex"), entries, calls, repeated, statuses };
}
