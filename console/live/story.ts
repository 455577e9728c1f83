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
        for (const { step, attempt } of event.steps) this.#begin(step, attempt, at, event.inherited);
        return;
      case "step.completed":
        this.#end(event, { endedAt: at, ...(event.usage ? { usage: event.usage } : {}) }, (step) => {
          step.status = "completed";
          step.outcome = view;
          if (event.degraded) step.degraded = true;
          if (event.mock) step.mock = true;
        });
        return;
      case "step.failed": {
        const { failure, retryAt, usage } = event;
        this.#end(event, { endedAt: at, failure, retryAt, ...(usage ? { usage } : {}) }, (step) => {
          step.status = retryAt === undefined ? "failed" : "retrying";
          step.failure = failure;
        });
        return;
      }
      case "condition.checked":
        this.#end(event, { endedAt: at, retryAt: event.retryAt }, (step) => {
          step.kind = "condition";
          step.status = "waiting";
          step.until = event.retryAt;
          step.outcome = view;
        });
        return;
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

  #begin(path: string, attempt: number, at: Millis, inherited?: boolean): void {
    const step = this.#open(path, "step", at, { status: "running", ...(inherited ? { inherited } : {}) });
    // Begun once more under the same number: the worker before died in the middle.
    const known = step.attempts.find((one) => one.attempt === attempt);
    if (known) known.startedAt = at;
    else step.attempts.push({ attempt, startedAt: at });
  }

  /** An outcome may be there without a start: those that a fork has inherited. */
  #end(
    { step: path, attempt: number, at, ...event }: Recorded & { step: string; attempt: number },
    ended: Partial<Attempt>,
    change: (step: Step) => void,
  ): void {
    const inherited = "inherited" in event && event.inherited === true;
    const step = this.#open(path, "step", at, inherited ? { inherited } : {});
    let attempt = step.attempts.find((one) => one.attempt === number);
    if (!attempt) {
      attempt = { attempt: number, startedAt: at };
      step.attempts.push(attempt);
    }
    Object.assign(attempt, ended);
    change(step);
    if (step.status === "completed" || step.status === "failed") step.endedAt = at;
    if (ended.usage) step.usage = ended.usage;
    if (step.status === "completed") delete step.failure;
  }

  #close(path: string, at: Millis, { outcome, failure, usage }: Partial<Step>): void {
    const step = this.#open(path, "wait", at, { endedAt: at, status: failure ? "failed" : "completed" });
    if (outcome) step.outcome = outcome;
    if (failure) step.failure = failure;
    if (usage) step.usage = usage;
  }
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
