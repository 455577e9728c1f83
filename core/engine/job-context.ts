import * as z from "zod";
import { readerOf } from "../json-schema.ts";
import { StepFailed } from "../protocol/error.ts";
import type { Json, JsonObject } from "../protocol/json.ts";
import { serializable } from "./attempt.ts";
import { runBatch } from "./batch.ts";
import {
  type AskConfig,
  type BatchResult,
  type BudgetView,
  type CallbackConfig,
  type ChildConfig,
  type ConcurrencyConfig,
  type Duration,
  type GenerateConfig,
  type InvokeConfig,
  type JobContext,
  type Logger,
  type RetryStrategy,
  type Serdes,
  type StepConfig,
  type StepContext,
  toMillis,
  type WaitForConditionConfig,
} from "./context.ts";
import { generation } from "./generate.ts";
import { callbackIdOf, childIdOf } from "./ids.ts";
import { type CallbackCall, droppable, type Outcome, type Run } from "./run.ts";

/** A scope of a job function: names inside it are below its path. */
export function jobContext(run: Run, scope: string): JobContext {
  const { job, world } = run;
  const pathOf = numbering(scope);

  const child = async <T>(
    path: string,
    fn: (ctx: JobContext) => Promise<T>,
    { serdes }: ChildConfig<T> = {},
  ): Promise<T> => {
    const result = await fn(jobContext(run, `${path}/`));
    if (!serdes) return result;
    const { written, read } = through(serdes, path);
    return read((await written(result)) as Json);
  };

  /** A recorded value as a serdes makes it, and back. Without one it is the JSON itself. */
  function through<T>(
    serdes: Partial<Serdes<T>> | undefined,
    path: string,
  ): { written: (value: T) => Promise<unknown>; read: (value: Json) => T | Promise<T> } {
    const at = { entityId: path, durableExecutionArn: job.jobId };
    const { serialize, deserialize } = serdes ?? {};
    return {
      written: async (value) => (serialize ? serialize(value, at) : value),
      read: (value) => {
        if (!deserialize) return value as T;
        // What a serdes wrote is a text. An answer from outside may be any JSON.
        const text = typeof value === "string" || value === null ? value : JSON.stringify(value);
        return deserialize(text ?? undefined, at) as Promise<T>;
      },
    };
  }

  function step<T>(
    path: string,
    fn: (step: StepContext) => Promise<T>,
    { serdes, marks, ...config }: StepConfig<T>,
  ): Promise<T> {
    const { written, read } = through(serdes, path);
    return run.call(
      path,
      {
        kind: "step",
        config,
        perform: async (context) => ({ result: (await written(await fn(context))) as Json, ...marks }),
      },
      ({ value }) => read(value),
    );
  }

  function waitForCondition<T>(
    name: string,
    check: (state: T, step: StepContext) => Promise<T>,
    config: WaitForConditionConfig<T>,
  ): Promise<T> {
    const { initialState, waitStrategy, timeout, retryStrategy = never, serdes } = config ?? {};
    if (!waitStrategy || initialState === undefined)
      throw new TypeError("waitForCondition requires config with waitStrategy and initialState");
    const timeoutMs = timeout ? toMillis(timeout) : Number.POSITIVE_INFINITY;
    const path = pathOf(name);
    const { written, read } = through(serdes, path);
    return run.call(
      path,
      {
        kind: "step",
        config: { retryStrategy },
        perform: async (context, before) => {
          const state = before.state === undefined ? initialState : await read(before.state);
          const result = (await written(await check(state, context))) as Json;
          const json = serializable(result);
          if ("failure" in json) throw new StepFailed(json.failure.code, json.failure.message);
          // The strategy sees what the next check will see.
          const decision = waitStrategy(await read(json.value), before.checks + 1);
          if (!decision.shouldContinue) return { result };
          const leftMs = timeoutMs - before.elapsedMs();
          if (leftMs <= 0)
            throw new StepFailed("condition_timeout", `The condition of "${path}" did not come true in time`);
          return { result, againInMs: Math.min(toMillis(decision.delay), leftMs) };
        },
      },
      ({ value }) => read(value),
    );
  }

  function callback<T>(
    path: string,
    asked: Omit<CallbackCall, "kind" | "id">,
    revive: (outcome: Outcome & { ok: true }) => T | Promise<T>,
  ): [Promise<T>, string] {
    const id = callbackIdOf(job, path);
    return [run.call(path, { kind: "callback", id, ...asked }, revive), id];
  }

  function createCallback<T>(path: string, config: CallbackConfig<T>): [Promise<T>, string] {
    const { timeout, heartbeatTimeout, serdes } = config;
    const { read } = through<T>(serdes, path);
    return callback(
      path,
      {
        ...(timeout ? { timeoutMs: toMillis(timeout) } : {}),
        ...(heartbeatTimeout ? { heartbeatMs: toMillis(heartbeatTimeout) } : {}),
      },
      ({ value }) => read(value),
    );
  }

  async function waitForCallback<T>(
    name: string,
    submitter: (callbackId: string, step: StepContext) => Promise<void>,
    { retryStrategy, ...config }: CallbackConfig<T> & { retryStrategy?: RetryStrategy },
  ): Promise<T> {
    if (!submitter) throw new TypeError("waitForCallback requires a submitter function");
    const within = numbering(`${pathOf(name)}/`);
    const [answer, id] = createCallback(within("callback"), config);
    await step(within("submitter"), (context) => submitter(id, context), {
      ...(retryStrategy ? { retryStrategy } : {}),
    });
    return answer;
  }

  function ask(name: string, config: AskConfig<z.ZodType | JsonObject>): Promise<unknown> {
    const { question, schema, answerers, deadline, reminder } = config;
    const form = schema instanceof z.ZodType ? schema : undefined;
    const jsonSchema = form ? z.toJSONSchema(form, { io: "input", unrepresentable: "any" }) : schema;
    // One that nobody could answer is better known now.
    readerOf(jsonSchema as JsonObject);
    const asked = {
      question,
      schema: jsonSchema as JsonObject,
      ...(answerers ? { answerers } : {}),
      ...(config.default === undefined ? {} : { default: config.default }),
    };
    const [answer] = callback(
      pathOf(name),
      {
        ask: asked,
        ...(deadline ? { timeoutMs: toMillis(deadline) } : {}),
        ...(reminder ? { reminderMs: toMillis(reminder) } : {}),
      },
      ({ value }) => (form ? form.parse(value) : value),
    );
    return answer;
  }

  async function invoke<R, I>(name: string, type: string, input: I, config: InvokeConfig<I, R>): Promise<R> {
    const path = pathOf(name);
    const { title, timeout, payloadSerdes, resultSerdes } = config;
    const { read } = through<R>(resultSerdes, path);
    const text = payloadSerdes && (await through<I>(payloadSerdes, path).written(input));
    const [result] = callback(
      path,
      {
        child: {
          jobId: childIdOf(job, path),
          type,
          input: typeof text === "string" ? JSON.parse(text) : input,
          ...(title ? { title } : {}),
        },
        ...(timeout ? { timeoutMs: toMillis(timeout) } : {}),
      },
      ({ value }) => read(value),
    );
    return result;
  }

  const loud =
    (level: keyof Logger) =>
    (message: string, fields: object = {}) => {
      if (!run.replaying) world.logger[level](message, { job_id: job.jobId, ...fields });
    };

  const batch = <T>(
    name: string,
    branches: { name: string; func: (ctx: JobContext) => Promise<T> }[],
    config: ConcurrencyConfig | undefined,
  ): Promise<BatchResult<T>> => {
    const within = numbering(`${pathOf(name)}/`);
    const units = branches.map(({ name, func }) => {
      const inner = `${within(name)}/`;
      return { name, start: async () => func(jobContext(run, inner)), abandon: () => run.abandon(inner) };
    });
    return droppable(runBatch(units, config));
  };

  const generate = generation(run, pathOf);

  return {
    job: {
      tenant: job.tenant,
      jobId: job.jobId,
      type: job.type,
      version: job.version,
      createdAt: job.createdAt,
      ...(job.inConversation
        ? { conversation: { id: job.inConversation.conversationId, message: job.inConversation.message } }
        : {}),
    },
    logger: { debug: loud("debug"), info: loud("info"), warn: loud("warn"), error: loud("error") },
    signal: run.cancelled.signal,
    step: (name, fn, config = {}) => step(pathOf(name), fn, config),
    wait: (name: string, duration: Duration) =>
      run.call(pathOf(name), { kind: "wait", durationMs: toMillis(duration) }, () => undefined),
    waitForCondition,
    createCallback: async (name, config = {}) => createCallback(pathOf(name), config),
    waitForCallback: (name, submitter, config = {}) => droppable(waitForCallback(name, submitter, config)),
    ask: ask as JobContext["ask"],
    invoke: (name, type, input, config = {}) => droppable(invoke(name, type, input, config)),
    continueAsNew: (input) => {
      run.finish({ ok: true, value: input, continues: true });
      return new Promise(() => {});
    },
    handOff: (type, input) => {
      run.finish({ ok: true, value: input, continues: true, type });
      return new Promise(() => {});
    },
    generate: (name, request, config: GenerateConfig = {}) =>
      droppable(generate(name, request, config, false)),
    stream: (name, request, config: GenerateConfig = {}) => droppable(generate(name, request, config, true)),
    runInChildContext: (name, fn, config) => droppable(child(pathOf(name), fn, config)),
    parallel: (name, branches, config) =>
      batch(
        name,
        branches.map((branch, index) => {
          const { name = "", func } = typeof branch === "function" ? { func: branch } : branch;
          return { name: name || `parallel-branch-${index}`, func };
        }),
        config,
      ),
    map: (name, items, fn, config) =>
      batch(
        name,
        items.map((item, index) => ({
          name: config?.itemNamer?.(item, index) || `map-item-${index}`,
          func: (ctx) => fn(ctx, item, index, items),
        })),
        config,
      ),
    // The order in which outcomes are delivered is the journal's, so the language's own combinators replay alike.
    promise: {
      all: (_name, promises) => Promise.all(promises),
      allSettled: (_name, promises) => Promise.allSettled(promises),
      any: (_name, promises) => Promise.any(promises),
      race: (_name, promises) => Promise.race(promises),
    },
    progress: (progress) => {
      run.progress = progress;
    },
    degraded: () => {
      run.degraded = true;
    },
    usage: () => run.consumed,
    now: () => run.moment,
    budget: () => budgetOf(run),
  };
}

/** AWS's: a check that throws is not made again. */
const never: RetryStrategy = () => ({ shouldRetry: false });

/** From what was submitted and what the job function has seen, so that a replay is told the same. */
function budgetOf({ limits, consumed, stepsAsked }: Run): BudgetView {
  const left = (limit: number | undefined, used: number) =>
    limit === undefined ? undefined : Math.max(0, limit - used);
  const steps = left(limits.max_steps, stepsAsked);
  const tokens = left(limits.max_tokens, consumed.input_tokens + consumed.output_tokens);
  const cost = left(limits.max_cost_usd, consumed.cost_usd ?? 0);
  return {
    limits,
    left: {
      ...(steps === undefined ? {} : { steps }),
      ...(tokens === undefined ? {} : { tokens }),
      ...(cost === undefined ? {} : { cost_usd: cost }),
    },
  };
}

/** `poll`, `poll#2`, ...: a name that comes again in one scope is numbered in the order of the calls. */
function numbering(scope: string): (name: string) => string {
  const used = new Map<string, number>();
  return (name) => {
    const count = (used.get(name) ?? 0) + 1;
    used.set(name, count);
    return `${scope}${name}${count === 1 ? "" : `#${count}`}`;
  };
}
