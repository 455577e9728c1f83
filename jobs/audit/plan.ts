import * as z from "zod";
import { auditCycles, type CycleId, cycleIds } from "./cycles.ts";
import { type NormId, normOf } from "./norms.ts";

const text = z.string().max(2_000);
const points = z.array(z.string().max(1_000)).max(12);

const draftSection = z.object({
  cycle: z.enum(cycleIds),
  priority: z.enum(["high", "medium", "low"]),
  focus_areas: points,
  expected_findings: points,
  conformity_checks: points,
  estimated_effort: text,
});

const draft = z.object({
  overall_strategy: text,
  priority_order: z.array(z.enum(cycleIds)).max(cycleIds.length),
  estimated_duration: text,
  sections: z.array(draftSection).min(1).max(cycleIds.length),
  risk_assessment: z.object({ high_risk_areas: points, mitigation_strategies: points }),
  success_criteria: points,
});

export type Draft = z.infer<typeof draft>;

/** What the planner is asked for. Of many cycles that are concerned, some sections at least must come out. */
export function draftOf(concerned: CycleId[]): z.ZodType<Draft> {
  const fewest = Math.min(3, concerned.length);
  return draft.extend({ sections: z.array(draftSection).min(fewest).max(cycleIds.length) });
}

export const auditPlan = z
  .object({
    ...draft.shape,
    plan_id: z.string(),
    created_at: z.string(),
    sections: z.array(
      draftSection.extend({ id: z.enum(cycleIds), name: z.string(), order: z.int() }).meta({
        description: "In the order of the work. `id` is the cycle, `name` its title",
      }),
    ),
    fallback: z
      .literal(true)
      .optional()
      .meta({ description: "The planner's answer could not be read: this plan is made of the catalogue" }),
  })
  .meta({ id: "AuditPlan" });

export type AuditPlan = z.infer<typeof auditPlan>;
export type PlanSection = AuditPlan["sections"][number];

/** The number of a plan is part of its id: the first is `plan_1`. */
export function planIdOf(number: number): string {
  return `plan_${number}`;
}

const weight = { high: 0, medium: 1, low: 2 };

/** A draft as people approve it and auditors work by it: every cycle once, in the order of the work, with its title. */
export function settled(
  { sections, priority_order, ...rest }: Draft,
  made: { number: number; at: string; fallback?: true },
): AuditPlan {
  const planned = sections.filter(
    ({ cycle }, index) => sections.findIndex((other) => other.cycle === cycle) === index,
  );
  const wanted = (cycle: CycleId) => {
    const place = priority_order.indexOf(cycle);
    return place === -1 ? priority_order.length : place;
  };
  const inOrder = planned.toSorted(
    (a, b) => wanted(a.cycle) - wanted(b.cycle) || weight[a.priority] - weight[b.priority],
  );
  return {
    ...rest,
    plan_id: planIdOf(made.number),
    created_at: made.at,
    priority_order: inOrder.map(({ cycle }) => cycle),
    sections: inOrder.map((section, index) => ({
      ...section,
      id: section.cycle,
      name: auditCycles[section.cycle].title,
      order: index + 1,
    })),
    ...(made.fallback ? { fallback: true } : {}),
  };
}

/** The plan for when the planner's cannot be read: each cycle that the norms concern, by the book. */
export function planByTheBook(concerned: CycleId[], norms: NormId[]): Draft {
  return {
    overall_strategy:
      "Every cycle that the selected norms concern is examined by its usual controls and tests.",
    priority_order: concerned,
    estimated_duration: "Not estimated",
    sections: concerned.map((cycle) => ({
      cycle,
      priority: "medium",
      focus_areas: auditCycles[cycle].objectives,
      expected_findings: auditCycles[cycle].tests,
      conformity_checks: norms
        .map(normOf)
        .filter(({ applicable_cycles }) => applicable_cycles.includes(cycle))
        .map(({ name, description }) => `${name}: ${description}`),
      estimated_effort: "Not estimated",
    })),
    risk_assessment: { high_risk_areas: [], mitigation_strategies: [] },
    success_criteria: ["Every planned cycle is written up", "Every finding names its evidence and its norm"],
  };
}
