import { beforeEach, describe, expect, test } from "vitest";
import { currentJob } from "../../../core/engine/job-reading.ts";
import { pass } from "../../../core/engine/pass.ts";
import { auditors, down, draft, found, type Script, input as usualInput } from "../../jobs/audit/script.ts";
import { type Answer, door } from "./door.ts";

const input = { ...usualInput, cycle_delay_seconds: 0 };

type Door = Awaited<ReturnType<typeof door>>;

/** The API, and an audit behind it. */
async function office(script: Script = {}, more: object = {}) {
  const model = auditors(script);
  const self = await door({ services: { model } });
  const { workflow_id: id, job_id: jobId } = (await self.post("/api/workflows", { ...input, ...more })).body;
  const path = `/api/workflows/${id}`;
  return {
    ...self,
    model,
    id,
    jobId,
    path,
    key: { tenant: "acme", jobId },
    live: async () => (await self.get(`${path}/status/live`)).body,
    decide: (body: object) => self.post(`${path}/approve`, body),
    /** Until the plan waits. */
    async planned() {
      await self.work();
      return this;
    },
  };
}

const approve = { approved: true };

describe("catalogues", () => {
  let api: Door;
  beforeEach(async () => {
    api = await door();
  });

  test("the norms come in five groups, each with the cycles that it concerns", async () => {
    const { body } = await api.get("/api/norms");

    expect(body).toMatchObject({ status: "success", total_categories: 5, total_norms: 14 });
    const ids = Object.values<{ norms: { id: string }[] }>(body.norms).map(({ norms }) =>
      norms.map(({ id }) => id),
    );
    expect(ids).toEqual([
      ["ifrs", "gaap", "cgi_maroc"],
      ["iso_9001", "iso_14001"],
      ["iso_27001", "coso"],
      ["sarbanes_oxley", "gdpr"],
      ["loi_comptable_maroc", "cgnc", "tva_maroc", "ir_maroc", "is_maroc"],
    ]);
  });

  test("the seven cycles have title, objectives, key controls and tests", async () => {
    const { body } = await api.get("/api/audit-cycles");

    expect(body.total_cycles).toBe(7);
    expect(Object.keys(body.audit_cycles)).toEqual([
      "ventes_clients",
      "achats_fournisseurs",
      "immobilisations",
      "stocks",
      "paie_personnel",
      "impots_taxes",
      "tresorerie",
    ]);
    for (const [id, cycle] of Object.entries<Record<string, unknown[]>>(body.audit_cycles)) {
      expect(cycle.cycle_id).toBe(id);
      for (const list of [cycle.objectives, cycle.key_controls, cycle.tests])
        expect(list?.length).toBeGreaterThan(0);
    }
  });

  test("are for those who have a key", async () => {
    expect((await api.get("/api/norms", { key: "" })).status).toBe(401);
  });
});

describe("beginning", () => {
  test("an audit is a job of its own, called audit_ and the job's id [A4-36]", async () => {
    const api = await door();

    const { status, body } = await api.post("/api/workflows", { ...input, user_id: "u1" });

    expect(status).toBe(202);
    expect(body).toMatchObject({
      status: "success",
      workflow_id: `audit_${body.job_id}`,
      workflow_status: "pending",
      enterprise_report_id: "annual-report-2025",
      selected_norms: ["iso_27001", "gdpr"],
      started_at: expect.stringMatching(/Z$/),
    });
    expect((await api.get(`/api/jobs/${body.job_id}`)).body).toMatchObject({
      type: "audit",
      title: "Audit of annual-report-2025",
    });
  });

  test("the same request with the same key is the same audit", async () => {
    const api = await door();
    const asking = { headers: { "idempotency-key": "once" } };

    const first = await api.post("/api/workflows", input, asking);
    const second = await api.post("/api/workflows", input, asking);

    expect(second.body).toMatchObject({ workflow_id: first.body.workflow_id, deduplicated: true });
  });

  test.each([
    [{ selected_norms: ["gdpr"] }, "enterprise_report_id"],
    [{ enterprise_report_id: "r" }, "selected_norms"],
    [{ enterprise_report_id: "r", selected_norms: ["iso_1"] }, "selected_norms.0"],
    [{ ...input, max_cycles: 0 }, "max_cycles"],
  ])("%j is refused by its field, and nothing is written", async (body, field) => {
    const api = await door();

    const answer = await api.post("/api/workflows", body);

    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", errors: [{ field }] } });
    expect((await api.get("/api/jobs")).body.jobs).toEqual([]);
  });
});

