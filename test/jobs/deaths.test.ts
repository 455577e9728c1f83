import { afterAll, describe, expect, test } from "vitest";
import * as z from "zod";
import type { JobContext } from "../../core/engine/context.ts";
import { type AnyJobType, defineJob } from "../../core/engine/job-type.ts";
import type { Json } from "../../core/protocol/json.ts";
import { generateField } from "../../jobs/configuration/generate-field.ts";
import { systemPrompt } from "../../jobs/configuration/system-prompt.ts";
import { council } from "../../jobs/council/council.ts";
import { notification } from "../../jobs/notification/notification.ts";
import { callOff } from "../../jobs/operation/call-off.ts";
import { operation } from "../../jobs/operation/operation.ts";
import { chaos } from "../../testing/index.ts";
import { sameButForMoments } from "../support/same-but-for-moments.ts";
import { scriptedServer } from "../support/scripted-server.ts";

const other = await scriptedServer();
afterAll(() => other.close());
const others = { operationHosts: [other.url], webhookHosts: [other.url] };

type Call = (type: string, input: object) => Promise<unknown>;

/** A job that calls others, so that their workers die as well as its own. */
function calling(run: (call: Call, ctx: JobContext) => Promise<unknown>, type = "calling"): AnyJobType {
  return defineJob<Json, unknown>({
    type,
    version: 1,
    summary: "Calls other jobs",
    input: z.json(),
    result: z.unknown(),
    example: null,
    title: () => "Calling",
    description: () => "",
    run: (ctx) => run((name, input) => ctx.invoke(name, name, input), ctx),
  });
}

/** Those that have no such test beside the others of their own. */
describe("wherever a worker dies, and whatever becomes of its messages", () => {
  test("a council ends the same", async () => {
    const members = ["mock:ada", "mock:blaise", "mock:clara"];
    const deployment = { councilChairmen: ["mock:ada"], titleModel: "mock:ada" };
    const input = { question: "Why is the sky blue?", members };
    const { outcome, commits } = await chaos(council, input, { deployment });
    expect(outcome).toMatchObject({ status: "completed", result: { stage1: [{}, {}, {}] } });
    expect(outcome.completedSteps).toHaveLength(3 + 3 + 1 + 1);
    expect(commits).toBeGreaterThanOrEqual(4);
  });

  test("a system prompt ends the same", async () => {
    const input = { parts: { persona: "A sailor" }, models: ["mock:ada"] };
    const { outcome } = await chaos(systemPrompt, input as never);
    expect(outcome).toMatchObject({ status: "completed", result: { system_prompt: expect.any(String) } });
  });

  test("an operation at an HTTP service ends the same, and is begun with one key however often it is begun", async () => {
    other.script((response, { method }) => {
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify(method === "POST" ? { id: "7" } : { id: "7", status: "succeeded", output: "ok" }),
      );
    });
    const { outcome } = await chaos(
      operation,
      {
        start: { url: `${other.url}/renders`, body: { scene: "harbour" } },
        status: { url: `${other.url}/renders/{operation_id}` },
        idempotent: true,
      },
      { deployment: others },
    );
    expect(outcome).toMatchObject({ status: "completed", result: { operation_id: "7" } });
    const keys = other.requests
      .filter(({ method }) => method === "POST")
      .map(({ headers }) => headers["idempotency-key"]);
    expect(new Set(keys).size).toBe(1);
  });

  test("an operation is called off the same", async () => {
    const ticket = { operation: "mock:video", operation_id: "mock-operations/1" };
    const { outcome } = await chaos(callOff, { ticket });
    expect(outcome).toMatchObject({ status: "completed", result: { called_off: true } });
  });

  test("a webhook is told the same, with one id", async () => {
    other.script((response) => void response.writeHead(204).end());
    const told = other.requests.length;
    const work = calling((_, ctx) => ctx.step("work", async () => ctx.job.jobId), "work");
    const telling = calling(async (call) => {
      const job_id = await call("work", {});
      return call("notification", { job_id, url: `${other.url}/hooks` });
    });
    const { outcome } = await chaos(telling, null, { jobs: [work, notification], deployment: others });
    expect(outcome).toMatchObject({ status: "completed", result: { status: 204 } });
    expect(other.requests[told]!.body).toMatchObject({ type: "job.completed", data: { type: "work" } });
    expect(new Set(other.requests.slice(told).map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  });

  test("a batch ends the same, with what failed in it", async () => {
    const jobs = [
      { type: "system-prompt", input: { parts: { persona: "A sailor" }, models: ["mock:ada"] } },
      { type: "system-prompt", input: { parts: { persona: "A clerk" }, models: ["mock:rejected"] } },
      {
        type: "configuration",
        input: { attribute: "persona", field: "gait", version: 0, models: ["mock:ada"] },
      },
    ];
    const batch = calling((call) => call("batch", { jobs }));
    const { outcome } = await chaos(batch, null, {
      jobs: [systemPrompt, generateField],
      isSame: sameButForMoments,
    });
    expect(outcome).toMatchObject({ status: "completed", result: { completed: 2, failed: 1 } });
  });
});
