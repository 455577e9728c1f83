import type { JobContext, RetryStrategy, StepContext } from "../../core/engine/context.ts";
import type { CallOff, JobServices } from "../../core/engine/job-type.ts";
import type {
  OperationCall,
  OperationName,
  OperationTraits,
  Poll,
  Ticket,
} from "../../core/operations/operation.ts";
import { OperationError } from "../../core/operations/operation.ts";
import { traitsOf } from "../../core/operations/traits.ts";
import { ServiceError, StepError, StepFailed, Unavailable } from "../../core/protocol/error.ts";
import type { Failure, OperationProgress } from "../../core/protocol/job.ts";
import type { Json, JsonObject, Millis } from "../../core/protocol/json.ts";
import { callbackToken } from "../../core/signing.ts";

/** When an operation is asked how it stands: soon at first, then less and less often. */
export type Cadence = {
  firstSeconds: number;
  /** Each pause is so many times the one before. */
  factor: number;
  mostSeconds: number;
};

/** Every ask is a hop of its job, and a job has a thousand. */
const asksWithinTimeout = 400;

function cadenceFor(timeoutSeconds: number, given: Partial<Cadence> = {}): Cadence {
  const mostSeconds = Math.max(60, Math.ceil(timeoutSeconds / asksWithinTimeout));
  return { firstSeconds: 5, factor: 1.5, mostSeconds, ...given };
}

/** So many asks in a row may go wrong before an operation that is paid for is given up. */
const mostFaults = 20;

export type OperationOptions = {
  operation: OperationName;
  request: JsonObject;
  /** Without them those that the provider is known for. */
  traits?: OperationTraits;
  timeoutSeconds: number;
  cadence?: Partial<Cadence>;
  /** What people are shown to be waiting for: `the video`. */
  what: string;
  /** It is less than was asked for, and is marked. */
  degraded?: true;
};

/** What is known of an operation between two asks. It is the state of a condition, so it is JSON. */
type Watched = { asks: number; faults: number; percentage?: number; outcome?: Ended };
type Ended = Exclude<Poll, { state: "pending" }>;

/**
 * Has somebody else do something that takes minutes or hours: starts it once, and waits for its end at no cost, by asking
 * now and then and for a word at the callback address, whichever comes first.
 *
 * Steps: `<name>/start`, whose result is the ticket, `<name>/end/poll/poll` and what follows.
 * @throws StepError, StepFailed: it could not be begun, has failed (`operation_failed` or the provider's own code), or
 * took too long (`operation_timeout`), after which it is called off.
 */
export function operation(
  ctx: JobContext,
  name: string,
  services: JobServices,
  options: OperationOptions,
): Promise<{ ticket: Ticket; result: JsonObject }> {
  return ctx.runInChildContext(name, async (scope) => {
    const traits = options.traits ?? traitsOf(options.operation, options.request);
    const [said, callbackId] = traits.callsBack ? await scope.createCallback<Json>("callback") : [];
    const ticket = await begin(scope, services, options, traits, callbackId);
    const watch = new Watch(scope, services, options, traits, ticket);
    watch.show({ asks: 0, faults: 0 });
    try {
      const ended = said ? await watch.firstOf(said) : await watch.poll("poll");
      if (ended.state === "done") return { ticket, result: ended.result };
      const { code, message, details } = ended.failure;
      throw new StepFailed(code, message, details === undefined ? {} : { details });
    } finally {
      watch.showEnd();
    }
  });
}