describe("approval", () => {
  test("changes the state before it is answered, and is answered before anything is done [A4-01] [A4-02] [A4-05] [A4-12]", async () => {
    const audit = await (await office()).planned();
    const before = audit.model.asked.length;

    const { status, body } = await audit.decide(approve);

    expect(status).toBe(200);
    expect(audit.model.asked).toHaveLength(before);
    expect(body.workflow_status).toBe("analyzing");
    expect(await audit.live()).toMatchObject({ status: "analyzing", background_processing: true });
  });

  test("is answered field for field [A4-09] [A4-30] [A4-35] [A4-36] [A4-37] [A4-38] [A4-39] [A4-40] [A4-41] [A4-42]", async () => {
    const audit = await (await office()).planned();

    const { body } = await audit.decide({ approved: true, feedback: "Go" });

    expect(body).toEqual({
      status: "success",
      workflow_id: audit.id,
      plan_id: "plan_1",
      approved: true,
      message: "The audit plan was approved",
      feedback_provided: true,
      immediate_response: true,
      background_processing: true,
      background_processing_started: true,
      processing_message: expect.stringMatching(/^Workflow processing has started in the background/),
      workflow_status: "analyzing",
      updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      transition_to_processing: true,
      redirect_to: "processing",
    });
  });

  test("says the workflow's status, and not that of the request: it once said success", async () => {
    const audit = await (await office()).planned();
    expect((await audit.decide({ approved: false })).body.workflow_status).toBe("planning");
  });

  test("twice is one: the same answer, one run of the cycles", async () => {
    const audit = await (await office()).planned();

    const answers = await Promise.all([audit.decide(approve), audit.decide(approve)]);
    await audit.work();
    answers.push(await audit.decide(approve));

    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body).toEqual(answers[0]?.body);
    }
    const parts = audit.model.asked.map(({ part }) => part);
    expect(parts.filter((part) => part.startsWith("analyze"))).toHaveLength(2);
    expect(parts.filter((part) => part === "summarise")).toHaveLength(1);
  });

  test("twice with other words is one all the same, and says whose words count", async () => {
    const audit = await (await office()).planned();
    await audit.decide(approve);

    const { status, body } = await audit.decide({ approved: true, feedback: "Too late" });

    expect(status).toBe(200);
    expect(body.feedback_provided).toBe(false);
  });

  test("after a rejection, and the other way round, is a conflict that names what stands", async () => {
    const audit = await (await office()).planned();
    const { body } = await audit.decide(approve);

    for (let turn = 0; turn < 2; turn += 1) {
      const contrary = await audit.decide({ approved: false });
      expect(contrary).toMatchObject({
        status: 409,
        body: {
          code: "conflict",
          decision: "approved",
          plan_id: "plan_1",
          decided_at: body.updated_at,
          workflow_status: turn === 0 ? "analyzing" : "completed",
        },
      });
      expect(contrary.body.detail).toContain("plan_1");
      await audit.work();
    }

    const other = await (await office()).planned();
    await other.decide({ approved: false });
    expect(await other.decide(approve)).toMatchObject({ status: 409, body: { decision: "rejected" } });
  });

  test("of a hundred at once, half of them against it, one decision stands and everybody is told which", async () => {
    const audit = await (await office()).planned();
    const wishes = Array.from({ length: 100 }, (_, index) => index % 2 === 0);

    const answers = await Promise.all(wishes.map((approved) => audit.decide({ approved })));

    const stands = answers.find(({ status }) => status === 200)!.body.approved;
    const events = (await audit.get(`/api/jobs/${audit.jobId}/events`)).body.events;
    expect(events.filter(({ kind }: { kind: string }) => kind === "callback.completed")).toHaveLength(1);
    answers.forEach(({ status, body }, index) => {
      if (wishes[index] === stands) expect([status, body.approved]).toEqual([200, stands]);
      else expect([status, body.decision]).toEqual([409, stands ? "approved" : "rejected"]);
    });
  });

  test("of a hundred audits at the same moment is one decision for each, and each is carried out once; how fast is for bench/approvals.ts [A4-73]", async () => {
    const model = auditors();
    const api = await door({ services: { model } });
    const ids: string[] = [];
    for (let count = 0; count < 100; count += 1)
      ids.push((await api.post("/api/workflows", input)).body.workflow_id);
    await api.work();

    const answers = await Promise.all(ids.map((id) => api.post(`/api/workflows/${id}/approve`, approve)));
    await api.work();

    expect(answers.map(({ status, body }) => [status, body.workflow_id])).toEqual(ids.map((id) => [200, id]));
    for (const id of ids)
      expect((await api.get(`/api/workflows/${id}`)).body.workflow_status).toBe("completed");
    expect(model.asked.filter(({ part }) => part === "summarise")).toHaveLength(100);
  });

  test("is nothing before there is a plan, or once the audit is cancelled", async () => {
    const audit = await office();
    expect(await audit.decide(approve)).toMatchObject({ status: 409, body: { workflow_status: "pending" } });

    await audit.planned();
    await audit.ask("DELETE", audit.path);
    expect(await audit.decide(approve)).toMatchObject({
      status: 409,
      body: { workflow_status: "cancelled" },
    });
  });

  test.each([
    [{}, "approved"],
    [{ approved: "yes" }, "approved"],
    [{ approved: true, feedback: 7 }, "feedback"],
    [{ approved: true, plan: "plan_1" }, ""],
  ])("by %j is refused, and decides nothing", async (body, field) => {
    const audit = await (await office()).planned();

    const answer = await audit.decide(body);

    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field }] } });
    expect((await audit.live()).status).toBe("awaiting_approval");
  });

  test("may also be given as the answer to a question of the inbox", async () => {
    const audit = await (await office()).planned();
    const { questions } = (await audit.get("/api/inbox")).body;

    expect(questions).toMatchObject([{ job_id: audit.jobId, step: "approval-1" }]);
    await audit.post(`/api/callbacks/${questions[0].callback_id}`, { result: approve });

    expect((await audit.live()).status).toBe("analyzing");
    expect((await audit.decide(approve)).status).toBe(200);
  });
});

