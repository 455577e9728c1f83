import type { ServiceError } from "../../core/protocol/error.ts";
import { textOf } from "../../core/protocol/error-catalogue.ts";
import type { JobStatus } from "../../core/protocol/job.ts";
import { ConvokeError } from "../error.ts";

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

/** Errors end as the HTTP status of their code says, also those that did not come over HTTP. */
export function exitOfError(error: ServiceError): Exit {
  const told = error instanceof ConvokeError ? error.status : undefined;
  const status = told ?? textOf(error.code).status;
  switch (status) {
    case 401:
    case 403:
      return exit.notAllowed;
    case 404:
      return exit.notFound;
    case 409:
    case 412:
      return exit.conflict;
    case 429:
      return exit.unreachable;
    default:
      // Neither refused nor in order: there was no answer, or none that can be read.
      return status !== undefined && status >= 400 && status < 500 ? exit.usage : exit.unreachable;
  }
}

export function exitOfJob(status: JobStatus): Exit {
  return status === "failed" || status === "cancelled" ? exit.failed : exit.done;
}
