import { isDeepStrictEqual } from "node:util";
import { newConversation } from "../../core/conversations/conversation.ts";
import { checkReplay } from "../../core/engine/replay-check.ts";
import { load } from "../../core/payloads/payloads.ts";
import type { JobEvent } from "../../core/protocol/event.ts";
import type { Json, Millis } from "../../core/protocol/json.ts";
import { Chance, type Fault, weathers } from "./faults.ts";
import { type Answered, expected, type Plan, workMs } from "./jobs.ts";
import type { Past } from "./ledger.ts";
import { People } from "./people.ts";
import { StormTime, takeOver } from "./time.ts";
import { World } from "./world.ts";

export type StormOptions = {
  /** Faults that do not strike. */
  off?: ReadonlySet<Fault>;
  /** At most so many people come. */
  people?: number;
  /** The faults end after so long at the latest. */
  faultyMs?: Millis;
  /** Is given a line for everything that happens. */
  lines?: string[];
};

export type StormReport = {
  seed: number;
  violations: string[];
  /** Equal for equal storms. */
  fingerprint: string;
  entries: number;
  /** Attempts of steps, and those that had to be made again because their outcome was never recorded. */
  calls: number;
  repeated: number;
  simulatedMs: Millis;
  statuses: Record<string, number>;
  /** How often each fault struck. */
  faults: Record<string, number>;
};

const sweepEveryMs = 5_000;

type BatchResult = {
  completed: number;
  failed: number;
  jobs: { job_id: string; completed: boolean; error?: { code: string } }[];
};

/** One schedule: people, jobs, processes and faults, all from one seed. */
export async function storm(seed: number, options: StormOptions = {}): Promise<StormReport> {
  const chance = new Chance(seed);
  const time = new StormTime();
  const startedAt = time.now();
  const release = takeOver(time, chance.random);
  try {
    const world = new World(seed, time, chance, {
      weather: weathers[seed % weathers.length]!,
      off: options.off ?? new Set(),
      lines: options.lines,
    });
    const schedule = new Schedule(world, options);
    await time.until(schedule.run()).catch((error: unknown) => {
      world.ledger.violated(`The storm fails: ${error instanceof Error ? error.stack : error}`);
    });
    const { ledger, faults } = world;
    const pasts = [...ledger.pasts.values()];
    return {
      seed,
      violations: ledger.violations,
      fingerprint: world.fingerprint,
      entries: pasts.reduce((sum, { entries }) => sum + entries.length, 0),
      calls: ledger.calls,
      repeated: ledger.repeated,
      simulatedMs: time.now() - startedAt,
      statuses: schedule.statuses,
      faults: Object.fromEntries(faults.struck),
    };
  } finally {
    release();
  }
}

function isChildsAnswer(event: JobEvent): boolean {
  return event.kind === "callback.completed" && event.usage !== undefined;
}

class Schedule {
  readonly statuses: Record<string, number> = {};
  readonly #world: World;
  readonly #options: StormOptions;
  readonly #people: People;
  readonly #conversationId: string | undefined;
  readonly #expires: boolean;

  constructor(world: World, options: StormOptions) {
    const { chance, time } = world;
    this.#world = world;
    this.#options = options;
    this.#people = new People(world);
    this.#conversationId = chance.of(0.3) ? "talk" : undefined;
    this.#expires = world.faults.strikes("expiry");
    world.calmAt = time.now() + Math.min(chance.between(5_000, 60_000), options.faultyMs ?? Infinity);
  }