describe("rejection", () => {
  test("plans again: it once went to planning and stayed there [A4-51]", async () => {
    const audit = await (await office()).planned();

    const { body } = await audit.decide({ approved: false, feedback: "More on treasury" });
    await audit.work();

    expect(body).toMatchObject({
      approved: false,
      workflow_status: "planning",
      background_processing: true,
      background_processing_started: true,
      transition_to_processing: false,
      redirect_to: null,
      feedback_provided: true,
    });
    expect(await audit.live()).toMatchObject({
      status: "awaiting_approval",
      awaiting_human: true,
      audit_plan: { plan_id: "plan_2" },
    });
  });

  test("says with the fourth that there is no further plan", async () => {
    const audit = await (await office()).planned();
    for (let number = 1; number <= 3; number += 1) {
      await audit.decide({ approved: false });
      await audit.work();
    }

    const { body } = await audit.decide({ approved: false });
    const at = await audit.live();
    await audit.work();

    expect(body).toMatchObject({ workflow_status: "failed", background_processing_started: false });
    expect(at.status).toBe("failed");
    expect(await audit.live()).toMatchObject({
      status: "failed",
      error: { code: "plan_rejected" },
      live_indicators: { is_completed: true },
    });
  });

  test("of a plan that is named does not hit the one after it", async () => {
    const audit = await (await office()).planned();
    const first = await audit.decide({ approved: false, plan_id: "plan_1" });
    await audit.work();

    const again = await audit.decide({ approved: false, plan_id: "plan_1" });
    const other = await audit.decide({ approved: true, plan_id: "plan_1" });

    expect(again.body).toEqual(first.body);
    expect(other).toMatchObject({ status: 409, body: { decision: "rejected", plan_id: "plan_1" } });
    expect((await audit.live()).status).toBe("awaiting_approval");
    expect((await audit.decide({ approved: true, plan_id: "plan_7" })).status).toBe(409);
  });
});

