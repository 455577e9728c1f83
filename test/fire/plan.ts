import * as z from "zod";
import type { JobContext } from "../../core/engine/context.ts";
import { ServiceError, StepFailed } from "../../core/protocol/error.ts";
import type { Json, Millis } from "../../core/protocol/json.ts";

/** What a job does. Every part has a number, which is its name and its result. */
const part = z.discriminatedUnion("op", [
  z.object({ op: z.literal("step"), n: z.number(), ms: z.number(), fails: z.number(), large: z.boolean() }),
  z.object({ op: z.literal("call"), n: z.number(), ms: z.number() }),
  z.object({ op: z.literal("broken"), n: z.number() }),
  z.object({ op: z.literal("wait"), n: z.number(), ms: z.number() }),
  z.object({
    op: z.enum(["sequence", "all", "parallel", "map", "race", "child"]),
    n: z.number(),
    get of() {
      return z.array(part);
    },
  }),
]);
export const plan = part;
export type Plan = z.infer<typeof plan>;

const largeBytes = 20_000;

/** A job of a few parts, which takes a second or two if nothing goes wrong. */
export function grow(random: () => number): Plan {
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
  let numbered = 0;
  const branch = (depth: number): Plan => {
    const n = ++numbered;
    if (depth > 0 && random() < 0.65) {
      const ops = ["sequence", "sequence", "all", "parallel", "map", "race", "child"] as const;
      const op = ops[between(0, ops.length - 1)]!;
      return { op, n, of: Array.from({ length: between(1, 3) }, () => branch(depth - 1)) };
    }
    const kind = random();
    if (kind < 0.6) {
      const fails = random() < 0.25 ? between(1, 3) : 0;
      return { op: "step", n, ms: between(0, 250), fails, large: random() < 0.1 };
    }
    if (kind < 0.75) return { op: "call", n, ms: between(0, 250) };
    if (kind < 0.82) return { op: "broken", n };
    return { op: "wait", n, ms: random() < 0.3 ? between(500, 1_500) : between(0, 150) };
  };
  return { op: "sequence", n: 0, of: [branch(2), branch(1)] };
}

export type Hands = {
  /** Told from inside a step's function when it begins. */
  begins(attempt: number): void;
  work(ms: Millis): Promise<void>;
};

/** Carries out a plan. Its result says which parts have ended how. */
export async function perform(ctx: JobContext, node: Plan, hands: Hands): Promise<Json> {
  const name = `n${node.n}`;
  const all = (inner: JobContext, of: Plan[]) => of.map((one) => perform(inner, one, hands));
  switch (node.op) {
    case "step":
      return ctx.step(name, async ({ attempt }) => {
        hands.begins(attempt);
        await hands.work(node.ms);
        if (attempt <= node.fails) throw new Error("not yet");
        return node.large ? `${node.n}`.padEnd(largeBytes, ".") : node.n;
      });
    case "call": {
      const messages = [{ role: "user" as const, content: String(node.ms) }];
      const answer = await ctx.generate(name, { model: "mock:fire", messages });
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
      await ctx.wait(name, { seconds: node.ms / 1000 });
      return node.n;
    case "sequence": {
      const results: Json[] = [];
      for (const one of node.of) results.push(await perform(ctx, one, hands));
      return results;
    }
    case "all":
      return Promise.all(all(ctx, node.of));
    case "race":
      return Promise.race(all(ctx, node.of));
    case "child":
      return ctx.runInChildContext(name, (inner) => Promise.all(all(inner, node.of)));
    case "parallel": {
      const batch = await ctx.parallel(
        name,
        node.of.map((one) => (inner) => perform(inner, one, hands)),
      );
      return batch.getResults();
    }
    case "map": {
      const batch = await ctx.map(name, node.of, (inner, one) => perform(inner, one, hands), {
        maxConcurrency: 2,
      });
      return batch.getResults();
    }
  }
}

/** The result of a job that completes, undefined where a race decides it. */
export function expected(node: Plan): Json | undefined {
  if (node.op === "broken") return -node.n;
  if (node.op === "step" && node.large) return `${node.n}`.padEnd(largeBytes, ".");
  if (!("of" in node)) return node.n;
  if (node.op === "race") return undefined;
  const parts = node.of.map(expected);
  return parts.includes(undefined) ? undefined : (parts as Json[]);
}
