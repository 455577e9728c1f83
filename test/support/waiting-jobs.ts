import * as z from "zod";
import { defineJob } from "../../core/engine/job-type.ts";
import { registry } from "../../core/engine/registry.ts";

const room = defineJob({
  type: "room",
  version: 1,
  summary: "Books a room, which takes a moment",
  input: z.strictObject({ nights: z.int().positive() }),
  result: z.object({ room: z.string() }),
  example: { nights: 1 },
  title: ({ nights }) => `A room for ${nights} nights`,
  description: () => "",
  run: async (ctx, { nights }) => {
    await ctx.wait("look around", { seconds: 1 });
    return ctx.step("book", async () => ({ room: `${nights} nights` }));
  },
});

/** Waits for everything that a job can wait for: a child, somebody's system, a person, and a condition. */
const trip = defineJob({
  type: "trip",
  version: 1,
  summary: "Plans a trip",
  input: z.strictObject({ nights: z.int() }),
  result: z.unknown(),
  example: { nights: 2 },
  title: () => "A trip",
  description: () => "",
  run: async (ctx, { nights }) => {
    const room = ctx.invoke("room", "room", { nights });
    const flight = ctx.waitForCallback<{ seat: string }>("flight", async () => {}, { timeout: { hours: 1 } });
    const polls = ctx.waitForCondition("visa", async (n: number) => n + 1, {
      initialState: 0,
      waitStrategy: (n) =>
        n < 4 ? { shouldContinue: true, delay: { seconds: 0.7 } } : { shouldContinue: false },
    });
    const booked = await Promise.all([room, flight, polls]);
    const form = z.strictObject({ agreed: z.boolean() });
    const { agreed } = await ctx.ask("agreement", { question: "Is this all right?", schema: form });
    return { booked, agreed };
  },
});

export const jobs = registry([room, trip]);