describe("the live status", () => {
  test("has every field of the original, and the plan's own names for sections: they were once called Section 1 [A4-04] [A4-10] [A4-68] [A4-69] [A4-70] [A4-71]", async () => {
    const audit = await (await office()).planned();

    const live = await audit.live();

    expect(live).toMatchObject({
      workflow_id: audit.id,
      status: "awaiting_approval",
      status_message: expect.stringContaining("review and approval"),
      progress_percentage: 15,
      awaiting_human: true,
      generated_sections: [],
      total_sections: 2,
      current_section: null,
      errors: [],
      messages: [expect.stringContaining("plan_1 is made"), expect.stringContaining("waits for approval")],
      background_processing: false,
      processing_details: { cycles_completed: 0, max_cycles: 15, has_errors: false },
      live_indicators: {
        is_processing: false,
        is_completed: false,
        is_waiting: true,
        is_background_processing: false,
        last_update: live.updated_at,
        processing_stage: "awaiting_approval",
      },
      progress_tracking: {
        total_sections: 2,
        completed_sections: 0,
        completion_percentage: 0,
        current_section_name: null,
        section_progress: [
          { id: "paie_personnel", name: "Payroll and personnel", status: "pending", order: 1 },
          { id: "tresorerie", name: "Treasury", status: "pending", order: 2 },
        ],
      },
      progress_info: {
        total_sections: 2,
        current_section: null,
        estimated_completion: "Waiting for your decision",
        recent_messages: live.messages,
      },
    });
    const { status, overall_strategy } = { status: live.workflow_status, ...live.audit_plan };
    expect({ status, overall_strategy }).toEqual({
      status: "awaiting_approval",
      overall_strategy: draft.overall_strategy,
    });
  });

  test("says how long it goes on as audits before it did, and nothing while it waits for a decision", async () => {
    let clock = Date.parse("2026-11-23T08:00:00Z");
    const examined = () => {
      clock += 20_000;
      return found;
    };
    const self = await door({
      services: { model: auditors({ "analyze Treasury": examined }), now: () => clock },
    });
    const planned = async () => {
      const { workflow_id } = (await self.post("/api/workflows", input)).body;
      await self.work();
      return `/api/workflows/${workflow_id}`;
    };
    for (let count = 0; count < 3; count += 1) {
      const path = await planned();
      clock += 86_400_000;
      await self.post(`${path}/approve`, approve);
      await self.work();
    }
    const path = await planned();
    const info = async () => (await self.get(`${path}/status/live`)).body.progress_info;
    expect(await info()).toMatchObject({ eta: null, estimated_completion: "Waiting for your decision" });

    await self.post(`${path}/approve`, approve);

    expect(await info()).toMatchObject({
      eta: { seconds_low: 20, seconds: 20, seconds_high: 20, learned_from: { jobs: 3, same_models: true } },
      estimated_completion: "About 20 seconds, 20 to 20",
    });
  });

  test("goes through planning, analyzing, writing and consolidating to completed [A4-13] [A4-16] [A4-18] [A4-23] [A4-24] [A4-34]", async () => {
    const seen: Record<string, unknown>[] = [];
    // Whoever is asked looks at the workflow from outside.
    const look = async () => {
      const live = await audit.live();
      const { current_section_name, completed_sections } = live.progress_tracking;
      seen.push({
        status: live.status,
        section: current_section_name,
        written: completed_sections,
        cycles: live.processing_details.cycles_completed,
        percentage: live.progress_percentage,
      });
    };
    const audit = await office();
    const { generate } = audit.model;
    audit.services.model.generate = async (...call) => {
      await look();
      return generate(...call);
    };

    await audit.planned();
    await audit.decide(approve);
    await audit.work();
    await look();

    const payroll = "Payroll and personnel";
    expect(seen).toEqual([
      { status: "planning", section: null, written: 0, cycles: 0, percentage: 5 },
      { status: "planning", section: null, written: 0, cycles: 0, percentage: 10 },
      { status: "analyzing", section: payroll, written: 0, cycles: 0, percentage: 20 },
      { status: "writing", section: payroll, written: 0, cycles: 0, percentage: 20 },
      { status: "analyzing", section: "Treasury", written: 1, cycles: 1, percentage: 55 },
      { status: "writing", section: "Treasury", written: 1, cycles: 1, percentage: 55 },
      { status: "consolidating", section: null, written: 2, cycles: 2, percentage: 90 },
      { status: "completed", section: null, written: 2, cycles: 3, percentage: 100 },
    ]);
    const live = await audit.live();
    expect(live).toMatchObject({
      report_ready: true,
      generated_sections: ["paie_personnel", "tresorerie"],
      live_indicators: { is_processing: false, is_completed: true, is_background_processing: false },
      progress_tracking: { completion_percentage: 100 },
      progress_info: { estimated_completion: "Completed" },
    });
    expect(live.messages).toHaveLength(5);
    for (const message of live.messages) expect(message).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z /);
  });

  test("keeps what failed in a cycle, for people and for programs, and goes on [A4-19] [A4-52] [A4-57] [A4-60] [A4-75]", async () => {
    const audit = await (await office({ "analyze Treasury": down }, { max_cycles: 3 })).planned();
    await audit.decide(approve);
    await audit.work();

    const live = await audit.live();

    expect(live.status).toBe("failed");
    expect(live.errors).toEqual([
      "Cycle 2: the analyzer failed on Treasury: Gone for good",
      "Cycle 3: the analyzer failed on Treasury: Gone for good",
      expect.stringContaining("timed out after 3 cycles"),
    ]);
    expect(live.error_details).toMatchObject([
      { cycle: 2, agent: "analyzer", section: "tresorerie", code: "model_rejected" },
      { cycle: 3, at: expect.stringMatching(/Z$/) },
    ]);
    expect(live).toMatchObject({
      error: { code: "cycles_exhausted" },
      generated_sections: ["paie_personnel"],
      processing_details: { cycles_completed: 3, has_errors: true },
      live_indicators: { is_completed: true, is_background_processing: false },
    });
    expect(live.status_message).toContain("timed out after 3 cycles");
  });

  test("has failed after fifteen cycles without an end, and names the limit [A4-14] [A4-17] [A4-54] [A4-56] [A4-59]", async () => {
    const audit = await (await office({ "write Treasury": down })).planned();
    await audit.decide(approve);
    await audit.work();

    const live = await audit.live();

    expect(live).toMatchObject({
      status: "failed",
      error: { code: "cycles_exhausted", for_user: expect.stringContaining("not done within its cycles") },
      processing_details: { cycles_completed: 15, max_cycles: 15 },
    });
    expect(live.status_message).toContain("timed out after 15 cycles");
  });

  test("shows a plan of the catalogue where none could be read, which waits for approval like any other [A4-28]", async () => {
    const audit = await (await office({ plan: () => "I would rather not." })).planned();

    expect(await audit.live()).toMatchObject({
      status: "awaiting_approval",
      degraded: true,
      audit_plan: { plan_id: "plan_1", fallback: true },
    });
    expect((await audit.decide(approve)).status).toBe(200);
    await audit.work();
    expect((await audit.live()).status).toBe("completed");
  });

  test("has failed, with the reason, when nobody can plan it [A4-58]", async () => {
    const audit = await (await office({ plan: down })).planned();

    expect(await audit.live()).toMatchObject({
      status: "failed",
      status_message: "Gone for good",
      error: { code: "model_rejected", step: "plan-1/draft" },
      errors: ["Gone for good"],
    });
  });

  test("tells how long, how many tokens and what money the work has taken [A4-74]", async () => {
    const audit = await (await office()).planned();
    const { processing_details: details, updated_at } = await audit.live();

    expect(details).toMatchObject({
      usage: { model_calls: 2, input_tokens: 20, output_tokens: 10 },
      last_activity: updated_at,
    });
    expect(details.elapsed_seconds).toBeGreaterThanOrEqual(0);
  });

  test("is told in the same form by every route that tells it [A4-27]", async () => {
    const audit = await (await office()).planned();

    const live = await audit.live();
    const { body: plain } = await audit.get(audit.path);
    const { body: progressed } = await audit.post(`${audit.path}/progress`);

    expect(live).toMatchObject(plain);
    const { message, ...rest } = progressed;
    expect(rest).toEqual(plain);
    expect(message).toBe(plain.status_message);
  });

  test("shows the place of an audit that waits for others, and loses it when its turn comes [A4-25] [A4-53]", async () => {
    const audit = await office();
    const pool = { name: "T#acme#audit", limit: 3 };
    const { slots, now } = audit.services;
    for (const by of ["a", "b", "c"]) await slots.take(pool, by, now() + 60_000);
    const second = (await audit.post("/api/workflows", input)).body.workflow_id;
    await audit.work();

    expect(await audit.live()).toMatchObject({ status: "pending", queue_position: 1 });
    const behind = (await audit.get(`/api/workflows/${second}`)).body;
    expect(behind.queue_position).toBe(2);
    expect(behind.status_message).toContain("number 2 in the line");

    await slots.giveBack(pool, "a");
    await audit.services.queue.send("normal", audit.key);
    await audit.work();
    expect(await audit.live()).toMatchObject({ status: "awaiting_approval", queue_position: null });
  });
});

