import type { Analysis } from "./findings.ts";
import { type NormId, normOf } from "./norms.ts";
import type { AuditPlan, PlanSection } from "./plan.ts";
import type { CycleError } from "./traces.ts";

export type Written = { section: PlanSection; analysis: Analysis; text: string };

const severities = ["critical", "high", "medium", "low"] as const;

function severest({ findings }: Analysis): string {
  return severities.find((severity) => findings.some((finding) => finding.severity === severity)) ?? "none";
}

/** The report in Markdown. Only the summary is the consolidator's: no section can get lost in a model. */
export function assembled(audit: {
  reportId: string;
  norms: NormId[];
  plan: AuditPlan;
  written: Written[];
  summary: string;
  errors: CycleError[];
  cycles: number;
  at: string;
  mock: boolean;
}): string {
  const { reportId, norms, plan, written, summary, errors, cycles, at, mock } = audit;
  const rows = written.map(
    ({ section, analysis }) =>
      `| ${section.name} | ${analysis.conformity} | ${analysis.findings.length} | ${severest(analysis)} |`,
  );
  const chapters = written.map(
    ({ section, text }, index) => `## ${index + 1}. ${section.name}\n\n${text.trim()}`,
  );
  const troubles = errors.map(({ cycle, agent, section, message }) => {
    const about = section ? ` on ${section}` : "";
    return `- Cycle ${cycle}, ${agent}${about}: ${message.replace(/\s+/g, " ")}`;
  });
  return [
    `# Audit report: ${reportId}`,
    ...(mock ? ["> Mock models have written this report: it says nothing about any enterprise."] : []),
    `Held against ${norms.map((id) => normOf(id).name).join(", ")}. Completed ${at} after ${cycles} cycles, by ${plan.plan_id}.`,
    `## Summary\n\n${summary.trim()}`,
    [
      "## Conformity at a glance",
      "",
      "| Cycle | Conformity | Findings | Most severe |",
      "| --- | --- | --- | --- |",
      ...rows,
    ].join("\n"),
    ...chapters,
    `## How the audit was done\n\n${plan.overall_strategy.trim()}`,
    ...(troubles.length > 0 ? [`What had to be done again:\n\n${troubles.join("\n")}`] : []),
  ]
    .join("\n\n")
    .concat("\n");
}
