import type { OperationProgress } from "../../core/protocol/job.ts";
import type { Json } from "../../core/protocol/json.ts";
import type { PartStatus, Work } from "./work.ts";

/** Something that somebody else does for a job, as far as is known. */
export type OperationView = {
  status: PartStatus;
  /** Who does it: `google:veo-3.1-generate-preview`, `http:`, ... */
  provider: string | undefined;
  /** The provider's own name for it. */
  id: string | undefined;
  polls: number;
  /** The last look at it, and the next one. */
  lookedAt: number | undefined;
  nextLookAt: number | undefined;
  /** What its provider says of its progress. Absent when it is over. */
  progress: OperationProgress | undefined;
};

type Ticket = { operation: string; operation_id: string };

/** @param name - the scope of its steps. */
export function operationView(name: string, work: Work): OperationView {
  const ticket = work.value<Ticket>(`${name}/start`);
  const looks = work.steps.filter(({ path }) => path.startsWith(`${name}/`) && /\/poll(-on)?$/.test(path));
  const attempts = looks.flatMap((step) => step.attempts);
  const last = looks.at(-1);
  const start = work.part(`${name}/start`)?.status;
  const polling = last && work.of(last).status;
  const result = last && (work.of(last).value as { outcome?: { state: string } } | undefined);
  const isLost = result?.outcome?.state === "failed";
  return {
    status: isLost ? "failed" : start === "completed" ? (polling ?? "waiting") : (start ?? "pending"),
    provider: ticket?.operation,
    id: ticket?.operation_id,
    polls: attempts.filter(({ endedAt }) => endedAt !== undefined).length,
    lookedAt: attempts.findLast(({ endedAt }) => endedAt !== undefined)?.endedAt,
    nextLookAt: polling === "waiting" ? last?.until : undefined,
    progress: work.job.progress?.operation,
  };
}

/** The names of a video's operations, of which the second stands in for the first. */
export function videoOperation(work: Work): string {
  return work.part("mock/start") ? "mock" : "video";
}

/** Whether a file is shown as a picture: a mock's video is one that moves. */
export function isPicture({ media_type: type }: { media_type?: Json | undefined }, isMock: boolean): boolean {
  return typeof type === "string" ? type.startsWith("image/") : isMock;
}
