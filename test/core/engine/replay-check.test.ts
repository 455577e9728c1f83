import { expect, test } from "vitest";
import type { JobContext } from "../../../core/engine/context.ts";
import { registry } from "../../../core/engine/registry.ts";
import { checkReplay } from "../../../core/engine/replay-check.ts";
import { memoryPayloads } from "../../../core/payloads/memory.ts";
import type { Json } from "../../../core/protocol/json.ts";
import { engine, jobOf } from "../../support/engine.ts";

type Code = (ctx: JobContext, input: Json) => Promise<unknown>;

let performed = 0;
const step = (ctx: JobContext, name: string, value: Json = name) =>
  ctx.step(name, async () => {
    performed += 1;
    return value;
  });

const branch = (name: string) => ({ name, func: (ctx: JobContext) => step(ctx, "say", name) });

const original: Code = async (ctx) => {
  const first = await step(ctx, "first");
  await ctx.wait("nap", { hours: 1 });
  const both = await ctx.parallel("both", [branch("a"), branch("b")]);
  return [first, ...both.getResults()];
};

/** The journal of a job that ran to its end, and what another code makes of it. */
async function journalOf(code: Code = original) {
  const self = engine(jobOf(code));
  const key = await self.submit();
  await self.toEnd(key);
  const entries = await self.entries(key);
  performed = 0;
  return {
    entries,
    check: (other: Code, version = 1, upTo = entries.length) =>
      checkReplay(registry([jobOf(other, version)]), entries.slice(0, upTo), self.services.payloads),
  };
}

test("every beginning of a journal fits the code that wrote it, and no step is performed", async () => {
  const { entries, check } = await journalOf();
  for (let upTo = 1; upTo <= entries.length; upTo += 1) {
    expect(await check(original, 1, upTo)).toEqual({ verdict: "fits" });
  }
  expect(performed).toBe(0);
});

test("code that goes another way diverges, and the step at which it does is named", async () => {
  const { check } = await journalOf();
  const others: Record<string, Code> = {
    first: async (ctx) => step(ctx, "renamed"),
    nap: async (ctx) => {
      await step(ctx, "first");
      return step(ctx, "no nap");
    },
    "both/b/say": async (ctx) => {
      await step(ctx, "first");
      await ctx.wait("nap", { hours: 1 });
      await ctx.parallel("both", [branch("a")]);
    },
    "one more": async (ctx) => {
      await original(ctx, null);
      return step(ctx, "one more");
    },
  };
  for (const [at, code] of Object.entries(others)) {
    expect(await check(code)).toMatchObject({ verdict: "diverges", step: at });
  }
  expect(performed).toBe(0);
});

test("another result, a failure, or no end where the journal has one is a divergence too", async () => {
  const { check } = await journalOf();
  const other = { verdict: "diverges", step: "" };
  expect(await check(async (ctx) => [await original(ctx, null)])).toEqual({
    ...other,
    message: "The job ends with another result than its journal",
  });
  expect(
    await check(async (ctx) => {
      await original(ctx, null);
      throw new Error("changed its mind");
    }),
  ).toEqual({ ...other, message: "The journal holds a result, the job fails: changed its mind" });
});

test("a job that waits fits code that differs only in what comes after", async () => {
  const self = engine(jobOf(original));
  const key = await self.submit();
  await self.pass(key);
  const entries = await self.entries(key);
  const changed = jobOf(async (ctx) => {
    await step(ctx, "first");
    await ctx.wait("nap", { hours: 1 });
    return step(ctx, "something else");
  });
  expect(await checkReplay(registry([changed]), entries, memoryPayloads())).toEqual({ verdict: "fits" });
});

test("a version that is not there is missing, whatever the others are like", async () => {
  const { check } = await journalOf();
  expect(await check(original, 2)).toEqual({ verdict: "missing" });
});

test("what is no journal, or refers to a value that is gone, cannot be read", async () => {
  const large: Code = (ctx) => step(ctx, "large", "x".repeat(20_000));
  const { entries } = await journalOf(large);
  const jobs = registry([jobOf(large)]);
  expect(await checkReplay(jobs, entries, memoryPayloads())).toMatchObject({ verdict: "unreadable" });
  expect(await checkReplay(jobs, entries.slice(1), memoryPayloads())).toMatchObject({
    verdict: "unreadable",
  });
  expect(await checkReplay(jobs, [], memoryPayloads())).toMatchObject({ verdict: "unreadable" });
});
