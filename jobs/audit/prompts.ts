import { quote, quotedAsData } from "../shared/quoting.ts";
import { auditCycles, type CycleId } from "./cycles.ts";
import type { Analysis } from "./findings.ts";
import { type NormId, normOf } from "./norms.ts";
import type { AuditPlan, PlanSection } from "./plan.ts";

/** What all who work on one audit have before them. */
export type File = {
  fence: string;
  report: string | undefined;
  norms: NormId[];
  /** What people have said so far, oldest first. */
  feedback: string[];
};

const json = (value: object) => JSON.stringify(value, undefined, 1);

function normLines(norms: NormId[]): string {
  return norms
    .map(normOf)
    .map(({ name, description }) => `- ${name}: ${description}`)
    .join("\n");
}

/** What an instruction is given beside the report: how to read, the norms, and what people have said. */
function circumstances({ fence, norms, feedback }: File): string[] {
  return [
    quotedAsData(fence),
    `The audit is held against these norms:\n${normLines(norms)}`,
    ...feedback.map((said) => quote("feedback", fence, said)),
    ...(feedback.length > 0
      ? [
          "The feedback is by those for whom the audit is made: their wishes as to its scope and emphasis count, not as to its findings.",
        ]
      : []),
  ];
}

function reportText({ fence, report }: File): string {
  return report === undefined
    ? "The text of the enterprise's report is not at hand. Say what has to be examined and asked for, and invent no facts."
    : quote("report", fence, report);
}

export function reportPrompt(file: File): string {
  return [
    "Read an enterprise's report before its audit.",
    "Say what kind of report it is: its type, the sector, its main sections, which cycles of the books it covers, how " +
      "complex it is, and what needs attention.",
    ...circumstances(file),
    reportText(file),
  ].join("\n\n");
}

export function planPrompt(file: File, reading: object, concerned: CycleId[], earlier?: AuditPlan): string {
  const { fence } = file;
  const cycles = concerned.map((id) => `- ${id}: ${auditCycles[id].title}`).join("\n");
  return [
    "Plan the audit of an enterprise's report.",
    "The plan has the strategy; one section for each cycle of the books that is to be examined, with priority, focus, " +
      "the findings to look for, what the norms ask of it and the effort; the order of the work; the risks; and when " +
      "the audit counts as done.",
    ...circumstances(file),
    reportText(file),
    quote("reading", fence, json(reading)),
    `The norms concern these cycles:\n${cycles}\nPlan a section for each, unless the report clearly has nothing of the kind.`,
    ...(earlier
      ? [
          quote("rejected-plan", fence, json(earlier)),
          "This plan was rejected. Write another one that does what the feedback asks for.",
        ]
      : []),
  ].join("\n\n");
}

function templateOf({ cycle }: PlanSection): string {
  const { objectives, key_controls, tests } = auditCycles[cycle];
  const list = (title: string, lines: string[]) =>
    `${title}:\n${lines.map((line) => `- ${line}`).join("\n")}`;
  return [list("Objectives", objectives), list("Key controls", key_controls), list("Tests", tests)].join(
    "\n",
  );
}

export function analysisPrompt(file: File, section: PlanSection): string {
  return [
    `Audit one cycle of an enterprise's books: ${section.name}.`,
    "Go through its objectives, controls and tests, and say what the report shows about each: findings with their " +
      "severity, the norm, the evidence, and what is to be done. What the report says nothing about is a finding of its own, not a guess.",
    ...circumstances(file),
    reportText(file),
    templateOf(section),
    quote("section-of-the-plan", file.fence, json(section)),
    "`reasoning` is one or two sentences: what you looked at first, and why.",
  ].join("\n\n");
}

export function sectionPrompt(file: File, section: PlanSection, analysis: Analysis): string {
  return [
    `Write the section on ${section.name} of an audit report.`,
    "It is in Markdown, in the language of the enterprise's report: what was examined, the findings (the most severe " +
      "first, each with norm, evidence and recommendation), and how far the cycle conforms. Begin with the text itself: " +
      "the heading is there already. Use headings of the third level and below.",
    ...circumstances(file),
    quote("analysis", file.fence, json(analysis)),
    "Say nothing that the analysis does not bear out.",
  ].join("\n\n");
}

export function summaryPrompt(
  file: File,
  plan: AuditPlan,
  sections: { name: string; text: string }[],
): string {
  return [
    "Write the summary of an audit report.",
    "The sections are written. The summary goes before them, in Markdown and in their language: what was examined, " +
      "the overall conformity, the findings that matter most across all cycles, and the recommendations in order of urgency. Do not repeat the sections. Use headings of the third level and below.",
    ...circumstances(file),
    quote("strategy", file.fence, plan.overall_strategy),
    ...sections.map(({ name, text }) => quote("section", file.fence, text, name)),
  ].join("\n\n");
}
