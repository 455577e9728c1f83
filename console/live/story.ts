import type { EventView } from "../../client/index.ts";
import { apply, type Recorded } from "../../core/protocol/event.ts";
import type { Ask, Failure, JobRecord, Usage } from "../../core/protocol/job.ts";
import type { Json, Millis } from "../../core/protocol/json.ts";
import { fromWire } from "../../core/protocol/wire.ts";

/** One try of a step. Without an end it is at work, or its worker died and nobody has tried again yet. */
export type Attempt = {
  attempt: number;
  startedAt: Millis;
  endedAt?: Millis;
  failure?: Failure;
  /** The next try begins no earlier. */
  retryAt?: Millis;
  usage?: Usage;
};

export type StepStatus = "running" | "waiting" | "retrying" | "completed" | "failed";

/** What a job has begun under one path, from its first event to its outcome. */
export type Step = {
  /** Its names from the outermost scope inwards, e.g. `stage1/model-b`. */
  path: string;
  kind: "step" | "condition" | "wait" | "callback" | "child job";
  status: StepStatus;
  startedAt: Millis;
  endedAt?: Millis;
  attempts: Attempt[];
  usage?: Usage;
  degraded?: boolean;
  mock?: boolean;
  /** Taken over from the job that this one is a fork of: it cost nothing here. */
  inherited?: boolean;
  failure?: Failure;
  /** The event that holds what it gave. */
  outcome?: EventView;
  /** Of a wait: its end. Of a callback: its deadline. */
  until?: Millis;
  callbackId?: string;
  childJobId?: string;
  ask?: Ask;
};

/** Time that a worker had the job in hand. */
export type Pass = { from: Millis; to?: Millis; reason?: string };

/** A job as it was once an event had been written. */
export type Scene = {
  job: JobRecord;
  /** In the order in which they began. */
  steps: Step[];
  passes: Pass[];
  /** The moment of the last event. */
  at: Millis;
};

/**
 * Makes a job's page out of its events, whether they arrive live or are read again: `add` one after the other, in order,
 * and `scene` shows what they come to.
 */
export class Story {
  readonly #jobId: string;
  readonly #steps = new Map<string, Step>();
  readonly #passes: Pass[] = [];
  #job: JobRecord | undefined;
  #at = 0;

  constructor(jobId: string) {
    this.#jobId = jobId;
  }

  add(view: EventView): void {
    const event = fromWire(view);
    this.#job = apply(this.#job, { tenant: "", jobId: this.#jobId }, event);
    this.#at = event.at;
    this.#tell(event, view);
  }

  scene(): Scene | undefined {
    if (!this.#job) return undefined;
    // Copies, so that whoever compares by identity sees what has changed.
    const steps = [...this.#steps.values()].map((step) => ({ ...step, attempts: [...step.attempts] }));
    return { job: this.#job, steps, passes: [...this.#passes], at: this.#at };
  }

  #tell(event: Recorded, view: EventView): void {
    const { at } = event;
    switch (event.kind) {
      case "job.claimed":
        this.#endPass(at, "taken over");
        this.#passes.push({ from: at });
        return;
      case "job.released":
        this.#endPass(at, event.reason);
        return;
      case "step.started":
        for (const { step, attempt } of event.steps) {
          const begun = this.#open(step, "step", at, { status: "running", ...inheritedBy(event) });
          // Begun once more under the same number: the worker before died in the middle.
          attemptOf(begun, attempt, at).startedAt = at;
        }
        return;
      case "step.completed": {
        const { usage, degraded, mock } = event;
        const more = { outcome: view, failure: undefined, degraded, mock };
        this.#end(event, { usage }, { status: "completed", endedAt: at, ...more });
        return;
      }
      case "step.failed": {
        const { failure, retryAt, usage } = event;
        const left: Partial<Step> =
          retryAt === undefined ? { status: "failed", endedAt: at } : { status: "retrying" };
        this.#end(event, { failure, retryAt, usage }, { ...left, failure });
        return;
      }
      case "condition.checked": {
        const { retryAt } = event;
        const more = { until: retryAt, outcome: view };
        this.#end(event, { retryAt }, { kind: "condition", status: "waiting", ...more });
        return;
      }
      case "wait.started":
        this.#open(event.step, "wait", at, { status: "waiting", until: event.until });
        return;
      case "callback.created":
        this.#open(event.step, event.childJobId ? "child job" : "callback", at, {
          status: "waiting",
          until: event.timeoutAt,
          callbackId: event.callbackId,
          childJobId: event.childJobId,
          ask: event.ask,
        });
        return;
      case "callback.completed":
        this.#close(event.step, at, { outcome: view, failure: event.failure, usage: event.usage });
        return;
      case "callback.expired":
        this.#close(event.step, at, {
          outcome: view,
          failure: { code: "timed_out", message: `Nobody answered: ${event.reason}` },
        });
        return;
      case "wait.ended": {
        const step = this.#steps.get(event.step);
        if (step?.endedAt === undefined) this.#close(event.step, at, {});
        return;
      }
      case "job.completed":
      case "job.failed":
      case "job.cancelled":
        this.#endPass(at, event.kind);
        return;
      default:
    }
  }

  #endPass(to: Millis, reason: string): void {
    const last = this.#passes.at(-1);
    if (last && last.to === undefined) Object.assign(last, { to, reason });
  }

  #open(path: string, kind: Step["kind"], at: Millis, more: Partial<Step>): Step {
    let step = this.#steps.get(path);
    if (!step) {
      step = { path, kind, status: "running", startedAt: at, attempts: [] };
      this.#steps.set(path, step);
    }
    return Object.assign(step, more);
  }

  /** An outcome may be there without a start: those that a fork has inherited. */
  #end(
    event: { step: string; attempt: number; at: Millis; inherited?: boolean },
    ended: Partial<Attempt>,
    more: Partial<Step>,
  ): void {
    const { at, attempt } = event;
    const { usage } = ended;
    const step = this.#open(event.step, "step", at, {
      ...more,
      ...inheritedBy(event),
      ...(usage ? { usage } : {}),
    });
    Object.assign(attemptOf(step, attempt, at), { endedAt: at, ...ended });
  }

  #close(path: string, at: Millis, more: Partial<Step>): void {
    this.#open(path, "wait", at, {
      ...more,
      endedAt: at,
      status: more.failure ? "failed" : "completed",
    });
  }
}

/** What one event has said stays true: others of its step may be the job's own. */
function inheritedBy({ inherited }: { inherited?: boolean }): Partial<Step> {
  return inherited ? { inherited } : {};
}

function attemptOf({ attempts }: Step, number: number, at: Millis): Attempt {
  let attempt = attempts.find((one) => one.attempt === number);
  if (!attempt) {
    attempt = { attempt: number, startedAt: at };
    attempts.push(attempt);
  }
  return attempt;
}

/** The page as it was after the first so many events. */
export function sceneAt(jobId: string, events: EventView[], seq: number): Scene | undefined {
  const story = new Story(jobId);
  for (const event of events) {
    if (event.seq > seq) break;
    story.add(event);
  }
  return story.scene();
}

const valueNames = ["result", "input", "state"] as const;

/** What an event holds in place; `undefined` when it holds nothing, or refers to something larger. */
export function heldBy(event: EventView | undefined): Json | undefined {
  const name = valueNames.find((name) => event?.[name] !== undefined);
  return name && event?.[name];
}

/** The event's value is too large to be in it: `useValue` fetches it. */
export function isElsewhere(event: EventView | undefined): boolean {
  return valueNames.some((name) => event?.[`${name}_ref`] !== undefined);
}
