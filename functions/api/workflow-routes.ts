import * as z from "zod";
import { answerCallback } from "../../core/engine/callback.ts";
import { cancel } from "../../core/engine/cancel.ts";
import { currentJob, readJob } from "../../core/engine/job-reading.ts";
import { wake } from "../../core/engine/wake.ts";
import { Conflict, NotFound } from "../../core/protocol/error.ts";
import { isTerminal, type JobRecord, type OpenCallback } from "../../core/protocol/job.ts";
import { iso } from "../../core/protocol/wire.ts";
import { auditInput, auditResult } from "../../jobs/audit/audit.ts";
import { auditCycles, cycleIds } from "../../jobs/audit/cycles.ts";
import { normGroups } from "../../jobs/audit/norms.ts";
import { auditPlan, planIdOf } from "../../jobs/audit/plan.ts";
import { approval, feedbackForm, feedbackPath, placeOf, reactStep } from "../../jobs/audit/traces.ts";
import { afterDecision, type PlanDecision } from "../../jobs/audit/workflow.ts";
import { accept } from "./accept.ts";
import { type AnyRoute, type Call, type Door, Reply, route } from "./route.ts";
import * as schemas from "./schemas.ts";
import {
  isApproved,
  keyOf,
  liveView,
  liveViewOf,
  noWorkflow,
  readAudit,
  viewOf,
  workflowIdOf,
  workflowParams,
  workflowView,
} from "./workflow-view.ts";

/** The same path with and without the prefix that all others have. */
function at(path: string): { path: string; aliases: string[] } {
  return { path: `/api${path}`, aliases: [path] };
}

const json = "application/json";
const markdown = "text/markdown; charset=utf-8";

const success = z.literal("success");
const id = z.string();
const moment = z.string().meta({ format: "date-time", description: "ISO 8601, ends in Z" });
const workflowStatus = workflowView.shape.workflow_status;

const normCatalogue = z.object({
  status: success,
  norms: z.record(
    z.string(),
    z.object({
      name: z.string(),
      norms: z.array(
        z.object({
          id,
          name: z.string(),
          description: z.string(),
          applicable_cycles: z.array(z.enum(cycleIds)),
        }),
      ),
    }),
  ),
  total_categories: z.number(),
  total_norms: z.number(),
});

const texts = z.array(z.string());
const cycleCatalogue = z.object({
  status: success,
  audit_cycles: z.record(
    z.string(),
    z.object({ cycle_id: id, title: z.string(), objectives: texts, key_controls: texts, tests: texts }),
  ),
  total_cycles: z.number(),
});

const started = z.object({
  status: success,
  workflow_id: id,
  workflow_status: workflowStatus,
  message: z.string(),
  started_at: moment,
  enterprise_report_id: z.string(),
  selected_norms: auditInput.shape.selected_norms,
  job_id: id,
  deduplicated: schemas.acceptedJob.shape.deduplicated,
  watch: schemas.acceptedJob.shape.watch,
});

const decisionBody = approval.extend({
  plan_id: z.string().max(64).optional().meta({
    description: "Which plan is meant; without it the one that waits. Protects a new plan from an old click",
  }),
});

const decided = z
  .object({
    status: success,
    workflow_id: id,
    plan_id: id,
    approved: z.boolean(),
    message: z.string(),
    feedback_provided: z.boolean(),
    immediate_response: z.literal(true),
    background_processing: z.boolean(),
    background_processing_started: z.boolean(),
    processing_message: z.string().nullable(),
    workflow_status: workflowStatus,
    updated_at: moment,
    transition_to_processing: z.boolean(),
    redirect_to: z.literal("processing").nullable(),
  })
  .meta({ id: "PlanDecision" });

const feedbackTaken = z.object({
  status: success,
  workflow_id: id,
  feedback_received: z.string(),
  message: z.string(),
  workflow_updated: z.literal(true),
});

const planView = z.object({
  status: success,
  workflow_id: id,
  audit_plan: auditPlan,
  awaiting_approval: z.boolean(),
  plan_approved: z.boolean(),
});

const reportView = z.object({
  status: success,
  workflow_id: id,
  final_report: auditResult.shape.report,
  generated_at: moment,
  report_format: auditResult.shape.report_format,
});

const notReady = z.object({
  status: z.literal("processing"),
  workflow_id: id,
  workflow_status: workflowStatus,
  message: z.string(),
  progress_percentage: z.number(),
});

