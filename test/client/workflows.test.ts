import { afterEach, beforeEach, expect, test } from "vitest";
import { type Convoke, convoke } from "../../client/index.ts";
import { auditors, input } from "../jobs/audit/script.ts";
import { servedDoor } from "../support/served-door.ts";

let here: Awaited<ReturnType<typeof servedDoor>>;
let client: Convoke;
let job: string;
let id: string;
beforeEach(async () => {
  here = await servedDoor({ services: { model: auditors() } });
  client = convoke({ url: here.url, key: "key" });
  job = (await client.submit("audit", { ...input, cycle_delay_seconds: 0 })).job_id;
  id = `audit_${job}`;
  await here.api.work();
});
afterEach(async () => {
  client.close();
  await here.close();
});

test("an audit is followed, decided on and read through the client", async () => {
  expect(await client.workflows.get(id)).toMatchObject({ workflow_status: "awaiting_approval" });
  expect(await client.workflows.report(id)).toBeUndefined();

  const decision = await client.workflows.decide(id, { approved: true, feedback: "Go", plan_id: "plan_1" });
  await here.api.work();

  expect(decision).toMatchObject({ approved: true, workflow_status: "analyzing" });
  expect(await client.workflows.report(id)).toMatchObject({
    final_report: expect.stringContaining("# Audit report"),
  });
  await expect(client.workflows.decide(id, { approved: false })).rejects.toMatchObject({
    code: "conflict",
    details: { decision: "approved" },
  });
});

test("an audit is cancelled through the client", async () => {
  expect(await client.workflows.cancel(id)).toMatchObject({ workflow_id: id });
  expect((await client.workflows.get(id)).workflow_status).toBe("cancelled");
});

test("the command line rejects, approves and prints the report, by the workflow's id or the job's", async () => {
  expect(await here.command("reject", id, "--feedback", "More on treasury")).toMatchObject({
    code: 0,
    out: expect.stringContaining(`plan_1 of ${id} is rejected`),
  });
  await here.api.work();
  expect(await here.command("report", job)).toMatchObject({
    code: 6,
    err: expect.stringContaining("has no report yet: plan_2 is ready for your review"),
  });
  expect((await here.command("approve", job, "--plan", "plan_2", "--json")).out).toContain(
    '"workflow_status":"analyzing"',
  );
  await here.api.work();
  expect((await here.command("report", job)).out).toContain("## Conformity at a glance");
  expect(await here.command("reject", job)).toMatchObject({
    code: 6,
    err: expect.stringContaining("plan_2 of workflow"),
  });
});
