import * as z from "zod";
import type { JobContext } from "../../core/engine/context.ts";
import { type Concurrency, defineJob, type Jobs } from "../../core/engine/job-type.ts";
import { registry } from "../../core/engine/registry.ts";
import type { ModelRequest } from "../../core/models/model.ts";
import { ServiceError, StepFailed } from "../../core/protocol/error.ts";
import type { Json, JsonObject, Millis } from "../../core/protocol/json.ts";
import type { Chance } from "./faults.ts";

/** What a job of a storm does. Every leaf has a number, which is its name and its result. */
export type Shape =
  | { op: "step"; n: number; ms: Millis; fails: number; large: boolean }
  | { op: "call"; n: number; ms: Millis; streams: boolean }
  | { op: "broken"; n: number }
  | { op: "hopeless"; n: number }
  /** Fails the job, until somebody has mended what it needs. */
  | { op: "flawed"; n: number }
  | { op: "wait"; n: number; seconds: number }
  | { op: "callback"; n: number; seconds: number }
  | { op: "ask"; n: number; seconds: number; default?: number }
  | { op: "condition"; n: number; checks: number; seconds: number }
  | { op: "invoke"; n: number; of: [Shape] }
  | { op: "batch"; n: number; of: Shape[] }
  | { op: "sequence" | "all" | "parallel" | "map" | "race" | "child"; n: number; of: Shape[] };

/** `rounds`: how many journals it fills after this one, with the same work in each. */
export type Plan = { question: string; shape: Shape; rounds?: number };

/** What surrounds the attempts of a storm's steps. */
export type Hands = {
  /** Called when an attempt begins, and awaited for as long as it takes. */
  attempt(attempt: number, ms: Millis, idempotencyKey: string): Promise<void>;
  /** Whether what is flawed has been mended by now. */
  mended(): boolean;
  /** Who may answer a question, where not everybody may. */
  answerers?: string[];
};

const text = 20_000;

function large(n: number): string {
  return `${n}`.padEnd(text, ".");
}

/** The type's first version as it was deployed first, and after a deployment that changes nothing for its journals. */
export function deployments(hands: Hands, concurrency?: Concurrency<Plan>): { before: Jobs; after: Jobs } {
  const versionOf = (version: number, talkative: boolean) => {
    const one = jobType(hands, version, talkative);
    return concurrency ? { ...one, concurrency } : one;
  };
  const before = registry([versionOf(1, false)]);
  const after = registry([versionOf(1, true), versionOf(2, true)]);
  return { before, after };
}

function jobType(hands: Hands, version: number, talkative: boolean) {
  return defineJob<Plan, JsonObject>({
    type: "storm",
    version,
    summary: "A job of a storm",
    input: z.object({
      question: z.string(),
      shape: z.custom<Shape>((shape) => shape !== undefined),
      rounds: z.int().exactOptional(),
    }),
    result: z.record(z.string(), z.json()),
    example: { question: "?", shape: { op: "wait", n: 1, seconds: 1 } },
    title: () => "Storm",
    description: () => "Storm",
    async run(ctx, { question, shape, rounds = 0 }) {
      const work = new Work(hands, talkative);
      if (version === 2) await work.perform(ctx, { op: "wait", n: 0, seconds: 1 });
      const result = await work.perform(ctx, shape);
      if (rounds > 0) return ctx.continueAsNew({ question, shape, rounds: rounds - 1 });
      return { result, usage: { ...ctx.usage() } as JsonObject };
    },
    reply: (result) => ({ content: "answer", data: result }),
  });
}

class Work {
  readonly #hands: Hands;
  readonly #talkative: boolean;
  #done = 0;

  constructor(hands: Hands, talkative: boolean) {
    this.#hands = hands;
    this.#talkative = talkative;
  }

