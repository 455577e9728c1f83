import { AsyncLocalStorage } from "node:async_hooks";
import { isDeepStrictEqual } from "node:util";
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import type { DynamoDBRecord, SQSEvent } from "aws-lambda";
import { uuidv7 } from "uuidv7";
import { http } from "../../client/http.ts";
import { type Convoke, ConvokeError, convoke, type EventView } from "../../client/index.ts";
import { connection, tableServices } from "../../core/aws-services.ts";
import { env, type Settings, settings } from "../../core/config.ts";
import { place } from "../../core/engine/place.ts";
import { authenticator } from "../../core/keys/authenticate.ts";
import { memoryOutside } from "../../core/memory.ts";
import { deploymentOf } from "../../core/models/deployment.ts";
import { load } from "../../core/payloads/payloads.ts";
import { s3Payloads } from "../../core/payloads/s3.ts";
import { isTerminal, type JobKey } from "../../core/protocol/job.ts";
import type { Json, JsonObject, Millis } from "../../core/protocol/json.ts";
import { sqsQueue } from "../../core/queue/sqs.ts";
import type { Services } from "../../core/services.ts";
import { sleep } from "../../core/sleep.ts";
import { table } from "../../core/table.ts";
import { api } from "../../functions/api/api.ts";
import { progress } from "../../functions/progress/progress.ts";
import { sockets } from "../../functions/sockets/sockets.ts";
import { sweeper } from "../../functions/sweeper/sweeper.ts";
import { worker } from "../../functions/worker/worker.ts";
import type { StreamRow } from "../../local/dynamo-engine.ts";
import { type Call, type Fault, startFaultProxy } from "../../local/faults.ts";
import { openLog } from "../../local/log.ts";
import { startQueueSource } from "../../local/queue-source.ts";
import { account } from "../../local/resource-types.ts";
import { Chance } from "../storms/faults.ts";
import { deployments, expected, grow, type Shape } from "../storms/jobs.ts";
import { silent } from "../support/engine.ts";
import { tableName } from "../support/engines.ts";
import type { Field } from "./field.ts";
import { fetchFrom, socketApi } from "./front.ts";
import { History } from "./history.ts";

/** Everything that a person waits for, in a tenth of the time. */
const quick: Settings = {
  ...settings.local,
  leaseMs: 2_000,
  heartbeatMs: 500,
  cancelPollMs: 400,
  sweepSeconds: 1,
  submitDueMs: 600,
  waitInPlaceMs: 200,
  reserveMs: 1_000,
  marginMs: 300,
  retryFirstMs: 20,
  retryMostMs: 300,
  // A sweep is one request then.
  dueShards: 1,
};
const times = {
  gapMs: 400,
  probeMs: 2_500,
  pollAfterMs: 200,
  pollWaitMs: 1_000,
  retryMs: 80,
  longestRetryMs: 800,
  connectMs: 2_000,
};
/** How far a clock may be off. */
const clockMs = 2_000;
/** By how much jobs are faster than in a storm. */
const hurry = 25;
const invocationMs = 8_000;
const visibilitySeconds = 4;
/** A job that has not ended by then, with nothing in its way, never will. A busy machine is not in its way. */
const patienceMs = 180_000;

const never = new Promise<never>(() => {});

/** An invocation of a function, which may die or stand still at any of its calls. */
class Invocation {
  dead = false;
  pausedUntil = 0;
  /** How far its clock is off. */
  readonly skewMs: Millis;
  readonly died = Promise.withResolvers<"died">();

  constructor(skewMs: Millis) {
    this.skewMs = skewMs;
  }

  die(): Promise<never> {
    this.dead = true;
    this.died.resolve("died");
    return never;
  }

  async gate(): Promise<void> {
    while (!this.dead && this.pausedUntil > Date.now()) await sleep(this.pausedUntil - Date.now());
    if (this.dead) await never;
  }
}

/** The chance that each has at most, each time that it could happen. */
const mostOf = {
  lostRequest: 0.15,
  lostAnswer: 0.2,
  error: 0.15,
  throttle: 0.06,
  delay: 0.2,
  conflict: 0.2,
  death: 0.12,
  pause: 0.06,
  doubledMessage: 0.5,
  sweepSkipped: 0.6,
  sweepDoubled: 0.4,
  doubledRecord: 0.3,
  lostRecord: 0.2,
  network: 0.1,
  cut: 0.3,
};
type Trouble = keyof typeof mostOf;
export const troubles = Object.keys(mostOf) as Trouble[];

