import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { JobContext } from "../../core/engine/context.ts";
import { defineJob } from "../../core/engine/job-type.ts";
import { registry } from "../../core/engine/registry.ts";

const once = { retryStrategy: () => ({ shouldRetry: false as const }) };
const never = new Promise<never>(() => {});

/** What users' functions do on a bad day. */
const deeds = {
  /** Nothing bad: a neighbour. */
  none: async (ctx: JobContext) => {
    await ctx.step("first", () => sleep(300, "one"));
    return ctx.step("second", () => sleep(300, "two"));
  },
  throws: async () => {
    throw new TypeError("I have no answer");
  },
  "returns what is no JSON": async () => ({ big: 1n }),
  "returns itself": async () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    return circle;
  },
  "catches everything": async (ctx: JobContext) => {
    for (;;) {
      try {
        await ctx.step("again", async () => Promise.reject(new Error("no")), once);
      } catch {
        // and on
      }
    }
  },
  "awaits what is not of its context": () => never,
  "exits in a step": async (ctx: JobContext) => ctx.step("fatal", async () => process.exit(0)),
  "exits at once": async () => process.exit(1),
  // Blocks its thread as a loop would, without the heat.
  "loops in a step": async (ctx: JobContext) =>
    ctx.step("endless", async () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)),
  "fills the memory": async (ctx: JobContext) =>
    ctx.step("greedy", async () => {
      const kept: number[][] = [];
      for (;;) kept.push(new Array(1_000_000).fill(kept.length + 0.5));
    }),
} satisfies Record<string, (ctx: JobContext) => Promise<unknown>>;

export type Deed = keyof typeof deeds;

export const jobs = registry([
  defineJob({
    type: "hostile",
    version: 1,
    summary: "Does what it is told to, and to its worker",
    input: z.object({ deed: z.enum(Object.keys(deeds) as [Deed, ...Deed[]]) }),
    result: z.unknown(),
    example: { deed: "none" },
    title: ({ deed }) => deed,
    description: ({ deed }) => deed,
    run: (ctx, { deed }) => deeds[deed](ctx),
  }),
]);
