import { isDeepStrictEqual } from "node:util";
import { isSignal } from "../core/engine/append.ts";
import type { Around } from "../core/engine/attempt.ts";
import { completeCallback } from "../core/engine/callback.ts";
import type { StepOutcome } from "../core/engine/context.ts";
import type { AnyJobType, JobType } from "../core/engine/job-type.ts";
import { seededRandom } from "../core/memory.ts";
import { applyEntry, type Entry, type JobEvent } from "../core/protocol/event.ts";
import { isTerminal, type JobKey, type JobRecord, type JobStatus } from "../core/protocol/job.ts";
import type { Json } from "../core/protocol/json.ts";
import { longestDelaySeconds } from "../core/queue/queue.ts";
import { type Machine, machine } from "./machine.ts";
import {
  cloudOn,
  longestMs,
  type MemoryCloudOptions,
  type MemoryJob,
  machineOptions,
  tenant,
} from "./memory-cloud.ts";
import { type Used, withUnsteady } from "./unsteady.ts";

/** How a job ended, as far as that must not depend on what happened on the way. */
export type Outcome = {
  status: JobStatus;
  result?: Json;
  failure?: { code: string; message: string };
  /** Paths of the steps that completed, by name. */
  completedSteps: string[];
};

export type ChaosOptions = Partial<MemoryCloudOptions> & {
  /** What somebody answers when the job waits for a callback, by the callback's path. */
  answers?: Record<string, Json>;
  /**
   * Whether a disturbed run ended as it should. Without it both must be equal; with races among its steps a job may
   * have more than one right end.
   */
  isSame?: (undisturbed: Outcome, disturbed: Outcome) => boolean;
};

export type ChaosReport = {
  /** Of the undisturbed run. */
  outcome: Outcome;
  /** Commits of its workers: each is a place to die before and after. */
  commits: number;
  /** How often the job was run in all. */
  runs: number;
  /**
   * Steps whose function was called again because a worker died between the call and its record, with the most calls
   * in one run. What they do to the outside world, they do as often: give them the step's `idempotencyKey`.
   */
  repeated: Record<string, number>;
};

/** What befalls the messages of a run. */
type Post = "as sent" | "doubled and late" | "every second one lost";

type Disturbance = { post: Post; death?: { commit: number; when: "before" | "after" } };

type Run = {
  outcome: Outcome;
  commits: number;
  calls: Map<string, number>;
  /** The commit at which the worker died. */
  diedAt?: Entry;
};

const never = new Promise<never>(() => {});

/**
 * Runs a job with every misfortune that a job must survive, and compares: its worker dies before and after each of its
 * commits, messages are doubled, late and lost. In each run the outside world gives the answers of the first, so
 * whatever comes out differently comes from the job function itself.
 *
 * @param input - as a client would send it.
 * @throws Error that says in which run, where and what differed: another result, other completed steps, a replay that
 * asks for something else than the journal holds, a step that began again after it had completed.
 */
export async function chaos<I, R>(
  job: JobType<I, R>,
  input: NoInfer<I>,
  options: ChaosOptions = {},
): Promise<ChaosReport> {
  return withUnsteady(async (used) => {
    const answers = new Map<string, StepOutcome>();
    const attempt = (disturbance: Disturbance) => disturbed(job, input, options, disturbance, answers, used);
    const undisturbed = await attempt({ post: "as sent" });
    const isSame = options.isSame ?? isDeepStrictEqual;
    const repeated: Record<string, number> = {};
    let runs = 1;
    for (const disturbance of disturbances(undisturbed.commits)) {
      const run = await attempt(disturbance);
      runs += 1;
      if (!isSame(undisturbed.outcome, run.outcome)) {
        const what = differences(undisturbed.outcome, run.outcome).join("\n  ");
        throw broken(job, described(disturbance, run.diedAt), what, used);
      }
      for (const [step, calls] of run.calls) {
        if (calls > (undisturbed.calls.get(step) ?? 0)) repeated[step] = Math.max(repeated[step] ?? 0, calls);
      }
    }
    return { outcome: undisturbed.outcome, commits: undisturbed.commits, runs, repeated };
  });
}

function disturbances(commits: number): Disturbance[] {
  const places = Array.from({ length: commits }, (_, index) => index + 1);
  const deaths = places.flatMap((commit) =>
    (["before", "after"] as const).flatMap((when) =>
      (["as sent", "doubled and late"] as const).map((post) => ({ post, death: { commit, when } })),
    ),
  );
  return [{ post: "doubled and late" }, { post: "every second one lost" }, ...deaths];
}

