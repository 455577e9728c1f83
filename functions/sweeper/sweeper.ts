import type { Context, EventBridgeEvent, SQSEvent } from "aws-lambda";
import type { Logger } from "../../core/engine/context.ts";
import type { Jobs } from "../../core/engine/job-type.ts";
import { fireDue } from "../../core/engine/schedule.ts";
import { isTerminal, type JobKey } from "../../core/protocol/job.ts";
import { parseWakeUp } from "../../core/queue/queue.ts";
import type { Services, WorkersOwn } from "../../core/services.ts";

type SweeperServices = Omit<Services, WorkersOwn | "sockets" | "watches" | "keys">;

const jobsPerPage = 200;
const schedulesPerPage = 50;
/** Stop looking for more when an invocation has less left. */
const reserveMs = 5_000;

/**
 * Walks behind the journey and picks up what fell: messages that were lost, workers that died, waits that outlast
 * what a queue can delay, schedules whose moment has come. A dead-letter message says that a worker died over a job several times, not that the job
 * has failed; the job's own count of claims without progress decides that, in its next pass.
 */
export function sweeper(services: SweeperServices, jobs: Jobs, logger: Logger) {
  return async (event: EventBridgeEvent<string, unknown> | SQSEvent, context: Context): Promise<void> => {
    const deadline = services.now() + context.getRemainingTimeInMillis() - reserveMs;
    if ("Records" in event) await revive(services, logger, event);
    else {
      const sweeps = [sweep(services, logger, deadline), fireSchedules(services, jobs, logger, deadline)];
      // Neither costs the other its turn.
      const failed = (await Promise.allSettled(sweeps)).find(({ status }) => status === "rejected");
      if (failed?.status === "rejected") throw failed.reason;
    }
  };
}

async function sweep(services: SweeperServices, logger: Logger, deadline: number): Promise<void> {
  const { journal, now } = services;
  // A long run must not come upon the same jobs again.
  const begunAt = now();
  let woken = 0;
  let found: JobKey[];
  // What a run cannot wake it moves out of the way, so each page is another one.
  do {
    const due = await journal.due(begunAt, jobsPerPage);
    const results = await Promise.all(
      due.map((job) =>
        wake(services, job, job.due).catch((error: unknown) => {
          // One job that cannot be reached now is found again in the next run and must not cost the others theirs.
          logger.warn("job not woken", {
            job_id: job.jobId,
            error: error instanceof Error ? error.message : "",
          });
          return undefined;
        }),
      ),
    );
    woken += results.filter((outcome) => outcome === "woken").length;
    const moved = results.filter((outcome) => outcome !== undefined).length;
    // A page of which nothing could be moved belongs to another sweeper or to a lagging index.
    found = moved > 0 ? due : [];
  } while (found.length === jobsPerPage && now() < deadline);
  if (woken > 0) logger.info("jobs woken", { jobs: woken });
}

async function fireSchedules(
  services: SweeperServices,
  jobs: Jobs,
  logger: Logger,
  deadline: number,
): Promise<void> {
  const { schedules, now } = services;
  let more: boolean;
  do {
    const due = await schedules.due(now(), schedulesPerPage);
    const moved = await Promise.all(
      due.map(async (key) => {
        try {
          const fired = await fireDue(services, jobs, key);
          if (!fired) return false;
          if ("job" in fired) logger.info("schedule fired", { schedule_id: key.id, job_id: fired.job.jobId });
          else if ("skippedFor" in fired)
            logger.info("schedule skipped", { schedule_id: key.id, job_id: fired.skippedFor.jobId });
          else logger.warn("schedule without a job", { schedule_id: key.id, code: fired.failure.code });
          return true;
        } catch (error) {
          // Still due, so the next run tries again.
          const reason = error instanceof Error ? error.message : "";
          logger.warn("schedule not fired", { schedule_id: key.id, error: reason });
          return false;
        }
      }),
    );
    more = due.length === schedulesPerPage && moved.includes(true);
  } while (more && now() < deadline);
}

async function revive(services: SweeperServices, logger: Logger, event: SQSEvent): Promise<void> {
  for (const record of event.Records) {
    const job = parseWakeUp(record.body);
    if (!job) {
      logger.error("unreadable dead letter dropped", { message_id: record.messageId });
      continue;
    }
    const head = await services.journal.head(job);
    logger.error("dead letter", { job_id: job.jobId, status: head?.status ?? "gone", stalls: head?.stalls });
    if (head?.due !== undefined) await wake(services, job, head.due);
  }
}

/**
 * Moves the job's `due` first, so that of two sweepers one sends. A job whose worker is alive is looked at again when
 * its lease has ended.
 * @returns undefined when there was nothing to do, or another sweeper has done it.
 */
async function wake(
  services: SweeperServices,
  job: JobKey,
  due: number,
): Promise<"woken" | "at work" | undefined> {
  const { journal, queue, now, settings } = services;
  const head = await journal.head(job);
  if (!head || isTerminal(head.status)) return undefined;
  const { tenant, jobId } = job;
  const leasedUntil = head.lease && head.lease.until > now() ? head.lease.until : undefined;
  const next = leasedUntil ?? now() + settings.sweepSeconds * 1000;
  if (!(await journal.postpone({ tenant, jobId, due }, next))) return undefined;
  if (leasedUntil !== undefined) return "at work";
  await queue.send(head.lane, { tenant, jobId });
  return "woken";
}