const cancelled = z.object({
  status: success,
  workflow_id: id,
  workflow_status: z.literal("cancelled"),
  message: z.string(),
  cancelled_at: moment,
});

const reactSteps = z.object({
  workflow_id: id,
  workflow_status: workflowStatus,
  steps: z.array(reactStep),
  total_steps: z.number(),
});

type WorkflowCall<B = unknown> = Call<z.infer<typeof workflowParams>, unknown, B>;

/** The job behind a workflow, without its history. */
async function auditJob(call: WorkflowCall, { services }: Door): Promise<JobRecord> {
  const job = await currentJob(services, keyOf(call));
  if (job?.type !== "audit") throw noWorkflow(call.params.workflow_id);
  return job;
}

function hasEnded({ status, cancelRequested }: JobRecord): boolean {
  return isTerminal(status) || cancelRequested !== undefined;
}

function alreadyEnded(workflowId: string, { status, cancelRequested }: JobRecord): Conflict {
  const details = { workflow_status: cancelRequested ? "cancelled" : status };
  return new Conflict(`Workflow ${workflowId} has ended: it is ${details.workflow_status}`, { details });
}

function waiting(job: JobRecord, is: (open: OpenCallback) => boolean): OpenCallback | undefined {
  return (job.callbacks ?? []).find((open) => !open.decided && is(open));
}

/**
 * Decides on the plan that waits. The answer follows one write to the journal; the work begins behind it.
 * @returns the decision that stands, when it is the same.
 * @throws NotFound; Conflict when another decision stands, or there is no plan to decide on.
 */
async function decide(call: WorkflowCall<z.infer<typeof decisionBody>>, door: Door): Promise<PlanDecision> {
  const { approved, feedback, plan_id } = call.body;
  const job = await auditJob(call, door);
  const numberOf = ({ step }: OpenCallback) => {
    const place = placeOf(step);
    return place?.of === "approval" ? place.number : undefined;
  };
  const open = waiting(job, (callback) => {
    const number = numberOf(callback);
    return number !== undefined && (plan_id === undefined || plan_id === planIdOf(number));
  });
  if (open && !hasEnded(job)) {
    const result = { approved, ...(feedback ? { feedback } : {}) };
    const { id: by } = call.principal;
    try {
      const { at } = await answerCallback(door.services, job, open.id, { result }, by);
      return { number: numberOf(open)!, ...result, by, at };
    } catch (error) {
      // Somebody was quicker, or the audit has ended: what stands is in the journal.
      if (!(error instanceof Conflict)) throw error;
    }
  }
  const { workflow, workflowId } = await readAudit(call, door);
  const stands = workflow.decisions.findLast(
    ({ number }) => plan_id === undefined || plan_id === planIdOf(number),
  );
  if (stands?.approved === approved) return stands;
  const { status } = workflow;
  if (!stands) {
    const message = `Workflow ${workflowId} has no ${plan_id ?? "plan"} that waits for a decision: it is ${status}`;
    throw new Conflict(message, { details: { workflow_status: status } });
  }
  const decision = stands.approved ? "approved" : "rejected";
  const planId = planIdOf(stands.number);
  const decidedAt = iso(stands.at);
  throw new Conflict(`${planId} of workflow ${workflowId} was ${decision} at ${decidedAt}, and that stands`, {
    details: {
      decision,
      plan_id: planId,
      decided_by: stands.by,
      decided_at: decidedAt,
      workflow_status: status,
    },
  });
}

/** Follows from the decision alone, so that whoever asks again is told the same. */
function decisionView(workflowId: string, { number, approved, feedback, at }: PlanDecision) {
  const workflow_status = afterDecision(approved, number);
  const begins = workflow_status !== "failed";
  const planning = begins ? "Another plan is made in the background, with your feedback." : null;
  return {
    status: "success" as const,
    workflow_id: workflowId,
    plan_id: planIdOf(number),
    approved,
    message: `The audit plan was ${approved ? "approved" : "rejected"}`,
    feedback_provided: feedback !== undefined,
    immediate_response: true as const,
    background_processing: begins,
    background_processing_started: begins,
    processing_message: approved
      ? "Workflow processing has started in the background. Follow it with the live status."
      : planning,
    workflow_status,
    updated_at: iso(at),
    transition_to_processing: approved,
    redirect_to: approved ? ("processing" as const) : null,
  };
}