async function begin(
  scope: JobContext,
  { operations, signing, apiUrl }: JobServices,
  { operation, request, timeoutSeconds, degraded }: OperationOptions,
  { repeatable }: OperationTraits,
  callbackId: string | undefined,
): Promise<Ticket> {
  const { tenant } = scope.job;
  const expiresAt = scope.now() + timeoutSeconds * 1000;
  return scope.step(
    "start",
    async (step) => {
      const call = callOf(scope, step);
      if (callbackId === undefined) return operations.start(operation, request, call);
      // The address is no part of the journal: whoever has it can answer.
      const token = await callbackToken(signing, { tenant, callbackId }, expiresAt);
      const callbackUrl = `${apiUrl}/api/callbacks/signed?token=${token}`;
      return operations.start(operation, request, { ...call, callbackUrl });
    },
    {
      timeout: { minutes: 2 },
      // What is paid for is not begun twice: neither after the death of a worker nor after an answer that got lost.
      semantics: repeatable ? "AT_LEAST_ONCE_PER_RETRY" : "AT_MOST_ONCE_PER_RETRY",
      retryStrategy: startAgain(repeatable),
      marks: { ...(operation.startsWith("mock:") ? { mock: true } : {}), ...(degraded ? { degraded } : {}) },
    },
  );
}

const starts = 6;

function startAgain(repeatable: boolean): RetryStrategy {
  return (error, attempt) => {
    const isUseless = error instanceof ServiceError && !error.retryable;
    // Whoever could not read the signing secret has not come as far as the provider.
    const notBegun = error instanceof Unavailable || (error instanceof OperationError && error.notBegun);
    if (isUseless || attempt >= starts || !(repeatable || notBegun)) return { shouldRetry: false };
    return { shouldRetry: true, delay: { seconds: 2 ** attempt } };
  };
}

function callOf({ job }: JobContext, { signal, idempotencyKey }: StepContext): OperationCall {
  return { job: { tenant: job.tenant, jobId: job.jobId }, signal, idempotencyKey };
}

/** An operation that has begun, and whoever waits for its end. */
class Watch {
  private readonly scope: JobContext;
  private readonly services: JobServices;
  private readonly options: OperationOptions;
  private readonly ticket: Ticket;
  private readonly expectedMs: Millis | undefined;
  private readonly begunAt: Millis;
  private readonly cadence: Cadence;

  constructor(
    scope: JobContext,
    services: JobServices,
    options: OperationOptions,
    { expectedMs }: OperationTraits,
    ticket: Ticket,
  ) {
    this.scope = scope;
    this.services = services;
    this.options = options;
    this.ticket = ticket;
    this.expectedMs = expectedMs;
    this.begunAt = scope.now();
    this.cadence = cadenceFor(options.timeoutSeconds, options.cadence);
  }

  /** Whichever comes first: the provider says so, or is found to have ended. */
  async firstOf(said: Promise<Json>): Promise<Ended> {
    const ends = await this.scope.parallel<{ said: Json } | { ended: Ended }>(
      "end",
      [
        { name: "told", func: async () => ({ said: await said }) },
        { name: "asked", func: async (branch) => ({ ended: await this.poll("poll", branch) }) },
      ],
      { completionConfig: { minSuccessful: 1 } },
    );
    ends.throwIfError();
    const [first] = ends.getResults();
    if (first && "ended" in first) return first.ended;
    return this.after(first!.said);
  }

  /** What was said may be the outcome, or a hint to ask for it. */
  private async after(said: Json): Promise<Ended> {
    const { operations } = this.services;
    const { scope, ticket } = this;
    const poll = await scope.step("answer", (step) =>
      operations.pollAfter(said, ticket, callOf(scope, step)),
    );
    return poll.state === "pending" ? this.poll("poll-on") : poll;
  }

  /** Pattern A and pattern B in one: the engine makes the next check in place, or parks the job until it is due. */
  async poll(name: string, scope: JobContext = this.scope): Promise<Ended> {
    const { cadence, options } = this;
    try {
      const { outcome } = await scope.waitForCondition<Watched>(
        name,
        (before, step) => this.ask(before, step),
        {
          initialState: { asks: 0, faults: 0 },
          waitStrategy: ({ asks, outcome }) => {
            if (outcome) return { shouldContinue: false };
            const seconds = cadence.firstSeconds * cadence.factor ** (asks - 1);
            return { shouldContinue: true, delay: { seconds: Math.min(seconds, cadence.mostSeconds) } };
          },
          timeout: { seconds: options.timeoutSeconds },
        },
      );
      return outcome!;
    } catch (error) {
      if (!(error instanceof StepError) || error.code !== "condition_timeout") throw error;
      await this.callOff();
      const message = `${options.operation} had not ended after ${options.timeoutSeconds} seconds`;
      return { state: "failed", failure: { code: "operation_timeout", message } };
    }
  }