describe("the report", () => {
  test("is not ready with 202, then there as JSON, or as Markdown for who would rather have that [A4-63]", async () => {
    const audit = await (await office()).planned();

    const early = await audit.get(`${audit.path}/report`);
    await audit.decide(approve);
    await audit.work();
    const json = await audit.get(`${audit.path}/report`);
    const markdown = await audit.get(`${audit.path}/report`, { headers: { accept: "text/markdown" } });

    expect(early).toMatchObject({
      status: 202,
      body: { status: "processing", workflow_status: "awaiting_approval", progress_percentage: 15 },
    });
    expect(json).toMatchObject({
      status: 200,
      body: {
        status: "success",
        workflow_id: audit.id,
        report_format: "markdown",
        final_report: expect.stringContaining("# Audit report: annual-report-2025"),
      },
    });
    expect(markdown.headers["content-type"]).toBe("text/markdown; charset=utf-8");
    expect(markdown.body).toBe(json.body.final_report);
  });

  test("that will never be is not found, with the reason", async () => {
    const audit = await office();
    await audit.ask("DELETE", audit.path);

    const { status, body } = await audit.get(`${audit.path}/report`);

    expect({ status, workflow: body.workflow_status }).toEqual({ status: 404, workflow: "cancelled" });
  });
});

