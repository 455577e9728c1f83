import type { Model } from "../models/model.ts";
import { StepError, StepFailed } from "../protocol/error.ts";
import type { JobEvent } from "../protocol/event.ts";
import {
  type Ask,
  addUsage,
  type Budget,
  type Failure,
  type JobRecord,
  noUsage,
  type Progress,
  type Stored,
  type Usage,
} from "../protocol/job.ts";
import type { Json, Millis } from "../protocol/json.ts";
import type { Logger, StepConfig, StepContext, StepOutcome } from "./context.ts";
import { place } from "./place.ts";

/** What the journal knows of one path, and what the job function waits for at it. */
export type Operation = {
  path: string;
  kind: Asked["kind"];
  /** The last attempt that began; 0 before the first. */
  attempt: number;
  /** Attempts that failed. An attempt that a dead worker left behind is none. */
  failures: number;
  /** How often a condition did not hold, and what the last check returned. */
  checks: number;
  checked?: Stored;
  state: "new" | "running" | "retrying" | "waiting" | "settled";
  /** When the first attempt began. */
  startedAt?: Millis;
  /** When a retry or a wait is due, or a callback was decided. */
  dueAt?: Millis;
  /** This worker is at it, or has an outcome that is not on record yet. */
  inFlight?: boolean;
  ask?: Ask;
  /** Known from its decision on, given to the job function once it is `settled`. */
  outcome?: Outcome;
  /** Its branch is no longer waited for: it may end, and begins no more. */
  abandoned?: true;
  /** Taken over from another job's journal: given when it is asked for, and not missed when it is not. */
  inherited?: true;
  /** Present once the job function has called it. */
  call?: Call;
  /** What the job behind a callback has consumed. */
  childUsage?: Usage;
};

/** What a job function asks for. */
export type Asked = StepCall | WaitCall | CallbackCall;

export type StepCall = {
  kind: "step";
  config: Omit<StepConfig, "serdes">;
  perform: (step: StepContext, before: Before) => Promise<StepOutcome>;
};
/** What earlier checks of a condition have left behind. */
export type Before = { state: Json | undefined; checks: number; elapsedMs: () => Millis };

type WaitCall = { kind: "wait"; durationMs: Millis };

export type CallbackCall = {
  kind: "callback";
  id: string;
  timeoutMs?: Millis;
  heartbeatMs?: Millis;
  ask?: Ask;
  reminderMs?: Millis;
  child?: { jobId: string; type: string; input: unknown; title?: string };
};

/** `ready` does what takes time, so that what was committed together is given at the same moment. */
type Call = Asked & { ready: (outcome: Outcome) => Promise<() => void> };

export type Outcome =
  | { ok: true; value: Json; usage?: Usage; mock?: boolean; degraded?: boolean }
  | { ok: false; failure: Failure };

/** The job function asked for something that the journal contradicts. */
export type Divergence = { step: string; message: string };

/** With `continues` the value is the input of the job that carries this one on, which may be of another type. */
export type Finished =
  | { ok: true; value: unknown; continues?: true; type?: string }
  | { ok: false; error: unknown };

export type World = {
  model: Model;
  logger: Logger;
  modelTotalMs: number;
  modelIdleMs: number;
  onDelta: (step: string, attempt: number, text: string) => void;
};

/**
 * A job function in memory: what it has asked for, what it has been given, whether it has returned. Knows nothing of
 * time, leases or storage. The same code carries a replay and the live continuation.
 */
export class Run {
  readonly cancelled = new AbortController();
  finished: Finished | undefined;
  diverged: Divergence | undefined;
  /** What the job function last wanted shown, until it is recorded. */
  progress: Progress | undefined;
  degraded = false;
  replaying = true;
  consumed: Usage = noUsage;
  /** When the job function was last given something. */
  moment: Millis;
  /** Steps that the job function has asked for. */
  stepsAsked = 0;
  /** What it was submitted with: a change from outside comes at no place that a replay could find again. */
  limits: Budget = {};
  readonly job: JobRecord;
  readonly world: World;
  private readonly operations = new Map<string, Operation>();
  /** Those that are not settled. A job of a thousand steps has few of them at a time. */
  private readonly open = new Set<Operation>();
  /** Those that the journal holds and the job function has not asked for. */
  private readonly expected = new Set<Operation>();
  private readonly abandonedScopes: string[] = [];
  /** Called whenever the job function has asked for something or has ended. */
  private readonly onActivity: () => void;

