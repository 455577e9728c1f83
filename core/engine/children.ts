import type { Settings } from "../config.ts";
import { load } from "../payloads/payloads.ts";
import {
  Conflict,
  failureOf,
  InvalidRequest,
  NotFound,
  ServiceError,
  Unavailable,
} from "../protocol/error.ts";
import { recorded } from "../protocol/event.ts";
import { type Budget, type Failure, isTerminal, type JobKey, type JobRecord } from "../protocol/job.ts";
import type { Services } from "../services.ts";
import { type Answer, type CallbackServices, completeCallback } from "./callback.ts";
import { cancel } from "./cancel.ts";
import type { Jobs } from "./job-type.ts";
import { parse } from "./parse.ts";
import type { CallbackCall } from "./run.ts";
import type { SignalServices } from "./signal.ts";
import { type SubmitServices, submit } from "./submit.ts";

type Child = NonNullable<CallbackCall["child"]>;

/** Why a child cannot be: known before anything of it is written. */
export function refusal(
  jobs: Jobs,
  parent: JobRecord,
  child: Child,
  { maxDepth }: Pick<Settings, "maxDepth">,
): Failure | undefined {
  try {
    const jobType = jobs.latest(child.type);
    if (!jobType) throw new InvalidRequest(`No job type "${child.type}"`);
    parse(jobType.input, child.input, ["input"]);
    if ((parent.parent?.depth ?? 0) >= maxDepth)
      throw new InvalidRequest(`Jobs call each other more than ${maxDepth} deep`);
    return undefined;
  } catch (error) {
    return failureOf(error);
  }
}

/** Makes the job that a callback waits for, unless it is there already. */
export async function submitChild(
  services: SubmitServices & CallbackServices,
  jobs: Jobs,
  parent: JobRecord,
  by: string,
  { id: callback_id, child }: { id: string; child: Child },
): Promise<void> {
  const { tenant, jobId: job_id, lane: priority, tags } = parent;
  const budget = remainder(parent);
  const { type, input, title, jobId } = child;
  try {
    await submit(
      services,
      jobs,
      { tenant, by },
      {
        type,
        input,
        jobId,
        priority,
        tags,
        parent: { job_id, callback_id, depth: (parent.parent?.depth ?? 0) + 1 },
        ...(title ? { title } : {}),
        ...(budget ? { budget } : {}),
      },
    );
  } catch (error) {
    if (error instanceof Conflict) return;
    if (!(error instanceof ServiceError) || error.retryable) throw error;
    await completeCallback(services, parent, callback_id, { failure: failureOf(error) }, jobId);
  }
}

/** A child may spend what its parent has left. Its hops, steps and age are its own. */
export function remainder({ budget, usage }: JobRecord): Budget | undefined {
  if (!budget) return undefined;
  const { max_tokens, max_cost_usd, on_exceeded } = budget;
  if (max_tokens === undefined && max_cost_usd === undefined) return undefined;
  const tokens = usage.input_tokens + usage.output_tokens;
  return {
    ...(max_tokens === undefined ? {} : { max_tokens: Math.max(0, max_tokens - tokens) }),
    ...(max_cost_usd === undefined
      ? {}
      : { max_cost_usd: Math.max(0, max_cost_usd - (usage.cost_usd ?? 0)) }),
    ...(on_exceeded ? { on_exceeded } : {}),
  };
}

/** The job as it goes on, whatever the number of journals it has filled. */
export async function successor(
  { journal }: Pick<Services, "journal">,
  key: JobKey,
): Promise<JobRecord | undefined> {
  for (let { tenant, jobId } = key; ; ) {
    const head = await journal.head({ tenant, jobId });
    if (head?.continuedAs === undefined) return head;
    jobId = head.continuedAs;
  }
}

/**
 * The end of a job is the answer to the one that waits for it.
 * @param child - as its end has left it.
 */
export async function answerParent(services: CallbackServices, child: JobRecord): Promise<void> {
  const { tenant, parent, jobId, usage } = child;
  if (!parent || !isTerminal(child.status) || child.continuedAs !== undefined) return;
  try {
    const answer = { ...(await answerOf(services, child)), usage };
    await completeCallback(services, { tenant, jobId: parent.job_id }, parent.callback_id, answer, jobId);
  } catch (error) {
    // Nobody waits for it any more.
    if (!(error instanceof NotFound) && !(error instanceof Conflict)) throw error;
  }
}

async function answerOf({ journal, payloads }: CallbackServices, child: JobRecord): Promise<Answer> {
  if (child.failure) return { failure: child.failure };
  if (child.resultSeq === undefined) {
    return { failure: { code: "child_cancelled", message: `Job ${child.jobId} was cancelled` } };
  }
  const { entries } = await journal.read(child, child.resultSeq - 1, 1);
  const end = entries.flatMap(recorded).find(({ seq }) => seq === child.resultSeq);
  if (end?.kind !== "job.completed") throw new Unavailable(`The end of job ${child.jobId} cannot be read`);
  return { result: await load(payloads, end.result) };
}

/** Nobody waits for a child any more. */
export async function cancelChild(
  services: SignalServices,
  { tenant, jobId: parent }: JobKey,
  childId: string,
): Promise<void> {
  const child = await successor(services, { tenant, jobId: childId });
  if (child && !isTerminal(child.status)) await cancel(services, child, parent, "Its parent waits no more");
}

/** The same for all that a job is waiting for. */
export async function cancelChildren(services: SignalServices, job: JobRecord): Promise<void> {
  const ids = (job.callbacks ?? []).flatMap(({ childJobId, decided }) =>
    childJobId && !decided ? [childJobId] : [],
  );
  await Promise.all(ids.map((id) => cancelChild(services, job, id)));
}