  /** One look, with one of three outcomes. A provider that cannot be asked is asked again: what it does is paid for. */
  private async ask(before: Watched, step: StepContext): Promise<Watched> {
    const asks = before.asks + 1;
    let watched: Watched;
    try {
      const { operations } = this.services;
      const poll = await operations.poll(this.ticket, callOf(this.scope, step));
      if (poll.state !== "pending") return { asks, faults: 0, outcome: poll };
      watched = {
        asks,
        faults: 0,
        ...(poll.percentage === undefined ? {} : { percentage: poll.percentage }),
      };
    } catch (error) {
      const faults = before.faults + 1;
      if (faults > mostFaults)
        return { asks, faults, outcome: { state: "failed", failure: unknowable(error) } };
      watched = { ...before, asks, faults };
    }
    this.show(watched);
    return watched;
  }

  show(watched: Watched): void {
    const standing = this.standing(watched);
    const { id, polls, elapsed_seconds: elapsed, eta_seconds: eta, percentage } = standing;
    const fraction = percentage === undefined ? elapsed / (elapsed + (eta ?? elapsed) + 1) : percentage / 100;
    const left = eta === undefined ? "" : eta > 0 ? `, about ${eta} s to go` : ", any moment now";
    this.scope.progress({
      current_step: `Waiting for ${this.options.what}`,
      total_steps: 2,
      completed_steps: 0,
      percentage: 10 + Math.floor(80 * Math.min(fraction, 1)),
      details: `Operation ${id} is pending: asked ${polls} times in ${elapsed} s${left}`,
      operation: standing,
    });
  }

  /** There is nothing more to wait for, so nothing is shown of it. */
  showEnd(): void {
    this.scope.progress({
      current_step: "Fetching the result",
      total_steps: 2,
      completed_steps: 1,
      percentage: 95,
      details: `${this.options.operation} has ended`,
    });
  }

  private standing({ asks, percentage }: Watched): OperationProgress {
    const elapsedMs = asks === 0 ? 0 : this.services.now() - this.begunAt;
    const leftMs =
      percentage !== undefined && percentage > 0
        ? (elapsedMs * (100 - percentage)) / percentage
        : this.expectedMs === undefined
          ? undefined
          : Math.max(0, this.expectedMs - elapsedMs);
    return {
      id: this.ticket.operation_id,
      state: "pending",
      polls: asks,
      elapsed_seconds: Math.round(elapsedMs / 1000),
      ...(leftMs === undefined ? {} : { eta_seconds: Math.round(leftMs / 1000) }),
      ...(percentage === undefined ? {} : { percentage }),
    };
  }

  private async callOff(): Promise<void> {
    const { scope, ticket } = this;
    const { operations } = this.services;
    await scope
      .step("call-off", (step) => operations.cancel(ticket, callOf(scope, step)))
      .catch((error: unknown) =>
        scope.logger.warn("an operation could not be called off", { error: String(error) }),
      );
  }
}

function unknowable(error: unknown): Failure {
  const [code, message] =
    error instanceof OperationError
      ? [error.code, error.message]
      : ["error", "its provider could not be asked"];
  return {
    code: "operation_lost",
    message: `The operation cannot be followed any more: ${message} (${code})`,
  };
}

/**
 * For a job type's `callOff`: when its job is cancelled, or fails, an operation that has begun and is not known to have
 * ended is called off, by a job of its own.
 */
export function callingOff(name: string): CallOff {
  return async (resultOf) => {
    const ticket = await resultOf(`${name}/start`);
    if (ticket === undefined) return undefined;
    for (const step of ["poll", "end/asked/poll", "poll-on", "answer"]) {
      const known = (await resultOf(`${name}/${step}`)) as Partial<Watched & Poll> | undefined;
      if (known?.outcome || known?.state === "done" || known?.state === "failed") return undefined;
    }
    return { type: "call-off", input: { ticket } };
  };
}