  async perform(ctx: JobContext, node: Shape): Promise<Json> {
    const name = `n${node.n}`;
    switch (node.op) {
      case "step":
        return ctx.step(name, async ({ attempt, idempotencyKey }) => {
          await this.#hands.attempt(attempt, node.ms, idempotencyKey);
          if (attempt <= node.fails) throw new Error("not yet");
          return node.large ? large(node.n) : node.n;
        });
      case "call":
        return this.#call(ctx, name, node);
      case "broken":
        try {
          return await ctx.step(name, async () => {
            throw new StepFailed("broken", "always");
          });
        } catch (error) {
          return error instanceof ServiceError && error.code === "broken" ? -node.n : null;
        }
      case "hopeless":
        try {
          return await ctx.step(
            name,
            async ({ attempt, idempotencyKey }) => {
              await this.#hands.attempt(attempt, 100, idempotencyKey);
              throw new Error("never");
            },
            { retryStrategy: (_error, failures) => ({ shouldRetry: failures < 3, delay: { seconds: 1 } }) },
          );
        } catch {
          return -node.n;
        }
      case "flawed":
        return ctx.step(name, async () => {
          if (!this.#hands.mended()) throw new StepFailed("flawed", "Not before it is mended");
          return node.n;
        });
      case "wait":
        await ctx.wait(name, { seconds: node.seconds });
        return node.n;
      case "ask": {
        const { answerers } = this.#hands;
        const form = {
          question: "How many?",
          schema: { type: "integer", minimum: 0 },
          deadline: { seconds: node.seconds },
          reminder: { seconds: node.seconds / 2 },
          ...(answerers ? { answerers } : {}),
        };
        const otherwise = node.default === undefined ? {} : { default: node.default };
        return ctx.ask(name, { ...form, ...otherwise }).catch(() => -node.n);
      }
      case "callback": {
        const [answer] = await ctx.createCallback<Json>(name, { timeout: { seconds: node.seconds } });
        return answer.catch(() => -node.n);
      }
      case "condition":
        await ctx.waitForCondition(
          name,
          async (checked: number, { attempt, idempotencyKey }) => {
            await this.#hands.attempt(attempt, 50, idempotencyKey);
            return checked + 1;
          },
          {
            initialState: 0,
            waitStrategy: (checked) =>
              checked >= node.checks
                ? { shouldContinue: false }
                : { shouldContinue: true, delay: { seconds: node.seconds } },
          },
        );
        return node.n;
      case "invoke":
        try {
          return (await ctx.invoke<JsonObject>(name, "storm", child(ctx, node.n, node.of[0]))).result ?? null;
        } catch {
          return -node.n;
        }
      case "batch": {
        const jobs = node.of.map((part, index) => ({
          type: "storm",
          input: child(ctx, `${node.n}.${index}`, part),
        }));
        return ctx.invoke(name, "batch", { jobs }).then(
          () => node.n,
          () => -node.n,
        );
      }
      case "sequence": {
        const results: Json[] = [];
        for (const part of node.of) {
          this.#show(ctx, name);
          results.push(await this.perform(ctx, part));
        }
        return results;
      }
      case "all":
        return Promise.all(node.of.map((part) => this.perform(ctx, part)));
      case "race":
        return Promise.race(node.of.map((part) => this.perform(ctx, part)));
      case "child":
        return ctx.runInChildContext(name, async (inner) =>
          Promise.all(node.of.map((part) => this.perform(inner, part))),
        );
      case "parallel": {
        const batch = await ctx.parallel(
          name,
          node.of.map((part) => (inner) => this.perform(inner, part)),
        );
        return batch.getResults();
      }
      case "map": {
        const batch = await ctx.map(name, node.of, (inner, part) => this.perform(inner, part), {
          maxConcurrency: 2,
        });
        return batch.getResults();
      }
    }
  }

  async #call(ctx: JobContext, name: string, node: Shape & { op: "call" }): Promise<Json> {
    const request: ModelRequest = {
      model: "mock:storm",
      messages: [{ role: "user", content: String(node.ms) }],
    };
    const check = ({ text: said }: { text: string }) => {
      if (said.startsWith("garbled")) throw new Error("That is no answer");
    };
    const answer = node.streams
      ? await ctx.stream(name, request, { check })
      : await ctx.generate(name, request, { check });
    return answer.text.startsWith("answer") ? node.n : null;
  }

