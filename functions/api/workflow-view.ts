import * as z from "zod";
import { placeInLine } from "../../core/engine/concurrency.ts";
import { wholeJournal } from "../../core/engine/whole-journal.ts";
import { etaOf } from "../../core/metrics/eta.ts";
import { load } from "../../core/payloads/payloads.ts";
import { NotFound } from "../../core/protocol/error.ts";
import { applyEntry, recorded, valueIn } from "../../core/protocol/event.ts";
import type { JobRecord } from "../../core/protocol/job.ts";
import type { Json } from "../../core/protocol/json.ts";
import { type Eta, failureView, iso, jobView } from "../../core/protocol/wire.ts";
import { type auditInput, defaultCycles } from "../../jobs/audit/audit.ts";
import { cycleIds } from "../../jobs/audit/cycles.ts";
import { normIds } from "../../jobs/audit/norms.ts";
import { auditPlan } from "../../jobs/audit/plan.ts";
import { cycleError } from "../../jobs/audit/traces.ts";
import {
  applyToWorkflow,
  newWorkflow,
  tells,
  type Workflow,
  type WorkflowStatus,
  workflowStatuses,
} from "../../jobs/audit/workflow.ts";
import type { Door } from "./route.ts";
import * as schemas from "./schemas.ts";

const prefix = "audit_";

/** How clients call an audit: its job's id with a word before it. */
export function workflowIdOf(jobId: string): string {
  return prefix + jobId;
}

export const workflowParams = z.object({
  workflow_id: z
    .string()
    .regex(/^audit_[A-Za-z0-9_-]{1,64}$/)
    .meta({ description: "`audit_` and the job's id" }),
});

type Params = { principal: { tenant: string }; params: z.infer<typeof workflowParams> };

export type Audit = {
  workflowId: string;
  job: JobRecord;
  input: z.infer<typeof auditInput>;
  workflow: Workflow;
  queuePosition: number | undefined;
};

export function noWorkflow(id: string): NotFound {
  return new NotFound(`No workflow "${id}"`);
}

export function keyOf({ principal, params }: Params): { tenant: string; jobId: string } {
  return { tenant: principal.tenant, jobId: params.workflow_id.slice(prefix.length) };
}

/**
 * An audit as its journal has it at this moment.
 * @throws NotFound, also for a job of another type.
 */
export async function readAudit(call: Params, { services, jobs, logger }: Door): Promise<Audit> {
  const key = keyOf(call);
  const { payloads } = services;
  const { entries, head } = await wholeJournal(services, key);
  const [first] = entries.flatMap(recorded);
  if (!head || first?.kind !== "job.submitted" || first.type !== "audit")
    throw noWorkflow(call.params.workflow_id);
  const job = entries.reduce<JobRecord | undefined>(applyEntry, undefined)!;
  const input = (await load(payloads, first.input)) as Audit["input"];
  let workflow = newWorkflow(first.at);
  for (const event of entries.flatMap(recorded)) {
    const stored = tells(event) ? valueIn(event) : undefined;
    const value: Json | undefined = stored && (await load(payloads, stored));
    workflow = applyToWorkflow(workflow, event, value);
  }
  const mayQueue = job.status === "pending" || job.status === "waiting";
  const jobType = jobs.version(job.type, job.version);
  const queuePosition = mayQueue ? await placeInLine(services, job, jobType, entries, logger) : undefined;
  return { workflowId: call.params.workflow_id, job, input, workflow, queuePosition };
}

const status = z.enum(workflowStatuses).meta({ id: "WorkflowStatus" });
const moment = z.string().meta({ format: "date-time", description: "ISO 8601, ends in Z" });
const section = z.enum(cycleIds);