/** @param answers - what the steps returned, filled by the first run and given again in the others. */
async function disturbed(
  job: AnyJobType,
  input: unknown,
  options: ChaosOptions,
  disturbance: Disturbance,
  answers: Map<string, StepOutcome>,
  used: Used,
): Promise<Run> {
  const { death, post } = disturbance;
  const calls = new Map<string, number>();
  let commits = 0;
  let diedAt: Entry | undefined;
  let wrong: string | undefined;

  const around: Around = async ({ step, ...key }, perform) => {
    const { entries } = await inside.services.journal.read(key, 0);
    const events = entries.flatMap((entry) => entry.events);
    if (events.some((event) => event.kind === "step.completed" && event.step === step)) {
      wrong ??= `step "${step}" began again after it had completed`;
    }
    // A condition is checked again and again, each time from where the last check has left it.
    const checks = events.filter((event) => event.kind === "condition.checked" && event.step === step).length;
    const place = `${key.jobId} ${step} ${checks}`;
    calls.set(step, (calls.get(step) ?? 0) + 1);
    const outcome = await perform();
    const answer = answers.get(place) ?? outcome;
    answers.set(place, answer);
    return answer;
  };

  const inside: Machine = machine({
    ...machineOptions({ ...options, jobs: [job, ...(options.jobs ?? [])] }),
    around,
    seenByWorker: (services) => ({
      ...services,
      journal: {
        ...services.journal,
        async append(entry, along) {
          if (isSignal(entry)) return services.journal.append(entry, along);
          commits += 1;
          const dies = death && death.commit === commits && diedAt === undefined ? death.when : undefined;
          if (dies) diedAt = entry;
          const written = dies === "before" ? never : services.journal.append(entry, along);
          if (dies) void Promise.resolve(dies === "before" || written).then(inside.workersDie);
          return written;
        },
      },
    }),
  });
  disturb(inside, post);

  const submitted = await cloudOn(inside).submit(job.type, input);
  const key = { tenant, jobId: submitted.id };
  const isOver = async () => {
    await answerOpen(inside, key, options.answers);
    const { blocked, status } = (await inside.services.journal.head(key))!;
    return wrong !== undefined || blocked !== undefined || (isTerminal(status) && !inside.isAtWork(key));
  };
  const hasEnded = await inside.run(isOver, inside.time.now() + longestMs);
  const { blocked, status } = await submitted.record();
  if (blocked) wrong ??= `its replay goes another way: ${blocked.message}`;
  if (!hasEnded) wrong ??= `it does not end: it is ${status}`;
  if (wrong !== undefined) throw broken(job, described(disturbance, diedAt), wrong, used);
  return { outcome: await outcomeOf(submitted), commits, calls, ...(diedAt ? { diedAt } : {}) };
}

/** What is lost, a sweeper sends again. */
function disturb({ services }: Machine, post: Post): void {
  if (post === "as sent") return;
  const { send } = services.queue;
  const random = seededRandom(1);
  let sent = 0;
  services.queue.send = async (lane, job, delaySeconds = 0) => {
    sent += 1;
    if (post === "every second one lost") return sent % 2 === 1 ? undefined : send(lane, job, delaySeconds);
    for (let delivery = 0; delivery < 2; delivery += 1) {
      await send(lane, job, Math.min(longestDelaySeconds, delaySeconds + Math.floor(45 * random())));
    }
  };
}

async function answerOpen(
  { services }: Machine,
  key: JobKey,
  answers: Record<string, Json> = {},
): Promise<void> {
  const { entries } = await services.journal.read(key, 0);
  const { callbacks = [] } = entries.reduce<JobRecord | undefined>(applyEntry, undefined)!;
  for (const { id, step, decided } of callbacks) {
    const result = decided ? undefined : answers[step];
    if (result !== undefined) await completeCallback(services, key, id, { result }, "somebody");
  }
}

async function outcomeOf(job: MemoryJob): Promise<Outcome> {
  const { status, failure } = await job.record();
  const events = await job.events();
  const completedSteps = events.flatMap((event) => (event.kind === "step.completed" ? [event.step] : []));
  return {
    status,
    ...(status === "completed" ? { result: await job.result() } : {}),
    ...(failure ? { failure: { code: failure.code, message: failure.message } } : {}),
    completedSteps: completedSteps.sort(),
  };
}

// ---- in words

function broken(job: AnyJobType, where: string, what: string, used: Used): Error {
  const suspects = [...used].map(([name, at]) => `${name} at ${at}`);
  const hint =
    suspects.length > 0
      ? `Outside of its steps the job uses ${suspects.join(", ")}. What can come out differently belongs into a step.`
      : "Whatever can come out differently (time, chance, files, the network, variables that outlive a run) belongs into a step.";
  return new Error(`Job "${job.type}", ${where}:\n  ${what}\n${hint}`);
}

function described({ post, death }: Disturbance, diedAt: Entry | undefined): string {
  const messages = post === "as sent" ? "" : `messages ${post}`;
  if (!death) return messages || "undisturbed";
  const events = diedAt ? ` (${diedAt.events.map(eventInWords).join(", ")})` : "";
  const dies = `its worker dies ${death.when} commit ${death.commit}${events}`;
  return messages ? `${dies}, ${messages}` : dies;
}

function eventInWords(event: JobEvent): string {
  if (event.kind === "step.started") return `step.started ${event.steps.map(({ step }) => step).join(" ")}`;
  return "step" in event ? `${event.kind} ${event.step}` : event.kind;
}

/** Where two values differ, each with both sides. */
function differences(expected: unknown, actual: unknown, path = ""): string[] {
  if (isDeepStrictEqual(expected, actual)) return [];
  const areObjects = [expected, actual].every((value) => typeof value === "object" && value !== null);
  if (!areObjects || Array.isArray(expected) !== Array.isArray(actual)) {
    return [`${path || "the outcome"} is ${shown(actual)}, undisturbed it was ${shown(expected)}`];
  }
  const [before, after] = [expected, actual] as [Record<string, unknown>, Record<string, unknown>];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((name) => differences(before[name], after[name], path ? `${path}.${name}` : name));
}

function shown(value: unknown): string {
  const text = value === undefined ? "missing" : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