  async run(): Promise<void> {
    const { chance, time, memory } = this.#world;
    if (this.#conversationId)
      await memory.conversations.create(newConversation("acme", this.#conversationId, time.now()));
    const wanted = this.#conversationId ? chance.between(2, 4) : chance.between(1, 2);
    const people = Math.min(wanted, this.#options.people ?? wanted);
    let busy = people;
    for (let number = 0; number < people; number += 1) {
      void this.#people.submits(number, this.#conversationId).then(() => {
        busy -= 1;
      });
    }
    for (const other of [this.#people.keepsSchedule(), this.#people.flood()]) {
      busy += 1;
      void other.then(() => {
        busy -= 1;
      });
    }
    this.#deploy();
    this.#restore();
    time.after(this.#world.calmAt - time.now(), () => this.#world.calm());
    await this.#untilAllHaveEnded(() => busy > 0);
    for (let waited = 0; this.#world.living > 0 && waited < 120; waited += 1) await time.sleep(1_000);
    await this.#expire();
    await this.#verify();
  }

  /** A new version comes, and with it one that changes nothing for the journals of the old one. */
  #deploy(): void {
    const { faults, time, chance, jobs, deployed } = this.#world;
    if (!faults.strikes("deploy")) return;
    const at = chance.between(0, this.#world.calmAt - time.now());
    time.after(at, () => {
      jobs.api = deployed;
    });
    time.after(at + chance.between(-2_000, 5_000), () => {
      jobs.worker = deployed;
    });
  }

  /** Whoever looks after the table puts it back to what it was. */
  #restore(): void {
    const { restores, time, chance, calmAt } = this.#world;
    if (!restores) return;
    const until = calmAt - time.now();
    time.after(chance.between(0, until - 1), () => {
      const restore = this.#world.snapshot();
      time.after(chance.between(0, Math.min(20_000, calmAt - time.now())), () => void restore());
    });
  }

  #alive(): Past[] {
    return [...this.#world.ledger.pasts.values()].filter(({ ended }) => !ended);
  }

  /** L1: once faults stop, every job ends within its own work and a little more. */
  async #untilAllHaveEnded(busy: () => boolean): Promise<void> {
    const { time, faults, ledger } = this.#world;
    let until = 0;
    let known = -1;
    while (busy() || time.now() < this.#world.calmAt || this.#alive().length > 0) {
      await time.sleep(sweepEveryMs);
      // A sweep that finds nothing changes nothing, and there are many of them in a long wait.
      const { memory } = this.#world;
      const due =
        !faults.over ||
        (await memory.journal.due(time.now(), 1)).length > 0 ||
        (await memory.schedules.due(time.now(), 1)).length > 0;
      if (due && !faults.strikes("sweep skipped")) void this.#world.sweep();
      if (faults.strikes("sweep doubled")) void this.#world.sweep();
      if (!faults.over) continue;
      if (ledger.pasts.size > known) {
        known = ledger.pasts.size;
        until = time.now() + this.#patienceMs();
      }
      if (time.now() <= until + (this.#world.blocked ? 11 * 60_000 : 0)) continue;
      for (const { jobId, tenant, state } of this.#alive()) {
        const head = await memory.journal.head({ tenant, jobId });
        const dueIn = (head?.due ?? Number.NaN) - time.now();
        ledger.violated(`L1 job ${jobId} has not ended: it is ${state.status}, due in ${dueIn} ms`);
      }
      for (const { jobId, last, ended } of this.#people.watchers) {
        if (!ended) ledger.violated(`L2 a watcher of job ${jobId} has not got further than ${last}`);
      }
      return;
    }
  }

  #patienceMs(): Millis {
    let ms = 100_000;
    for (const past of this.#world.ledger.pasts.values()) ms += workMs(this.#planOf(past).shape);
    return ms + this.#world.skewMs;
  }

  /** Of a batch: as if its jobs were its own branches. */
  #planOf({ entries }: Pick<Past, "entries">): Plan {
    const event = entries[0]!.events[0]!;
    if (event.kind !== "job.submitted") throw new Error("A job does not begin with its beginning");
    const stored = event.input;
    const input =
      "json" in stored
        ? stored.json
        : JSON.parse(String(this.#world.memory.payloads.objects.get(stored.ref.key)));
    if (event.type !== "batch") return input as Plan;
    const { jobs } = input as { jobs: { input: Plan }[] };
    return { question: "", shape: { op: "all", n: 0, of: jobs.map(({ input }) => input.shape) } };
  }

  /** What has expired stays away, whatever still asks for it. */
  async #expire(): Promise<void> {
    const { time, ledger } = this.#world;
    if (!this.#expires) return;
    for (const past of ledger.pasts.values()) {
      past.expired = true;
      this.#world.send(past, 0);
    }
    await this.#world.sweep();
    await time.sleep(5_000);
    for (const past of ledger.pasts.values()) past.expired = false;
  }

  // ---- checks at the end

  async #verify(): Promise<void> {
    const { ledger, memory, weather } = this.#world;
    for (const past of ledger.pasts.values()) {
      const { state, jobId, entries } = past;
      const status = state.failure ? `failed: ${state.failure.code}` : state.status;
      this.statuses[status] = (this.statuses[status] ?? 0) + 1;
      this.#verifyBudget(past);
      const { continuedAs } = state;
      if (continuedAs !== undefined && !ledger.pasts.has(continuedAs))
        ledger.violated(`L1 job ${jobId} goes on as a job that does not exist`);
      const read = await memory.journal.read(past, 0);
      if (!isDeepStrictEqual(read.entries, entries)) ledger.violated(`I1 job ${jobId} has changed its past`);
      await this.#world.checkHead(past);
      if (past.ended) await this.#verifyReplay(past);
    }
    for (const jobId of ledger.cancelled) {
      const { status } = ledger.stateOf(jobId);
      if (status !== "cancelled")
        ledger.violated(`I8 job ${jobId} was to be cancelled and ended as ${status}`);
    }
    const submitted = new Map<string, string>();
    for (const past of ledger.pasts.values()) {
      const { forkOf, continues, scheduleId, type } = past.state;
      const { question } = this.#planOf(past);
      if (forkOf || continues || scheduleId || type === "batch" || this.#people.isShared(question)) continue;
      const [request] = question.split(" canary");
      if (submitted.has(request!)) ledger.violated(`I10 ${request} is several jobs`);
      submitted.set(request!, past.jobId);
    }
    if (weather !== "harsh" && ledger.repeated > 0)
      ledger.violated(`Cost: ${ledger.repeated} calls were repeated`);
    this.#people.verify();
    if (this.#conversationId) await this.#verifyConversation(this.#conversationId);
  }

  /** I13, and that nothing fails that was not made to. */
  #verifyBudget({ jobId, state }: Past): void {
    const { ledger, memory } = this.#world;
    const { maxSteps, maxHops } = memory.settings;
    if (state.steps > maxSteps) ledger.violated(`I13 job ${jobId} began ${state.steps} steps of ${maxSteps}`);
    if (state.hops > maxHops + 1) ledger.violated(`I13 job ${jobId} was claimed ${state.hops} times`);
    const { failure } = state;
    if (!failure || failure.code === "worker_died" || failure.code === "dependency_failed") return;
    if (failure.code === "budget_exceeded" && (maxSteps < 10 || state.budget)) return;
    // A fork may have inherited it. One that was tried again has not.
    if (failure.code === "flawed" && !this.#people.triedAgain.has(jobId)) return;
    ledger.violated(`Job ${jobId} failed: ${failure.message}`);
  }

  /** I12: a journal and any beginning of it can be replayed without effect, and give the same again. */
  async #verifyReplay(past: Past): Promise<void> {
    const { entries, state, jobId, decisions } = past;
    const { chance, ledger, memory, deployed } = this.#world;
    for (const length of new Set([entries.length, chance.between(1, entries.length)])) {
      this.#world.replaying = true;
      const found = await checkReplay(deployed, entries.slice(0, length), memory.payloads);
      this.#world.replaying = false;
      if (found.verdict === "fits") continue;
      const why = "message" in found ? found.message : "";
      ledger.violated(`I12 job ${jobId}, ${length} entries: ${found.verdict} ${why}`);
    }
    const end = entries.at(-1)!.events.at(-1)!;
    if (end.kind !== "job.completed" || end.continuedAs !== undefined) return;
    if (state.type === "batch") return this.#verifyBatch(past, await load(memory.payloads, end.result));
    const { result, usage } = (await load(memory.payloads, end.result)) as { result: Json; usage: Json };
    const said = (n: number): Answered | undefined => {
      const decision = [...decisions.values()].find(({ step }) => step.split("/").at(-1) === `n${n}`);
      if (!decision) return undefined;
      if (decision.kind === "callback.expired") return "missed";
      return decision.result && "json" in decision.result ? { result: decision.result.json } : "refused";
    };
    const want = expected(this.#planOf(past).shape, said);
    if (want !== undefined && !isDeepStrictEqual(result, want)) {
      ledger.violated(`Job ${jobId} has a wrong result`);
    }
    // A child that nobody waits for any more is paid for all the same, and the journal's order of a sum is another one.
    const children = entries.some(({ events }) => events.some(isChildsAnswer));
    if (!children && !isDeepStrictEqual(usage, state.usage)) {
      ledger.violated(`Job ${jobId}: its usage is not what was recorded`);
    }
  }

  /** A batch tells of each of its jobs what became of it. */
  #verifyBatch({ jobId, decisions }: Past, result: Json): void {
    const { ledger } = this.#world;
    const { jobs, ...counts } = result as BatchResult;
    for (const [index, { job_id: id, completed, error }] of jobs.entries()) {
      const decision = [...decisions.values()].find(({ step }) => step === `job-${index}`);
      const state = ledger.pasts.get(id)?.state;
      const failed = decision?.kind !== "callback.completed" || decision.failure !== undefined;
      // Somebody else may have answered for it.
      const own = decision?.kind === "callback.completed" && decision.by === id;
      if (completed === failed || (own && completed !== (state?.status === "completed")))
        ledger.violated(`Job ${jobId}: its batch says ${completed ? "completed" : error?.code} of ${id}`);
    }
    const completed = jobs.filter((job) => job.completed).length;
    if (counts.completed !== completed || counts.failed !== jobs.length - completed)
      ledger.violated(`Job ${jobId}: its batch miscounts ${JSON.stringify(counts)}`);
  }

  async #verifyConversation(id: string): Promise<void> {
    const { ledger, memory } = this.#world;
    const conversation = (await memory.conversations.get("acme", id))!;
    if (conversation.activeJobId !== undefined || conversation.waitingJobIds.length > 0) {
      ledger.violated("The conversation waits for somebody who has ended");
    }
    const messages = await memory.conversations.messages("acme", id);
    if (messages.some(({ number }, index) => number !== index + 1)) ledger.violated("Messages are not 1..n");
    // One at a time: between a job's claim and its end no other job of the conversation is claimed.
    const moments = [...ledger.pasts.values()].flatMap(({ events, committedAt, state }) => {
      if (!state.inConversation) return [];
      const claim = events.findIndex(({ kind }) => kind === "job.claimed");
      const works = events.some(({ kind }) => kind === "step.started" || kind === "wait.started");
      return claim >= 0 && works ? [{ from: committedAt[claim]!, to: committedAt.at(-1)! }] : [];
    });
    moments.sort((a, b) => a.from - b.from);
    moments.forEach(({ from }, index) => {
      if (index > 0 && from < moments[index - 1]!.to)
        ledger.violated("Two jobs of a conversation at the same time");
    });
    for (const { jobId, state } of ledger.pasts.values()) {
      if (!state.inConversation) continue;
      const answers = messages.filter((message) => message.jobId === jobId && message.role === "assistant");
      const isLast = state.status === "completed" && state.continuedAs === undefined;
      if (answers.length !== (isLast ? 1 : 0)) {
        ledger.violated(`Job ${jobId} has ${answers.length} answers in its conversation`);
      }
    }
  }
}
