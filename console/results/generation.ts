import type { Failure } from "../../core/protocol/job.ts";
import type { Stage } from "./parts.tsx";
import type {
  Architecture,
  Artifact,
  Draft,
  Finding,
  GenerationInput,
  GenerationResult,
  Specification,
} from "./shapes.ts";
import type { PartStatus, Work, Writing } from "./work.ts";

/** A project while it is written, and when it is done. */
export type GenerationView = {
  specification: Pick<Specification, "summary" | "features" | "constraints"> | undefined;
  decisions: Specification["decisions"];
  /** Questions that nobody has answered yet. */
  questions: Draft["questions"];
  architecture: Pick<Architecture, "overview" | "technologies"> | undefined;
  files: FileView[];
  reviews: ReviewView[];
  stages: Stage[];
};

export type FileView = {
  path: string;
  purpose: string;
  status: PartStatus;
  instructions: string | undefined;
  /** Paths of those that its developer reads. */
  dependsOn: string[];
  artifact: Artifact | undefined;
  /** Undefined until it is written, or where only the manifest is known. */
  content: string | undefined;
  /** As it is written. */
  writing: Writing;
  failure: Failure | undefined;
  /** How often it was mended after a review. */
  fixes: number;
};

export type ReviewView = {
  round: number;
  status: PartStatus;
  summary: string | undefined;
  findings: { path: string; problem: string; change: string }[];
};

export function generationView(
  input: GenerationInput | undefined,
  result: GenerationResult | undefined,
  work: Work,
): GenerationView {
  const draft = work.object<Draft>("specification");
  const architecture = work.object<Architecture>("architecture");
  const planned = architecture?.files ?? result?.files ?? [];
  const tasks = work.object<Record<string, { instructions: string; depends_on?: string[] }>>("tasks");
  const pathOf = (label: string) => planned[Number(label.replace("file_", "")) - 1]?.path ?? label;
  const files = planned.map(({ path, purpose }, index) => {
    const task = tasks?.[`file_${index + 1}`];
    const kept = result?.files.find((file) => file.path === path);
    const about = {
      path,
      purpose,
      instructions: task?.instructions,
      dependsOn: (task?.depends_on ?? []).map(pathOf),
    };
    return { ...about, ...fileOf(work, placeOf(index, path), kept) };
  });
  const reviews = reviewsOf(work, result, pathOf);
  const isAsking = work.part("clarification")?.status === "waiting";
  return {
    specification: result?.specification ?? draft,
    decisions: result?.specification.decisions ?? [],
    questions: isAsking && draft ? draft.questions : [],
    architecture: result?.architecture ?? architecture,
    files,
    reviews,
    stages: stagesOf(input, result, work, files, reviews),
  };
}

/** The path of a file's steps: told apart by its number, known by its name. */
function placeOf(index: number, path: string): string {
  return `${index + 1}-${path.replace(/[^A-Za-z0-9_.-]+/g, "-")}`;
}

type Standing = Omit<FileView, "path" | "purpose" | "instructions" | "dependsOn">;

function fileOf(work: Work, place: string, kept: Artifact | undefined): Standing {
  const rounds = ["develop"];
  for (let round = 1; work.part(`fix-${round}/${place}/write`); round += 1) rounds.push(`fix-${round}`);
  const inScope = (scope: string) => work.writing(`${scope}/${place}/write`);
  const writing = inScope(rounds.at(-1)!);
  // While it is mended, and when that fails, the version before is the one that counts.
  const text = rounds.map(inScope).findLast((one) => one.text !== undefined)?.text;
  const entry = rounds
    .map((scope) => work.value<Artifact>(`${scope}/${place}/keep`))
    .findLast((one) => one !== undefined);
  const isLost = writing.status === "failed" && entry !== undefined;
  return {
    status: isLost ? "completed" : writing.status,
    artifact: kept ?? entry,
    content: text === undefined ? undefined : fileIn(text),
    writing,
    failure: writing.failure,
    fixes: rounds.length - 1,
  };
}

/**
 * The file in what a developer answered, as the job reads it: between its tags, or in a code block that is all there is, or the
 * answer itself.
 */
