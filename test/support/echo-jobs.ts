import * as z from "zod";
import { defineJob } from "../../core/engine/job-type.ts";
import { registry } from "../../core/engine/registry.ts";

const echo = defineJob({
  type: "echo",
  version: 1,
  summary: "Gives back what it is given, through a step",
  input: z.strictObject({ text: z.string() }),
  result: z.strictObject({ text: z.string() }),
  example: { text: "hello" },
  title: () => "An echo",
  description: () => "Gives back what it is given",
  run: async (ctx, { text }) => ctx.step("say", async () => ({ text })),
});

export const jobs = registry([echo]);