/** Plans, approves and carries out audits, over the journals of jobs of type audit. */
export const workflowRoutes: AnyRoute[] = [
  route({
    method: "get",
    ...at("/norms"),
    summary: "The norms that an audit can be held against",
    access: "known",
    answer: { status: 200, description: "In groups", schema: normCatalogue },
    handle: async () => {
      const groups = Object.values(normGroups);
      return {
        status: "success" as const,
        norms: normGroups,
        total_categories: groups.length,
        total_norms: groups.reduce((sum, { norms }) => sum + norms.length, 0),
      };
    },
  }),

  route({
    method: "get",
    ...at("/audit-cycles"),
    summary: "The cycles of the books that an audit examines",
    access: "known",
    answer: {
      status: 200,
      description: "With objectives, key controls and tests",
      schema: cycleCatalogue,
    },
    handle: async () => ({
      status: "success" as const,
      audit_cycles: Object.fromEntries(
        cycleIds.map((cycle_id) => [cycle_id, { cycle_id, ...auditCycles[cycle_id] }]),
      ),
      total_cycles: cycleIds.length,
    }),
  }),

  route({
    method: "post",
    ...at("/workflows"),
    summary: "Begins an audit",
    access: "jobs:write",
    body: auditInput,
    idempotent: true,
    answer: { status: 202, description: "A plan is made, and waits for approval then", schema: started },
    handle: async (call, door) => {
      const { job_id, deduplicated, watch } = await accept(call, door, { type: "audit", input: call.body });
      return {
        status: "success" as const,
        workflow_id: workflowIdOf(job_id),
        workflow_status: "pending" as const,
        message: "The audit has begun; its plan will wait for your approval",
        started_at: iso(door.services.now()),
        enterprise_report_id: call.body.enterprise_report_id,
        selected_norms: call.body.selected_norms,
        job_id,
        ...(deduplicated ? { deduplicated } : {}),
        watch,
      };
    },
  }),

  route({
    method: "get",
    ...at("/workflows/{workflow_id}"),
    summary: "Reads an audit",
    access: "jobs:read",
    params: workflowParams,
    answer: { status: 200, description: "The audit as it is at this moment", schema: workflowView },
    handle: async (call, door) => viewOf(await readAudit(call, door)),
  }),

  route({
    method: "post",
    ...at("/workflows/{workflow_id}/approve"),
    summary: "Approves or rejects the plan of an audit; the first decision on a plan stands",
    access: "jobs:approve",
    params: workflowParams,
    body: decisionBody,
    answer: {
      status: 200,
      description: "The decision; 409 if another one stands, or no plan waits for one",
      schema: decided,
    },
    handle: async (call, door) => decisionView(call.params.workflow_id, await decide(call, door)),
  }),

  route({
    method: "get",
    ...at("/workflows/{workflow_id}/status/live"),
    summary: "Reads an audit with everything that a page needs to show it at work",
    access: "jobs:read",
    params: workflowParams,
    answer: { status: 200, description: "The audit as it is at this moment", schema: liveView },
    handle: async (call, door) => liveViewOf(await readAudit(call, door), door),
  }),

  route({
    method: "post",
    ...at("/workflows/{workflow_id}/progress"),
    summary: "Has an audit looked at now if it is overdue; it goes on by itself otherwise",
    access: "jobs:write",
    params: workflowParams,
    answer: {
      status: 200,
      description: "Where it stands; 409 if it has ended",
      schema: workflowView.extend({ message: z.string() }).meta({ id: "ProgressedWorkflow" }),
    },
    handle: async (call, door) => {
      const job = await auditJob(call, door);
      if (hasEnded(job)) throw alreadyEnded(call.params.workflow_id, job);
      // A pass that finds nothing to do would count as a hop of the job all the same.
      const overdue = job.due !== undefined && job.due <= door.services.now();
      const woken = overdue && (await wake(door.services, job));
      const view = viewOf(await readAudit(call, door));
      const message = woken ? "The audit goes on" : "The audit goes on by itself";
      return { ...view, message: view.awaiting_human ? view.status_message : message };
    },
  }),

  route({
    method: "post",
    ...at("/workflows/{workflow_id}/feedback"),
    summary: "Says something to an audit at work",
    access: "jobs:approve",
    params: workflowParams,
    body: feedbackForm,
    answer: {
      status: 200,
      description: "It counts from the next instruction on; 409 if nobody listens at the moment",
      schema: feedbackTaken,
    },
    handle: async (call, door) => {
      const { workflow_id } = call.params;
      const job = await auditJob(call, door);
      if (hasEnded(job)) throw alreadyEnded(workflow_id, job);
      const open = waiting(job, ({ step }) => step.split("#")[0] === feedbackPath);
      if (!open) {
        throw new Conflict(
          `Workflow ${workflow_id} has not begun, or is still taking in what was said before: try again in a moment`,
          { details: { job_status: job.status } },
        );
      }
      const { id: by } = call.principal;
      await answerCallback(door.services, job, open.id, { result: call.body }, by);
      return {
        status: "success" as const,
        workflow_id,
        feedback_received: call.body.feedback,
        message:
          "It counts from the next instruction on. To have another plan made, reject the one that waits",
        workflow_updated: true as const,
      };
    },
  }),

  route({
    method: "get",
    ...at("/workflows/{workflow_id}/plan"),
    summary: "Reads the plan of an audit",
    access: "jobs:read",
    params: workflowParams,
    answer: { status: 200, description: "The newest; 404 while there is none", schema: planView },
    handle: async (call, door) => {
      const { workflowId, workflow } = await readAudit(call, door);
      const { plan, status } = workflow;
      if (!plan) throw new NotFound(`Workflow ${workflowId} has no plan yet: it is ${status}`);
      return {
        status: "success" as const,
        workflow_id: workflowId,
        audit_plan: plan,
        awaiting_approval: status === "awaiting_approval",
        plan_approved: isApproved(workflow),
      };
    },
  }),

  route({
    method: "get",
    ...at("/workflows/{workflow_id}/report"),
    summary: "Reads the report of an audit, as JSON or as Markdown (`Accept: text/markdown`)",
    access: "jobs:read",
    params: workflowParams,
    answer: { status: 200, description: "404 if there will be none", schema: reportView },
    replies: [
      { status: 200, description: "The report", contentType: markdown, schema: z.string() },
      {
        status: 202,
        description: "It is not ready yet",
        contentType: "application/json",
        schema: notReady,
      },
    ],
    handle: async (call, door) => {
      const { workflow_id } = call.params;
      const job = await readJob(door.services, keyOf(call));
      if (job?.type !== "audit") throw noWorkflow(workflow_id);
      const { success, data } = auditResult.safeParse(job.result_data);
      if (success) {
        if (call.preferred([json, "text/markdown"]) !== json) return new Reply(200, markdown, data.report);
        return {
          status: "success" as const,
          workflow_id,
          final_report: data.report,
          generated_at: data.generated_at,
          report_format: data.report_format,
        };
      }
      const view = viewOf(await readAudit(call, door));
      const { workflow_status, status_message, progress_percentage } = view;
      if (workflow_status === "failed" || workflow_status === "cancelled") {
        throw new NotFound(`Workflow ${workflow_id} has no report: ${status_message}`, {
          details: { workflow_status },
        });
      }
      return new Reply(202, json, {
        status: "processing",
        workflow_id,
        workflow_status,
        message: status_message,
        progress_percentage,
      });
    },
  }),

  route({
    method: "delete",
    ...at("/workflows/{workflow_id}"),
    summary: "Cancels an audit",
    access: "jobs:write",
    params: workflowParams,
    answer: {
      status: 200,
      description: "It ends as cancelled; 409 if it has ended otherwise",
      schema: cancelled,
    },
    handle: async (call, door) => {
      const { workflow_id } = call.params;
      await auditJob(call, door);
      const outcome = await cancel(door.services, keyOf(call), call.principal.id);
      if (!outcome) throw noWorkflow(workflow_id);
      const { job } = outcome;
      if (!job.cancelRequested) throw alreadyEnded(workflow_id, job);
      return {
        status: "success" as const,
        workflow_id,
        workflow_status: "cancelled" as const,
        message: "The audit is cancelled; what is under way is ended",
        cancelled_at: iso(job.cancelRequested.at),
      };
    },
  }),

  route({
    method: "get",
    ...at("/workflows/{workflow_id}/react_steps"),
    summary: "Reads what the agents and people of an audit have thought, done and seen",
    access: "jobs:read",
    params: workflowParams,
    answer: { status: 200, description: "In order", schema: reactSteps },
    handle: async (call, door) => {
      const { workflowId, workflow } = await readAudit(call, door);
      const { status, reactSteps: steps } = workflow;
      return { workflow_id: workflowId, workflow_status: status, steps, total_steps: steps.length };
    },
  }),
];
