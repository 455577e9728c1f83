import * as z from "zod";
import type { JobContext } from "../../core/engine/context.ts";
import { defineJob } from "../../core/engine/job-type.ts";
import { StepError, StepFailed } from "../../core/protocol/error.ts";
import { iso } from "../../core/protocol/wire.ts";
import { askFor, type Request, writeText } from "../shared/ask-model.ts";
import { modelFields, modelsOf, withModels } from "../shared/models.ts";
import { fenceFor } from "../shared/quoting.ts";
import { type CycleId, cycleIds } from "./cycles.ts";
import { type Analysis, analysis } from "./findings.ts";
import { cyclesOf, type NormId, normIds, normOf } from "./norms.ts";
import { type AuditPlan, auditPlan, draftOf, type PlanSection, planByTheBook, settled } from "./plan.ts";
import * as prompts from "./prompts.ts";
import { assembled, type Written } from "./report.ts";
import {
  type Agent,
  approval,
  type CycleError,
  type CycleOutcome,
  cycleError,
  feedbackForm,
  feedbackPath,
  leaf,
  pathOf,
  type ReactStep,
  reportPath,
} from "./traces.ts";

/** How many audits of one tenant are at work at the same time. */
const auditsAtOnce = 3;
/** A plan that is rejected once more than this ends the audit. */
export const maxReplans = 3;
export const defaultCycles = 15;
const mostFeedback = 20;

export const auditInput = z
  .strictObject({
    enterprise_report_id: z
      .string()
      .trim()
      .regex(/^[^\p{C}]{1,200}$/u, "1 to 200 characters in one line")
      .meta({ description: "What the report is called where it comes from", example: "annual-report-2025" }),
    selected_norms: z
      .array(z.enum(normIds))
      .min(1)
      .max(normIds.length)
      .meta({ description: "Ids of GET /api/norms" }),
    user_id: z.string().max(200).optional().meta({ description: "For whom; kept as it is" }),
    report: z.string().trim().min(1).max(100_000).optional().meta({
      description:
        "The report's text. Without it the audit says what has to be examined, and verifies nothing",
    }),
    max_cycles: z
      .int()
      .min(1)
      .max(50)
      .optional()
      .meta({
        description: `Without completion after so many cycles the audit fails. Default: ${defaultCycles}`,
      }),
    cycle_delay_seconds: z
      .number()
      .min(0)
      .max(3_600)
      .optional()
      .meta({ description: "Between two cycles. Default: 1" }),
    ...modelFields,
  })
  .meta({ id: "AuditInput" });

export const auditResult = z
  .object({
    workflow_id: z.string(),
    report: z.string().meta({ description: "Markdown" }),
    report_format: z.literal("markdown"),
    generated_at: z.string(),
    cycles: z.int(),
    plan: auditPlan,
    sections: z.array(analysis.omit({ reasoning: true }).extend({ id: z.enum(cycleIds), name: z.string() })),
    errors: z.array(cycleError),
  })
  .meta({ id: "AuditResult" });

type Input = z.infer<typeof auditInput>;
type Result = z.infer<typeof auditResult>;

/** What all who work on one audit share. */
type Desk = {
  file: prompts.File;
  ask: (prompt: string, maxOutputTokens: number) => Request;
  concerned: CycleId[];
};

const reading = z.object({
  document_type: z.string().max(300),
  enterprise_sector: z.string().max(300),
  main_sections: z.array(z.string().max(300)).max(30),
  cycles_present: z.array(z.enum(cycleIds)),
  complexity_level: z.enum(["simple", "medium", "complex"]),
  recommended_focus_areas: z.array(z.string().max(500)).max(20),
});

/** Plans the audit of a report, has the plan approved, examines cycle by cycle of the books, and writes the report. */
export const audit = defineJob<Input, Result>({
  type: "audit",
  version: 1,
  summary: "Plans an audit, has the plan approved, examines each cycle of the books, and writes a report",
  input: auditInput,
  result: auditResult,
  example: {
    enterprise_report_id: "annual-report-2025",
    selected_norms: ["ifrs", "coso"],
    report:
      "The company sells tiles. Customers' credit is not checked. Bank accounts are reconciled every quarter.",
  },
  concurrency: { limit: auditsAtOnce, per: "tenant" },
  prepare: withModels,
  title: ({ enterprise_report_id }) => `Audit of ${enterprise_report_id}`.slice(0, 200),
  description: ({ selected_norms }) => selected_norms.map((id) => normOf(id).name).join(", "),

  async run(ctx, input) {
    const models = modelsOf(input);
    const norms: NormId[] = [...new Set(input.selected_norms)];
    const desk: Desk = {
      file: { fence: fenceFor(ctx.job.jobId), report: input.report, norms, feedback: [] },
      ask: (prompt, maxOutputTokens) => ({ models, prompt, maxOutputTokens }),
      concerned: cyclesOf(norms),
    };
    void listen(ctx, desk.file.feedback);
    const plan = await agreeOnPlan(ctx, desk);
    const { written, summary, errors, cycles, mock } = await carryOut(ctx, desk, plan, input);

    const at = iso(ctx.now());
    const { enterprise_report_id: reportId } = input;
    return {
      workflow_id: `audit_${ctx.job.jobId}`,
      report: assembled({ reportId, norms, plan, written, summary, errors, cycles, at, mock }),
      report_format: "markdown",
      generated_at: at,
      cycles,
      plan,
      sections: written.map(({ section: { id, name }, analysis: { reasoning: _reasoning, ...found } }) => ({
        id,
        name,
        ...found,
      })),
      errors,
    };
  },
});

