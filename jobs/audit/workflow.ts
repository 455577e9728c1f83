import type { Recorded } from "../../core/protocol/event.ts";
import type { Json, Millis } from "../../core/protocol/json.ts";
import { iso } from "../../core/protocol/wire.ts";
import { maxReplans } from "./audit.ts";
import type { CycleId } from "./cycles.ts";
import { type AuditPlan, planIdOf } from "./plan.ts";
import {
  type Approval,
  type CycleError,
  type CycleOutcome,
  leaf,
  placeOf,
  type ReactStep,
  reportPath,
} from "./traces.ts";

export const workflowStatuses = [
  "pending",
  "planning",
  "awaiting_approval",
  "analyzing",
  "writing",
  "consolidating",
  "completed",
  "failed",
  "cancelled",
] as const;
export type WorkflowStatus = (typeof workflowStatuses)[number];

/** What the decision on a plan sets off. One rejection more than there are further plans is the end. */
export function afterDecision(approved: boolean, number: number): WorkflowStatus {
  if (approved) return "analyzing";
  return number > maxReplans ? "failed" : "planning";
}

/** A person's decision on a plan. */
export type PlanDecision = {
  /** Of the plan. */
  number: number;
  approved: boolean;
  feedback?: string;
  by: string;
  at: Millis;
};

/** An audit as its journal tells it: the fold of its events. */
export type Workflow = {
  status: WorkflowStatus;
  createdAt: Millis;
  updatedAt: Millis;
  /** The newest one. */
  plan?: AuditPlan;
  decisions: PlanDecision[];
  currentSection?: CycleId;
  /** In the order in which they were written. */
  written: CycleId[];
  cycles: number;
  errors: CycleError[];
  messages: string[];
  reactSteps: ReactStep[];
};

export function newWorkflow(createdAt: Millis): Workflow {
  return {
    status: "pending",
    createdAt,
    updatedAt: createdAt,
    decisions: [],
    written: [],
    cycles: 0,
    errors: [],
    messages: [],
    reactSteps: [],
  };
}

/** Which status an agent's work is. */
const statusOf = {
  planner: "planning",
  analyzer: "analyzing",
  writer: "writing",
  consolidator: "consolidating",
} as const;

/** Where the value of an event is needed to follow the audit. */
export function tells(event: Recorded): boolean {
  if (event.kind !== "step.completed" && event.kind !== "callback.completed") return false;
  const place = placeOf(event.step);
  return place?.of === "approval" || place?.leaf === leaf.plan || place?.leaf === leaf.outcome;
}

/** @param value - of an event that `tells`. */
export function applyToWorkflow(before: Workflow, event: Recorded, value: Json | undefined): Workflow {
  const next = told(before, event, value);
  // A cancel that was acknowledged is how it ends, whatever still comes in.
  return before.status === "cancelled" ? { ...next, status: "cancelled" } : next;
}

function told(before: Workflow, event: Recorded, value: Json | undefined): Workflow {
  const next: Workflow = { ...before, updatedAt: event.at };
  const say = (text: string) => {
    next.messages = [...next.messages, `${iso(event.at)} ${text}`];
  };
  const note = (...steps: ReactStep[]) => {
    next.reactSteps = [...next.reactSteps, ...steps];
  };
  switch (event.kind) {
    case "step.started": {
      const [first] = event.steps;
      if (!first) return next;
      const place = placeOf(first.step);
      if (first.step === reportPath || place?.of === "plan") next.status = "planning";
      if (place?.of !== "cycle" || !place.agent) return next;
      next.status = statusOf[place.agent];
      if (place.section) next.currentSection = place.section;
      return next;
    }
    case "step.failed":
      if (event.retryAt !== undefined) say(`${event.step}: ${event.failure.message}; it is tried again`);
      return next;
    case "step.completed": {
      const place = placeOf(event.step);
      if (place?.leaf === leaf.plan) planned(value as AuditPlan);
      if (place?.of === "cycle" && place.leaf === leaf.outcome) cycled(value as CycleOutcome, place.number);
      return next;
    }
    case "callback.created":
      if (placeOf(event.step)?.of === "approval") {
        next.status = "awaiting_approval";
        say(`${next.plan?.plan_id} waits for approval`);
      }
      return next;
    case "callback.completed": {
      const place = placeOf(event.step);
      if (place?.of === "approval" && !event.failure) decided(value as Approval, place.number, event.by);
      return next;
    }
    case "job.cancel_requested":
      next.status = "cancelled";
      say("Cancelled");
      return next;
    case "job.completed":
      next.status = "completed";
      delete next.currentSection;
      say("The report is ready");
      return next;
    case "job.failed":
      next.status = "failed";
      say(`Failed: ${event.failure.message}`);
      return next;
    default:
      return next;
  }

  function planned(plan: AuditPlan): void {
    next.plan = plan;
    const { plan_id, sections, overall_strategy: thought } = plan;
    say(`${plan_id} is made: ${sections.length} sections`);
    const observation = `${plan_id}: ${sections.map(({ name }) => name).join(", ")}`;
    note({ agent: "planner", thought, action: "plan", observation, timestamp: iso(event.at) });
  }

  function decided({ approved, feedback }: Approval, number: number, by: string): void {
    const planId = planIdOf(number);
    next.status = afterDecision(approved, number);
    next.decisions = [
      ...next.decisions,
      { number, approved, ...(feedback ? { feedback } : {}), by, at: event.at },
    ];
    const word = approved ? "approved" : "rejected";
    say(`${planId} is ${word}`);
    note({
      agent: "human",
      thought: feedback ?? "",
      action: approved ? "approve" : "reject",
      observation: `${planId} is ${word}`,
      timestamp: iso(event.at),
    });
  }

  function cycled({ section, notes, error }: CycleOutcome, cycle: number): void {
    next.cycles = cycle;
    note(...notes);
    if (error) {
      next.errors = [...next.errors, error];
      const { agent, message } = error;
      say(`Cycle ${cycle} failed: ${agent}: ${message}`);
      note({ agent, thought: "", action: "fail", observation: message, timestamp: error.at });
    } else {
      if (section) next.written = [...next.written, section];
      say(`Cycle ${cycle} completed`);
    }
    delete next.currentSection;
    const all = next.plan?.sections.length === next.written.length;
    next.status = all ? "consolidating" : "analyzing";
  }
}
