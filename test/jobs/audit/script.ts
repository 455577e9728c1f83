import { setTimeout as sleep } from "node:timers/promises";
import { ModelError } from "../../../core/models/errors.ts";
import type { Model, ModelAnswer, ModelRequest } from "../../../core/models/model.ts";
import { auditCycles, type CycleId } from "../../../jobs/audit/cycles.ts";
import type { Analysis } from "../../../jobs/audit/findings.ts";
import type { NormId } from "../../../jobs/audit/norms.ts";
import type { Draft } from "../../../jobs/audit/plan.ts";

/** Which part of an audit a request is: by the first line of its instruction. */
export type Part = "read" | "plan" | `analyze ${string}` | `write ${string}` | "summarise";

/** What is said to a request: a text, an object, or the error that is thrown. */
type Says = (request: ModelRequest, call: number) => string | object | Error | "wait for ever";

export type Script = Partial<Record<Part, Says>>;

export const input = {
  enterprise_report_id: "annual-report-2025",
  selected_norms: ["iso_27001", "gdpr"] as NormId[],
  report: "Salaries are paid by one person alone.",
  models: ["test:auditor"],
};

/** The two cycles that the norms of `input` concern, payroll first. */
export const draft: Draft = {
  overall_strategy: "Payroll before treasury: one person pays alone.",
  priority_order: ["paie_personnel", "tresorerie"],
  estimated_duration: "2 days",
  sections: [section("tresorerie", "low"), section("paie_personnel", "high")],
  risk_assessment: { high_risk_areas: ["Payroll"], mitigation_strategies: ["Four eyes"] },
  success_criteria: ["Both cycles are written up"],
};

function section(cycle: CycleId, priority: "high" | "low"): Draft["sections"][number] {
  return {
    cycle,
    priority,
    focus_areas: [`What matters in ${auditCycles[cycle].title}`],
    expected_findings: ["Duties that are not separated"],
    conformity_checks: ["ISO/IEC 27001: access"],
    estimated_effort: "1 day",
  };
}

export const found: Analysis = {
  reasoning: "Who pays is looked at first.",
  summary: "One person pays alone.",
  conformity: "does not conform",
  findings: [
    {
      title: "No separation of duties",
      severity: "high",
      norm: "ISO/IEC 27001",
      evidence: "Salaries are paid by one person alone.",
      recommendation: "Have payments released by somebody else.",
    },
  ],
};

const usual: Record<string, Says> = {
  read: () => ({
    document_type: "annual report",
    enterprise_sector: "services",
    main_sections: ["Personnel"],
    cycles_present: ["paie_personnel"],
    complexity_level: "simple",
    recommended_focus_areas: ["Payroll"],
  }),
  plan: () => draft,
  analyze: () => found,
  write: (request) => `What was found out about ${partOf(request).slice(6)}.`,
  summarise: () => "One person pays alone: that has to end.",
};

export function promptOf(request: ModelRequest): string {
  return request.messages.at(-1)!.content;
}

function partOf(request: ModelRequest): Part {
  const [first = ""] = request.messages[0]!.content.split("\n");
  if (first.startsWith("Read")) return "read";
  if (first.startsWith("Plan")) return "plan";
  const cycle = /books: (.*)\.$/.exec(first)?.[1];
  if (cycle) return `analyze ${cycle}`;
  const written = /section on (.*) of an audit/.exec(first)?.[1];
  return written ? `write ${written}` : "summarise";
}

export const down = () => new ModelError("model_rejected", "Gone for good");

/** Models that say what a script says. Remembers what was asked, by part. */
export function auditors(script: Script = {}): Model & { asked: { part: Part; prompt: string }[] } {
  const asked: { part: Part; prompt: string }[] = [];
  return {
    asked,
    async generate(request, { signal, onDelta }) {
      const part = partOf(request);
      const [kind = ""] = part.split(" ");
      asked.push({ part, prompt: promptOf(request) });
      const call = asked.filter((one) => one.part === part).length;
      const said = (script[part] ?? usual[kind]!)(request, call);
      if (said instanceof Error) throw said;
      if (said === "wait for ever") await sleep(1_000_000_000, undefined, { signal });
      const answer: Partial<ModelAnswer> =
        typeof said === "string" ? { text: said } : { text: JSON.stringify(said), object: said as never };
      if (answer.text) onDelta?.(answer.text);
      return {
        text: "",
        model: request.model,
        finish: "stop",
        usage: { model_calls: 1, input_tokens: 10, output_tokens: 5, cost_usd: 0.001 },
        ...answer,
      };
    },
  };
}