  constructor(job: JobRecord, world: World, onActivity: () => void) {
    this.job = job;
    this.moment = job.createdAt;
    this.world = world;
    this.onActivity = onActivity;
  }

  begin(fn: () => Promise<unknown>): void {
    // Async from the start: a job function that throws before its first await fails like any other.
    place
      .run({ jobId: this.job.jobId }, async () => fn())
      .then(
        (value) => this.finish({ ok: true, value }),
        (error: unknown) => this.finish({ ok: false, error }),
      );
  }

  finish(finished: Finished): void {
    this.finished ??= finished;
    this.onActivity();
  }

  /**
   * What an event says of its operation, be it read from the journal or about to be written.
   * @param value - of the event's result, which may be kept elsewhere.
   * @returns the operation if this is the place at which the job function is given its outcome.
   */
  record(event: JobEvent, at: Millis, value: Json = null): Operation | undefined {
    const operation = this.take(event, at, value);
    if (operation) this.moment = Math.max(this.moment, at);
    return operation;
  }

  private take(event: JobEvent, at: Millis, value: Json): Operation | undefined {
    const inherited = "inherited" in event && event.inherited === true;
    // What a child has consumed counts from the place at which its answer is given, which is the same in every replay.
    const consumes = event.kind !== "callback.completed" && !inherited;
    if (consumes && "usage" in event && event.usage) this.consumed = addUsage(this.consumed, event.usage);
    const known = (path: string, kind: Operation["kind"]) => this.known(path, kind, inherited);
    switch (event.kind) {
      case "job.submitted":
        this.limits = event.budget ?? {};
        return undefined;
      case "step.started":
        for (const { step, attempt } of event.steps) {
          const operation = known(step, "step");
          operation.startedAt ??= at;
          Object.assign(operation, { attempt, state: "running", dueAt: undefined });
        }
        return undefined;
      case "condition.checked": {
        const operation = known(event.step, "step");
        const { state: checked, retryAt: dueAt } = event;
        const checks = operation.checks + 1;
        Object.assign(operation, { checks, checked, state: "retrying", dueAt, inFlight: false });
        return undefined;
      }
      case "step.failed": {
        const operation = known(event.step, "step");
        operation.failures += 1;
        operation.inFlight = false;
        if (event.retryAt === undefined) return decided(operation, { ok: false, failure: event.failure });
        Object.assign(operation, { state: "retrying", dueAt: event.retryAt });
        return undefined;
      }
      case "step.completed": {
        const { usage, mock, degraded } = event;
        return decided(known(event.step, "step"), { ok: true, value, usage, mock, degraded });
      }
      case "wait.started":
        Object.assign(known(event.step, "wait"), { state: "waiting", dueAt: event.until });
        return undefined;
      case "callback.created":
        Object.assign(known(event.step, "callback"), { state: "waiting", ask: event.ask });
        return undefined;
      case "callback.completed": {
        const { step, failure } = event;
        const outcome: Outcome = failure ? { ok: false, failure: { ...failure, step } } : { ok: true, value };
        const operation = decided(known(step, "callback"), outcome);
        operation.dueAt ??= at;
        if (event.usage && !inherited) operation.childUsage = event.usage;
        return undefined;
      }
      case "callback.expired": {
        const operation = known(event.step, "callback");
        decided(operation, expiry(operation, event.reason)).dueAt ??= at;
        return undefined;
      }
      case "wait.ended": {
        const operation = this.operations.get(event.step) ?? known(event.step, "wait");
        if (operation.childUsage) this.consumed = addUsage(this.consumed, operation.childUsage);
        return decided(operation, { ok: true, value: null });
      }
      default:
        return undefined;
    }
  }

  /** Gives the job function outcomes, all at the same moment; what it has not asked for yet, when it asks. */
  async give(operations: Operation[]): Promise<void> {
    for (const operation of operations) {
      operation.state = "settled";
      operation.dueAt = undefined;
      operation.inFlight = false;
      this.open.delete(operation);
    }
    const ready = await Promise.all(operations.map(({ call, outcome }) => call?.ready(outcome!)));
    for (const settle of ready) settle?.();
  }

  /** What is not settled and still wanted: all but what is left of branches that their batch no longer waits for. */
  wanted(): Operation[] {
    return [...this.open].filter((operation) => !operation.abandoned);
  }

  find(path: string): Operation | undefined {
    return this.operations.get(path);
  }