export type Report = {
  violations: string[];
  entries: number;
  statuses: Record<string, number>;
  faults: Partial<Record<Trouble, number>>;
};

/** One or two jobs of one tenant, from a seed: what they do, who disturbs them how, who watches and who cancels. */
export async function scenario(seed: number, field: Field): Promise<Report> {
  const luck = new Chance(seed);
  const { random, between, of: chance } = luck;
  const tenant = `fire-${seed}`;
  const { engines } = field;

  // Counted in calls and not in time, so that a busy machine meets as many faults as an idle one.
  let callsUntilCalm = between(40, 250);
  const faulty = () => callsUntilCalm > 0;
  // Every scenario has faults of its own kind.
  const rates = Object.fromEntries(
    troubles.map((kind) => [kind, chance(0.35) ? 0 : random() * mostOf[kind]]),
  ) as Record<Trouble, number>;
  const cancels = chance(0.35) ? 0 : random() * 0.6;
  const faults: Partial<Record<Trouble, number>> = {};
  const happens = (kind: Trouble): boolean => {
    if (!faulty() || !chance(rates[kind])) return false;
    faults[kind] = (faults[kind] ?? 0) + 1;
    return true;
  };

  const errands: Promise<void>[] = [];
  const history = new History(2 * clockMs, (asked, callbackId) => {
    errands.push(answers(asked, callbackId));
  });
  const { ledger } = history;
  const violated = (what: string) => ledger.violated(what);

  // ---- the engines, behind faults

  const proxy = await startFaultProxy({
    dynamodb: engines.dynamo.port,
    sqs: engines.queues.port,
    s3: engines.queues.port,
  });
  let throttledUntil = 0;
  proxy.inject((call): Fault | undefined => {
    if (!faulty()) return undefined;
    callsUntilCalm -= 1;
    if (throttledUntil > Date.now()) return { kind: "throttle" };
    if (happens("throttle")) throttledUntil = Date.now() + between(20, 300);
    if (happens("lostRequest")) return { kind: "lost request" };
    if (happens("lostAnswer")) return { kind: "lost answer" };
    if (happens("error")) return { kind: "error" };
    if (happens("delay")) return { kind: "delay", ms: between(10, 700) };
    if (isWrite(call) && happens("conflict")) return conflict(call);
    return undefined;
  });
  engines.queues.provision({ [tenant]: {} }, {});
  const address = (port: number) => `http://127.0.0.1:${port}`;
  const sqs = new SQSClient({ ...connection, endpoint: address(proxy.ports.sqs) });
  const url = `${address(proxy.ports.sqs)}/${account}/${tenant}`;
  const s3 = new S3Client({ ...connection, endpoint: address(proxy.ports.s3), forcePathStyle: true });
  const around = { settings: quick, now: Date.now, newId: uuidv7, random, sleep };
  const inTable = tableServices(tableName, around, address(proxy.ports.dynamodb));
  const deployment = deploymentOf({ COUNCIL_MEMBERS: "mock:fire" });
  const services = {
    ...around,
    ...inTable,
    queue: sqsQueue(sqs, { high: url, normal: url, low: url }),
    payloads: s3Payloads(s3, engines.environment[env.bucket]!),
    deployment,
    ...memoryOutside({ now: Date.now, deployment }),
  };

  // ---- functions that die and stand still

  const here = new AsyncLocalStorage<Invocation>();
  const living = new Set<Invocation>();

  async function through<T>(invocation: Invocation, call: () => Promise<T>): Promise<T> {
    await invocation.gate();
    if (happens("death")) {
      // Half of them die when the request is on its way.
      if (chance(0.5)) call().catch(() => undefined);
      return invocation.die();
    }
    if (happens("pause")) invocation.pausedUntil = Date.now() + between(100, 3_500);
    const answer = await call();
    await invocation.gate();
    return answer;
  }

  function of<T extends object>(invocation: Invocation, service: T): T {
    return new Proxy(service, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== "function") return method;
        return (...given: unknown[]) => through(invocation, () => method.apply(target, given));
      },
    });
  }

  function servicesOf(invocation: Invocation): Omit<Services, "sockets"> {
    const { journal } = services;
    return {
      ...services,
      journal: of(invocation, {
        ...journal,
        due: async (moment: Millis, limit: number) =>
          (await journal.due(moment, limit)).filter((job) => job.tenant === tenant),
      }),
      conversations: of(invocation, services.conversations),
      watches: of(invocation, services.watches),
      payloads: of(invocation, services.payloads),
      queue: of(invocation, services.queue),
      model: {
        async generate({ model, messages }) {
          await sleep(Number(messages[0]!.content));
          await here.getStore()!.gate();
          const usage = { model_calls: 1, input_tokens: 1, output_tokens: 1, cost_usd: 0.1 };
          return { text: "answer", model, finish: "stop", usage };
        },
      },
      now: () => Date.now() + invocation.skewMs,
      sleep: async (ms, signal) => {
        await sleep(ms, signal);
        await invocation.gate();
      },
    };
  }

  async function invoke<T>(work: (services: Omit<Services, "sockets">) => Promise<T>): Promise<T | "died"> {
    const invocation = new Invocation(chance(0.2) ? between(-clockMs, clockMs) : 0);
    living.add(invocation);
    const timeout = setTimeout(() => void invocation.die(), invocationMs);
    try {
      return await Promise.race([
        here.run(invocation, () => work(servicesOf(invocation))),
        invocation.died.promise,
      ]);
    } finally {
      clearTimeout(timeout);
      living.delete(invocation);
    }
  }

  const jobs = deployments({
    mended: () => true,
    async attempt(attempt, ms, idempotencyKey) {
      const { jobId, step } = place.getStore()!;
      field.read();
      ledger.began(jobId, step!, attempt, { idempotencyKey });
      const invocation = here.getStore()!;
      await sleep(ms);
      await invocation.gate();
    },
  }).after;

  const source = startQueueSource(
    {
      queue: engines.queues.queue(tenant),
      queueArn: `arn:aws:sqs:us-east-1:${account}:${tenant}`,
      visibilitySeconds,
      functionId: "worker",
      functionName: "worker",
      batchSize: 3,
      batchingWindowMs: 0,
      maxConcurrency: 4,
      partialFailures: true,
      allowsRecursion: true,
      pollMs: 0,
      duplicates: () => happens("doubledMessage"),
    },
    {
      async invoke(_function, event) {
        const endsAt = Date.now() + invocationMs;
        const context = { getRemainingTimeInMillis: () => endsAt - Date.now() } as never;
        const payload = await invoke((own) => worker(own, jobs, silent)(event as SQSEvent, context));
        if (payload !== "died") return { ok: true, payload };
        return { ok: false, kind: "exit", error: { errorType: "Runtime.ExitError", errorMessage: "died" } };
      },
    },
    openLog({}),
  );

  let over = false;
  async function sweeps(): Promise<void> {
    const context = { getRemainingTimeInMillis: () => 30_000 } as never;
    const sweep = () =>
      invoke((own) => sweeper(own, jobs, silent)({} as never, context)).catch(() => undefined);
    while (!over) {
      await sleep(600 + 400 * random());
      if (happens("sweepSkipped")) continue;
      await Promise.all([sweep(), ...(happens("sweepDoubled") ? [sweep()] : [])]);
    }
  }

  // ---- those who watch, and the stream that tells them

  const network = { loses: () => happens("network") };
  const socketsHere = socketApi(network);
  const authenticate = authenticator(services);
  socketsHere.serve(
    sockets(
      { ...services, sockets: socketsHere.sockets },
      { keys: services.keys, authenticate, allowedOrigins: [] },
      silent,
    ),
  );
  const push = progress({ ...services, sockets: socketsHere.sockets }, silent);
  let pushing = 0;

  /** As of a table with several shards: no order between items, batches of any size, some twice. */
  async function stream(record: DynamoDBRecord): Promise<void> {
    pushing += 1;
    await sleep(random() * (faulty() ? 250 : 20));
    const copies = happens("doubledRecord") ? [record, record] : [record];
    // Three days behind, or a deployment at a bad moment.
    if (!happens("lostRecord")) {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const answer = await push({ Records: copies }).catch(() => undefined);
        if (answer?.batchItemFailures.length === 0) break;
        await sleep(50);
      }
    }
    pushing -= 1;
  }

  field.listen(tenant, (row) => {
    history.add(row);
    const keys = JSON.parse(row.keys_json) as { sk: { S: string } };
    if (row.new_image === null || !keys.sk.S.startsWith(table.prefixes.entry)) return;
    void stream(recordOf(row));
  });

  const { key } = await tableServices(tableName, around, address(engines.dynamo.port)).keys.create({
    tenant,
    scopes: ["jobs:read", "jobs:write"],
  });
  const door = api(services, jobs, { socketUrl: "wss://fire/ws", allowedOrigins: [] }, silent);
  const clients: Convoke[] = [];
  function client(): Convoke {
    const { WebSocket } = socketsHere;
    const made = convoke({ url: `http://${tenant}`, key, fetch: fetchFrom(door, network), WebSocket, times });
    clients.push(made);
    return made;
  }

  /** Nobody gives up while the service says that another try may help. */
  async function insist<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof ConvokeError && error.retryable) || over) throw error;
        await sleep(100);
      }
    }
  }

  /** Watches to the end, and now and then goes away in between. */
  async function watch(jobId: string): Promise<EventView[]> {
    const own = client();
    const seen: EventView[] = [];
    for (;;) {
      const leaving = chance(0.3) ? between(1, 6) : Number.POSITIVE_INFINITY;
      let taken = 0;
      for await (const event of own.watch(jobId, { after: seen.length })) {
        seen.push(event);
        taken += 1;
        if (taken >= leaving) break;
      }
      if (taken < leaving) return seen;
    }
  }

  const watched = new Map<string, EventView[]>();
  /** What each job is to come to, undefined where a race decides it. */
  const promised = new Map<string, Json | undefined>();

  async function person(number: number): Promise<void> {
    await sleep(between(0, 1_000));
    const own = client();
    const shape = hurried(grow(luck));
    const question = `question ${number}`;
    const submit = () =>
      insist(() => own.submit("storm", { question, shape }, { idempotencyKey: `request-${number}` }));
    const { job_id: jobId } = await submit();
    promised.set(jobId, expected(shape));
    const watching = Promise.all(
      Array.from({ length: between(1, 2) }, async (_, index) =>
        watched.set(`${jobId} ${index}`, await watch(jobId)),
      ),
    );
    if (chance(0.3) && (await submit()).job_id !== jobId)
      violated(`I10 request ${number} has become two jobs`);
    if (chance(cancels)) {
      await sleep(between(0, 3_000));
      await cancel(own, jobId);
    }
    await watching;
  }

  /** What somebody is told who insists; undefined when it is a refusal because of what has happened before. */
  async function told<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await insist(ask);
    } catch (error) {
      if (error instanceof ConvokeError && error.code === "conflict") return undefined;
      throw error;
    } finally {
      field.read();
    }
  }

  async function cancel(own: Convoke, jobId: string): Promise<void> {
    const accepted = await told(() => own.cancel(jobId));
    ledger.acknowledged(jobId, accepted ? "requested" : "already ended");
  }

  /** I9: of several who answer one is right, and each is told what stands. */
  async function answers({ jobId }: JobKey, callbackId: string): Promise<void> {
    const fetch = fetchFrom(door, network);
    const { send } = http({ url: `http://${tenant}`, key, fetch, attempts: 1, retryMs: times.retryMs });
    await Promise.all(
      Array.from({ length: between(0, 2) }, async (_, result) => {
        await sleep(between(0, 1_500));
        const path = `/api/callbacks/${encodeURIComponent(callbackId)}` as const;
        const accepted = await told(() => send("POST", path, { body: { result } }));
        const { decisions, ended } = ledger.pasts.get(jobId)!;
        const decision = decisions.get(callbackId);
        const stands =
          decision?.kind === "callback.completed" && isDeepStrictEqual(decision.result, { json: result });
        if ((accepted !== undefined) !== stands)
          violated(`I9 job ${jobId}: a caller is told ${accepted ? "yes" : "no"}, which is not what stands`);
        if (!accepted && !decision && !ended) violated(`I9 job ${jobId}: an answer is refused`);
      }),
    );
  }

  // ---- from the first submit to the last check

  const cuts = setInterval(() => {
    if (happens("cut")) socketsHere.cutAll();
  }, 300);
  const sweeping = sweeps();
  const people = Array.from({ length: between(1, 2) }, (_, number) => person(number));
  const late = new AbortController();
  // Children may outlive those that have invoked them, and an invocation at work may just be making one.
  const isQuiet = () => {
    field.read();
    return living.size === 0 && [...ledger.pasts.values()].every(({ ended }) => ended);
  };
  const allEnded = async () => {
    await Promise.all(people);
    while (!isQuiet() && !late.signal.aborted) await sleep(50);
    await Promise.all(errands);
  };
  await Promise.race([
    allEnded().catch((error: unknown) => violated(`A client is given up on: ${error}`)),
    sleep(patienceMs, late.signal).then(() => {
      if (!late.signal.aborted) violated(`L1 not everybody has seen the end after ${patienceMs} ms`);
    }),
  ]);
  late.abort();
  over = true;
  callsUntilCalm = 0;
  clearInterval(cuts);
  for (const one of clients) one.close();
  source.stop();
  await Promise.all([source.stopped, sweeping]);
  while (living.size > 0 || pushing > 0) await sleep(20);
  field.read();
  field.leave(tenant);

  const statuses: Record<string, number> = {};
  for (const { jobId, state: job, events } of ledger.pasts.values()) {
    const status = job.failure ? `failed: ${job.failure.code}` : job.status;
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (!isTerminal(job.status)) violated(`L1 job ${jobId} is still ${job.status}`);
    if (!promised.has(jobId) && !job.parent) violated(`I10 job ${jobId} is nobody's`);
    if (ledger.cancelled.has(jobId) && job.status !== "cancelled")
      violated(`I8 job ${jobId} ended as ${job.status}`);
    if (job.failure && job.failure.code !== "worker_died")
      violated(`Job ${jobId} failed: ${job.failure.message}`);
    const end = events.at(-1)!;
    const want = promised.get(jobId);
    if (end.kind === "job.completed" && want !== undefined) {
      const { result } = (await load(services.payloads, end.result)) as JsonObject;
      if (!isDeepStrictEqual(result, want)) violated(`Job ${jobId} has a wrong result`);
    }
    for (const [name, seen] of watched) {
      if (!name.startsWith(jobId)) continue;
      const wanted = Array.from({ length: job.seq }, (_, index) => index + 1);
      if (String(seen.map(({ seq }) => seq)) !== String(wanted))
        violated(`I3 job ${jobId}: a watcher was given ${seen.map(({ seq }) => seq)} of ${job.seq}`);
    }
  }
  await history.checkTable(services.journal, services.payloads);
  await proxy.stop();
  for (const one of [sqs, s3]) one.destroy();
  const entries = [...ledger.pasts.values()].reduce((sum, past) => sum + past.entries.length, 0);
  return { violations: ledger.violations, entries, statuses, faults };
}