  /** Progress is no part of what a replay compares, so a deployment may show more or less of it. */
  #show(ctx: JobContext, name: string): void {
    this.#done += 1;
    const percentage = (this.#done * 37) % 96;
    const details = this.#talkative ? `${this.#done} begun` : "";
    ctx.progress({
      current_step: name,
      total_steps: 10,
      completed_steps: Math.min(10, this.#done),
      percentage,
      details,
    });
  }
}

/** What a job has another one do. */
function child({ job: { tenant, jobId } }: JobContext, n: number | string, shape: Shape): Plan {
  return { question: `child ${n} of ${jobId} canary-${tenant}`, shape };
}

export function grow(chance: Chance): Shape {
  let numbered = 0;
  const node = (depth: number): Shape => {
    const n = ++numbered;
    if (depth === 0 || chance.of(0.3)) return leaf(n, chance);
    if (chance.of(0.08)) return { op: "invoke", n, of: [node(depth - 1)] };
    if (chance.of(0.03)) return { op: "batch", n, of: [node(0), node(0)] };
    const op = chance.pick(["sequence", "sequence", "all", "parallel", "map", "race", "child"] as const);
    return { op, n, of: Array.from({ length: chance.between(1, 3) }, () => node(depth - 1)) };
  };
  return node(chance.of(0.25) ? 3 : 2);
}

function leaf(n: number, chance: Chance): Shape {
  const kind = chance.random();
  if (kind < 0.5) {
    const fails = chance.of(0.2) ? chance.between(1, 3) : 0;
    return { op: "step", n, ms: chance.between(0, 2_500), fails, large: chance.of(0.03) };
  }
  if (kind < 0.75) {
    const ms = chance.of(0.15) ? chance.between(6_000, 15_000) : chance.between(1, 1_500);
    return { op: "call", n, ms, streams: chance.of(0.3) };
  }
  if (kind < 0.79) return { op: "broken", n };
  if (kind < 0.83) return { op: "hopeless", n };
  if (kind < 0.86) return { op: "callback", n, seconds: chance.between(1, 25) };
  if (kind < 0.88) {
    const otherwise = chance.of(0.5) ? { default: chance.between(0, 9) } : {};
    return { op: "ask", n, seconds: chance.between(1, 25), ...otherwise };
  }
  if (kind < 0.9) {
    return { op: "condition", n, checks: chance.between(1, 4), seconds: chance.between(0, 6) };
  }
  return { op: "wait", n, seconds: chance.of(0.12) ? chance.between(30, 300) : chance.between(0, 12) };
}

/** `missed`: nobody has answered in time. */
export type Answered = { result: Json } | "refused" | "missed";

/**
 * The result if no race and no other job has a say in it.
 * @param answers - what people said to whatever has this number, as far as that is known.
 */
export function expected(
  node: Shape,
  answers: (n: number) => Answered | undefined = () => undefined,
): Json | undefined {
  if (node.op === "broken" || node.op === "hopeless") return -node.n;
  if (node.op === "step" && node.large) return large(node.n);
  if (node.op === "ask" || node.op === "callback") {
    const answer = answers(node.n);
    if (typeof answer === "object") return answer.result;
    if (answer === "missed" && node.op === "ask" && node.default !== undefined) return node.default;
    return answer && -node.n;
  }
  if (!("of" in node)) return node.n;
  if (node.op === "race" || node.op === "invoke" || node.op === "batch") return undefined;
  const parts = node.of.map((part) => expected(part, answers));
  return parts.includes(undefined) ? undefined : (parts as Json[]);
}

/** Longer than the job takes if nothing goes on beside anything else. */
export function workMs(node: Shape): Millis {
  switch (node.op) {
    case "step":
      return (node.ms + 2_200) * (node.fails + 1);
    case "call":
      return node.ms + 300;
    case "broken":
    case "flawed":
      return 300;
    case "hopeless":
      return 6_000;
    case "wait":
    case "callback":
    case "ask":
      return node.seconds * 1_000 + 2_500;
    case "condition":
      return (node.seconds * 1_000 + 2_500) * node.checks;
    default:
      return node.of.reduce((sum, part) => sum + workMs(part), 2_500);
  }
}
