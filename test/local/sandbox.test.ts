import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { noting } from "../support/fixture-assembly.ts";
import { fixtureCloud } from "../support/fixture-cloud.ts";

const one = (code: string, properties = {}) => ({ functions: { Subject: { code, properties } } });

test("AWS's own runtime client runs the function: handler, context, variables, arguments", async () => {
  const { cloud } = await fixtureCloud(
    one(
      `export const handler = async (event, context) => ({
        event,
        left: context.getRemainingTimeInMillis(),
        name: context.functionName,
        memory: context.memoryLimitInMB,
        arn: context.invokedFunctionArn,
        trace: process.env._X_AMZN_TRACE_ID,
        variable: process.env.MINE,
        options: process.env.NODE_OPTIONS,
        store: typeof globalThis.awslambda.InvokeStore,
      });`,
      { Timeout: 7, Environment: { Variables: { MINE: "yes", NODE_OPTIONS: "--enable-source-maps" } } },
    ),
  );

  const outcome = await cloud.lambdas.invoke("Subject", { hello: "world" });

  expect(outcome).toMatchObject({
    ok: true,
    payload: {
      event: { hello: "world" },
      name: "Fixture-Subject",
      memory: "128",
      arn: "arn:aws:lambda:us-east-1:000000000000:function:Fixture-Subject",
      trace: expect.stringMatching(/^Root=1-[0-9a-f]+-[0-9a-f]{24};/),
      variable: "yes",
      options: "--enable-source-maps",
      store: "object",
    },
  });
  const { left } = (outcome as { payload: { left: number } }).payload;
  expect(left).toBeGreaterThan(6_000);
  expect(left).toBeLessThanOrEqual(7_000);
});

const misdeeds = `
export const handler = async ({ misdeed }) => {
  switch (misdeed) {
    case "throw": { const error = new Error("no luck"); error.name = "NoLuck"; throw error; }
    case "exit": process.exit(3);
    case "abort": process.abort();
    case "rejection": Promise.reject(new Error("nobody waits")); return new Promise(() => {});
    case "hang": return new Promise((resolve) => setTimeout(resolve, 60_000));
    case "spin": for (;;) {}
    case "memory": { const all = []; for (;;) all.push(new Array(1e6).fill(all.length)); }
    default: return "well";
  }
};`;

test.each([
  ["throw", "error", "NoLuck", "no luck"],
  ["exit", "exit", "Runtime.ExitError", "exit status 3"],
  ["abort", "exit", "Runtime.ExitError", "SIGABRT"],
  ["rejection", "exit", "Runtime.ExitError", "exit status 1"],
  ["hang", "timeout", "Sandbox.Timedout", "Task timed out after 1.00 seconds"],
  ["spin", "timeout", "Sandbox.Timedout", "Task timed out after 1.00 seconds"],
  ["memory", "exit", "Runtime.ExitError", "SIGABRT"],
])("%s ends as Lambda reports it, and the next event is answered", async (misdeed, kind, type, message) => {
  const { cloud } = await fixtureCloud(one(misdeeds, { Timeout: misdeed === "memory" ? 10 : 1 }));

  const outcome = await cloud.lambdas.invoke("Subject", { misdeed });
  const next = await cloud.lambdas.invoke("Subject", {});

  expect(outcome).toMatchObject({
    ok: false,
    kind,
    error: { errorType: type, errorMessage: expect.stringContaining(message) },
  });
  expect(next).toEqual({ ok: true, payload: "well" });
});

test.each(["Text", "JSON"])(
  "a function that cannot be loaded says why, with logs as %s",
  async (LogFormat) => {
    const { cloud } = await fixtureCloud(
      one(`throw new TypeError("no BUCKET"); export const handler = async () => {};`, {
        LoggingConfig: { LogFormat },
      }),
    );

    const outcome = await cloud.lambdas.invoke("Subject", {});

    expect(outcome).toEqual({
      ok: false,
      kind: "exit",
      error: { errorType: "TypeError", errorMessage: "The function did not start: no BUCKET" },
    });
  },
);

const slow = `export const handler = async ({ ms = 0 }) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return process.pid;
};`;
const pidOf = (outcome: unknown) => (outcome as { payload: number }).payload;

test("a sandbox takes one invocation at a time and is used again, the last used first", async () => {
  const { cloud } = await fixtureCloud(one(slow), { idleSandboxMs: 300 });

  const [first, second] = await Promise.all([
    cloud.lambdas.invoke("Subject", { ms: 200 }),
    cloud.lambdas.invoke("Subject", { ms: 400 }),
  ]);
  const third = await cloud.lambdas.invoke("Subject", {});

  expect(pidOf(first)).not.toBe(pidOf(second));
  expect(pidOf(third)).toBe(pidOf(second));
  // One stays for the next caller, the other is not needed.
  await eventually(() => cloud.sandboxes("Subject").length === 1);
});

// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
test("a function with reserved concurrency refuses more at a time, or lets them wait", async () => {
  const { cloud } = await fixtureCloud(one(slow, { ReservedConcurrentExecutions: 1 }));

  const running = cloud.lambdas.invoke("Subject", { ms: 200 });
  const refused = await cloud.lambdas.invoke("Subject", {});
  const waited = await cloud.lambdas.invoke("Subject", {}, { wait: true });

  expect(refused).toMatchObject({ ok: false, kind: "throttled" });
  expect(pidOf(waited)).toBe(pidOf(await running));
});

// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
test("events and answers of more than 6 MB are refused, as on AWS", async () => {
  const { cloud } = await fixtureCloud(
    one(`export const handler = async ({ size }) => "x".repeat(size);`, { Timeout: 10 }),
  );
  const large = 6 * 1024 * 1024;

  expect(await cloud.lambdas.invoke("Subject", { filler: "x".repeat(large) })).toMatchObject({
    ok: false,
    error: { errorType: "RequestEntityTooLargeException" },
  });
  expect(await cloud.lambdas.invoke("Subject", { size: large })).toMatchObject({
    ok: false,
    error: { errorType: "Function.ResponseSizeTooLarge" },
  });
});

test("the command line of a sandbox names its function", async () => {
  const { cloud } = await fixtureCloud(one(slow));

  await cloud.lambdas.invoke("Subject", {});

  const [pid] = cloud.sandboxes("Subject");
  expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).toContain("convoke-lambda subject");
});

// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
test("a frozen sandbox does nothing between invocations, and still answers the next one", async () => {
  const ticking = `${noting}
    let ticks = 0;
    setInterval(() => ticks++, 10);
    export const handler = async () => ticks;`;
  const { cloud } = await fixtureCloud(one(ticking), { freeze: true });

  await cloud.lambdas.invoke("Subject", {});
  await new Promise((resolve) => setTimeout(resolve, 500));
  const ticks = pidOf(await cloud.lambdas.invoke("Subject", {}));

  expect(ticks).toBeLessThan(10);
});