/** The same in less time: these jobs run by the real clock. */
function hurried(shape: Shape): Shape {
  if ("of" in shape) return { ...shape, of: shape.of.map(hurried) } as Shape;
  if ("ms" in shape) return { ...shape, ms: Math.round(shape.ms / hurry) };
  if ("seconds" in shape) return { ...shape, seconds: Math.min(1, shape.seconds / hurry) };
  return shape;
}

function isWrite({ operation }: Call): boolean {
  return /^(PutItem|UpdateItem|TransactWriteItems)$/.test(operation);
}

/** What DynamoDB says when another transaction is in the way. The engine's transactions never are. */
function conflict({ operation }: Call): Fault {
  const type = "com.amazonaws.dynamodb.v20120810#Transaction";
  const answer =
    operation === "TransactWriteItems"
      ? { __type: `${type}CanceledException`, CancellationReasons: [{ Code: "TransactionConflict" }] }
      : { __type: `${type}ConflictException` };
  return { kind: "answer", status: 400, body: JSON.stringify({ ...answer, message: "Injected" }) };
}

function recordOf(row: StreamRow): DynamoDBRecord {
  return {
    eventName: row.event_name,
    dynamodb: {
      Keys: JSON.parse(row.keys_json),
      NewImage: JSON.parse(row.new_image!),
      SequenceNumber: row.sequence_number.padStart(21, "0"),
    },
  };
}