describe("the plan", () => {
  test("is not found until it is made, then shown with its state", async () => {
    const audit = await office();
    expect((await audit.get(`${audit.path}/plan`)).status).toBe(404);

    await audit.planned();
    const waiting = (await audit.get(`${audit.path}/plan`)).body;
    await audit.decide(approve);
    const decided = (await audit.get(`${audit.path}/plan`)).body;

    expect(waiting).toMatchObject({
      status: "success",
      audit_plan: { plan_id: "plan_1", sections: [{ id: "paie_personnel" }, { id: "tresorerie" }] },
      awaiting_approval: true,
      plan_approved: false,
    });
    expect(decided).toMatchObject({ awaiting_approval: false, plan_approved: true });
  });
});

describe("feedback", () => {
  test("is taken in at any time of the work, one after the other, and counts from then on", async () => {
    const audit = await (await office()).planned();

    const first = await audit.post(`${audit.path}/feedback`, { feedback: "Mind the bonuses" });
    const tooSoon = await audit.post(`${audit.path}/feedback`, { feedback: "At once" });
    await audit.work();
    const second = await audit.post(`${audit.path}/feedback`, { feedback: "And the safe" });
    await audit.decide(approve);
    await audit.work();

    expect(first.body).toMatchObject({
      status: "success",
      feedback_received: "Mind the bonuses",
      workflow_updated: true,
    });
    expect(tooSoon.status).toBe(409);
    expect(second.status).toBe(200);
    const analysis = audit.model.asked.find(({ part }) => part.startsWith("analyze"));
    expect(analysis?.prompt).toContain("Mind the bonuses");
    expect(analysis?.prompt).toContain("And the safe");
  });

  test("without words is refused, and for an audit that has ended it is too late", async () => {
    const audit = await (await office()).planned();

    const empty = await audit.post(`${audit.path}/feedback`, { feedback: " " });
    await audit.ask("DELETE", audit.path);
    const late = await audit.post(`${audit.path}/feedback`, { feedback: "Stop" });

    expect(empty).toMatchObject({ status: 400, body: { errors: [{ field: "feedback" }] } });
    expect(late).toMatchObject({ status: 409, body: { workflow_status: "cancelled" } });
  });
});

