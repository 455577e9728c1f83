import type { Ask } from "../../core/protocol/job.ts";
import type { AuditPlan, AuditResult, CycleError, CycleOutcome, ReactStep } from "./shapes.ts";
import type { PartStatus, Work, Writing } from "./work.ts";

export type AuditStatus =
  | "pending"
  | "planning"
  | "awaiting approval"
  | "analyzing"
  | "writing"
  | "consolidating"
  | "completed"
  | "failed"
  | "cancelled";

/** An audit at any moment, as its journal tells it. */
export type AuditView = {
  status: AuditStatus;
  /** The newest one comes last. */
  plans: PlanView[];
  sections: SectionView[];
  errors: CycleError[];
  notes: ReactStep[];
  /** The last part of the report, which is put together around it. */
  summary: Writing;
  report: string | undefined;
};

export type PlanView = {
  number: number;
  plan: AuditPlan;
  /** It waits for a decision. */
  open?: Ask;
  decision?: { approved: boolean; feedback?: string };
};

export type SectionView = {
  id: string;
  name: string;
  order: number;
  priority: string;
  status: PartStatus;
  /** Who is at work on it at this moment. */
  agent?: "analyzer" | "writer";
  analysis?: Analysis;
  text: Writing;
  /** Why it comes again, or has not come to anything. */
  error?: CycleError;
};

type Analysis = Pick<AuditResult["sections"][number], "summary" | "conformity" | "findings">;

/** @param told - a decision that the service has taken in, and that the journal at hand does not have yet. */
export function auditView(
  result: AuditResult | undefined,
  work: Work,
  told?: { number: number; approved: boolean },
): AuditView {
  const plans = plansIn(work);
  const last = plans.at(-1);
  if (last?.open && told && told.number >= last.number) {
    delete last.open;
    last.decision = { approved: told.approved };
  }
  const approved = plans.find(({ decision }) => decision?.approved);
  const outcomes = outcomesIn(work);
  const sections = (approved?.plan.sections ?? []).map((planned) =>
    sectionView(planned, outcomes, result, work),
  );
  return {
    status: statusOf(work, result, plans, sections),
    plans,
    sections,
    errors: result?.errors ?? outcomes.flatMap(({ error }) => error ?? []),
    notes: outcomes.flatMap(({ notes }) => notes),
    summary: lastOf(work, /^cycle-\d+\/consolidate/) ?? { status: "pending" },
    report: result?.report,
  };
}

function plansIn(work: Work): PlanView[] {
  const plans: PlanView[] = [];
  for (let number = 1; ; number += 1) {
    const plan = work.value<AuditPlan>(`plan-${number}/plan`);
    if (!plan) return plans;
    const approval = work.part(`approval-${number}`);
    const decision = work.value<{ approved: boolean; feedback?: string }>(`approval-${number}`);
    const { ask } = approval?.step ?? {};
    plans.push({
      number,
      plan,
      ...(decision ? { decision } : approval?.status === "waiting" && ask ? { open: ask } : {}),
    });
  }
}

function outcomesIn(work: Work): (CycleOutcome & { number: number })[] {
  return work.steps.flatMap(({ path }) => {
    const number = /^cycle-(\d+)\/outcome$/.exec(path)?.[1];
    const outcome = number === undefined ? undefined : work.value<CycleOutcome>(path);
    return outcome ? [{ number: Number(number), ...outcome }] : [];
  });
}

function sectionView(
  { id, name, order, priority }: AuditPlan["sections"][number],
  outcomes: CycleOutcome[],
  result: AuditResult | undefined,
  work: Work,
): SectionView {
  const about = { id, name, order, priority };
  const [analyze, write] = [new RegExp(`^cycle-\\d+/analyze-${id}`), new RegExp(`^cycle-\\d+/write-${id}`)];
  const text = lastOf(work, write) ?? { status: "pending" as const };
  const found = result?.sections.find((section) => section.id === id);
  const tries = outcomes.filter(({ section }) => section === id);
  const { error } = tries.at(-1) ?? {};
  const analyzing = lastOf(work, analyze)?.status;
  const analysis = found ?? objectOf<Analysis>(work, analyze);
  const at = (status: PartStatus | undefined) => status === "running" || status === "retrying";
  const agent = at(text.status) ? "writer" : at(analyzing) ? "analyzer" : undefined;
  const isWritten = tries.some((outcome) => !outcome.error);
  return {
    ...about,
    status: isWritten
      ? "completed"
      : agent
        ? "running"
        : work.isOver
          ? error
            ? "failed"
            : "cancelled"
          : error
            ? "retrying"
            : analyzing
              ? "running"
              : "pending",
    ...(agent ? { agent } : {}),
    ...(analysis ? { analysis } : {}),
    text,
    ...(error && !isWritten ? { error } : {}),
  };
}

function statusOf(
  work: Work,
  result: AuditResult | undefined,
  plans: PlanView[],
  sections: SectionView[],
): AuditStatus {
  if (result) return "completed";
  const { status, cancelRequested } = work.job;
  if (cancelRequested) return "cancelled";
  if (status === "completed" || status === "failed" || status === "cancelled") return status;
  const last = plans.at(-1);
  if (last?.open) return "awaiting approval";
  if (!last?.decision?.approved) {
    if (last?.decision && plans.length > mostReplans) return "failed";
    return work.part("report") ? "planning" : "pending";
  }
  const verb = verbAt(work);
  if (verb) return statusOfVerb[verb];
  return sections.every((section) => section.status === "completed") ? "consolidating" : "analyzing";
}

/** One plan more, all of them rejected, is the end of an audit. */
const mostReplans = 3;

const statusOfVerb = { analyze: "analyzing", write: "writing", consolidate: "consolidating" } as const;

/** What was begun last in a cycle that has not come to its outcome. */
function verbAt(work: Work): keyof typeof statusOfVerb | undefined {
  const [, cycle, verb] =
    work.steps.map(({ path }) => /^(cycle-\d+)\/(analyze|write|consolidate)/.exec(path)).findLast(Boolean) ??
    [];
  if (!cycle || work.part(`${cycle}/outcome`)?.status === "completed") return undefined;
  return verb as keyof typeof statusOfVerb;
}

/** A section may come again in a later cycle: what was written last is what counts. */
function lastOf(work: Work, pattern: RegExp): Writing | undefined {
  const name = nameOf(work, pattern);
  return name === undefined ? undefined : work.writing(name);
}

function objectOf<T>(work: Work, pattern: RegExp): T | undefined {
  const name = nameOf(work, pattern);
  return name === undefined ? undefined : work.object<T>(name);
}

function nameOf(work: Work, pattern: RegExp): string | undefined {
  const step = work.steps.findLast(({ path }) => pattern.test(path));
  return step && pattern.exec(step.path)![0];
}