export const workflowView = z
  .object({
    workflow_id: z.string(),
    job_id: z.string(),
    status,
    workflow_status: status,
    status_message: z.string().meta({ description: "For people" }),
    progress_percentage: z.number().meta({ description: "0 to 100, never falling; 100 only at the end" }),
    created_at: moment,
    updated_at: moment,
    enterprise_report_id: z.string(),
    selected_norms: z.array(z.enum(normIds)),
    user_id: z.string().nullable(),
    awaiting_human: z.boolean(),
    audit_plan: auditPlan.nullable(),
    plan_approved: z.boolean(),
    generated_sections: z.array(section).meta({ description: "Those that are written" }),
    total_sections: z.number(),
    current_section: section.nullable(),
    errors: z.array(z.string()).meta({ description: "What did not work so far, for people" }),
    error_details: z.array(cycleError),
    error: schemas.job.shape.error.meta({ description: "Why the audit has failed" }),
    messages: z.array(z.string()).meta({ description: "The last five" }),
    background_processing: z.boolean().meta({ description: "Work goes on, or is about to" }),
    queue_position: z.number().nullable().meta({
      description: "While other audits have all slots: 1 is the next to get one",
    }),
    report_ready: z.boolean(),
    degraded: z.boolean(),
    mock: z.boolean(),
    processing_details: z.object({
      cycles_completed: z.number(),
      max_cycles: z.number(),
      last_activity: moment,
      has_errors: z.boolean(),
      elapsed_seconds: z.number(),
      usage: schemas.job.shape.usage,
    }),
  })
  .meta({ id: "Workflow" });

const sectionProgress = z.object({
  id: section,
  name: z.string(),
  status: z.enum(["pending", "in_progress", "completed"]),
  order: z.number(),
});

export const liveView = workflowView
  .extend({
    live_indicators: z.object({
      is_processing: z.boolean(),
      is_completed: z.boolean(),
      is_waiting: z.boolean(),
      is_background_processing: z.boolean(),
      last_update: moment,
      processing_stage: status,
    }),
    progress_tracking: z.object({
      total_sections: z.number(),
      completed_sections: z.number(),
      completion_percentage: z.number(),
      current_section_name: z.string().nullable(),
      section_progress: z.array(sectionProgress),
    }),
    progress_info: z.object({
      total_sections: z.number(),
      current_section: section.nullable(),
      estimated_completion: z.string().meta({ description: "For people" }),
      eta: schemas.job.shape.eta,
      recent_messages: z.array(z.string()),
    }),
  })
  .meta({ id: "LiveWorkflow" });

const atWork = new Set<WorkflowStatus>(["analyzing", "writing", "consolidating"]);
const ended = new Set<WorkflowStatus>(["completed", "failed", "cancelled"]);

function isBackground({ status }: Workflow): boolean {
  return status === "planning" || atWork.has(status);
}

function nameOf({ plan }: Workflow, id: string | undefined): string | undefined {
  return plan?.sections.find((section) => section.id === id)?.name;
}

function messageOf({ workflow, job, queuePosition }: Audit): string {
  const { status, plan, currentSection, written } = workflow;
  const section = nameOf(workflow, currentSection);
  const queued = queuePosition === undefined ? "" : ` It is number ${queuePosition} in the line of audits.`;
  switch (status) {
    case "pending":
      return `The audit is about to begin.${queued}`;
    case "planning":
      return `The report is read and the audit is planned.${queued}`;
    case "awaiting_approval":
      return `${plan?.plan_id} is ready for your review and approval.`;
    case "analyzing":
      return `${section ? `${section} is examined` : "The audit goes on"}: ${written.length} of ${plan?.sections.length} sections are written.${queued}`;
    case "writing":
      return `${section ?? "A section"} is written up: ${written.length} of ${plan?.sections.length} sections are written.`;
    case "consolidating":
      return `All sections are written; the report is put together.${queued}`;
    case "completed":
      return "The audit report is ready.";
    case "failed":
      return job.failure?.message ?? "The audit has failed.";
    case "cancelled":
      return "The audit was cancelled.";
    default:
      return status satisfies never;
  }
}

function errorsOf({ workflow, job }: Audit): string[] {
  const inCycles = workflow.errors.map(({ cycle, agent, section, message }) => {
    const about = section ? ` on ${nameOf(workflow, section) ?? section}` : "";
    return `Cycle ${cycle}: the ${agent} failed${about}: ${message}`;
  });
  return job.failure ? [...inCycles, job.failure.message] : inCycles;
}