describe("cancelling", () => {
  test("ends the audit: it once did nothing", async () => {
    const audit = await (await office()).planned();

    const { status, body } = await audit.ask("DELETE", audit.path);
    const atOnce = (await audit.live()).status;
    const again = await audit.ask("DELETE", audit.path);
    await audit.work();
    const later = await audit.ask("DELETE", audit.path);

    expect({ status, body }).toMatchObject({
      status: 200,
      body: { status: "success", workflow_id: audit.id, workflow_status: "cancelled" },
    });
    expect(atOnce).toBe("cancelled");
    for (const repeated of [again, later]) expect(repeated.body).toEqual(body);
    expect((await currentJob(audit.services, audit.key))?.status).toBe("cancelled");
    expect(audit.model.asked.map(({ part }) => part)).toEqual(["read", "plan"]);
  });

  test("comes too late for one that has completed", async () => {
    const audit = await (await office()).planned();
    await audit.decide(approve);
    await audit.work();

    expect(await audit.ask("DELETE", audit.path)).toMatchObject({
      status: 409,
      body: { workflow_status: "completed" },
    });
  });
});

describe("progress", () => {
  test("wakes an audit that is overdue, and costs one that is not nothing, however often it is asked for", async () => {
    const audit = await (await office()).planned();
    const hops = async () => (await currentJob(audit.services, audit.key))?.hops;
    const before = await hops();
    for (let time = 0; time < 20; time += 1) await audit.post(`${audit.path}/progress`);
    await audit.work();
    expect(await hops()).toBe(before);

    await audit.decide(approve);
    // The message about the decision gets lost, and after a while that is noticed.
    audit.services.queue.receive();
    const { now, settings } = audit.services;
    audit.services.now = () => now() + settings.submitDueMs;
    await audit.post(`${audit.path}/progress`);
    await audit.work();
    expect((await audit.live()).status).toBe("completed");
    expect((await audit.post(`${audit.path}/progress`)).status).toBe(409);
  });
});

test("react steps are the thoughts, actions and observations of agents and people, from the journal", async () => {
  const audit = await (
    await office({
      "write Treasury": (_request, call) => (call === 1 ? down() : "Done."),
    })
  ).planned();
  await audit.decide({ approved: true, feedback: "Go on" });
  await audit.work();

  const { body } = await audit.get(`${audit.path}/react_steps`);

  expect(body).toMatchObject({ workflow_status: "completed", total_steps: body.steps.length });
  expect(body.steps.map(({ agent, action }: Record<string, string>) => [agent, action])).toEqual([
    ["planner", "plan"],
    ["human", "approve"],
    ["analyzer", "analyze paie_personnel"],
    ["writer", "write paie_personnel"],
    ["analyzer", "analyze tresorerie"],
    ["writer", "fail"],
    ["writer", "write tresorerie"],
    ["consolidator", "consolidate"],
  ]);
  expect(body.steps[0]).toMatchObject({ thought: draft.overall_strategy });
  expect(body.steps[1]).toMatchObject({ thought: "Go on", observation: "plan_1 is approved" });
  expect(body.steps[2]).toMatchObject({
    thought: "Who pays is looked at first.",
    observation: "1 findings; the cycle does not conform. One person pays alone.",
  });
  for (const { timestamp } of body.steps) expect(timestamp).toMatch(/Z$/);
});