export function fileIn(text: string): string {
  const [, fence] = /<file-([0-9a-f]{16})>/.exec(text) ?? [];
  const [from, to] = fence
    ? [text.indexOf(`<file-${fence}>`), text.lastIndexOf(`</file-${fence}>`)]
    : [-1, -1];
  const tagged = fence && to > from ? text.slice(from + fence.length + 7, to) : text;
  const block = /^\s*```[^\n`]*\n([\s\S]*?\n)```\s*$/.exec(tagged);
  const content = block && !/^```/m.test(block[1]!) ? block[1]! : tagged;
  return `${content.replace(/^(\s*\n)+/, "").trimEnd()}\n`;
}

function reviewsOf(
  work: Work,
  result: GenerationResult | undefined,
  pathOf: (label: string) => string,
): ReviewView[] {
  const reviews: ReviewView[] = [];
  for (let round = 1; ; round += 1) {
    const part = work.part(`review-${round}`);
    if (!part) break;
    const found = work.object<{ summary: string; findings: Finding[] }>(`review-${round}`);
    reviews.push({
      round,
      status: part.status,
      summary: found?.summary,
      findings: (found?.findings ?? []).map(({ file, ...finding }) => ({ path: pathOf(file), ...finding })),
    });
  }
  if (reviews.length > 0 || !result?.review.rounds) return reviews;
  const { rounds, summary, open_findings: findings } = result.review;
  return [{ round: rounds, status: "completed", summary: summary ?? undefined, findings }];
}

function stagesOf(
  input: GenerationInput | undefined,
  result: GenerationResult | undefined,
  work: Work,
  files: FileView[],
  reviews: ReviewView[],
): Stage[] {
  const at = (name: string): PartStatus => (result ? "completed" : (work.part(name)?.status ?? "pending"));
  const written = files.filter(({ artifact }) => artifact).length;
  const all = files.length > 0 && written === files.length;
  const failed = files.some(({ status }) => status === "failed");
  const begun = files.some(({ status }) => status !== "pending" && status !== "cancelled");
  const [last] = reviews.slice(-1);
  const fixing = files.some(({ fixes, status }) => fixes > 0 && status === "running");
  const bundle = work.steps.find(({ path }) => path.startsWith("bundle-"));
  const asks = work.part("clarification") || input?.ask !== false;
  return [
    { title: "Specification", status: at("specification") },
    ...(asks ? [{ title: "Questions", status: answered(result, work) }] : []),
    { title: "Architecture", status: at("architecture") },
    { title: "Tasks", status: at("tasks") },
    {
      title: files.length > 0 ? `Files, ${written} of ${files.length}` : "Files",
      status: result || all ? "completed" : failed ? "failed" : begun ? "running" : "pending",
    },
    { title: "Review", status: result ? "completed" : fixing ? "running" : (last?.status ?? "pending") },
    { title: "Bundle", status: result ? "completed" : bundle ? work!.of(bundle).status : "pending" },
  ];
}

/** Where nothing was unclear nobody is asked, which is as good as an answer. */
function answered(result: GenerationResult | undefined, work: Work): PartStatus {
  if (result || work.part("architecture")) return "completed";
  return work.part("clarification")?.status ?? "pending";
}

/** A folder with what is in it, folders first. */
export type Folder = { name: string; folders: Folder[]; files: { name: string; path: string }[] };

export function folderOf(paths: string[], name = ""): Folder {
  const folders = new Map<string, string[]>();
  const files: Folder["files"] = [];
  const within = name === "" ? 0 : name.length + 1;
  for (const path of paths) {
    const slash = path.indexOf("/", within);
    if (slash < 0) files.push({ name: path.slice(within), path });
    else {
      const folder = path.slice(0, slash);
      folders.set(folder, [...(folders.get(folder) ?? []), path]);
    }
  }
  const inOrder = <T extends { name: string }>(some: T[]) => some.sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    name: name.slice(name.lastIndexOf("/") + 1),
    folders: inOrder([...folders].map(([folder, inside]) => folderOf(inside, folder))),
    files: inOrder(files),
  };
}
