/**
 * What job types take and give, as their schemas say: the only place where the page looks at them, and for types alone, so
 * that no code of a job reaches the browser. A journal may be of another version: a view that cannot make it out gives way to
 * the plain values.
 */
export type { AuditPlan } from "../../jobs/audit/plan.ts";
export type { CycleError, CycleOutcome } from "../../jobs/audit/traces.ts";
export type { Council as CouncilInput } from "../../jobs/council/input.ts";
export type { CouncilResult } from "../../jobs/council/result.ts";