  /** What the job function has asked for and no journal knows yet. */
  unrecorded(): Operation[] {
    return this.wanted().filter((operation) => operation.call && operation.state === "new");
  }

  /** The first that the journal holds and the job function has not asked for: a replay may be ahead of it. */
  uncalled(): Operation | undefined {
    return this.expected.values().next().value;
  }

  /** Nothing begins below this scope any more. A step that is running there is let run and recorded: it is paid for. */
  abandon(scope: string): void {
    this.abandonedScopes.push(scope);
    for (const operation of this.open) if (operation.path.startsWith(scope)) operation.abandoned = true;
  }

  private known(path: string, kind: Operation["kind"], inherited: boolean): Operation {
    const found = this.operations.get(path);
    // What happens in this job takes the place of a memo that was of no use.
    if (found && (inherited || !found.inherited)) return found;
    const operation = this.created(path, kind);
    if (inherited) {
      operation.inherited = true;
      this.open.delete(operation);
    } else {
      this.expected.add(operation);
    }
    return operation;
  }

  /** The operation that the job function asks for. A memo of another kind, or without an outcome, is of no use. */
  private asked(path: string, kind: Operation["kind"]): Operation {
    const found = this.operations.get(path);
    const useless = found?.inherited && (found.kind !== kind || found.state !== "settled");
    if (found && !useless) return found;
    const operation = this.created(path, kind);
    // Its outcome may still come, in a later entry, and be what the question said.
    if (found?.ask) operation.ask = found.ask;
    return operation;
  }

  private created(path: string, kind: Operation["kind"]): Operation {
    const operation: Operation = { path, kind, attempt: 0, failures: 0, checks: 0, state: "new" };
    this.operations.set(path, operation);
    this.open.add(operation);
    return operation;
  }

  /** @param revive - makes of a recorded value what the job function is given. */
  call<T>(
    path: string,
    asked: Asked,
    revive: (outcome: Outcome & { ok: true }) => T | Promise<T>,
  ): Promise<T> {
    const misuse = this.misuse(path);
    if (misuse) return droppable(Promise.reject(misuse));
    if (this.abandonedScopes.some((scope) => path.startsWith(scope))) return new Promise(() => {});
    const operation = this.asked(path, asked.kind);
    this.expected.delete(operation);
    if (asked.kind === "step") this.stepsAsked += 1;
    const promise = new Promise<T>((resolve, reject) => {
      if (operation.kind !== asked.kind) {
        this.diverged ??= {
          step: path,
          message: `The job asks for a ${asked.kind} at "${path}", its journal holds a ${operation.kind} there`,
        };
        return; // stays open: a blocked job does nothing, its own catch blocks included
      }
      const ready = async (outcome: Outcome) => {
        try {
          if (!outcome.ok) throw new StepError(outcome.failure);
          const value = await revive(outcome);
          return () => resolve(value);
        } catch (error) {
          return () => reject(error);
        }
      };
      operation.call = { ...asked, ready };
      if (operation.state === "settled") void ready(operation.outcome!).then((settle) => settle());
    });
    this.onActivity();
    return droppable(promise);
  }

  /** What no replay could tell apart fails at once, and the same way every time. */
  private misuse(path: string): StepFailed | undefined {
    const inside = place.getStore()?.step;
    if (inside !== undefined) {
      const message = `"${path}" was asked for inside step "${inside}"; a step may not use the job's context`;
      return new StepFailed("nested_step", message);
    }
    if (!this.operations.get(path)?.call) return undefined;
    return new StepFailed("duplicate_step", `Two steps of the job have the same path, "${path}"`);
  }
}

/** The first decision stands. */
function decided(operation: Operation, outcome: Outcome): Operation {
  operation.outcome ??= outcome;
  return operation;
}

/** What an unanswered callback comes to. */
function expiry({ path, ask }: Operation, reason: "timeout" | "heartbeat"): Outcome {
  if (ask?.default !== undefined) return { ok: true, value: ask.default };
  if (reason === "heartbeat") {
    const message = `Nothing was heard in time from whoever answers "${path}"`;
    return { ok: false, failure: { code: "callback_heartbeat_missed", message, step: path } };
  }
  const [code, message] = ask
    ? ["ask_expired", `Nobody has answered "${path}" in time`]
    : ["callback_timeout", "Callback timed out"];
  return { ok: false, failure: { code, message, step: path } };
}

/** A job may drop a promise (a lost race); its failure is in the journal and must not end the process. */
export function droppable<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