/** Takes in what people say, whenever they say it. It counts from the next instruction on. */
async function listen(ctx: JobContext, feedback: string[]): Promise<void> {
  for (let heard = 0; heard < mostFeedback; heard += 1) {
    const [said] = await ctx.createCallback<unknown>(feedbackPath);
    const { data } = feedbackForm.safeParse(await said.catch(() => undefined));
    if (data) feedback.push(data.feedback);
  }
}

/** Planning, approval and consolidation count like sections. */
function show(
  ctx: JobContext,
  stage: string,
  details: string,
  at: { total: number; completed: number; percentage: number },
): void {
  ctx.progress({
    current_step: stage,
    total_steps: at.total + 3,
    completed_steps: at.completed,
    percentage: at.percentage,
    details,
  });
}

/** Plans until a plan is approved. What was said about a rejected plan is part of the next instruction. */
async function agreeOnPlan(ctx: JobContext, desk: Desk): Promise<AuditPlan> {
  const { file, ask, concerned } = desk;
  let total = concerned.length;
  show(ctx, "Planning", "The enterprise's report is read", { total, completed: 0, percentage: 5 });
  const read = await orOtherwise(
    ctx,
    askFor(ctx, reportPath, ask(prompts.reportPrompt(file), 2_048), reading),
    { note: "The report could not be classified" },
  );
  let earlier: AuditPlan | undefined;
  for (let number = 1; ; number += 1) {
    const about = number === 1 ? "A plan is made" : "Another plan is made, with your feedback";
    show(ctx, "Planning", about, { total, completed: 0, percentage: number === 1 ? 10 : 15 });
    const rejected = earlier;
    const plan = await ctx.runInChildContext(pathOf.plan(number), (scope) =>
      makePlan(scope, desk, read, number, rejected),
    );
    ctx.logger.info("audit plan made", { plan: plan.plan_id, sections: plan.sections.length });
    ctx.logger.debug("audit plan", { order: plan.priority_order, fallback: plan.fallback ?? false });
    show(ctx, "Awaiting approval", `${plan.plan_id} waits for your decision`, {
      total: plan.sections.length,
      completed: 1,
      percentage: 15,
    });
    const { approved, feedback } = await ctx.ask(pathOf.approval(number), {
      question: `Shall the audit be carried out by ${plan.plan_id}: ${plan.sections.map(({ name }) => name).join(", ")}?`,
      schema: approval,
    });
    ctx.logger.info("audit plan decided", { plan: plan.plan_id, approved });
    if (feedback) file.feedback.push(feedback);
    if (approved) return plan;
    if (number > maxReplans) {
      throw new StepFailed(
        "plan_rejected",
        `All ${number} plans were rejected. Begin another audit, with a report or norms that fit better`,
      );
    }
    earlier = plan;
    total = plan.sections.length;
  }
}

async function makePlan(
  scope: JobContext,
  { file, ask, concerned }: Desk,
  read: object,
  number: number,
  earlier: AuditPlan | undefined,
): Promise<AuditPlan> {
  const byTheBook = planByTheBook(concerned, file.norms);
  const prompt = prompts.planPrompt(file, read, concerned, earlier);
  const draft = await orOtherwise(
    scope,
    askFor(scope, "draft", ask(prompt, 8_192), draftOf(concerned)),
    byTheBook,
  );
  const at = iso(scope.now());
  const plan = settled(draft, { number, at, ...(draft === byTheBook ? { fallback: true } : {}) });
  return scope.step(leaf.plan, async () => plan);
}

/** An answer that cannot be read, twice, is no reason to end an audit that people can still decide on. */
async function orOtherwise<A, B>(
  ctx: JobContext,
  asked: Promise<{ value: A }>,
  otherwise: B,
): Promise<A | B> {
  try {
    return (await asked).value;
  } catch (error) {
    if (!(error instanceof StepFailed) || error.code !== "answer_unusable") throw error;
    ctx.logger.warn("the planner's answer could not be read", { code: error.code });
    ctx.degraded();
    return otherwise;
  }
}

/** An audit at work. */
type Work = {
  desk: Desk;
  plan: AuditPlan;
  /** What has not been written, the next one first. */
  waiting: PlanSection[];
  /** Kept when the writing fails, so that nothing is examined twice. */
  analyses: Map<CycleId, Analysis>;
  written: Written[];
  errors: CycleError[];
  mock: boolean;
};

/** Whose turn it is in a cycle, and what has been done so far. */
type Turn = { agent: Agent; notes: ReactStep[] };

