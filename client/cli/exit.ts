import type { ServiceError } from "../../core/protocol/error.ts";
import type { JobStatus } from "../../core/protocol/job.ts";
import { ConvokeError } from "../http.ts";

/** How a command ends, for scripts. The numbers never change. */
export const exit = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  notAllowed: 4,
  unreachable: 5,
  conflict: 6,
  interrupted: 130,
} as const;

export type Exit = (typeof exit)[keyof typeof exit];

export const exitMeanings: Record<Exit, string> = {
  0: "done; the job that was followed has completed",
  1: "the job has failed or was cancelled; a replay diverges",
  2: "wrong usage, or an input that the service refuses",
  3: "there is no such job, conversation, schedule, ...",
  4: "the key is not accepted, or may not do this",
  5: "the service does not answer, or not now",
  6: "not in the state that it is in: it has ended, another decision stands, ...",
  130: "interrupted; the job goes on",
};

const byCode: Record<string, Exit> = {
  not_found: exit.notFound,
  unauthorized: exit.notAllowed,
  forbidden: exit.notAllowed,
  conflict: exit.conflict,
  conversation_busy: exit.conflict,
  precondition_failed: exit.conflict,
  limit_reached: exit.conflict,
  unreachable: exit.unreachable,
  unreadable: exit.unreachable,
  unavailable: exit.unreachable,
  rate_limited: exit.unreachable,
  internal_error: exit.unreachable,
};

export function exitOfError(error: ServiceError): Exit {
  const isTheServices = error instanceof ConvokeError && (error.status ?? 0) >= 500;
  return byCode[error.code] ?? (isTheServices ? exit.unreachable : exit.usage);
}

export function exitOfJob(status: JobStatus): Exit {
  return status === "failed" || status === "cancelled" ? exit.failed : exit.done;
}
