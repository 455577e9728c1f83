import { after, messageOf, once } from "./jobs.ts";
import type { JobFunction, Outcome } from "./vocabulary.ts";

/** What the table in docs/durable-functions.md says, one row each: the same job function, and what it ends with where. */
export const differences: Record<
  string,
  { job: JobFunction; timed?: true; aws: Partial<Outcome>; convoke: Partial<Outcome> }
> = {
  "an error passes scopes as it is": {
    job: async (ctx) => {
      const broken = () =>
        ctx.runInChildContext("scope", (scope) =>
          scope.step(
            "work",
            async () => {
              throw new TypeError("no");
            },
            once,
          ),
        );
      const named = (error: Error) => [error.name, error.message, (error.cause as Error).name];
      return [await broken().catch(named), await ctx.promise.all("all", [broken()]).catch(named)];
    },
    aws: {
      ended: {
        result: [
          ["ChildContextError", "no", "StepError"],
          ["PromiseCombinatorError", "no", "ChildContextError"],
        ],
      },
    },
    convoke: {
      ended: {
        result: [
          ["StepError", "no", "TypeError"],
          ["StepError", "no", "TypeError"],
        ],
      },
    },
  },

  "no result is null": {
    job: async (ctx) => {
      const nothing = await ctx.step("nothing", async () => undefined);
      const batch = await ctx.parallel("stage", [async () => undefined, async () => 1]);
      return [String(nothing), batch.successCount, batch.getResults().length];
    },
    aws: { ended: { result: ["undefined", 2, 1] } },
    convoke: { ended: { result: ["null", 2, 2] } },
  },

  "what is thrown without being an error keeps its text": {
    job: async (ctx) =>
      ctx
        .step(
          "odd",
          async () => {
            throw "just a text";
          },
          once,
        )
        .catch(messageOf),
    aws: { ended: { result: "Unknown error" } },
    convoke: { ended: { result: "just a text" } },
  },

  "the result of a scope is not recorded, so it does not go through JSON": {
    job: async (ctx) => {
      const at = await ctx.runInChildContext("scope", async () => new Date(0) as unknown);
      return typeof at;
    },
    aws: { ended: { result: "string" } },
    convoke: { ended: { result: "object" } },
  },

  "what an abandoned branch had begun": {
    timed: true,
    job: async (ctx, { did, sleep }) => {
      await ctx.parallel(
        "stage",
        [
          after(1, "quick"),
          (branch) => branch.wait("pause", { seconds: 2 }).then(() => "unreachable"),
          async (branch) => {
            await branch.step("paid for", async () => {
              await sleep(1_500);
              did("paid for");
            });
            return "unreachable";
          },
        ],
        { completionConfig: { minSuccessful: 1 } },
      );
      await ctx.wait("a while", { seconds: 3 });
    },
    aws: {
      ended: { result: null },
      effects: ["paid for"],
      operations: [
        { path: "a while", kind: "wait", status: "SUCCEEDED" },
        { path: "stage/parallel-branch-1/pause", kind: "wait", status: "SUCCEEDED" },
        { path: "stage/parallel-branch-2/paid for", kind: "step", status: "STARTED", attempts: 1 },
        { path: "stage/quick/answer", kind: "step", status: "SUCCEEDED", attempts: 1 },
        { path: "stage/quick/pause", kind: "wait", status: "SUCCEEDED" },
      ],
    },
    convoke: {
      ended: { result: null },
      effects: ["paid for"],
      operations: [
        { path: "a while", kind: "wait", status: "SUCCEEDED" },
        { path: "stage/parallel-branch-1/pause", kind: "wait", status: "STARTED" },
        { path: "stage/parallel-branch-2/paid for", kind: "step", status: "SUCCEEDED", attempts: 1 },
        { path: "stage/quick/answer", kind: "step", status: "SUCCEEDED", attempts: 1 },
        { path: "stage/quick/pause", kind: "wait", status: "SUCCEEDED" },
      ],
    },
  },

  "a step that does not say how it is tried again": {
    job: async (ctx, { did }) =>
      ctx
        .step("work", async () => {
          did("work");
          throw new Error("no");
        })
        .catch(messageOf),
    aws: { ended: { result: "no" }, effects: Array(6).fill("work") },
    convoke: { ended: { result: "no" }, effects: Array(5).fill("work") },
  },
};