/** The orchestrator: one section in each cycle, in the order of the plan, and when all are written the report. */
async function carryOut(
  ctx: JobContext,
  desk: Desk,
  plan: AuditPlan,
  { max_cycles: mostCycles = defaultCycles, cycle_delay_seconds: delay = 1 }: Input,
) {
  const waiting = [...plan.sections];
  const work: Work = { desk, plan, waiting, analyses: new Map(), written: [], errors: [], mock: false };
  for (let cycle = 1; cycle <= mostCycles; cycle += 1) {
    if (cycle > 1 && delay > 0) await ctx.wait("delay", { seconds: delay });
    const summary = await ctx.runInChildContext(pathOf.cycle(cycle), (scope) => oneCycle(scope, work, cycle));
    if (summary !== undefined) {
      show(ctx, "Completed", "The report is ready", { ...shareOf(work), completed: work.written.length + 3 });
      return { ...work, summary, cycles: cycle };
    }
  }
  ctx.logger.error("audit timed out", { cycles: mostCycles, unwritten: waiting.length });
  throw new StepFailed(
    "cycles_exhausted",
    `The audit timed out after ${mostCycles} cycles: ${leftOver(work)}`,
    {
      details: { errors: work.errors },
    },
  );
}

function leftOver({ waiting, plan, errors }: Work): string {
  const what =
    waiting.length > 0
      ? `${waiting.length} of ${plan.sections.length} sections are not written (${waiting.map(({ name }) => name).join(", ")})`
      : "the sections are written, but not the summary";
  const last = errors.at(-1);
  return last ? `${what}. The last error: ${last.message} (${last.code})` : what;
}

/**
 * What fails in a cycle ends that cycle and no other: its section goes to the end of the line.
 * @returns the summary, when it is written.
 */
async function oneCycle(scope: JobContext, work: Work, cycle: number): Promise<string | undefined> {
  const section = work.waiting.shift();
  const turn: Turn = { agent: section ? "analyzer" : "consolidator", notes: [] };
  const outcome: CycleOutcome = { section: section?.id ?? null, notes: turn.notes };
  let summary: string | undefined;
  try {
    if (section) await examine(scope, work, section, turn);
    else summary = await consolidate(scope, work, turn);
    scope.logger.info("audit cycle completed", { cycle, section: outcome.section });
  } catch (error) {
    if (!(error instanceof StepError || error instanceof StepFailed)) throw error;
    if (section) work.waiting.push(section);
    const { code, message } = error;
    const { agent } = turn;
    outcome.error = { cycle, agent, section: outcome.section, code, message, at: iso(scope.now()) };
    work.errors.push(outcome.error);
    scope.logger.warn("audit cycle failed", { cycle, section: outcome.section, agent, code });
  }
  // For those who look: the job function itself has no need of it.
  await scope.step(leaf.outcome, async () => outcome);
  return summary;
}

async function examine(scope: JobContext, work: Work, section: PlanSection, turn: Turn): Promise<void> {
  const { desk, plan, analyses } = work;
  const { file, ask } = desk;
  const place = `${section.order} of ${plan.sections.length}, priority ${section.priority}`;
  show(scope, "Analyzing", `${section.name} (${place}) is examined`, shareOf(work));
  let found = analyses.get(section.id);
  if (!found) {
    const request = ask(prompts.analysisPrompt(file, section), 8_192);
    const { value } = await askFor(scope, `analyze-${section.id}`, request, analysis);
    found = value;
    analyses.set(section.id, found);
    const observation = `${found.findings.length} findings; the cycle ${found.conformity}. ${found.summary}`;
    note(scope, turn, found.reasoning, `analyze ${section.id}`, observation);
  }

  turn.agent = "writer";
  show(scope, "Writing", `${section.name} (${place}) is written up`, shareOf(work));
  const request = ask(prompts.sectionPrompt(file, section, found), 4_096);
  const { text, mock } = await writeText(scope, `write-${section.id}`, request);
  work.mock ||= mock === true;
  work.written.push({ section, analysis: found, text });
  note(
    scope,
    turn,
    `The analysis of ${section.name} is there`,
    `write ${section.id}`,
    `${text.length} characters`,
  );
}

async function consolidate(scope: JobContext, work: Work, turn: Turn): Promise<string> {
  const { desk, plan, written } = work;
  show(scope, "Consolidating", "All sections are written; the summary is", shareOf(work));
  const sections = written.map(({ section: { name }, text }) => ({ name, text }));
  const request = desk.ask(prompts.summaryPrompt(desk.file, plan, sections), 4_096);
  const { text, mock } = await writeText(scope, "consolidate", request);
  work.mock ||= mock === true;
  note(scope, turn, "All sections are written", "consolidate", `${written.length} sections are one report`);
  return text;
}

/** From the approval at 20 % to the last section at 90 %. */
function shareOf({ plan, written }: Work) {
  const total = plan.sections.length;
  return { total, completed: 2 + written.length, percentage: Math.round(20 + (70 * written.length) / total) };
}

function note(scope: JobContext, turn: Turn, thought: string, action: string, observation: string): void {
  turn.notes.push({ agent: turn.agent, thought, action, observation, timestamp: iso(scope.now()) });
}