/** The one form in which an audit's status is told, whichever route is asked. */
export function viewOf(audit: Audit): z.infer<typeof workflowView> {
  const { workflowId, job, input, workflow, queuePosition } = audit;
  const { status, plan, written, updatedAt, createdAt } = workflow;
  const errors = errorsOf(audit);
  return {
    workflow_id: workflowId,
    job_id: job.jobId,
    status,
    workflow_status: status,
    status_message: messageOf(audit),
    progress_percentage: job.progress?.percentage ?? 0,
    created_at: iso(createdAt),
    updated_at: iso(updatedAt),
    enterprise_report_id: input.enterprise_report_id,
    selected_norms: input.selected_norms,
    user_id: input.user_id ?? null,
    awaiting_human: status === "awaiting_approval",
    audit_plan: plan ?? null,
    plan_approved: isApproved(workflow),
    generated_sections: written,
    total_sections: plan?.sections.length ?? 0,
    current_section: workflow.currentSection ?? null,
    errors,
    error_details: workflow.errors,
    error: failureView(job.failure),
    messages: workflow.messages.slice(-5),
    background_processing: isBackground(workflow),
    queue_position: queuePosition ?? null,
    report_ready: status === "completed",
    degraded: job.degraded,
    mock: job.mock,
    processing_details: {
      cycles_completed: workflow.cycles,
      max_cycles: input.max_cycles ?? defaultCycles,
      last_activity: iso(updatedAt),
      has_errors: errors.length > 0,
      elapsed_seconds: Math.round(((job.completedAt ?? updatedAt) - createdAt) / 1000),
      usage: job.usage,
    },
  };
}

/** The newest plan is the approved one: after an approval there is no other. */
export function isApproved({ decisions }: Workflow): boolean {
  return decisions.at(-1)?.approved ?? false;
}

export async function liveViewOf(audit: Audit, { services }: Door): Promise<z.infer<typeof liveView>> {
  const view = viewOf(audit);
  const job = jobView(audit.job, { input: audit.input as Json, result: null });
  const eta = await etaOf(services, audit.job.tenant, job);
  const { workflow } = audit;
  const { status, plan, written, currentSection } = workflow;
  const sections = (plan?.sections ?? []).map(({ id, name, order }) => ({
    id,
    name,
    status: written.includes(id)
      ? ("completed" as const)
      : id === currentSection
        ? ("in_progress" as const)
        : ("pending" as const),
    order,
  }));
  const total = sections.length;
  return {
    ...view,
    live_indicators: {
      is_processing: atWork.has(status),
      is_completed: ended.has(status),
      is_waiting: status === "awaiting_approval",
      is_background_processing: view.background_processing,
      last_update: view.updated_at,
      processing_stage: status,
    },
    progress_tracking: {
      total_sections: total,
      completed_sections: written.length,
      completion_percentage: total === 0 ? 0 : Math.round((100 * written.length) / total),
      current_section_name: sections.find(({ status }) => status === "in_progress")?.name ?? null,
      section_progress: sections,
    },
    progress_info: {
      total_sections: total,
      current_section: view.current_section,
      estimated_completion: estimate(audit, eta),
      eta,
      recent_messages: workflow.messages.slice(-3),
    },
  };
}

/** As audits before it went, or else from its own cycles: one more for each section that is not written, and one for the report. */
function estimate({ workflow }: Audit, eta: Eta | null): string {
  const { status, decisions, cycles, written, plan, updatedAt } = workflow;
  if (status === "awaiting_approval") return "Waiting for your decision";
  if (ended.has(status)) return status === "completed" ? "Completed" : "Ended";
  if (eta) return `About ${eta.seconds} seconds, ${eta.seconds_low} to ${eta.seconds_high}`;
  const approved = decisions.at(-1);
  if (!plan || !approved?.approved || cycles === 0) return "Not known yet";
  const secondsPerCycle = (updatedAt - approved.at) / 1000 / cycles;
  const left = plan.sections.length - written.length + 1;
  return `About ${Math.max(1, Math.round(secondsPerCycle * left))} seconds`;
}
