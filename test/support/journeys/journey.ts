import { appendFile } from "node:fs/promises";
import * as z from "zod";
import type { JobContext } from "../../../core/engine/context.ts";
import { defineJob } from "../../../core/engine/job-type.ts";

/** A step that leaves a trace outside of the journal: whoever performs it is seen. */
function act(ctx: JobContext, name: string, diary: string): Promise<string> {
  return ctx.step(name, async () => {
    await appendFile(diary, `${name}\n`);
    return name;
  });
}

/** Does one thing, rests, and does the others. */
export function journey(version: number, before: string, after: string[]) {
  return defineJob({
    type: "journey",
    version,
    summary: "A journey with a rest",
    input: z.strictObject({ diary: z.string(), restSeconds: z.number() }),
    result: z.array(z.string()),
    example: { diary: "/dev/null", restSeconds: 1 },
    title: () => "A journey",
    description: () => "A journey with a rest",
    async run(ctx, { diary, restSeconds }) {
      const done = [await act(ctx, before, diary)];
      await ctx.wait("rest", { seconds: restSeconds });
      for (const name of after) done.push(await act(ctx, name, diary));
      return done;
    },
  });
}
