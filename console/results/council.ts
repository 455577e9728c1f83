import type { Failure } from "../../core/protocol/job.ts";
import type { CouncilInput, CouncilResult } from "./shapes.ts";
import type { PartStatus, Work, Writing } from "./work.ts";

/** A council at any moment: from its journal while it is at work, from its result when it is done. */
export type CouncilView = {
  question: string;
  answers: { name: string; writing: Writing }[];
  rankings: RankingView[];
  /** Best first. Undefined until the votes are counted, and empty where there are none. */
  standings: CouncilResult["metadata"]["aggregate_rankings"] | undefined;
  /** Kendall's W; null where it has no meaning. */
  agreement: number | null;
  counted: number;
  note: string | undefined;
  final: Writing;
  chairman: string;
  title: string | null | undefined;
  /** What was asked for beyond the question. */
  manner: string[];
};

export type RankingView = {
  name: string;
  status: PartStatus;
  /** Members, best first. Undefined until the labels can be resolved; empty when the ballot could not be read. */
  order?: string[];
  /** The evaluation in words. */
  text?: string;
  mock?: boolean;
  truncated?: boolean;
  failure?: Pick<Failure, "code" | "message">;
};

export function councilView(
  input: CouncilInput | undefined,
  result: CouncilResult | undefined,
  work: Work,
): CouncilView {
  const about = {
    question: input?.question ?? "",
    chairman: input?.chairman ?? "",
    manner: input ? mannerOf(input) : [],
  };
  return { ...about, ...(result ? ofResult(result, input, work) : ofWork(input, work)) };
}

type Stages = Omit<CouncilView, "question" | "manner" | "chairman">;

function ofResult(
  { stage1, stage2, stage3, metadata, title }: CouncilResult,
  input: CouncilInput | undefined,
  work: Work,
): Stages {
  const lost = (stage: "stage1" | "stage2") => metadata.failures.filter((failure) => failure.stage === stage);
  const answered: Stages["answers"] = [
    ...stage1.map(({ model, response, ...marks }) => ({
      name: model,
      writing: { status: "completed" as const, text: response, model, ...marks },
    })),
    ...lost("stage1").map(({ model, code, message }) => ({
      name: model,
      writing: { status: "failed" as const, failure: { code, message } },
    })),
  ];
  const rankings: RankingView[] = [
    ...stage2.map(({ model, ranking, parsed_ranking, label_to_model, mock, truncated }) => ({
      name: model,
      status: "completed" as const,
      order: parsed_ranking.map((label) => label_to_model[label] ?? label),
      text: named(ranking, label_to_model),
      ...(mock ? { mock } : {}),
      ...(truncated ? { truncated } : {}),
    })),
    ...lost("stage2").map(({ model, code, message }) => ({
      name: model,
      status: "failed" as const,
      failure: { code, message },
    })),
  ];
  const { response, ...final } = stage3;
  const standsIn = input ? stage3.model !== input.chairman : work.part("stage3")?.standsIn;
  return {
    answers: inOrder(answered, input),
    rankings: inOrder(rankings, input),
    standings: metadata.aggregate_rankings,
    agreement: metadata.agreement,
    counted: metadata.rankings_counted,
    note: metadata.note,
    final: { status: "completed", text: response, ...final, ...(standsIn ? { standsIn } : {}) },
    title,
  };
}

function ofWork(input: CouncilInput | undefined, work: Work): Stages {
  const members = membersOf(input?.members ?? []);
  const title = work.value<{ text: string }>("title")?.text;
  return {
    answers: members.map(({ name, step }) => ({ name, writing: work.writing(`stage1/${step}`) })),
    rankings: members.flatMap(({ name, step }): RankingView[] => {
      const answer = work.writing(`stage1/${step}`);
      // Only who has answered ranks.
      if (answer?.status === "failed") return [];
      const { status, text, mock, truncated, failure } = work.writing(`stage2/${step}`);
      const marks = { ...(mock ? { mock } : {}), ...(truncated ? { truncated } : {}) };
      return [
        { name, status, ...(text === undefined ? {} : { text }), ...marks, ...(failure ? { failure } : {}) },
      ];
    }),
    standings: work.isOver ? [] : undefined,
    agreement: null,
    counted: 0,
    note: undefined,
    final: work.writing("stage3"),
    title,
  };
}

/** As they sit at the table, whether they answered or not. */
function inOrder<T extends { name: string }>(some: T[], input: CouncilInput | undefined): T[] {
  const names = membersOf(input?.members ?? []).map(({ name }) => name);
  const place = (name: string) => (names.includes(name) ? names.indexOf(name) : names.length);
  return some.toSorted((a, b) => place(a.name) - place(b.name));
}

/** The members' names and the names of their steps, as the council numbers those that sit twice. */
function membersOf(models: readonly string[]): { name: string; step: string }[] {
  const numbered = (names: string[], mark: string) => {
    const taken = new Set<string>();
    return names.map((name) => {
      let unique = name;
      for (let count = 2; taken.has(unique); count += 1) unique = `${name}${mark}${count}`;
      taken.add(unique);
      return unique;
    });
  };
  const steps = numbered(
    models.map((model) => model.replace(/[^A-Za-z0-9_.:-]+/g, "-")),
    "-",
  );
  return numbered([...models], "#").map((name, index) => ({ name, step: steps[index]! }));
}

/** The evaluation with names beside the labels that hid them. */
function named(text: string, labels: Record<string, string>): string {
  return text.replace(/\bResponse [A-Z]\b/g, (label) =>
    labels[label] ? `${label} (${labels[label]})` : label,
  );
}

function mannerOf({
  exclude_self,
  anonymous_chairman,
  quorum,
  criteria,
  system,
  personas,
}: CouncilInput): string[] {
  return [
    `quorum ${quorum}`,
    exclude_self ? "nobody ranks the own answer" : "everybody ranks every answer",
    ...(anonymous_chairman ? ["the chairman does not know who wrote what"] : []),
    ...(criteria ? [`ranked by ${criteria.join(", ")}`] : []),
    ...(system ? ["with an instruction to all"] : []),
    ...(personas && Object.keys(personas).length > 0 ? ["with personas"] : []),
  ];
}

/** What Kendall's W says, in words. */
export function agreementInWords(agreement: number | null): string {
  if (agreement === null) return "not defined for these rankings";
  if (agreement >= 0.9) return "nearly unanimous";
  if (agreement >= 0.7) return "strong agreement";
  if (agreement >= 0.5) return "moderate agreement";
  if (agreement >= 0.3) return "weak agreement";
  return "hardly any agreement";
}