test("every path answers without the prefix too", async () => {
  const audit = await (await office()).planned();
  const path = `/workflows/${audit.id}`;

  const answers: Answer[] = [
    await audit.get("/norms"),
    await audit.get("/audit-cycles"),
    await audit.get(path),
    await audit.get(`${path}/status/live`),
    await audit.get(`${path}/plan`),
    await audit.get(`${path}/react_steps`),
    await audit.post(`${path}/progress`),
    await audit.post(`${path}/feedback`, { feedback: "Well done" }),
    await audit.post(`${path}/approve`, approve),
    await audit.post("/workflows", input),
    await audit.get(`${path}/report`),
    await audit.ask("DELETE", path),
  ];

  expect(answers.map(({ status }) => status)).toEqual([
    200, 200, 200, 200, 200, 200, 200, 200, 200, 202, 202, 200,
  ]);
});

test("a workflow that is not there, is somebody else's, or is another job, is not found by any route [A4-61]", async () => {
  const audit = await (await office()).planned();
  const stranger = await audit.makeKey("other", ["jobs:read", "jobs:write"]);
  const oracle = await audit.submitted();
  const unknown: [string, string][] = [
    [audit.id, stranger],
    [`audit_${oracle}`, audit.acme],
    ["audit_123", audit.acme],
    [audit.jobId, audit.acme],
    ["audit_", audit.acme],
  ];
  for (const [id, key] of unknown) {
    const path = `/api/workflows/${id}`;
    const answers = [
      await audit.get(path, { key }),
      await audit.get(`${path}/status/live`, { key }),
      await audit.get(`${path}/plan`, { key }),
      await audit.get(`${path}/report`, { key }),
      await audit.get(`${path}/react_steps`, { key }),
      await audit.post(`${path}/approve`, approve, { key }),
      await audit.post(`${path}/progress`, undefined, { key }),
      await audit.post(`${path}/feedback`, { feedback: "Hello" }, { key }),
      await audit.ask("DELETE", path, { key }),
    ];
    expect(
      answers.map(({ status }) => status),
      id,
    ).toEqual(Array(9).fill(404));
  }
  expect((await audit.live()).status).toBe("awaiting_approval");
});

test("its work is in the log, each thing at its level, without a word of anybody's [A4-07] [A4-64] [A4-65] [A4-66] [A4-67]", async () => {
  const audit = await office({ "analyze Treasury": down }, { max_cycles: 2 });
  const lines: { level: string; message: string; fields: object }[] = [];
  const at =
    (level: string) =>
    (message: string, fields: object = {}) =>
      void lines.push({ level, message, fields });
  const logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  const work = async () => {
    const { services, jobs, key } = audit;
    services.queue.receive();
    await pass(services, jobs, key, { deadline: services.now() + 60_000, logger });
  };

  await work();
  await audit.decide({ approved: true, feedback: "Mind the bonuses" });
  await work();

  const said = lines.filter(({ message }) => message.startsWith("audit"));
  expect(said.map(({ level, message }) => [level, message])).toEqual([
    ["info", "audit plan made"],
    ["debug", "audit plan"],
    ["info", "audit plan decided"],
    ["info", "audit cycle completed"],
    ["warn", "audit cycle failed"],
    ["error", "audit timed out"],
  ]);
  expect(said[4]?.fields).toMatchObject({
    job_id: audit.jobId,
    cycle: 2,
    section: "tresorerie",
    agent: "analyzer",
    code: "model_rejected",
  });
  for (const secret of ["bonuses", "Salaries", "annual-report"])
    expect(JSON.stringify(lines)).not.toContain(secret);
});

test("who may only read decides nothing", async () => {
  const audit = await (await office()).planned();
  const key = await audit.makeKey("acme", ["jobs:read"]);

  expect((await audit.post(`${audit.path}/approve`, approve, { key })).status).toBe(403);
  expect((await audit.ask("DELETE", audit.path, { key })).status).toBe(403);
  expect((await audit.get(`${audit.path}/status/live`, { key })).status).toBe(200);
});

test("a fault of the service is a 500 with a request id, and nothing of what was inside [A4-62]", async () => {
  const audit = await (await office()).planned();
  audit.services.payloads.get = () => Promise.reject(new Error("secret"));
  audit.services.journal.read = () => Promise.reject(new Error("secret"));

  const { status, body } = await audit.get(`${audit.path}/status/live`);

  expect({ status, code: body.code }).toEqual({ status: 500, code: "internal_error" });
  expect(body.detail).toContain("request-1");
  expect(JSON.stringify(body)).not.toContain("secret");
});
